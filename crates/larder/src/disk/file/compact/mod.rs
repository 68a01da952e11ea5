//! Makes a file as short as its entries need: writes a compact copy, and replaces the file with it.
//!
//! redb compacts a file by moving pages, in commits that cannot be undone. If a crash interrupts these
//! commits, every page must be read before the file can be used. The next commit then finds no free page and
//! lengthens the file. So the file itself is not changed here. These steps run with the owner's lock held:
//!
//! 1. An unfinished file of an earlier copy is removed. If a file that is not larder's has its name, no copy
//!    is written.
//! 2. A copy is written under the name of an unfinished file, in one transaction. Each table is copied in
//!    key order, so that leaves are full. Entries are omitted if their grace has ended, if a pending range
//!    removal covers them, or if they belong to retired keyspaces. The counts of keyspaces are adjusted.
//!    Everything else is kept byte for byte, including rows and tables that this version does not know.
//! 3. The copy is compacted and closed. Then it is durable, and marked as closed cleanly.
//! 4. The file is closed.
//! 5. If the copy is not longer than the file, it is atomically renamed over the file. Otherwise it is
//!    removed. A copy that changes the size of the regions replaces the file even if the copy is longer.
//! 6. The directory is synced before anything is committed to the file at the path. Otherwise a crash could
//!    bring the old file back and undo a removal in that commit.
//!
//! A crash before (5) leaves the file unchanged and an unfinished file beside it, which the next opening
//! removes. Between (5) and (6) a crash leaves either the old file or the copy. The old file and the copy
//! give the same answer to every lookup.
//!
//! Readers do not hinder a compaction: the old file stays complete while a reader has it open. A follower
//! compares identities before each lookup. If they differ, it opens the new file.

pub(super) mod regions;
mod unknown;

use std::path::{Path, PathBuf};

use redb::{
    CompactionError, Database, Key, MultimapTableHandle, ReadTransaction, ReadableTable, StorageBackend,
    TableDefinition, TableHandle, Value, WriteTransaction,
};

use super::create::{remove_unfinished, unfinished};
use super::directories::sync_directory_of;
use super::evidence::{MARK_AT, mark};
use crate::disk::store::catalog::Catalog;
use crate::disk::store::database::{OpenOptions, builder, close};
use crate::disk::store::draft::Draft;
use crate::disk::store::expiry;
use crate::disk::store::guard::{Guarded, StoreError, begin_read, begin_write, commit, guarded};
use crate::disk::store::keyspace_row::KeyspaceRow;
use crate::disk::store::keyspace_rows::{Retired, UsageDeltas};
use crate::disk::store::metadata::write_catalog;
use crate::disk::store::new_file::{NewFile, region_for};
use crate::disk::store::redb_store::Store;
use crate::disk::store::sparse::SparseFile;
use crate::disk::store::tables::{ENTRIES, EXPIRY, KEYSPACES, META, RANGES, RETIRED};
use crate::format::keyspace_id::KeyspaceId;
use crate::format::record;
use crate::sys::volume::written::{FileStart, WrittenFile};
use crate::units::Timestamp;

/// Number of rows to read between two calls of `go_on`.
const ROWS: u64 = 256;

/// Describes a complete and closed copy beside its file.
#[derive(Debug)]
pub(crate) struct CopyReport {
    path: PathBuf,
    pub(crate) len: u64,
    /// Number of entries that were omitted because their grace had ended.
    pub(crate) expired: u64,
    pub(crate) catalog: Catalog,
    /// What the writes to the copy have left in it.
    left: Option<FileStart>,
}

/// Writes a complete copy (steps 1 to 3). Returns `None` if `go_on` returned false. In this case, and after
/// an error, removes the copy.
pub(crate) fn write_copy(
    store: &Store,
    options: &OpenOptions,
    now: Timestamp,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Option<CopyReport>, StoreError> {
    write_with(region(store, options), store, options, now, go_on)
}

fn write_with(
    region: u64,
    store: &Store,
    options: &OpenOptions,
    now: Timestamp,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Option<CopyReport>, StoreError> {
    // 1.
    remove_unfinished(options)?;
    let path = unfinished(&options.path);
    // 2 and 3.
    let copied = create_copy(&path, store, options, region)
        .and_then(|copy| fill_copy(copy, &path, store, options, now, go_on));
    if !matches!(copied, Ok(Some(_))) {
        drop(options.volume.remove(&path));
    }
    copied
}

/// Renames the copy over the file and syncs the directory (steps 5 and 6). If the copy is longer than the
/// file, removes the copy instead. The file must be closed. Returns whether the copy has replaced the file.
///
/// After an error it is unknown which of the two files a crash would leave, so nothing may be committed to
/// the file.
pub(crate) fn take_place(options: &OpenOptions, copied: &CopyReport) -> Result<bool, StoreError> {
    let volume = &*options.volume;
    let len = volume.metadata(&options.path)?.map_or(0, |metadata| metadata.len);
    let is_taken = copied.len <= len;
    if !is_taken {
        volume.remove(&copied.path)?;
        return Ok(false);
    }
    replace_by(options, copied).map(|()| true)
}

fn replace_by(options: &OpenOptions, copied: &CopyReport) -> Result<(), StoreError> {
    let volume = &*options.volume;
    // 5.
    if let Err(error) = volume.replace(&copied.path, &options.path) {
        drop(volume.remove(&copied.path));
        return Err(error.into());
    }
    // 6.
    Ok(sync_directory_of(volume, &options.path)?)
}

/// The outcome of copying a table or all tables.
enum End {
    Whole,
    Stopped,
    /// The file has a table that cannot be copied.
    Unknown(String),
}

fn fill_copy(
    (db, written): (Database, WrittenFile),
    path: &Path,
    store: &Store,
    options: &OpenOptions,
    now: Timestamp,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Option<CopyReport>, StoreError> {
    let mut db = Guarded::new(db);
    let old = guarded(|| begin_read(&*store.db))?;
    let mut catalog = store.catalog.clone();
    let mut copy =
        FileCopy { now, catalog: &store.catalog, counts: UsageDeltas::new(), expired: 0, rows: 0, go_on };
    // 2.
    let end = guarded(|| {
        let txn = begin_write(&db)?;
        let end = copy.copy_tables(&old, &txn)?;
        if !matches!(end, End::Whole) {
            txn.into_inner().map_or(Ok(()), WriteTransaction::abort)?;
            return Ok(end);
        }
        copy.finish(&mut catalog, options);
        write_catalog(&txn, &catalog)?;
        commit(txn)?;
        Ok(end)
    })?;
    let expired = copy.expired;
    match end {
        End::Whole => {}
        End::Stopped => return Ok(None),
        End::Unknown(name) => {
            return Err(StoreError::io(format!(
                "it has the table {name:?}, of a kind that this version of larder cannot copy; compact it with \
                 the version that wrote it"
            )));
        }
    }
    // 3.
    compact(&mut db)?;
    db.into_inner().map_or(Ok(()), close)?;
    let len = options.volume.metadata(path)?.map_or(0, |metadata| metadata.len);
    let left = written.expected();
    Ok(Some(CopyReport { path: path.to_owned(), len, expired, catalog, left }))
}

/// Returns the region size for a copy. The size is at least that of the file, because the file's values must
/// fit, and at least the size for the capacity. The capacity `u64::MAX` means that a tool copies the file
/// without a limit.
fn region(store: &Store, options: &OpenOptions) -> u64 {
    let wanted = if options.capacity == u64::MAX { 0 } else { region_for(options.capacity) };
    store.largest_page().max(wanted)
}

/// Creates a new database with this region size and with the mark of the old file.
fn create_copy(
    path: &Path,
    store: &Store,
    options: &OpenOptions,
    region: u64,
) -> Result<(Database, WrittenFile), StoreError> {
    let builder = builder(options.page_cache);
    let file = NewFile::with_regions(options.volume.open(path, true)?, region);
    close(guarded(|| Ok(builder.create_with_backend(file)?))?)?;
    let file = options.volume.open(path, false)?;
    let written = file.follow_writes()?;
    // The first commit also makes the mark durable. The mark identifies a truncated copy as ours.
    if let Some(identity) = store.catalog.identity {
        file.write(MARK_AT, &mark(identity))?;
    }
    if options.counts_blocks {
        let file = SparseFile::new(file, options.capacity)?;
        return guarded(|| Ok((builder.create_with_backend(file)?, written)));
    }
    guarded(|| Ok((builder.create_with_backend(file)?, written)))
}

/// Moves the pages of the copy to its front. The copy grew by whole regions or by doubling, so its pages are
/// scattered.
fn compact(db: &mut Database) -> Result<(), StoreError> {
    guarded(|| match db.compact() {
        // Only a reader could cause this error, and the copy has no readers.
        Ok(_) | Err(CompactionError::TransactionInProgress) => Ok(()),
        Err(error) => Err(error.into()),
    })
}

struct FileCopy<'a> {
    now: Timestamp,
    /// The catalog of the old file.
    catalog: &'a Catalog,
    /// Number of copied entries and the bytes that they are charged for, by keyspace.
    counts: UsageDeltas,
    expired: u64,
    rows: u64,
    go_on: &'a mut dyn FnMut() -> bool,
}

impl FileCopy<'_> {
    fn copy_tables(&mut self, old: &ReadTransaction, new: &WriteTransaction) -> Result<End, redb::Error> {
        if let Some(table) = old.list_multimap_tables()?.next() {
            return Ok(End::Unknown(table.name().to_owned()));
        }
        let mut names: Vec<String> = old.list_tables()?.map(|table| table.name().to_owned()).collect();
        // The expiry table comes last, because its rows are compared with the copied entries.
        names.sort_by_key(|name| name == EXPIRY.name());
        for name in names {
            let end = match name.as_str() {
                name if name == ENTRIES.name() => self.copy_entries(old, new)?,
                name if name == EXPIRY.name() => self.copy_expiry(old, new)?,
                name if name == META.name() => self.copy_table(old, new, META)?,
                name if name == KEYSPACES.name() => self.copy_table(old, new, KEYSPACES)?,
                // These rows describe entries that are not copied.
                name if name == RETIRED.name() || name == RANGES.name() => End::Whole,
                name => self.copy_unknown(old, new, name)?,
            };
            if !matches!(end, End::Whole) {
                return Ok(end);
            }
        }
        Ok(End::Whole)
    }

    /// Counts a row. Returns whether to continue with the next row.
    fn continues(&mut self) -> bool {
        self.rows += 1;
        !self.rows.is_multiple_of(ROWS) || (self.go_on)()
    }

    fn copy_entries(&mut self, old: &ReadTransaction, new: &WriteTransaction) -> Result<End, redb::Error> {
        let (rows, mut copied) = (old.open_table(ENTRIES)?, Guarded::new(new.open_table(ENTRIES)?));
        for row in rows.iter()? {
            let (key, record) = row?;
            let (key, record) = (key.value(), record.value());
            if self.is_kept(key, record) {
                copied.insert(key, record)?;
                let count = self.counts.entry(KeyspaceId::of(key)).or_default();
                let charge =
                    i64::try_from(self.catalog.charging.charge(key.len(), record.len())).unwrap_or(i64::MAX);
                *count = (count.0 + 1, count.1.saturating_add(charge));
            }
            if !self.continues() {
                return Ok(End::Stopped);
            }
        }
        Ok(End::Whole)
    }

    /// Returns whether an entry is copied. Entries of retired keyspaces, removed entries, and entries whose
    /// grace has ended are not copied. An entry without a readable header is kept as evidence of damage,
    /// until the sweeper deletes it.
    fn is_kept(&mut self, key: &[u8], record: &[u8]) -> bool {
        let id = KeyspaceId::of(key);
        if self.catalog.retired.contains_key(&id) {
            return false;
        }
        let Some(header) = record::peek(record) else { return true };
        if self.catalog.is_removed(key, header.sequence) {
            return false;
        }
        let is_expired = header.delete_after <= self.now;
        self.expired += u64::from(is_expired);
        !is_expired
    }

    /// Copies the expiry rows of the copied entries.
    fn copy_expiry(&mut self, old: &ReadTransaction, new: &WriteTransaction) -> Result<End, redb::Error> {
        let (rows, mut copied) = (old.open_table(EXPIRY)?, Guarded::new(new.open_table(EXPIRY)?));
        let entries = Guarded::new(new.open_table(ENTRIES)?);
        for row in rows.iter()? {
            let row = row?.0;
            let row = row.value();
            let is_own = match expiry::split(row) {
                None => false,
                Some((_, key)) => entries.get(key)?.is_some_and(|record| {
                    record::peek(record.value()).is_none_or(|header| expiry::is_own(row, &header, key))
                }),
            };
            if is_own {
                copied.insert(row, ())?;
            }
            if !self.continues() {
                return Ok(End::Stopped);
            }
        }
        Ok(End::Whole)
    }

    fn copy_table<K: Key + 'static, V: Value + 'static>(
        &mut self,
        old: &ReadTransaction,
        new: &WriteTransaction,
        table: TableDefinition<'_, K, V>,
    ) -> Result<End, redb::Error> {
        let (rows, mut copied) = (old.open_table(table)?, Guarded::new(new.open_table(table)?));
        for row in rows.iter()? {
            let (key, value) = row?;
            copied.insert(key.value(), value.value())?;
            if !self.continues() {
                return Ok(End::Stopped);
            }
        }
        Ok(End::Whole)
    }

    /// Turns `catalog`, a clone of the old file's catalog, into the catalog of the copy.
    fn finish(&self, catalog: &mut Catalog, options: &OpenOptions) {
        catalog.retired = Retired::default();
        catalog.ranges.clear();
        for (name, row) in self.catalog.keyspaces.iter() {
            let (entries, bytes) = self.counts.get(&row.id).copied().unwrap_or_default();
            let row =
                KeyspaceRow { entries: entries.unsigned_abs(), bytes: bytes.unsigned_abs(), ..row.clone() };
            catalog.keyspaces.put(name.clone(), row);
        }
        catalog.state.clock_watermark = catalog.state.clock_watermark.max(self.now);
        catalog.state.closed_cleanly = true;
        let mut draft = Draft::of(catalog);
        draft.upgrade(draft.state.clock_watermark, options.identities);
        let changes = draft.into_changes();
        catalog.apply(changes);
    }
}

#[cfg(test)]
mod tests;
