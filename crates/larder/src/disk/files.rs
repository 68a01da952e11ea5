//! The files of a cache: its lock, and how a file comes to be, is moved aside, and is refused.
//!
//! `<path>.lock` is locked before anything else is touched and is never renamed or removed, so there is one owner at a time
//! whatever happens to the cache file. Renames never replace a file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::clock::{Clock, pause};
use crate::error::Error;

const LOCK_POLL: Duration = Duration::from_millis(5);
#[cfg(unix)]
const FILE_MODE: u32 = 0o600;
#[cfg(unix)]
const DIR_MODE: u32 = 0o700;

/// `<path><suffix>`, in the same directory.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The error of a system call on a path.
pub(crate) fn io_error(action: &'static str, path: &Path, source: io::Error) -> Error {
    let path = path.to_owned();
    // What O_NOFOLLOW answers for a symbolic link.
    if rustix::io::Errno::from_io_error(&source) == Some(rustix::io::Errno::LOOP) {
        return Error::NotAFile { path, what: "a symbolic link" };
    }
    match source.kind() {
        ErrorKind::PermissionDenied => Error::Permission { action, path, source },
        ErrorKind::IsADirectory => Error::NotAFile { path, what: "a directory" },
        _ => Error::Io { action, path, cause: source.to_string() },
    }
}

/// The lock of a cache file, held until it is dropped.
#[derive(Debug)]
pub(crate) struct OwnerLock {
    _file: File,
}

impl OwnerLock {
    /// Locks `<path>.lock`, waiting up to `timeout` for another owner to leave, and writes this process's id into it.
    pub(crate) fn acquire(path: &Path, timeout: Duration, clock: &dyn Clock) -> Result<Self, Error> {
        let lock_path = beside(path, ".lock");
        let mut file = open(&lock_path, true).map_err(|error| io_error("open", &lock_path, error))?;
        let start = clock.monotonic();
        let mut waited = Duration::ZERO;
        while let Err(error) = file.try_lock() {
            if let fs::TryLockError::Error(error) = error {
                return Err(io_error("lock", &lock_path, error));
            }
            // A manual clock stands still, so the pauses count too.
            if waited.max(clock.monotonic().saturating_sub(start)) >= timeout {
                return Err(Error::InUse { path: path.to_owned(), pid: read_pid(&mut file) });
            }
            pause(LOCK_POLL);
            waited += LOCK_POLL;
        }
        // Somebody else's file may have that name: `Cargo.lock` beside a cache called `Cargo`.
        let content = read_start(&mut file).map_err(|error| io_error("read", &lock_path, error))?;
        if !content.trim_end().bytes().all(|byte| byte.is_ascii_digit()) || content.len() > PID_LEN {
            let why = "it is not the lock of a larder file, though it has its name".to_owned();
            return Err(Error::Foreign { path: lock_path, why });
        }
        let write_pid = |file: &mut File| {
            file.set_len(0)?;
            file.seek(SeekFrom::Start(0))?;
            writeln!(file, "{}", std::process::id())
        };
        write_pid(&mut file).map_err(|error| io_error("write", &lock_path, error))?;
        Ok(Self { _file: file })
    }
}

/// More than the digits of a process id and a line's end.
const PID_LEN: usize = 32;

fn read_start(file: &mut File) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(PID_LEN as u64 + 1).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn read_pid(file: &mut File) -> Option<u32> {
    read_start(file).ok()?.trim_end().parse().ok()
}

/// Opens a regular file for reading and writing, through no symbolic link; a new one is readable by its owner alone.
pub(crate) fn open(path: &Path, create: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(create).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.mode(FILE_MODE).custom_flags(flags.bits().cast_signed());
    }
    options.open(path)
}

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Nothing,
    Empty,
    File { len: u64 },
}

/// Looks without opening or following anything.
pub(crate) fn standing(path: &Path) -> Result<Standing, Error> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Standing::Nothing),
        Err(error) => return Err(io_error("look at", path, error)),
    };
    let kind = found.file_type();
    let not_a_file = |what| Err(Error::NotAFile { path: path.to_owned(), what });
    match () {
        () if kind.is_dir() => not_a_file("a directory"),
        () if kind.is_symlink() => not_a_file("a symbolic link"),
        () if !kind.is_file() => not_a_file("a device, pipe or socket"),
        () if found.len() == 0 => Ok(Standing::Empty),
        () => Ok(Standing::File { len: found.len() }),
    }
}

/// Makes the directories that a path needs, for their owner alone.
pub(crate) fn create_parents(path: &Path) -> Result<(), Error> {
    let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) else {
        return Ok(());
    };
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(DIR_MODE);
    }
    builder.create(parent).map_err(|error| io_error("create the directory", parent, error))
}

/// Renames a file within its directory, onto no other, and makes the rename durable.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    rename_onto_nothing(from, to)?;
    sync_parent(to)
}

#[cfg(any(target_os = "linux", target_vendor = "apple"))]
fn rename_onto_nothing(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // File systems that can't do it in one step.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => look_and_rename(from, to),
        done => Ok(done?),
    }
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
fn rename_onto_nothing(from: &Path, to: &Path) -> io::Result<()> {
    look_and_rename(from, to)
}

/// In two steps: the owner's lock keeps other caches out in between.
fn look_and_rename(from: &Path, to: &Path) -> io::Result<()> {
    match fs::symlink_metadata(to) {
        Err(error) if error.kind() == ErrorKind::NotFound => fs::rename(from, to),
        Err(error) => Err(error),
        Ok(_) => Err(ErrorKind::AlreadyExists.into()),
    }
}

/// Makes what happened to the names in a path's directory durable.
pub(crate) fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}

/// Moves a damaged file aside: kept, under a name that says when. Answers the name.
pub(crate) fn quarantine(path: &Path, now_ms: u64) -> io::Result<PathBuf> {
    let mut attempt = 0;
    loop {
        let aside = beside(path, &format!(".damaged-{}", now_ms + attempt));
        match rename(path, &aside) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists && attempt < 100 => attempt += 1,
            done => {
                done?;
                remove_old_quarantined(path);
                return Ok(aside);
            }
        }
    }
}

/// Damaged files that are kept beside a cache; older ones are deleted.
pub const MOST_QUARANTINED: usize = 3;

/// Best effort: a file that can't be deleted now is deleted after the next quarantine.
fn remove_old_quarantined(path: &Path) {
    for old in dated(path, ".damaged-").iter().rev().skip(MOST_QUARANTINED) {
        drop(fs::remove_file(old));
    }
}

/// Deletes what a crash left of files that were put out of service. Best effort.
pub(crate) fn remove_discarded(path: &Path) {
    for old in dated(path, ".discarded-") {
        drop(fs::remove_file(old));
    }
}

/// The files beside a path that are named by it, a word and a time; earliest first.
fn dated(path: &Path, word: &str) -> Vec<PathBuf> {
    let Some((parent, name)) = path.parent().zip(path.file_name().and_then(|name| name.to_str())) else {
        return Vec::new();
    };
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let prefix = format!("{name}{word}");
    let Ok(files) = fs::read_dir(parent) else {
        return Vec::new();
    };
    let time = |path: &PathBuf| {
        let time = path.file_name()?.to_str()?.strip_prefix(&prefix)?;
        if time.bytes().all(|byte| byte.is_ascii_digit()) { time.parse::<u64>().ok() } else { None }
    };
    let mut found: Vec<PathBuf> =
        files.flatten().map(|file| file.path()).filter(|path| time(path).is_some()).collect();
    found.sort_by_key(time);
    found
}

/// Which file stands at a path, so that another one that takes its place is told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity(u64, u64);

impl Identity {
    #[cfg(unix)]
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt;
        let file = fs::symlink_metadata(path)?;
        Ok(Self(file.dev(), file.ino()))
    }

    /// Elsewhere every file counts as the same: an open file can't be replaced there.
    #[cfg(not(unix))]
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        fs::symlink_metadata(path).map(|_| Self(0, 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    #[test]
    fn a_rename_replaces_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (dir.path().join("one"), dir.path().join("two"));
        fs::write(&one, "1").unwrap();
        fs::write(&two, "2").unwrap();
        assert_eq!(rename(&one, &two).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!((fs::read(&one).unwrap(), fs::read(&two).unwrap()), (b"1".to_vec(), b"2".to_vec()));
    }

    #[test]
    fn only_the_latest_damaged_files_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("shop.larder");
        for time in 1_000..1_010 {
            fs::write(&path, "x").unwrap();
            quarantine(&path, time).unwrap();
        }
        let mut left: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(
            left,
            ["shop.larder.damaged-1007", "shop.larder.damaged-1008", "shop.larder.damaged-1009"]
        );
    }

    #[test]
    fn the_second_owner_is_told_who_the_first_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("shop.larder");
        let clock = SystemClock::new();
        let first = OwnerLock::acquire(&path, Duration::ZERO, &clock).unwrap();
        let error = OwnerLock::acquire(&path, Duration::ZERO, &clock).unwrap_err();
        assert!(matches!(error, Error::InUse { pid: Some(pid), .. } if pid == std::process::id()), "{error}");
        drop(first);
        OwnerLock::acquire(&path, Duration::ZERO, &clock).unwrap();
    }
}
