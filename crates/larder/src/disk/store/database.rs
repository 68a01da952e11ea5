//! Opens the redb database of a cache file for writing, and closes it.

use std::path::PathBuf;

use redb::{Builder, ConcurrencyMode, Database};

use super::charging::Charging;
use super::guard::{StoreError, guarded};
use super::identity::Identities;
use super::limits::StoreLimits;
use super::new_file::region_len;
use super::sparse::{Reserve, SparseFile};
use super::system_tree;
use crate::sys::sync::Arc;
use crate::sys::volume::Volume;
use crate::sys::volume::seal::{Seal, SealedLen};
use crate::sys::volume::written::{FileStart, WrittenFile};
use crate::units::Timestamp;

/// Size of the page cache, in bytes, for a database from which few pages are read.
pub(crate) const SMALL_CACHE: usize = 1 << 20;

#[derive(Debug, Clone)]
pub(crate) struct OpenOptions {
    pub(crate) volume: Arc<dyn Volume>,
    pub(crate) path: PathBuf,
    pub(crate) page_cache: usize,
    /// Every page is verified if the file has at most this many bytes.
    pub(crate) verify_up_to: u64,
    pub(crate) limits: StoreLimits,
    /// The capacity of the file in bytes. It limits the file's blocks if `counts_blocks` is set, and the
    /// file's length otherwise.
    pub(crate) capacity: u64,
    pub(crate) counts_blocks: bool,
    /// The rule by which entries are charged, or `None` for the rule that the file names.
    pub(crate) charging: Option<Charging>,
    pub(crate) now: Timestamp,
    /// The source of the identity of a file that is created or upgraded.
    pub(crate) identities: Identities,
}

/// A database that is open for writing, and the controls of its writes.
pub(super) struct OpenDatabase {
    pub(crate) db: Database,
    /// The handle that writes to the file.
    pub(crate) written: WrittenFile,
    pub(crate) reserve: Reserve,
    /// The largest page that the file can have ([`super::new_file`]).
    pub(super) largest_page: u64,
}

/// Opens the database of a file for writing. If `verifies` is set, checks every page of the file. Otherwise
/// checks only redb's own tables. `left` is what the last handle of the same owner has left in the file, if
/// this is known.
///
/// # Errors
/// Also returns an error if the file is not as `left` says.
pub(super) fn open_database(
    options: &OpenOptions,
    verifies: bool,
    left: Option<&FileStart>,
) -> Result<OpenDatabase, StoreError> {
    match open_followed(options, verifies, left)? {
        (Ok(opened), _) => Ok(opened),
        // Between the first look at the file and redb's lock, another owner may have written the header.
        (Err(_), seal) if seal.is_set() => open_followed(options, verifies, left)?.0,
        (Err(error), _) => Err(error),
    }
}

fn open_followed(
    options: &OpenOptions,
    verifies: bool,
    left: Option<&FileStart>,
) -> Result<(Result<OpenDatabase, StoreError>, Seal), StoreError> {
    let file = options.volume.open(&options.path, false)?;
    let written = file.follow_writes()?;
    if let (Some(left), Some(found)) = (left, written.expected())
        && *left != found
    {
        return Err(StoreError::overwritten(&SealedLen { expected: left.len, found: found.len }));
    }
    if !verifies {
        system_tree::check(options.volume.open(&options.path, false)?, builder(SMALL_CACHE))?;
    }
    let mut builder = builder(options.page_cache);
    builder.set_check_integrity_on_open(verifies);
    let (seal, largest_page) = (written.seal(), region_len(&file)?);
    // If blocks are not counted, holes have no advantage.
    if !options.counts_blocks {
        let db = guarded(|| Ok(builder.create_with_backend(file)?));
        let reserve = Reserve::default();
        return Ok((db.map(|db| OpenDatabase { db, written, reserve, largest_page }), seal));
    }
    let file = SparseFile::new(file, options.capacity)?;
    let reserve = file.reserve();
    let db = guarded(|| Ok(builder.create_with_backend(file)?));
    Ok((db.map(|db| OpenDatabase { db, written, reserve, largest_page }), seal))
}

pub(crate) fn builder(page_cache: usize) -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(page_cache).set_concurrency_mode(ConcurrencyMode::SingleWriter);
    builder
}

pub(crate) fn close(db: Database) -> Result<(), StoreError> {
    guarded(|| Ok(db.close()?))
}
