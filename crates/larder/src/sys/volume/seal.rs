//! The seal on a file. A seal stops all writes while the store still has the file open.
//!
//! The store also writes while it is being closed, but must not change a file that another program has
//! overwritten.

use std::io;
use std::sync::OnceLock;

use crate::sys::sync::Arc;

/// Stops all writes through a handle, because the file no longer has the content that the store expects.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seal(Arc<OnceLock<SealedLen>>);

/// The length of a file when it was sealed, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SealedLen {
    /// The length that the writes to the file had left.
    pub(crate) expected: u64,
    pub(crate) found: u64,
}

impl Seal {
    pub(super) fn set(&self, len: SealedLen) {
        self.0.get_or_init(|| len);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.get().is_some()
    }

    pub(crate) fn sealed_len(&self) -> Option<&SealedLen> {
        self.0.get()
    }

    pub(super) fn check(&self) -> io::Result<()> {
        if self.is_set() { Err(io::Error::other("the file is another program's")) } else { Ok(()) }
    }
}
