//! The settings with which a cache was opened, and the time of opening. The statistics report them beside the
//! counts.

use std::time::Duration;

use crate::config::CacheBuilder;
use crate::units::ByteSize;

#[derive(Debug)]
pub(crate) struct OpenedWith {
    /// The time of opening, by the monotonic clock.
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
