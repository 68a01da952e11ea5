//! The disk tier: one redb file, its lock and its ballast. All I/O on entries is here.
//!
//! - [`store`]: what the file holds, and how a transaction changes it.
//! - [`mod@file`]: the file itself: opening, the owner's lock, and its life through the failures of a disk.
//! - [`reader`]: a file that this process may not write, or that no cache has open.
//!
//! `file` builds on `store`, and `reader` builds on both.

pub(crate) mod disk_status;
pub(crate) mod file;
pub(crate) mod reader;
pub(crate) mod store;
