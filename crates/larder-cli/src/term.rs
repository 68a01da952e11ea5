//! The process at a terminal: what it prints, how it ends, its signals, and its clock.
//!
//! Nothing here knows what a cache is. The other modules use this one, and it uses none of them.

pub(crate) mod clock;
pub(crate) mod escape;
pub(crate) mod exit;
pub(crate) mod interrupt;
pub(crate) mod out;
pub(crate) mod panics;
pub(crate) mod shell;
pub(crate) mod time;
