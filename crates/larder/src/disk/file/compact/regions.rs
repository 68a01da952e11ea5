//! Rewrites a file whose regions are too small or too large for its capacity.

use super::{replace_by, write_copy, write_with};
use crate::disk::store::database::OpenOptions;
use crate::disk::store::guard::StoreError;
use crate::disk::store::new_file::{max_page, region_for};
use crate::disk::store::redb_store::Store;
use crate::units::Timestamp;

/// Rewrites a file that was created for a smaller capacity, if its largest page is too small for the largest
/// value of the current capacity. If the copy cannot be written, the file stays as it is.
///
/// # Errors
/// Returns an error if the file cannot be closed or replaced, or if the new file cannot be opened.
pub(crate) fn enlarge_regions(store: Store, options: &OpenOptions) -> Result<Store, StoreError> {
    if store.largest_page() >= max_page(options.capacity) {
        return Ok(store);
    }
    let now = store.clock_watermark().max(options.now);
    let Ok(Some(copied)) = write_copy(&store, options, now, &mut || true) else { return Ok(store) };
    store.close()?;
    replace_by(options, &copied)?;
    Store::open_as_left(options, 0, copied.left.as_ref())
}

/// Rewrites a file whose regions are too large for its capacity, such as a file of an earlier version of
/// larder. A file with a single region doubles when it must grow, and would then exceed its capacity. So not
/// even a deletion could be committed. If the copy cannot be written, the file stays as it is. Sets
/// `may_be_replaced` before the copy is renamed over the file.
///
/// # Errors
/// Returns an error if the file was overwritten or cannot be replaced, or if the new file cannot be opened.
pub(crate) fn shrink_regions(
    store: Store,
    options: &OpenOptions,
    now: Timestamp,
    may_be_replaced: &mut bool,
) -> Result<Store, StoreError> {
    // A large record may share its page with a small record, so its page may need twice the size.
    let Ok(region) = store.largest_record_page().map(|page| (2 * page).max(region_for(options.capacity)))
    else {
        return Ok(store);
    };
    if store.largest_page() <= region {
        return Ok(store);
    }
    let Ok(Some(copied)) = write_with(region, &store, options, now, &mut || true) else { return Ok(store) };
    // Closing the file may fail for lack of room. The error is ignored, because the copy contains everything
    // that was committed. But if the file was overwritten, the copy may contain other entries.
    if let Err(overwritten) = store.close_to_reopen() {
        drop(options.volume.remove(&copied.path));
        return Err(overwritten);
    }
    *may_be_replaced = true;
    replace_by(options, &copied)?;
    Store::open_as_left(options, 0, copied.left.as_ref())
}
