//! Checking every page of a file that may be somebody else's, without writing to it.
//!
//! Redb checks pages when it opens a file for writing, and repairs what it can. So it opens an [`Overlay`], which keeps its writes in
//! memory, over the file as its header has it now. When an owner is at work its pages must stay as they are for as long:
//!
//! 1. The header is read.
//! 2. A read transaction is begun: from here on the owner reuses no page that it can see.
//! 3. The header is read again. If it is the same, the transaction sees the commit that the header names, and the overlay is made of it.
//!    If not, the owner has committed in between; begin anew.

use std::path::Path;

use redb::ReadableDatabase;

use super::file_snapshot::{HEADER_LEN, open_redb, refused};
use crate::disk::file::files::io_error;
use crate::disk::file::open::builder;
use crate::disk::file::overlay::Overlay;
use crate::disk::store::guard::{Guarded, StoreError, StoreErrorKind, guarded};
use crate::error::Error;
use crate::sys::volume::file::VolumeFile;
use crate::sys::volume::os::OsVolume;

const PAGE_CACHE: usize = 4 << 20;
/// How often it is begun anew beside an owner that commits without a pause.
const ATTEMPTS: u32 = 100;
/// Damage beside an owner at work must show this often.
const DAMAGE_SHOWS: u32 = 3;

/// What the pages of a file are like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pages {
    /// As they were written.
    Whole,
    /// Not as they were written.
    Damaged(String),
    /// Not to be told.
    Unknown(String),
}

/// Checks every page that the file's last commit reaches.
pub(crate) fn verify_pages(path: &Path) -> Result<Pages, Error> {
    let mut damage_shown = 0;
    for _ in 0..ATTEMPTS {
        let file = open_redb(path)?;
        let failed = |error| io_error("read", path, error);
        let before = file.start(HEADER_LEN).map_err(failed)?;
        let pinned = guarded(|| {
            let db = builder(PAGE_CACHE).open_read_only_with_backend(OsVolume::open_to_read(path)?)?;
            let db = Guarded::new(db);
            let txn = db.begin_read()?;
            Ok((Guarded::new(txn), db))
        });
        let pinned = match pinned {
            Ok(pinned) => Some(pinned),
            // Left by a crash: nobody writes to it, or the header will tell.
            Err(fault) if fault.kind == StoreErrorKind::Unrepaired => None,
            Err(fault) if fault.kind == StoreErrorKind::Damage => return Ok(Pages::Damaged(fault.cause)),
            Err(fault) => return Err(refused(path, &file, fault)),
        };
        if file.start(HEADER_LEN).map_err(failed)? != before {
            continue;
        }
        let checked = check(path, &before);
        let is_unchanged = file.start(HEADER_LEN).map_err(failed)? == before;
        let has_stood_still = pinned.is_some() || is_unchanged;
        match checked {
            Ok(()) if has_stood_still => return Ok(Pages::Whole),
            Ok(()) => {}
            Err(fault) if fault.kind == StoreErrorKind::Damage => {
                damage_shown += 1;
                if is_unchanged || damage_shown == DAMAGE_SHOWS {
                    return Ok(Pages::Damaged(fault.cause));
                }
            }
            Err(fault) => return Err(refused(path, &file, fault)),
        }
    }
    Ok(Pages::Unknown("its owner commits without a pause; try again, or have the owner verify it".to_owned()))
}

fn check(path: &Path, start: &[u8]) -> Result<(), StoreError> {
    let mut builder = builder(PAGE_CACHE);
    builder.set_check_integrity_on_open(true);
    let db = guarded(|| {
        let file: VolumeFile = OsVolume::open_to_read(path)?;
        let len = redb::StorageBackend::len(&file)?;
        Ok(builder.create_with_backend(Overlay::frozen(file, len, start)?)?)
    })?;
    guarded(|| Ok(db.close()?))
}
