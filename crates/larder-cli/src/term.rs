//! The process and its terminal: output, exit codes, signals and the clock.
//!
//! The other modules use this one. It knows nothing about caches, and uses no other module.

pub(crate) mod clock;
pub(crate) mod escape;
pub(crate) mod exit;
pub(crate) mod interrupt;
pub(crate) mod out;
pub(crate) mod panics;
pub(crate) mod shell;
pub(crate) mod time;
