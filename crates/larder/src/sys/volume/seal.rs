//! The seal on a file. A seal stops all writes while the store still has the file open.
//!
//! The store also writes while it is being closed, but must not change a file that another program has
//! overwritten.

use std::io;

use crate::sys::sync::{Arc, AtomicBool, Ordering};

/// Stops all writes through a handle, because the file no longer has the content that the store expects.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seal(Arc<AtomicBool>);

impl Seal {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    pub(super) fn check(&self) -> io::Result<()> {
        if self.is_set() { Err(io::Error::other("the file is another program's")) } else { Ok(()) }
    }
}
