//! The content of the redb file: its tables, the transactions that change them, and the snapshots that
//! lookups read.
//!
//! - The bytes: [`tables`] defines the tables. [`keyspace_row`] and [`expiry`] describe rows.
//! - A commit: [`redb_store::commit`] changes the entries ([`batch`]), and collects the changes of the
//!   metadata in a [`draft`] of the [`catalog`].
//! - Room: an entry is charged ([`charging`]) against a limit ([`pressure`]), and evicted ([`batch::evict`])
//!   by its [`uses`].
//! - Absent keys: a [`key_filter`] contains the keys that were written to the file.
//! - Panics inside redb: [`guard`] catches panics. [`overlay`] and [`system_tree`] prevent the panics that
//!   cannot be caught.

pub(crate) mod batch;
pub(crate) mod catalog;
pub(crate) mod charging;
pub(crate) mod database;
pub(super) mod draft;
pub(crate) mod entry_change;
pub(super) mod expiry;
pub(crate) mod extent;
pub(super) mod file_format;
pub(crate) mod guard;
pub(crate) mod identity;
pub(crate) mod key_filter;
pub(crate) mod keyspace_row;
pub(super) mod keyspace_rows;
pub(crate) mod limits;
pub(crate) mod metadata;
pub(crate) mod new_file;
pub(super) mod overlay;
pub(crate) mod pending_registrations;
pub(crate) mod pressure;
pub(crate) mod range_removals;
pub(super) mod redb_header;
pub(crate) mod redb_store;
pub(crate) mod registration;
pub(crate) mod snapshot;
pub(super) mod sparse;
mod system_tree;
pub(crate) mod tables;
pub(crate) mod uses;
