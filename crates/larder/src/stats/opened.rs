//! The settings with which a cache was opened, and when. The statistics report them beside the counts.

use std::time::Duration;

use crate::config::CacheBuilder;
use crate::units::ByteSize;

#[derive(Debug)]
pub(crate) struct OpenedWith {
    /// When the cache was opened, by the monotonic clock.
    pub(crate) at: Duration,
    pub(crate) flush_interval: Duration,
    pub(crate) page_cache: ByteSize,
}

impl OpenedWith {
    pub(crate) fn now(config: &CacheBuilder) -> Self {
        Self {
            at: config.clock.monotonic(),
            flush_interval: config.flush_interval,
            page_cache: config.page_cache,
        }
    }
}
