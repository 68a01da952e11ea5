//! Renames a file to a free path, or a copy onto its original.

use std::io::ErrorKind;
use std::path::Path;
use std::{fs, io};

#[cfg(any(target_os = "linux", target_vendor = "apple"))]
pub(super) fn onto_nothing(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Some file systems cannot check the new path and rename in one step.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => look_and_rename(from, to),
        done => Ok(done?),
    }
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
pub(super) fn onto_nothing(from: &Path, to: &Path) -> io::Result<()> {
    look_and_rename(from, to)
}

/// Renames in two steps. Between them, the owner's lock keeps other caches away from the path.
fn look_and_rename(from: &Path, to: &Path) -> io::Result<()> {
    match fs::symlink_metadata(to) {
        Err(error) if error.kind() == ErrorKind::NotFound => fs::rename(from, to),
        Err(error) => Err(error),
        Ok(_) => Err(ErrorKind::AlreadyExists.into()),
    }
}

/// Atomically replaces a file with its copy. The file keeps its owner and its permissions, because a tool
/// and the service that owns the file may run as different users.
pub(super) fn onto_original(from: &Path, to: &Path) -> io::Result<()> {
    keep_rights(from, to)?;
    fs::rename(from, to)
}

#[cfg(unix)]
fn keep_rights(copy: &Path, original: &Path) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let wanted = fs::symlink_metadata(original)?;
    let file = super::os_open::open(copy, false)?;
    let found = file.metadata()?;
    if (found.uid(), found.gid()) != (wanted.uid(), wanted.gid()) {
        fchown(&file, Some(wanted.uid()), Some(wanted.gid()))?;
    }
    if found.mode() != wanted.mode() {
        file.set_permissions(wanted.permissions())?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn keep_rights(_: &Path, _: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::volume::Volume;
    use crate::sys::volume::os::OsVolume;

    #[test]
    fn a_rename_replaces_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (dir.path().join("one"), dir.path().join("two"));
        fs::write(&one, "1").unwrap();
        fs::write(&two, "2").unwrap();
        assert_eq!(OsVolume.rename(&one, &two).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!((fs::read(&one).unwrap(), fs::read(&two).unwrap()), (b"1".to_vec(), b"2".to_vec()));
    }
}
