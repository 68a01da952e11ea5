use super::TrackedVolume;
use crate::sys::volume::file::VolumeFile;
use std::fs;

use super::*;
use crate::sys::volume::os::OsVolume;

/// Returns a volume and a file of eight bytes that the given process has opened.
fn opened(process: FileProcess) -> (tempfile::TempDir, TrackedVolume, VolumeFile) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    fs::write(&path, "contents").unwrap();
    let opened = UncontendedRwLock::default();
    let volume = TrackedVolume { volume: Arc::new(OsVolume), process, path: path.clone(), opened };
    let file = volume.open(&path, false).unwrap();
    (dir, volume, file)
}

#[test]
fn a_child_changes_nothing_and_gives_nothing_back() {
    let (_dir, volume, file) = opened(FileProcess::other());
    file.write(0, b"changed!").unwrap_err();
    file.punch(0, 8).unwrap_err();
    file.set_len(0).unwrap_err();
    file.sync_data().unwrap_err();
    assert!(file.try_lock_range(Bound::Included(0), Bound::Unbounded).is_err());
    file.close().unwrap();
    file.unlock_range(Bound::Included(0), Bound::Unbounded).unwrap();
    let mut lock = volume.open_lock(volume.path()).unwrap();
    lock.write(b"").unwrap_err();
    lock.unlock().unwrap_err();
    assert_eq!(fs::read(volume.path()).unwrap(), b"contents");
}

#[test]
fn what_is_released_is_closed_and_its_locks_with_it() {
    let (_dir, volume, file) = opened(FileProcess::current());
    let mut lock = volume.open_lock(volume.path()).unwrap();
    let anchor = volume.anchor(volume.path()).unwrap();
    let mut other = OsVolume.open_lock(volume.path()).unwrap();
    assert!(lock.try_lock().unwrap() && !other.try_lock().unwrap());
    volume.release().unwrap();
    assert!(other.try_lock().unwrap());
    file.len().unwrap_err();
    anchor.has_name().unwrap_err();
    assert_eq!(anchor.identity(), volume.metadata(volume.path()).unwrap().unwrap().identity);
    volume.release().unwrap();
}

#[test]
fn a_descriptor_in_use_stays_open_and_is_told_if_locks_may_hang_on_it() {
    let (_dir, volume, file) = opened(FileProcess::current());
    let slots: Vec<_> = volume.opened.read().iter().map(|opened| opened.is_locking).collect();
    assert_eq!(slots, [false, true], "its content, and its locks");
    let content = volume.track((), false);
    let reading = content.0.read();
    volume.release().unwrap();
    drop(reading);
    let locks = volume.track((), true);
    let locking = locks.0.read();
    volume.release().unwrap_err();
    drop(locking);
    volume.release().unwrap();
    drop(file);
}
