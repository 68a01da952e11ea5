//! The process at a terminal: its output, its end, its signals and its clock.
//!
//! This module does not depend on caches. The other modules use it, and it uses none of them.

pub(crate) mod clock;
pub(crate) mod escape;
pub(crate) mod exit;
pub(crate) mod interrupt;
pub(crate) mod out;
pub(crate) mod panics;
pub(crate) mod shell;
pub(crate) mod time;
