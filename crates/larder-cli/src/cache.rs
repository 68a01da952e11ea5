//! The cache that a command is about: where it is, which process owns it, and how its keys are read and
//! shown.

pub(crate) mod entries;
pub(crate) mod errors;
pub(crate) mod file_size_limit;
pub(crate) mod located;
pub(crate) mod owner;
pub(crate) mod pages;
pub(crate) mod path;
pub(crate) mod snapshot;
pub(crate) mod spelling;
pub(crate) mod stats;
