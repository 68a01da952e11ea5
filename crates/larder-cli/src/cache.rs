//! The cache of a command: its location, its owner, its entries, and the spelling of its keys.

pub(crate) mod entries;
pub(crate) mod errors;
pub(crate) mod file_size_limit;
pub(crate) mod located;
pub(crate) mod owner;
pub(crate) mod pages;
pub(crate) mod path;
pub(crate) mod server;
pub(crate) mod snapshot;
pub(crate) mod spelling;
pub(crate) mod stats;
pub(crate) mod url;
