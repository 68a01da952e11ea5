//! The only doors to locks and threads, to time, and to files.

pub mod clock;
pub(crate) mod escape;
pub(crate) mod holders;
pub(crate) mod process;
pub(crate) mod sync;
pub(crate) mod volume;
