//! What stands in the redb file: its tables, the batches that change them, and the snapshot that lookups read.

pub(crate) mod batch;
pub(crate) mod catalog;
pub(crate) mod charging;
pub(crate) mod draft;
pub(crate) mod expiry;
pub(crate) mod extent;
pub(crate) mod file_format;
pub(crate) mod guard;
pub(crate) mod identity;
pub(crate) mod keyspace_row;
pub(crate) mod keyspace_rows;
pub(crate) mod new_file;
pub(crate) mod pressure;
pub(crate) mod range_removals;
pub(crate) mod redb_store;
pub(crate) mod snapshot;
pub(crate) mod sparse;
pub(crate) mod tables;
pub(crate) mod uses;
