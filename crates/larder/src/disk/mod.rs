//! The disk tier: one redb file, its lock and its ballast. Only this module reads and writes entries on disk.
//!
//! - [`store`]: the content of the file, and the transactions that change it.
//! - [`mod@file`]: the file itself: its opening, the owner's lock, and the handling of a failed disk.
//! - [`reader`]: access to a file without a cache: inspecting, following and offline edits.
//!
//! `file` builds on `store`, and `reader` builds on both.

pub(crate) mod disk_status;
pub(crate) mod file;
pub(crate) mod reader;
pub(crate) mod store;
