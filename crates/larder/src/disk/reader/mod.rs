//! Access to a file without a cache: reading it beside its owner, and changing it while no cache has it open.
//!
//! - [`file_snapshot`]: reads the file at one moment, for tools.
//! - [`follow`]: reads the file while its owner writes it.
//! - [`page_check`]: checks every page of the file.
//! - [`keyspace_info`]: describes the keyspaces that the file records.
//! - [`edit`]: changes the file while no cache has it open.

pub(crate) mod edit;
mod edited_file;
pub(crate) mod file_snapshot;
pub(crate) mod follow;
pub(crate) mod keyspace_info;
pub(crate) mod page_check;
mod redb_file;
