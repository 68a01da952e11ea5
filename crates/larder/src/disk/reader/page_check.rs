//! Checks every page of a file that may belong to another process, without writing to it.
//!
//! redb checks pages when it opens a file for writing, and repairs what it can. So redb opens an [`Overlay`]
//! that keeps its writes in memory, over the file as its current header describes it. While an owner is at
//! work, the pages of that header must not be reused during the check:
//!
//! 1. The header is read.
//! 2. A read transaction is begun. From now on the owner reuses no page that the transaction can see.
//! 3. The header is read again. If it is unchanged, the transaction sees the commit that the header names,
//!    and the overlay is made of it. Otherwise the owner has committed in between, and the check starts
//!    again.

use std::path::Path;

use redb::ReadableDatabase;

use super::redb_file::open_redb;
use crate::disk::file::error_translation::{FileAction, error_of};
use crate::disk::file::io_error::io_error;
use crate::disk::store::database::builder;
use crate::disk::store::guard::{Guarded, StoreError, StoreErrorKind, guarded};
use crate::disk::store::overlay::{OverlaidDatabase, Overlay};
use crate::disk::store::redb_header::HEADER_LEN;
use crate::error::Error;
use crate::sys::volume::file::VolumeFile;
use crate::sys::volume::os::OsVolume;

const PAGE_CACHE: usize = 4 << 20;
/// How often the check starts again beside an owner that commits without a pause.
const ATTEMPTS: u32 = 100;
/// How often damage must show beside an owner at work before it is reported.
const DAMAGE_SHOWS: u32 = 3;

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PageCheck {
    /// The pages are as they were written.
    Whole,
    /// The pages are not as they were written.
    Damaged(String),
    /// Could not be determined.
    Unknown(String),
}

/// Checks every page that the file's last commit reaches.
pub(crate) fn check_pages(path: &Path) -> Result<PageCheck, Error> {
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
            // A crash left the file. Either no process writes it, or the header will change.
            Err(error) if error.kind == StoreErrorKind::Unrepaired => None,
            Err(error) if error.kind == StoreErrorKind::Damage => return Ok(PageCheck::Damaged(error.cause)),
            Err(error) => return Err(error_of(FileAction::Read, path, error)),
        };
        if file.start(HEADER_LEN).map_err(failed)? != before {
            continue;
        }
        let checked = check(path, &before);
        let is_unchanged = file.start(HEADER_LEN).map_err(failed)? == before;
        let has_stood_still = pinned.is_some() || is_unchanged;
        match checked {
            Ok(()) if has_stood_still => return Ok(PageCheck::Whole),
            Ok(()) => {}
            Err(error) if error.kind == StoreErrorKind::Damage => {
                damage_shown += 1;
                if is_unchanged || damage_shown == DAMAGE_SHOWS {
                    return Ok(PageCheck::Damaged(error.cause));
                }
            }
            Err(error) => return Err(error_of(FileAction::Read, path, error)),
        }
    }
    Ok(PageCheck::Unknown(
        "its owner commits without a pause; try again, or have the owner verify it".to_owned(),
    ))
}

fn check(path: &Path, start: &[u8]) -> Result<(), StoreError> {
    let mut builder = builder(PAGE_CACHE);
    builder.set_check_integrity_on_open(true);
    guarded(|| {
        let file: VolumeFile = OsVolume::open_to_read(path)?;
        let len = redb::StorageBackend::len(&file)?;
        OverlaidDatabase::open(&builder, Overlay::frozen(file, len, start)?)
    })
    .map(drop)
}
