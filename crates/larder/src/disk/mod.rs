//! The disk tier: one redb file, its lock and its ballast. The only I/O on entries.
//!
//! - [`store`]: what stands in the file, and how a transaction changes it.
//! - [`file`]: the file itself: opening, the owner's lock, its life through the failures of a disk.
//! - [`reader`]: a file that this process may not write, or that no cache has open.

pub(crate) mod disk_status;
pub(crate) mod file;
pub(crate) mod reader;
pub(crate) mod store;
