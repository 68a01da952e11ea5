//! The limit on the length of the files that a process writes (`ulimit -f`, `RLIMIT_FSIZE`).
//!
//! After a write beyond the limit, the system sends SIGXFSZ, which ends a process without a handler for it. A
//! library must not change the signal handling of its host. So this module refuses the write before the
//! system sees it. The error has the same kind as in a process that ignores the signal.
//!
//! The limit is read before each write, because it may be lowered at any time. If the limit is lowered
//! between this read and the write, the signal still ends the process.

use std::io;
use std::io::ErrorKind;

use super::forward_backend::forward_backend;
use super::forward_locks::forward_locks;
use redb::StorageBackend;

/// Returns the maximum length that this process may currently give to a file, or `None` if there is no
/// limit.
#[cfg(unix)]
pub(super) fn file_size_limit() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Fsize).current
}

#[cfg(not(unix))]
pub(super) fn file_size_limit() -> Option<u64> {
    None
}

/// Refuses a write that would end beyond the limit.
pub(super) fn check(end: u64) -> io::Result<()> {
    match file_size_limit() {
        Some(limit) if end > limit => Err(io::Error::new(
            ErrorKind::FileTooLarge,
            format!("the process may write no file beyond {limit} bytes (ulimit -f); raise that limit"),
        )),
        _ => Ok(()),
    }
}

/// A file that refuses writes beyond the limit.
#[derive(Debug)]
pub(super) struct Limited<T>(pub(super) T);

impl<T: StorageBackend> StorageBackend for Limited<T> {
    forward_backend! { 0: len read sync_data close }

    fn set_len(&self, len: u64) -> io::Result<()> {
        // A file that already exceeds the limit may be shortened.
        if len > self.0.len()? {
            check(len)?;
        }
        self.0.set_len(len)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        check(offset.saturating_add(data.len() as u64))?;
        self.0.write(offset, data)
    }

    forward_locks!(0);
}
