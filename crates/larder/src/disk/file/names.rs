//! The names of the files beside a cache file. Each is the name of the cache file with a suffix.
//!
//! The suffixes limit the length of a cache file's name. Without room for the longest suffix, a damaged file
//! could not be moved aside, and a file could not be discarded when the disk fails. Names are bytes and need
//! not be valid UTF-8.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::directories::directory_of;
use super::io_error::io_error;
use crate::error::Error;
use crate::sys::volume::Volume;

pub(super) const LOCK: &str = ".lock";
pub(super) const BALLAST: &str = ".ballast";
/// Suffix of a file that is not complete yet.
pub(super) const UNFINISHED: &str = ".larder-new";
/// Suffix of a damaged file that is kept. A time follows the suffix.
pub(super) const DAMAGED: &str = ".damaged-";
/// Suffix of a file that must never be opened again. A time follows the suffix.
pub(super) const DISCARDED: &str = ".discarded-";

/// Number of digits of the largest time.
const MAX_TIME_LEN: usize = 20;
/// Maximum number of bytes that are appended to the name of a cache file.
const MAX_SUFFIX_LEN: usize = DISCARDED.len() + MAX_TIME_LEN;
const _: () = assert!(
    LOCK.len() <= MAX_SUFFIX_LEN
        && BALLAST.len() <= MAX_SUFFIX_LEN
        && UNFINISHED.len() <= MAX_SUFFIX_LEN
        && DAMAGED.len() + MAX_TIME_LEN <= MAX_SUFFIX_LEN
);
/// Maximum length of a path on Linux, without the terminating zero.
const MAX_PATH_LEN: usize = 4095;

/// Returns `<path><suffix>`, in the same directory.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Refuses a path that leaves no room for the suffixes.
pub(crate) fn refuse_too_long(volume: &dyn Volume, path: &Path) -> Result<(), Error> {
    let refused = |len: usize, what: &str, max_len: usize| {
        let allowed = format!(
            "its {what} is {len} bytes long; the maximum is {max_len}, because the names of files beside it \
             begin with its own; choose a shorter one"
        );
        Error::InvalidSetting { setting: "path", value: path.display().to_string(), allowed }
    };
    let directory = directory_of(path);
    let longest = volume.longest_name(directory).map_err(|error| io_error("look at", directory, error))?;
    let max_len = longest.saturating_sub(MAX_SUFFIX_LEN);
    let len = path.file_name().map_or(0, OsStr::len);
    if len > max_len {
        return Err(refused(len, "name", max_len));
    }
    let (len, max_len) = (path.as_os_str().len(), MAX_PATH_LEN - MAX_SUFFIX_LEN);
    if len > max_len { Err(refused(len, "whole path", max_len)) } else { Ok(()) }
}

/// Returns the files named `<path><word><time>`, earliest time first.
pub(super) fn dated(volume: &dyn Volume, path: &Path, word: &str) -> Vec<PathBuf> {
    let Some(name) = path.file_name() else { return Vec::new() };
    let prefix = [name.as_encoded_bytes(), word.as_bytes()].concat();
    let Ok(files) = volume.list(directory_of(path)) else { return Vec::new() };
    let time = |path: &PathBuf| {
        let time = path.file_name()?.as_encoded_bytes().strip_prefix(prefix.as_slice())?;
        let digits =
            std::str::from_utf8(time).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        digits?.parse::<u64>().ok()
    };
    let mut found: Vec<PathBuf> = files.into_iter().filter(|path| time(path).is_some()).collect();
    found.sort_by_key(time);
    found
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::ffi::OsStrExt;

    use super::*;
    use crate::api::cache::Cache;
    use crate::api::keyspace::definition::KeyspaceDefinition;
    use crate::disk::file::quarantine::{MAX_QUARANTINED, quarantine};
    use crate::sys::volume::os::OsVolume;

    /// Maximum length of a name on most file systems.
    const MAX_NAME_LEN: usize = 255;

    #[test]
    fn a_name_is_refused_that_leaves_no_room_for_those_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let longest = MAX_NAME_LEN - MAX_SUFFIX_LEN;
        let path = dir.path().join("n".repeat(longest));
        refuse_too_long(&OsVolume, &path).unwrap();
        fs::write(&path, "x").unwrap();
        let renamed = quarantine(&OsVolume, &path, u64::MAX).unwrap();
        assert!(renamed.exists(), "the longest name can be moved aside");
        for len in [longest + 1, 234, 244, 255] {
            let refused = refuse_too_long(&OsVolume, &dir.path().join("n".repeat(len))).unwrap_err();
            let text = refused.to_string();
            assert!(text.contains(&format!("{len} bytes")) && text.contains("shorter"), "{text}");
        }
        let opened = Cache::builder().path(dir.path().join("n".repeat(240))).open();
        assert!(matches!(opened, Err(Error::InvalidSetting { setting: "path", .. })));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing was made");
        let deep = Path::new("/").join(["d".repeat(200).as_str(); 20].join("/")).join("n".repeat(50));
        assert!(refuse_too_long(&OsVolume, &deep).is_err());
    }

    #[test]
    fn damaged_files_are_bounded_whatever_bytes_their_name_has() {
        const COUNT: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("count");
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(OsStr::from_bytes(b"shop-\xFF\xFE.larder"));
        for time in 1_000..1_010 {
            fs::write(&path, "x").unwrap();
            quarantine(&OsVolume, &path, time).unwrap();
        }
        let left = dated(&OsVolume, &path, DAMAGED);
        assert_eq!(left.len(), MAX_QUARANTINED);
        assert!(left[0].as_os_str().as_bytes().ends_with(b".damaged-1007"));
        fs::write(beside(&path, ".damaged-1x"), "somebody's").unwrap();
        assert_eq!(dated(&OsVolume, &path, DAMAGED).len(), MAX_QUARANTINED);
        let cache = Cache::builder().path(&path).open().unwrap();
        cache.keyspace(COUNT).unwrap().insert(&1, 1).unwrap();
        cache.close().unwrap();
    }
}
