//! Access to locks and threads, to time, and to files. The other modules go through this module, with these
//! exceptions: `ops/control` uses sockets and their paths directly, `disk/file/holders.rs` and
//! `disk/file/owner.rs` ask the system about other processes, and some modules use thread-locals, `OnceLock`
//! or `LazyLock` of the standard library.

pub(crate) mod at_once;
pub(crate) mod clock;
#[cfg(feature = "async")]
pub(crate) mod inline_calls;
#[cfg(feature = "async")]
pub(crate) mod offload;
pub(crate) mod prefetch;
pub(crate) mod process;
pub(crate) mod sync;
pub(crate) mod user_code;
pub(crate) mod volume;
#[cfg(feature = "async")]
pub(crate) mod waker_thread;
