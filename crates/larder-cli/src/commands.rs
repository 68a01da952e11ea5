//! The subcommands. Each has a module of its own and uses only [`cache`](crate::cache), [`args`](crate::args)
//! and [`term`](crate::term), never another subcommand.

pub(crate) mod activity;
pub(crate) mod change;
pub(crate) mod check;
pub(crate) mod doctor;
pub(crate) mod inspect;
pub(crate) mod manual;
pub(crate) mod stats;
pub(crate) mod top;
