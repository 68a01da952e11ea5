//! Forwards methods of a volume to the wrapped volume.
//!
//! A volume that wraps another volume changes some methods, and passes the names of the other methods to this
//! macro.

/// Implements the listed methods of `Volume` by calling the same method of `self.below()`.
macro_rules! forward_volume {
    (@ metadata) => {
        forward_volume! { @ fn metadata(path: &std::path::Path) -> std::io::Result<Option<$crate::sys::volume::Metadata>> }
    };
    (@ counts_blocks) => { forward_volume! { @ fn counts_blocks(path: &std::path::Path) -> bool } };
    (@ anchor) => {
        forward_volume! { @ fn anchor(path: &std::path::Path) -> std::io::Result<Box<dyn $crate::sys::volume::Anchor>> }
    };
    (@ open_lock) => {
        forward_volume! { @ fn open_lock(path: &std::path::Path) -> std::io::Result<Box<dyn $crate::sys::volume::LockFile>> }
    };
    (@ rename) => {
        forward_volume! { @ fn rename(from: &std::path::Path, to: &std::path::Path) -> std::io::Result<()> }
    };
    (@ replace) => {
        forward_volume! { @ fn replace(from: &std::path::Path, to: &std::path::Path) -> std::io::Result<()> }
    };
    (@ list) => {
        forward_volume! { @ fn list(directory: &std::path::Path) -> std::io::Result<Vec<std::path::PathBuf>> }
    };
    (@ missing_directories) => {
        forward_volume! { @ fn missing_directories(directory: &std::path::Path) -> Vec<std::path::PathBuf> }
    };
    (@ real_directory) => {
        forward_volume! { @ fn real_directory(directory: &std::path::Path) -> std::io::Result<std::path::PathBuf> }
    };
    (@ longest_name) => {
        forward_volume! { @ fn longest_name(directory: &std::path::Path) -> std::io::Result<usize> }
    };
    (@ is_mount_point) => {
        forward_volume! { @ fn is_mount_point(path: &std::path::Path) -> std::io::Result<bool> }
    };
    (@ file_size_limit) => { forward_volume! { @ fn file_size_limit() -> Option<u64> } };
    (@ fn $method:ident($($name:ident: $type:ty),*) -> $returns:ty) => {
        fn $method(&self, $($name: $type),*) -> $returns {
            self.below().$method($($name),*)
        }
    };
    // This arm handles `remove`, `sync_directory`, `create_directories` and `remove_directory`.
    (@ $on_path:ident) => { forward_volume! { @ fn $on_path(path: &std::path::Path) -> std::io::Result<()> } };
    ($($method:ident)+) => { $(forward_volume! { @ $method })+ };
}
pub(crate) use forward_volume;
