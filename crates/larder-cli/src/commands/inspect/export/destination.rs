//! The file that an export writes or replaces.
//!
//! An export replaces a regular file, but no cache file and no file beside one. If the lock of a live cache
//! were replaced, a second process could open the cache. A file that cannot be checked is not replaced
//! either: the cache of another user may be unreadable, and still be replaceable in a shared directory.
//!
//! 1. Check the file before the export, so that a wrong name is reported at once.
//! 2. Write the export under a temporary name. A service may create its cache meanwhile.
//! 3. Check the file again.
//! 4. Rename. If there was no file in step 1, rename only if there is still none.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::cache::path::directory_of;
use crate::term::exit::{Exit, Failure};

/// The first bytes of a redb database.
const REDB_MAGIC: &[u8; 9] = b"redb\x1A\x0A\xA9\x0D\x0A";
/// The suffixes of the files beside a cache file.
const BESIDE: [&str; 3] = [".lock", ".ballast", ".larder-new"];

/// The path of an export, after step 1.
#[derive(Debug)]
pub(super) struct Destination<'a> {
    /// The path that the user gave.
    output: &'a Path,
    /// The file to write: the target of `output`, if that is a symbolic link.
    pub(super) path: PathBuf,
    /// Whether there was no file in step 1.
    is_new: bool,
}

impl<'a> Destination<'a> {
    /// Checks the value of `--output`, for an export of this cache file.
    pub(super) fn of(output: &'a Path, cache: &Path) -> Result<Self, Failure> {
        // The target of a symbolic link will be replaced, not the link.
        let path = fs::canonicalize(output).unwrap_or_else(|_| output.to_owned());
        let is_cache = fs::canonicalize(cache).is_ok_and(|cache| cache == path);
        let is_new = fs::symlink_metadata(&path).is_err_and(|error| error.kind() == ErrorKind::NotFound);
        let destination = Self { output, path, is_new };
        if is_cache {
            return Err(destination.refused("the cache file itself; name another"));
        }
        destination.check()?;
        Ok(destination)
    }

    /// Returns a new file in the directory of the export. Dropping it removes it.
    pub(super) fn create_unfinished(&self) -> io::Result<NamedTempFile> {
        // Like the cache file, the temporary file is readable only by its user.
        NamedTempFile::new_in(self.directory())
    }

    /// Gives the complete export its name (steps 3 and 4), and makes the name durable.
    pub(super) fn persist(&self, complete: NamedTempFile) -> Result<(), Failure> {
        self.check()?;
        let mut complete = complete;
        if self.is_new {
            match complete.persist_noclobber(&self.path) {
                Ok(_) => return self.sync(),
                Err(error) if error.error.kind() == ErrorKind::AlreadyExists => {
                    return Err(self.refused("a file that was made during the export; name another"));
                }
                // A few file systems can neither do this nor make hard links. The check must be enough there.
                Err(error) => complete = error.file,
            }
        }
        complete.persist(&self.path).map_err(|error| self.failure(&error.error))?;
        self.sync()
    }

    /// Fails if there is a file that an export must not replace, or may not.
    fn check(&self) -> Result<(), Failure> {
        match PathContent::at(&self.path) {
            Ok(PathContent::Nothing | PathContent::Other) => {}
            Ok(PathContent::NotRegular) => {
                let why = "not a regular file; leave it out, and direct standard output there";
                return Err(self.refused(why));
            }
            Ok(PathContent::Redb) => {
                return Err(self.refused("a cache file, or another redb database; name another"));
            }
            Err(error) => return Err(self.unknown(&self.path, &error)),
        }
        let name = self.path.as_os_str().as_bytes();
        for owner in BESIDE.iter().filter_map(|suffix| name.strip_suffix(suffix.as_bytes())) {
            let owner = Path::new(OsStr::from_bytes(owner));
            match PathContent::at(owner) {
                Ok(PathContent::Redb) => {
                    let why = "the name of a file that belongs to a cache file; name another";
                    return Err(self.refused(why));
                }
                Ok(_) => {}
                Err(error) => return Err(self.unknown(owner, &error)),
            }
        }
        Ok(())
    }

    /// Makes the name durable, if the file system can sync the directory and this user may open it.
    fn sync(&self) -> Result<(), Failure> {
        let Ok(directory) = File::open(self.directory()) else { return Ok(()) };
        match directory.sync_all() {
            Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::InvalidInput) => Ok(()),
            synced => synced.map_err(|error| self.failure(&error)),
        }
    }

    fn directory(&self) -> &Path {
        directory_of(&self.path)
    }

    /// Returns the failure for an error in writing the export.
    pub(super) fn failure(&self, error: &io::Error) -> Failure {
        Failure::new(Exit::System, format!("cannot write {}: {error}", self.path.display()))
    }

    fn refused(&self, why: &str) -> Failure {
        Failure::new(Exit::Usage, format!("--output {} is {why}", self.output.display()))
    }

    /// Returns the failure for a file that cannot be checked.
    fn unknown(&self, path: &Path, error: &io::Error) -> Failure {
        let (output, path) = (self.output.display(), path.display());
        let text = format!(
            "cannot write {output}: cannot tell whether {path} is a cache file, which an export does not \
             replace: {error}; name another"
        );
        Failure::new(Exit::System, text)
    }
}

/// What there is at a path.
#[derive(Debug, PartialEq, Eq)]
enum PathContent {
    Nothing,
    /// A regular file that begins like redb's files.
    Redb,
    /// Another regular file.
    Other,
    NotRegular,
}

impl PathContent {
    /// Returns what there is at a path, or the error that prevents an answer.
    fn at(path: &Path) -> io::Result<Self> {
        match fs::metadata(path) {
            // Opening a pipe would wait for its other end.
            Ok(found) if !found.is_file() => return Ok(Self::NotRegular),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(Self::Nothing);
            }
            Err(error) => return Err(error),
        }
        let mut start = [0; REDB_MAGIC.len()];
        match File::open(path).and_then(|mut file| file.read_exact(&mut start)) {
            Ok(()) if start == *REDB_MAGIC => Ok(Self::Redb),
            Ok(()) => Ok(Self::Other),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(Self::Other),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// Writes an export to a destination, and returns the text of the failure.
    fn persist(destination: &Destination<'_>) -> String {
        let complete = destination.create_unfinished().unwrap();
        fs::write(complete.path(), "export").unwrap();
        destination.persist(complete).map_or_else(|failure| format!("{failure:?}"), |()| String::new())
    }

    #[test]
    fn a_file_that_is_made_during_an_export_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let (cache, output) = (dir.path().join("shop.larder"), dir.path().join("shop.export"));
        let destination = Destination::of(&output, &cache).unwrap();
        fs::write(&output, "another").unwrap();
        assert!(persist(&destination).contains("made during the export"));
        assert_eq!(fs::read(&output).unwrap(), b"another");
        let destination = Destination::of(&output, &cache).unwrap();
        assert_eq!(persist(&destination), "");
        assert_eq!(fs::read(&output).unwrap(), b"export");
    }

    #[test]
    fn a_file_that_becomes_a_cache_file_during_an_export_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let (cache, output) = (dir.path().join("shop.larder"), dir.path().join("shop.export"));
        fs::write(&output, "the last export").unwrap();
        let destination = Destination::of(&output, &cache).unwrap();
        fs::write(&output, REDB_MAGIC).unwrap();
        assert!(persist(&destination).contains("a cache file"));
        assert_eq!(fs::read(&output).unwrap(), REDB_MAGIC);
        let lock = dir.path().join("other.larder.lock");
        fs::write(&lock, "").unwrap();
        let destination = Destination::of(&lock, &cache).unwrap();
        let ballast = dir.path().join("other.larder.ballast");
        let new = Destination::of(&ballast, &cache).unwrap();
        fs::write(dir.path().join("other.larder"), REDB_MAGIC).unwrap();
        for destination in [destination, new] {
            assert!(persist(&destination).contains("belongs to a cache file"));
        }
        assert_eq!(fs::read(&lock).unwrap(), b"");
        assert!(!ballast.exists());
    }

    #[test]
    fn a_file_that_cannot_be_checked_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let cache = dir.path().join("shop.larder");
        // No user can follow a link to itself.
        let (circle, lock) = (dir.path().join("circle"), dir.path().join("circle.lock"));
        symlink("circle", &circle).unwrap();
        for output in [&circle, &lock] {
            let failure = Destination::of(output, &cache).unwrap_err();
            assert!(format!("{failure:?}").contains("cannot tell whether"), "{failure:?}");
        }
    }

    #[test]
    fn a_file_without_permission_to_read_is_not_replaced() {
        use std::os::unix::fs::PermissionsExt;

        let dir = tempfile::tempdir().unwrap();
        let (cache, other) = (dir.path().join("shop.larder"), dir.path().join("other.larder"));
        fs::write(&other, REDB_MAGIC).unwrap();
        fs::set_permissions(&other, fs::Permissions::from_mode(0o000)).unwrap();
        for output in [other.clone(), dir.path().join("other.larder.lock")] {
            // The superuser can read the file, and so finds a cache file.
            assert!(Destination::of(&output, &cache).is_err(), "{}", output.display());
        }
    }
}
