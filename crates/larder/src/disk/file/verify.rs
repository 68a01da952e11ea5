//! Checks every page of a file with redb, without writing to the file.

use std::path::Path;

use crate::disk::store::database::{SMALL_CACHE, builder};
use crate::disk::store::guard::{StoreError, guarded};
use crate::disk::store::overlay::{OverlaidDatabase, Overlay};
use crate::sys::volume::Volume;

pub(super) fn verify(volume: &dyn Volume, path: &Path) -> Result<(), StoreError> {
    verify_pages(|| Overlay::new(volume.open(path, false)?))
}

/// Checks every page of a file that this process has open, without changing it. The file must not be written
/// during the check.
pub(crate) fn verify_own(volume: &dyn Volume, path: &Path) -> Result<(), StoreError> {
    verify_pages(|| Overlay::of_open_file(volume.open(path, false)?))
}

fn verify_pages(overlay: impl FnOnce() -> std::io::Result<Overlay>) -> Result<(), StoreError> {
    let mut builder = builder(SMALL_CACHE);
    builder.set_check_integrity_on_open(true);
    guarded(|| OverlaidDatabase::open(&builder, overlay()?)).map(drop)
}
