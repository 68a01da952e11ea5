//! Regions that fit the capacity of a file: it is made anew, by a copy, where they don't.
//!
//! Regions are fixed when a file is made ([`crate::disk::new_file`]). No page is larger than one, and a file of a
//! single region doubles when it must grow.

use super::{replace_by, write_copy, write_with};
use crate::disk::fault::Fault;
use crate::disk::new_file::{most_page, region_for};
use crate::disk::open::{OpenOptions, open_ours};
use crate::disk::store::Store;
use crate::units::Timestamp;

/// The regions of a copy: those of the file, whose values it must have pages for, unless its capacity asks for
/// larger ones. A tool has no capacity of its own.
pub(super) fn of_copy(store: &Store, options: &OpenOptions) -> u64 {
    let wanted = if options.capacity == u64::MAX { 0 } else { region_for(options.capacity) };
    store.largest_page().max(wanted)
}

/// Makes a file anew that was made for a smaller capacity, and has no pages for the values that it may take
/// now. If there is no room for the copy, it stays as it is.
///
/// # Errors
/// When nobody knows which of the two stands at the path, or what does can't be opened.
pub(in crate::disk) fn widen(store: Store, options: &OpenOptions) -> Result<Store, Fault> {
    if store.largest_page() >= most_page(options.capacity) {
        return Ok(store);
    }
    let now = store.mark().max(options.now);
    let Ok(Some(copied)) = write_copy(&store, options, now, &mut || true) else { return Ok(store) };
    store.close()?;
    replace_by(options, &copied)?;
    open_ours(options, 0)
}

/// Makes a file anew whose regions are too large for its capacity, as those of the versions before are: a file
/// of one region doubles when it must grow, beyond what it may, and so can't even make room. If there is none
/// for the copy, it stays as it is.
///
/// # Errors
/// As of [`widen`].
pub(in crate::disk) fn narrow(store: Store, options: &OpenOptions, now: Timestamp) -> Result<Store, Fault> {
    // A large record may share its page with a small one.
    let Ok(region) = store.largest_record_page().map(|page| (2 * page).max(region_for(options.capacity)))
    else {
        return Ok(store);
    };
    if store.largest_page() <= region {
        return Ok(store);
    }
    let Ok(Some(copied)) = write_with(region, &store, options, now, &mut || true) else { return Ok(store) };
    // To close it takes room that it can't have. What was committed is in the copy.
    drop(store.close());
    replace_by(options, &copied)?;
    open_ours(options, 0)
}
