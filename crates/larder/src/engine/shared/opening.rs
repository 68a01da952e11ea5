//! Opening the store of a cache's file, as far as it can be refused: until then nothing else of the cache exists.

use std::path::Path;

use super::{MAX_WATERMARK_AHEAD_MS, room};
use crate::config::CacheBuilder;
use crate::disk::file::cache_file::FIRST_GENERATION;
use crate::disk::file::lock::OwnerLock;
use crate::disk::file::open::{OpenedFile, open};
use crate::disk::store::charging::Charging;
use crate::disk::store::database::OpenOptions;
use crate::disk::store::extent::Extent;
use crate::disk::store::identity::Identities;
use crate::disk::store::snapshot::Snapshot;
use crate::error::Error;
use crate::sys::sync::Arc;
use crate::sys::volume::Volume;
use crate::units::Timestamp;

/// A store that is open, as far as it can be refused.
pub(crate) struct OpenStore {
    pub(crate) opened: OpenedFile,
    pub(crate) clock_watermark: Timestamp,
    pub(crate) snapshot: Snapshot,
}

/// Opens the store of a file that is locked.
pub(crate) fn open_store(
    config: &CacheBuilder,
    path: &Path,
    volume: &Arc<dyn Volume>,
    lock: &OwnerLock,
) -> Result<(OpenOptions, OpenStore), Error> {
    let wall = config.clock.wall();
    let capacity = config.disk_capacity.as_u64();
    let counts_blocks = volume.counts_blocks(path);
    let options = OpenOptions {
        volume: volume.clone(),
        path: path.to_owned(),
        page_cache: usize::try_from(config.page_cache.as_u64()).unwrap_or(usize::MAX),
        verify_up_to: config.verify_on_open.as_u64(),
        room: room(capacity, counts_blocks),
        capacity,
        counts_blocks,
        charging: Some(if counts_blocks { Charging::ByBlocks } else { Charging::ByLength }),
        now: wall,
        identities: Identities::new(config.hash_seed),
    };
    let mut opened = open(&options, lock.accepted().as_ref())?;
    let store = &mut opened.store;
    let failed = |cause: String| Error::Io { action: "open", path: path.to_owned(), cause };
    let mut clock_watermark = store.clock_watermark();
    if clock_watermark.as_millis() > wall.as_millis().saturating_add(MAX_WATERMARK_AHEAD_MS) {
        store.wipe(wall).map_err(|fault| failed(fault.cause))?;
        clock_watermark = wall;
    }
    let extent = Extent::of(&**volume, path).map_err(|error| failed(error.to_string()))?;
    if extent.exceeds(capacity) {
        store.shrink(clock_watermark.max(wall)).map_err(|fault| failed(fault.cause))?;
    }
    let snapshot = store.snapshot(FIRST_GENERATION).map_err(|fault| failed(fault.cause))?;
    Ok((options, OpenStore { opened, clock_watermark, snapshot }))
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
