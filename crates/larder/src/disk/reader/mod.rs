//! A file that this process does not own, or that no cache has open.
//!
//! - [`file_snapshot`]: reads the file at one moment, for tools.
//! - [`follow`]: reads the file while its owner writes it.
//! - [`page_check`]: checks every page.
//! - [`keyspace_info`]: describes the keyspaces that the file records.
//! - [`edit`]: changes the file while no cache has it open.

pub(crate) mod edit;
pub(crate) mod file_snapshot;
pub(crate) mod follow;
pub(crate) mod keyspace_info;
pub(crate) mod page_check;
mod redb_file;
