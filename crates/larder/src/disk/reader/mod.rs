//! Access to a file without a cache: reading it beside its owner, and changing it while no cache has it
//! open.
//!
//! - [`file_snapshot`]: reads the file at one moment, for tools.
//! - [`follow`]: reads the file while its owner writes it.
//! - [`page_check`]: checks every page of the file.
//! - [`keyspace_info`]: describes the keyspaces that the file records.
//! - [`edit`]: changes the file while no cache has it open.

#[cfg(any(test, feature = "admin"))]
pub(crate) mod edit;
#[cfg(any(test, feature = "admin"))]
mod edited_file;
#[cfg(any(test, feature = "inspect"))]
pub(crate) mod file_snapshot;
pub(crate) mod follow;
pub(crate) mod keyspace_info;
#[cfg(any(test, feature = "inspect"))]
pub(crate) mod page_check;
#[cfg(any(test, feature = "inspect"))]
mod redb_file;
