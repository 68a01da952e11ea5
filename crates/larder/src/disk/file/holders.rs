//! Lists the processes that hold a cache file: its owner, and the processes that the owner forked while the
//! file was open. A fork copies descriptors. So each forked process keeps the file locked after the owner
//! has ended.
//!
//! Linux lists the open files of a process in `/proc/PID/fd`, for the same user and for root. A process
//! holds the cache file if it has both the file and its lock file open. A process that waits for the lock
//! has only the lock file open. A process that only reads has only the cache file open.

use std::path::{Path, PathBuf};

use super::names::{LOCK, beside};
use crate::error::holder::Holder;
use crate::format::escape::escape_control;
use crate::sys::volume::Volume;
use crate::sys::volume::os::OsVolume;

/// Maximum number of bytes to read of a process's name, including the end of the line.
const NAME_LEN: u64 = 64;

/// Returns the processes that hold a cache file, ordered by id. Finds only processes of the same user and
/// the same container; root finds the processes of all users. The list is empty on systems other than Linux.
///
/// The list includes the owner of the file while it runs. If the owner has ended (an inspector then reports
/// `FileState::Owned`), the listed processes are its forks. The forks prevent the next owner from opening
/// the file.
///
/// ```
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("shop.larder");
/// let cache = larder::Cache::builder().path(&path).open()?;
/// # #[cfg(feature = "inspect")] {
/// let holders = larder::inspect::holders(&path);
/// # #[cfg(target_os = "linux")]
/// assert!(holders.iter().any(|holder| holder.pid == std::process::id()));
/// # }
/// cache.close()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Cost
/// Reads the list of open files of every process on the machine. The call takes from one to tens of
/// milliseconds.
#[must_use]
pub fn holders(path: &Path) -> Vec<Holder> {
    let Some(path) = real(path) else { return Vec::new() };
    let both = [beside(&path, LOCK), path];
    let processes = OsVolume.list(Path::new("/proc")).unwrap_or_default();
    let mut pids: Vec<u32> = processes
        .iter()
        .filter_map(|process| process.file_name()?.to_str()?.parse().ok())
        .filter(|pid| has_open(*pid, &both))
        .collect();
    pids.sort_unstable();
    pids.into_iter().map(|pid| Holder { pid, name: name_of(pid) }).collect()
}

/// Returns the path without symbolic links in its directory, as the system shows it for an open file.
fn real(path: &Path) -> Option<PathBuf> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Some(OsVolume.real_directory(directory).ok()?.join(path.file_name()?))
}

fn has_open(pid: u32, paths: &[PathBuf]) -> bool {
    let descriptors = OsVolume.list(Path::new(&format!("/proc/{pid}/fd"))).unwrap_or_default();
    let open: Vec<_> =
        descriptors.iter().filter_map(|place| rustix::fs::readlink(place, Vec::new()).ok()).collect();
    paths.iter().all(|path| open.iter().any(|open| open.as_bytes() == path.as_os_str().as_encoded_bytes()))
}

fn name_of(pid: u32) -> Option<String> {
    let name = OsVolume::read_beside(Path::new(&format!("/proc/{pid}/comm")), NAME_LEN).ok()?;
    let name = String::from_utf8_lossy(&name);
    let name = escape_control(name.trim_end_matches('\n')).into_owned();
    Some(name).filter(|name| !name.is_empty())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn who_has_the_file_and_its_lock_open_holds_it() {
        let dir = tempfile::tempdir().unwrap();
        let (path, lock) = (dir.path().join("a b.larder"), dir.path().join("a b.larder.lock"));
        let holds = || holders(&path).into_iter().find(|holder| holder.pid == std::process::id());
        let file = fs::File::create(&path).unwrap();
        assert_eq!(holds(), None, "a reader has the file alone");
        let lock = fs::File::create(lock).unwrap();
        assert!(holds().unwrap().name.is_some(), "it is named");
        drop(file);
        assert_eq!(holds(), None, "one that waits for the lock has the lock alone");
        drop(lock);
    }

    #[test]
    fn a_process_is_told_by_its_number_and_its_name() {
        let named = Holder { pid: 7, name: Some("shop-worker".to_owned()) };
        assert_eq!(named.to_string(), "7 (shop-worker)");
        assert_eq!(Holder { pid: 7, name: None }.to_string(), "7");
        assert_eq!(name_of(u32::MAX), None);
    }
}
