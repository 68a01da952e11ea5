//! The subcommands, with one module for each subcommand or group of related subcommands. They use
//! [`cache`](crate::cache), [`args`](crate::args) and [`term`](crate::term). Only [`server`] uses other
//! subcommands.

pub(crate) mod activity;
pub(crate) mod change;
pub(crate) mod check;
pub(crate) mod doctor;
pub(crate) mod inspect;
pub(crate) mod manual;
pub(crate) mod serve;
pub(crate) mod server;
pub(crate) mod stats;
pub(crate) mod top;
