//! Opens the store in the file of a cache. Opening may fail, so it comes before the creation of the tiers and
//! threads.

use std::path::Path;

use super::capacity::store_limits;
use crate::config::CacheBuilder;
use crate::disk::file::cache_file::FIRST_GENERATION;
use crate::disk::file::error_translation::{FileAction, error_of};
use crate::disk::file::lock::OwnerLock;
use crate::disk::file::open::{OpenedFile, open};
use crate::disk::store::charging::Charging;
use crate::disk::store::database::OpenOptions;
use crate::disk::store::extent::Extent;
use crate::disk::store::identity::Identities;
use crate::disk::store::snapshot::StoreSnapshot;
use crate::error::Error;
use crate::sys::sync::Arc;
use crate::sys::volume::Volume;
use crate::units::Timestamp;

/// The maximum by which the file's clock watermark may be ahead of the wall clock. Beyond it, one of the two
/// times is wrong. The age of the entries is then unknown, so the file is wiped.
const MAX_WATERMARK_AHEAD_MS: u64 = 3_600_000;

pub(super) struct OpenStore {
    pub(super) opened: OpenedFile,
    pub(super) clock_watermark: Timestamp,
    pub(super) snapshot: StoreSnapshot,
}

pub(super) fn open_store(
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
        limits: store_limits(capacity, counts_blocks),
        capacity,
        counts_blocks,
        charging: Some(if counts_blocks { Charging::ByBlocks } else { Charging::ByLength }),
        now: wall,
        identities: Identities::new(config.hash_seed),
    };
    let mut opened = open(&options, lock.accepted().as_ref())?;
    let store = &mut opened.store;
    let failed = |fault| error_of(FileAction::Open, path, fault);
    let mut clock_watermark = store.clock_watermark();
    if clock_watermark.as_millis() > wall.as_millis().saturating_add(MAX_WATERMARK_AHEAD_MS) {
        store.wipe(wall).map_err(failed)?;
        clock_watermark = wall;
    }
    let extent = Extent::of(&**volume, path).map_err(|error| failed(error.into()))?;
    if extent.exceeds(capacity) {
        store.shrink(clock_watermark.max(wall)).map_err(failed)?;
    }
    let snapshot = store.snapshot(FIRST_GENERATION).map_err(failed)?;
    Ok((options, OpenStore { opened, clock_watermark, snapshot }))
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
