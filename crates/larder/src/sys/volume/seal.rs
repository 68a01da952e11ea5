//! The end of all writing to a file, while the store still has it open.
//!
//! The store writes when it is closed, too. A file that somebody else has overwritten must stay as it was
//! found.

use std::io;

use crate::sys::sync::{Arc, AtomicBool, Ordering};

/// Ends all writing through a handle: what is in the file is no longer what the store believes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seal(Arc<AtomicBool>);

impl Seal {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub(super) fn check(&self) -> io::Result<()> {
        if self.0.load(Ordering::SeqCst) {
            Err(io::Error::other("the file is another program's"))
        } else {
            Ok(())
        }
    }
}
