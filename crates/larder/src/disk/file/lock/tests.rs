use super::OwnerLock;
use std::fs;

use super::*;
use crate::sys::clock::system::SystemClock;
use crate::sys::sync::Mutex;
use crate::sys::volume::file::VolumeFile;
use crate::sys::volume::forward_volume::forward_volume;
use crate::sys::volume::os::OsVolume;

#[test]
fn the_second_owner_is_told_who_the_first_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.larder");
    let clock = SystemClock::new();
    let first = OwnerLock::acquire(&OsVolume, &path, None, Duration::ZERO, &clock).unwrap();
    let error = OwnerLock::acquire(&OsVolume, &path, None, Duration::ZERO, &clock).unwrap_err();
    assert!(matches!(error, Error::InUse { pid: Some(pid), .. } if pid == std::process::id()), "{error}");
    drop(first);
    OwnerLock::acquire(&OsVolume, &path, None, Duration::ZERO, &clock).unwrap();
}

/// A volume in which another opening withdraws its lock just after the lock file was opened.
#[derive(Debug)]
struct Racing {
    withdrawn: Mutex<Option<OwnerLock>>,
}

impl Racing {
    #[expect(clippy::unused_self, reason = "`forward_volume` calls it as a method")]
    fn below(&self) -> &dyn Volume {
        &OsVolume
    }
}

impl Volume for Racing {
    forward_volume! {
        metadata counts_blocks anchor rename replace sync_directory list create_directories
        remove_directory real_directory
    }

    fn open_lock(&self, path: &Path) -> io::Result<Box<dyn LockFile>> {
        let file = OsVolume.open_lock(path)?;
        if let Some(lock) = self.withdrawn.lock().take() {
            lock.withdraw(&OsVolume);
        }
        Ok(file)
    }

    fn open(&self, path: &Path, create: bool) -> io::Result<VolumeFile> {
        Volume::open(&OsVolume, path, create)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        // If the lock were released before the file is removed, another opening could lock a file without a
        // name.
        let mut other = OsVolume.open_lock(path)?;
        assert!(!other.try_lock()?, "a lock is removed while it is held");
        OsVolume.remove(path)
    }
}

#[test]
fn there_is_one_owner_though_a_lock_is_withdrawn_while_another_opening_waits_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let (path, clock) = (dir.path().join("shop.larder"), SystemClock::new());
    let acquire = |volume: &dyn Volume| OwnerLock::acquire(volume, &path, None, Duration::ZERO, &clock);
    let racing = Racing { withdrawn: Mutex::new(Some(acquire(&OsVolume).unwrap())) };
    let owner = acquire(&racing).unwrap();
    assert!(beside(&path, LOCK).exists(), "the owner's lock stands at its path");
    let second = acquire(&OsVolume);
    assert!(matches!(second, Err(Error::InUse { .. })), "{second:?}");
    drop(owner);
    acquire(&OsVolume).unwrap();
}

#[test]
fn a_lock_is_withdrawn_by_the_opening_that_made_it_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (path, clock) = (dir.path().join("shop.larder"), SystemClock::new());
    let acquire = || OwnerLock::acquire(&OsVolume, &path, None, Duration::ZERO, &clock).unwrap();
    acquire().withdraw(&OsVolume);
    assert!(!beside(&path, LOCK).exists());
    drop(acquire());
    acquire().withdraw(&OsVolume);
    assert!(beside(&path, LOCK).exists(), "an owner that was there before has left it");
    fs::write(beside(&path, LOCK), "").unwrap();
    acquire().withdraw(&OsVolume);
    assert!(beside(&path, LOCK).exists(), "an empty file of that name was there");
}

#[test]
fn a_lock_is_held_until_it_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let (path, clock) = (dir.path().join("shop.larder"), SystemClock::new());
    let racing = Racing { withdrawn: Mutex::new(None) };
    OwnerLock::acquire(&racing, &path, None, Duration::ZERO, &clock).unwrap().withdraw(&racing);
    assert!(!beside(&path, LOCK).exists());
}
