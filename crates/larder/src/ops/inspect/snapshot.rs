//! A snapshot of a file, in the state of one commit.

use std::collections::HashMap;

use super::file_info::{FileInfo, RetiredKeyspace};
use super::finding::{Entry, RecordStatus};
use super::{file_info, finding};
use crate::disk::reader::file_snapshot::FileSnapshot;
use crate::disk::reader::keyspace_info::{self, KeyspaceInfo};
use crate::error::Error;
use crate::format::keyspace_id::KeyspaceId;
use crate::stats::cumulative::CumulativeStats;
use crate::units::Timestamp;

/// A page ends when its records have at least this many bytes, because values may be large.
const MAX_PAGE_BYTES: usize = 1 << 20;

/// A snapshot of a file, in the state of one commit.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("shop.larder");
/// # use larder::{Cache, KeyspaceDefinition};
/// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
/// # let cache = Cache::builder().path(&path).open()?;
/// # cache.keyspace(PRICE)?.insert("MTNVTU", 100)?;
/// # cache.close()?;
/// use larder::inspect::{Content, Inspector};
///
/// let snapshot = Inspector::open(&path)?.snapshot()?;
/// assert_eq!(snapshot.file().entries, 1);
/// let keyspace = snapshot.keyspace("price").unwrap();
/// for entry in snapshot.page(keyspace, &[], None, 100)? {
///     let found = snapshot.find(keyspace, &entry.key)?;
///     let record = found.live().unwrap();
///     assert!(record.expires_at > snapshot.now());
///     assert!(matches!(keyspace.content(&record.payload()?), Content::Bytes));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Snapshot {
    pub(super) look: FileSnapshot,
    now: Timestamp,
    keyspaces: Vec<KeyspaceInfo>,
    retired: Vec<RetiredKeyspace>,
}

impl Snapshot {
    pub(super) fn new(look: FileSnapshot, now: Timestamp) -> Self {
        let (keyspaces, retired) =
            (keyspace_info::of_catalog(&look.contents.catalog), file_info::retired(&look.contents));
        Self { look, now, keyspaces, retired }
    }

    /// Returns the time against which expiry is checked: the clock's time or the time of the last commit,
    /// whichever is later.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Returns the file's own metadata, and information about its owner.
    #[must_use]
    pub fn file(&self) -> FileInfo {
        file_info::file(&self.look.contents)
    }

    /// Returns the counts since the file was created, as of its last commit. Returns `None` if the file has
    /// no such counts, or if they are damaged.
    #[must_use]
    pub fn lifetime(&self) -> Option<&CumulativeStats> {
        self.look.contents.cumulative.as_ref()
    }

    /// Returns the keyspaces, sorted by name.
    #[must_use]
    pub fn keyspaces(&self) -> &[KeyspaceInfo] {
        &self.keyspaces
    }

    /// Returns the keyspace with this name, if the file has one.
    #[must_use]
    pub fn keyspace(&self, name: &str) -> Option<&KeyspaceInfo> {
        let at = self.keyspaces.binary_search_by(|keyspace| keyspace.name.as_str().cmp(name)).ok()?;
        self.keyspaces.get(at)
    }

    /// Returns the retired keyspaces, which still have entries to delete.
    #[must_use]
    pub fn retired(&self) -> &[RetiredKeyspace] {
        &self.retired
    }

    /// Returns, for each keyspace, the number of entries that the sweeper may delete now, because they have
    /// expired and their grace time has ended. The numbers are in the order of
    /// [`keyspaces`](Self::keyspaces).
    ///
    /// # Errors
    /// Returns [`Error::Damaged`] or [`Error::Io`] if the file cannot be read.
    ///
    /// # Cost
    /// Takes one step for each of these entries.
    pub fn unswept(&self) -> Result<Vec<u64>, Error> {
        let due: HashMap<KeyspaceId, u64> = self.look.due(self.now)?.into_iter().collect();
        let count = |keyspace: &KeyspaceInfo| due.get(&keyspace.id()).copied().unwrap_or(0);
        Ok(self.keyspaces.iter().map(count).collect())
    }

    /// Returns a page of at most `most` entries of a keyspace, in the order of their keys. Their encoded keys
    /// start with `prefix` and come after `after`.
    ///
    /// Only an empty page means that there are no more entries. A page may be shorter than `most`, because
    /// values may be large. To get the next page, pass the last key of this page as `after`.
    ///
    /// # Errors
    /// Returns [`Error::Damaged`] or [`Error::Io`] if the file cannot be read. A damaged *record* is not an
    /// error. The page has an entry for it with the status [`RecordStatus::Damaged`].
    pub fn page(
        &self,
        keyspace: &KeyspaceInfo,
        prefix: &[u8],
        after: Option<&[u8]>,
        most: usize,
    ) -> Result<Vec<Entry>, Error> {
        let prefix = full(keyspace.id(), prefix);
        let after = after.map(|key| full(keyspace.id(), key));
        let rows = self.look.rows(&prefix, after.as_deref(), most, MAX_PAGE_BYTES)?;
        let catalog = &self.look.contents.catalog;
        let entries = rows.into_iter().map(|(mut key, record)| {
            let finding = RecordStatus::of(catalog, &key, &record, keyspace.version, self.now);
            key.drain(..KeyspaceId::LEN.min(key.len()));
            Entry { key, finding }
        });
        Ok(entries.collect())
    }

    /// Returns the status of a key, given its encoded bytes. If the keyspace has no record of the key, looks
    /// in the retired keyspaces too.
    ///
    /// # Errors
    /// Returns [`Error::Damaged`] or [`Error::Io`] if the file cannot be read. A damaged *record* is not an
    /// error.
    pub fn find(&self, keyspace: &KeyspaceInfo, key: &[u8]) -> Result<RecordStatus, Error> {
        let whole = full(keyspace.id(), key);
        if let Some(record) = self.look.record(&whole)? {
            return Ok(RecordStatus::of(
                &self.look.contents.catalog,
                &whole,
                &record,
                keyspace.version,
                self.now,
            ));
        }
        for RetiredKeyspace { number, .. } in &self.retired {
            let whole = full(KeyspaceId::on_disk(*number), key);
            let record = self.look.record(&whole)?.and_then(|bytes| finding::read(&whole, &bytes).ok());
            let record =
                record.filter(|record| !self.look.contents.catalog.is_removed(&whole, record.sequence));
            if let Some(record) = record {
                return Ok(RecordStatus::Retired { number: *number, record });
            }
        }
        Ok(RecordStatus::Absent)
    }
}

/// Returns the full key: the number of the keyspace, then the key.
fn full(id: KeyspaceId, key: &[u8]) -> Vec<u8> {
    [&id.to_bytes(), key].concat()
}
