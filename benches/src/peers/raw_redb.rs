//! redb without larder. This peer shows the minimum cost of the same file.
//!
//! For lookups, this peer opens a copy of a larder file, so the tree, the pages and the records are the same.
//! It keeps the table open. A lookup copies, checks and decodes the record. For writes, it commits the same
//! entries into the same two tables, with the same settings.

use std::path::Path;

use larder::ByteSize;
use redb::{Builder, ConcurrencyMode, Database, ReadOnlyTable, ReadableDatabase, TableDefinition};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::{Peer, Session};
use crate::disk::PAGE_CACHE;
use crate::workload::Page;

/// The tables of a larder file, as in `docs/design.md` and in larder's `disk/store/tables.rs`.
const KEYSPACES: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("larder.keyspaces");
const ENTRIES: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("larder.entries");
const EXPIRY: TableDefinition<'static, &[u8], ()> = TableDefinition::new("larder.expiry");
/// The length of a record's header, and the offsets of two of its fields, in bytes: the time after which the
/// record may be deleted, and the length of the extension, which follows the header.
const HEADER_LEN: usize = 52;
const DELETE_AFTER: usize = 40;
const EXTENSION_LEN: usize = 48;
/// Expiry of the pages, in milliseconds since 1970. The pages must not expire during a run.
const EXPIRES_AT: u64 = 4_102_444_800_000;

/// An open file in larder's format.
pub struct RawRedb {
    db: Database,
    keyspace: [u8; 4],
    name: &'static str,
}

/// The table of entries of a file. It stays open until this value is dropped. A writer must not keep it open,
/// because an open table keeps old pages alive.
pub struct OpenTable<'a> {
    file: &'a RawRedb,
    table: ReadOnlyTable<&'static [u8], &'static [u8]>,
}

impl std::fmt::Debug for OpenTable<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenTable").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for RawRedb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RawRedb").field("keyspace", &self.keyspace).finish_non_exhaustive()
    }
}

fn builder(page_cache: ByteSize) -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(usize::try_from(page_cache.as_u64()).unwrap_or(usize::MAX));
    builder.set_concurrency_mode(ConcurrencyMode::SingleWriter);
    builder
}

impl RawRedb {
    /// Opens a copy of a larder file.
    ///
    /// # Errors
    /// Fails if redb can't open the file.
    ///
    /// # Panics
    /// Panics if the file does not contain the keyspace of the pages.
    pub fn open(path: &Path) -> Result<Self, redb::Error> {
        Self::open_with(path, "redb", PAGE_CACHE)
    }

    /// Opens a copy of a larder file with this page cache. The peer's name should mention the page cache.
    ///
    /// # Errors
    /// Fails if redb can't open the file.
    ///
    /// # Panics
    /// Panics if the file does not contain the keyspace of the pages.
    pub fn open_with(path: &Path, name: &'static str, page_cache: ByteSize) -> Result<Self, redb::Error> {
        let db = builder(page_cache).create(path)?;
        let txn = db.begin_read()?;
        let row = txn.open_table(KEYSPACES)?.get("page")?.and_then(|row| row.value().first_chunk().copied());
        Ok(Self { db, keyspace: row.expect("a keyspace of pages"), name })
    }

    /// Creates a file with a keyspace of pages, and without entries.
    ///
    /// # Errors
    /// Fails if redb can't create the file.
    pub fn create(path: &Path) -> Result<Self, redb::Error> {
        let db = builder(PAGE_CACHE).create(path)?;
        let txn = db.begin_write()?;
        let keyspace = 1_u32.to_be_bytes();
        txn.open_table(KEYSPACES)?.insert("page", keyspace.as_slice())?;
        txn.open_table(ENTRIES)?;
        txn.open_table(EXPIRY)?;
        txn.commit()?;
        drop(db);
        Self::open(path)
    }

    /// Returns the encoded key: the number of the keyspace, the text, and a terminator of two bytes.
    fn full_key(&self, key: &str) -> Vec<u8> {
        [self.keyspace.as_slice(), key.as_bytes(), &[0, 0]].concat()
    }

    /// Opens the table of entries.
    ///
    /// # Errors
    /// Fails if redb can't read the file.
    pub fn table(&self) -> Result<OpenTable<'_>, redb::Error> {
        Ok(OpenTable { file: self, table: self.db.begin_read()?.open_table(ENTRIES)? })
    }

    /// Commits pages and their expiry rows in one transaction.
    ///
    /// # Errors
    /// Fails if redb can't commit the pages.
    pub fn commit<'a>(
        &self,
        pages: impl IntoIterator<Item = (&'a str, &'a Page)>,
    ) -> Result<(), redb::Error> {
        self.commit_until(pages.into_iter().map(|(key, page)| (key, page, EXPIRES_AT)))
    }

    fn commit_until<'a>(
        &self,
        pages: impl Iterator<Item = (&'a str, &'a Page, u64)>,
    ) -> Result<(), redb::Error> {
        let mut txn = self.db.begin_write()?;
        txn.set_quick_repair(true);
        {
            let mut entries = txn.open_table(ENTRIES)?;
            let mut expiry = txn.open_table(EXPIRY)?;
            for (key, page, until) in pages {
                let full = self.full_key(key);
                let old = entries.insert(full.as_slice(), record(&full, page, until).as_slice())?;
                let old = old.and_then(|record| expiry_row(record.value(), &full));
                let new = [until.to_be_bytes().as_slice(), full.as_slice()].concat();
                if let Some(old) = old.filter(|old| *old != new) {
                    expiry.remove(old.as_slice())?;
                }
                expiry.insert(new.as_slice(), ())?;
            }
        }
        Ok(txn.commit()?)
    }

    /// Removes keys and their expiry rows in one transaction.
    ///
    /// # Errors
    /// Fails if redb can't commit the removal.
    pub fn remove<'a>(&self, keys: impl IntoIterator<Item = &'a str>) -> Result<(), redb::Error> {
        let mut txn = self.db.begin_write()?;
        txn.set_quick_repair(true);
        {
            let mut entries = txn.open_table(ENTRIES)?;
            let mut expiry = txn.open_table(EXPIRY)?;
            for key in keys {
                let full = self.full_key(key);
                let old = entries.remove(full.as_slice())?;
                if let Some(row) = old.and_then(|record| expiry_row(record.value(), &full)) {
                    expiry.remove(row.as_slice())?;
                }
            }
        }
        Ok(txn.commit()?)
    }

    /// Closes the file.
    ///
    /// # Errors
    /// Fails if redb can't close the file.
    pub fn close(self) -> Result<(), redb::Error> {
        Ok(self.db.close()?)
    }
}

/// Returns the expiry row of a record.
fn expiry_row(record: &[u8], full: &[u8]) -> Option<Vec<u8>> {
    record.get(DELETE_AFTER..DELETE_AFTER + 8).map(|until| [until, full].concat())
}

/// Returns a record in larder's format (`format/record.rs`), with a fingerprint, as larder writes it for a
/// page.
fn record(full: &[u8], page: &Page, until: u64) -> Vec<u8> {
    let payload = bincode::serde::encode_to_vec(page, bincode::config::standard());
    let payload = payload.expect("a page can be encoded");
    let extension = [[1, 0, 8].as_slice(), &[7; 8]].concat();
    let mut record = Vec::with_capacity(HEADER_LEN + extension.len() + payload.len());
    record.extend_from_slice(&[0; 8]);
    record.extend_from_slice(&[2, 0, 0, 0, 0, 0, 0, 1]);
    for time in [1, 1, until, until] {
        record.extend_from_slice(&time.to_be_bytes());
    }
    record.extend_from_slice(&u32::try_from(extension.len()).unwrap_or(0).to_be_bytes());
    record.extend_from_slice(&extension);
    record.extend_from_slice(&payload);
    let checksum = record.get(8..).map_or(0, |checked| xxh3_64_with_seed(checked, xxh3_64(full)));
    if let Some(field) = record.first_chunk_mut::<8>() {
        *field = checksum.to_be_bytes();
    }
    record
}

fn decode(full: &[u8], record: &[u8]) -> Option<Page> {
    let (stored, checked) = record.split_first_chunk::<8>()?;
    if u64::from_be_bytes(*stored) != xxh3_64_with_seed(checked, xxh3_64(full)) {
        return None;
    }
    let extension = u32::from_be_bytes(*record.get(EXTENSION_LEN..)?.first_chunk()?);
    let payload = record.get(HEADER_LEN + usize::try_from(extension).ok()?..)?;
    bincode::serde::decode_from_slice(payload, bincode::config::standard()).ok().map(|(page, _)| page)
}

impl Peer for RawRedb {
    fn name(&self) -> &'static str {
        self.name
    }

    fn terms(&self) -> String {
        "each commit durable (two-phase, quick repair); lookups in an open table".to_owned()
    }

    fn session(&self) -> Box<dyn Session + '_> {
        Box::new(self.table().expect("the file can be read"))
    }
}

impl OpenTable<'_> {
    /// Returns the page of a key. Copies, checks and decodes its record.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Page> {
        let full = self.file.full_key(key);
        let record = self.table.get_owned(full.as_slice()).ok()??.value().to_vec();
        decode(&full, &record)
    }
}

impl Session for OpenTable<'_> {
    fn get(&mut self, key: &str) -> bool {
        OpenTable::get(self, key).is_some()
    }

    fn insert(&mut self, key: &str, page: Page) {
        self.file.commit([(key, &page)]).expect("the disk takes writes");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{fill, page};
    use crate::key;

    #[test]
    fn a_lookup_returns_the_page_that_larder_or_redb_has_stored() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| dir.path().join(name);
        fill(&file("larder"), 100, 512);
        let of_larder = RawRedb::open(&file("larder")).unwrap();
        assert_eq!(of_larder.table().unwrap().get(&key(7)), Some(page(7)));
        let own = RawRedb::create(&file("own")).unwrap();
        own.commit([(key(7).as_str(), &page(7))]).unwrap();
        let lengths = [&of_larder, &own].map(|file| {
            let table = file.table().unwrap();
            assert_eq!(table.get(&key(7)), Some(page(7)));
            table.table.get_owned(file.full_key(&key(7)).as_slice()).unwrap().unwrap().value().len()
        });
        assert_eq!(lengths[0], lengths[1], "both write records of one length");
    }
}
