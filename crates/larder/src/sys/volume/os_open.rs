//! Opens real files, through the operating system.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

#[cfg(unix)]
const FILE_MODE: u32 = 0o600;
pub(super) fn open(path: &Path, create: bool) -> io::Result<File> {
    if create { open_with(path, OpenOptions::create) } else { open_with(path, |options, _| options) }
}

/// Opens a file for reading and writing, and does not follow a symbolic link. `option` may set one more
/// option, such as `OpenOptions::create_new`.
pub(super) fn open_with(
    path: &Path,
    option: impl FnOnce(&mut OpenOptions, bool) -> &mut OpenOptions,
) -> io::Result<File> {
    let mut options = OpenOptions::new();
    option(options.read(true).write(true).truncate(false), true);
    no_detour(&mut options);
    options.open(path)
}

pub(super) fn read_only(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    no_detour(&mut options);
    options.open(path)
}

/// Makes opening a symbolic link fail. Opening a pipe does not wait for its other end.
#[cfg(unix)]
fn no_detour(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    options.mode(FILE_MODE).custom_flags(flags.bits().cast_signed());
}

#[cfg(not(unix))]
fn no_detour(_: &mut OpenOptions) {}
