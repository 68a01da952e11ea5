//! Access to locks and threads, to time, and to files. No other module accesses them directly.

pub(crate) mod clock;
#[cfg(feature = "async")]
pub(crate) mod inline_calls;
#[cfg(feature = "async")]
pub(crate) mod offload;
pub(crate) mod process;
pub(crate) mod sync;
pub(crate) mod volume;
#[cfg(feature = "async")]
pub(crate) mod waker_thread;
