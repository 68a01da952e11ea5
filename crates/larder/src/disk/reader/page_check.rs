//! Checks every page of a file that may belong to another process. Writes nothing to the file.
//!
//! redb checks pages only when it opens a file for writing, and may then repair the file. So redb opens an
//! [`Overlay`] over the file. The overlay starts from the current header and keeps writes in memory. During
//! the check, an owner must not reuse the pages that this header reaches:
//!
//! 1. The header is read.
//! 2. A read transaction begins. From now on the owner reuses no page that the transaction can see.
//! 3. The header is read again. If it is unchanged, the transaction sees the commit that the header
//!    describes, and the overlay starts from this header. Otherwise the owner has committed in between, and
//!    the check starts again.

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
/// Maximum number of times to start the check, if an owner commits continuously.
const ATTEMPTS: u32 = 100;
/// Number of attempts that must find damage before it is reported, if an owner commits during each attempt.
const DAMAGE_SHOWS: u32 = 3;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PageCheck {
    /// Every page matches its checksum.
    Whole,
    /// The file is damaged. Contains redb's error.
    Damaged(String),
    /// The result could not be determined. Contains the reason.
    Unknown(String),
}

/// Checks every page of the file's last commit.
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
            // A crash has left the file, or a process is writing it. Without a transaction, only an unchanged
            // header shows that no page was reused.
            Err(error) if error.kind == StoreErrorKind::Unrepaired => None,
            Err(error) if error.kind == StoreErrorKind::Damage => {
                return Ok(PageCheck::Damaged(error.to_string()));
            }
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
                    return Ok(PageCheck::Damaged(error.to_string()));
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
