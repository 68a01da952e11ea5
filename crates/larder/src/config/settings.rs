//! The settings of a builder, for tools that read them without opening the cache.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{CacheBuilder, DEFAULT_WRITE_BUFFER, MAX_DEFAULT_WRITE_BUFFER};
use crate::error::Error;
use crate::units::ByteSize;

/// The memory capacity divided by this number is the default of the write buffer, within its bounds.
const WRITE_BUFFER_SHARE: u64 = 4;

/// The checked settings of a builder. [`CacheBuilder::settings`] returns them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// The cache file. `None` if the cache has no file.
    pub path: Option<PathBuf>,
    /// [`CacheBuilder::memory_capacity`].
    pub memory_capacity: ByteSize,
    /// [`CacheBuilder::disk_capacity`].
    pub disk_capacity: ByteSize,
    /// [`CacheBuilder::write_buffer`].
    pub write_buffer: ByteSize,
    /// [`CacheBuilder::page_cache`].
    pub page_cache: ByteSize,
    /// [`CacheBuilder::flush_interval`].
    pub flush_interval: Duration,
    /// The path of the control socket, in a build with the feature `control`.
    pub control_socket: Option<PathBuf>,
}

impl CacheBuilder {
    /// Checks and returns the settings of the builder, without opening a file.
    ///
    /// ```
    /// let settings = larder::CacheBuilder::from_url("file:var/shop.larder?disk=2GiB")?.settings()?;
    /// assert_eq!(settings.disk_capacity, larder::ByteSize::gib(2));
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] if a setting is outside its range, as in [`open`](CacheBuilder::open).
    pub fn settings(&self) -> Result<Settings, Error> {
        self.validate()?;
        Ok(Settings {
            path: self.path.clone(),
            memory_capacity: self.memory_capacity,
            disk_capacity: self.disk_capacity,
            write_buffer: self.write_buffer_or_default(),
            page_cache: self.page_cache,
            flush_interval: self.flush_interval,
            control_socket: self.socket().map(Path::to_owned),
        })
    }

    pub(crate) fn write_buffer_or_default(&self) -> ByteSize {
        let share = ByteSize::bytes(self.memory_capacity.as_u64() / WRITE_BUFFER_SHARE);
        self.write_buffer.unwrap_or(share.clamp(DEFAULT_WRITE_BUFFER, MAX_DEFAULT_WRITE_BUFFER))
    }

    #[cfg(all(unix, feature = "control"))]
    pub(crate) fn socket(&self) -> Option<&Path> {
        self.control_socket.as_deref()
    }

    #[cfg(not(all(unix, feature = "control")))]
    #[expect(clippy::unused_self, reason = "as in a build that has the socket")]
    pub(crate) fn socket(&self) -> Option<&Path> {
        None
    }
}
