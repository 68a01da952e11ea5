//! The cache file as a whole: its opening, its lock, and the handling of a failed disk.
//!
//! The parts of this module:
//!
//! - The right to write, rename or delete the file: [`lock`]. Creating a file: [`create`]. Opening a file:
//!   [`open`].
//! - A full disk: [`ballast`]. A disk that fails: [`cache_file`].
//! - A damaged file: [`evidence`] decides whether the file is ours, and [`quarantine`] moves it aside.
//! - A file that is larger than its entries need: [`compact`].

pub(crate) mod ballast;
pub(crate) mod cache_file;
pub(super) mod compact;
pub(crate) mod create;
pub(crate) mod directories;
pub(crate) mod error_translation;
pub(super) mod evidence;
pub(crate) mod holders;
pub(crate) mod io_error;
pub(crate) mod lock;
pub(crate) mod names;
pub(crate) mod new_directories;
pub(crate) mod open;
pub(crate) mod owner;
mod owner_info;
pub(super) mod path_state;
pub(crate) mod quarantine;
pub(crate) mod verify;
