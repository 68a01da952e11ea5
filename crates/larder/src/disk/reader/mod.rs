//! A file that is not ours to write: read while its owner writes, checked page by page, or edited while closed.

pub(crate) mod edit;
pub(crate) mod file_snapshot;
pub(crate) mod follow;
pub(crate) mod page_check;
mod redb_file;
