//! The file itself: its opening, its lock, and its life through the failures of a disk.

pub(crate) mod ballast;
pub(crate) mod cache_file;
pub(crate) mod compact;
pub(crate) mod evidence;
pub(crate) mod files;
pub(crate) mod holders;
pub(crate) mod names;
pub(crate) mod new_directories;
pub(crate) mod open;
pub(crate) mod overlay;
pub(crate) mod owner;
mod owner_info;
