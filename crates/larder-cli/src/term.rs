//! The process and its terminal: output, exit codes, signals and the clock.
//!
//! This module does not depend on caches. The other modules use this module. It uses no other module.

pub(crate) mod clock;
pub(crate) mod escape;
pub(crate) mod exit;
pub(crate) mod interrupt;
pub(crate) mod out;
pub(crate) mod panics;
pub(crate) mod shell;
pub(crate) mod time;
