//! The commands that read a cache, from its file or from the process that owns it.

pub(crate) mod export;
pub(crate) mod get;
pub(crate) mod info;
mod key;
pub(crate) mod keys;
mod process;
pub(crate) mod ttl;
pub(in crate::commands) mod value;
pub(crate) mod verify;
pub(crate) mod why;
