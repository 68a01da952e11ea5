//! The only doors to locks and threads, to time, and to files.

pub(crate) mod clock;
pub(crate) mod process;
pub(crate) mod sync;
pub(crate) mod volume;
