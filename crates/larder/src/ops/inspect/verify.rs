//! Checks a whole file, page by page and record by record, without changing it.
//!
//! The check verifies the checksum of each record. It also finds values that cannot be decompressed, or are
//! not in the format of their keyspace.

use std::collections::HashMap;

use super::content::Content;
use super::snapshot::Snapshot;
use super::{Inspector, finding};
use crate::disk::reader::keyspace_info::KeyspaceInfo;
use crate::disk::reader::page_check::PageCheck;
use crate::error::Error;
use crate::format::keyspace_id::KeyspaceId;

/// Maximum number of rows in one read, and maximum number of their bytes.
const ROWS: usize = 256;
const ROW_BYTES: usize = 4 << 20;

/// Maximum number of damaged records that a report lists. The same maximum applies to unreadable records.
/// The counts of the report include all of them.
pub const MAX_DAMAGED_NAMED: usize = 100;

/// The result of [`Inspector::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileVerifyReport {
    /// The state of the file's pages.
    pub pages: PageVerifyReport,
    /// Number of records checked.
    pub records: u64,
    /// Number of damaged records among the checked records.
    pub damaged_records: u64,
    /// The first damaged records with their keys, up to [`MAX_DAMAGED_NAMED`].
    pub damaged: Vec<DamagedRecord>,
    /// Number of intact records whose value cannot be read with any type: see [`Content::Unreadable`]. A
    /// lookup of such a record is a miss.
    pub unreadable_records: u64,
    /// The first unreadable records with their keys, up to [`MAX_DAMAGED_NAMED`].
    pub unreadable: Vec<UnreadableRecord>,
    /// Keyspaces whose number of entries differs from the number in their row of the catalog.
    pub miscounted: Vec<Miscounted>,
}

/// The state of a file's pages.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PageVerifyReport {
    /// All pages are intact.
    Whole,
    /// A page is damaged.
    Damaged {
        /// What is wrong with the page.
        cause: String,
    },
    /// The state could not be determined, because the owner was writing to the file.
    Unknown {
        /// The reason.
        cause: String,
    },
}

/// A record that fails its checks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DamagedRecord {
    /// The name of the record's keyspace. `None` if the keyspace is retired.
    pub keyspace: Option<String>,
    /// The key's bytes, without the number of its keyspace.
    pub key: Vec<u8>,
}

/// An intact record whose value cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnreadableRecord {
    /// The name of the record's keyspace.
    pub keyspace: String,
    /// The key's bytes, without the number of its keyspace.
    pub key: Vec<u8>,
    /// The reason.
    pub cause: String,
}

/// A keyspace whose number of entries differs from the number in its row of the catalog. The disk tier
/// relies on the row when it decides how much to evict.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Miscounted {
    /// The name of the keyspace.
    pub keyspace: String,
    /// Number of entries that the row records.
    pub recorded: u64,
    /// Number of entries in the file.
    pub found: u64,
}

impl FileVerifyReport {
    /// Returns whether no damage was found. An unreadable value is not damage, because it was written that
    /// way.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let is_damaged = matches!(self.pages, PageVerifyReport::Damaged { .. });
        !is_damaged && self.damaged_records == 0 && self.miscounted.is_empty()
    }
}

impl FileVerifyReport {
    /// Checks the record `bytes` of the key `full`, and counts it.
    fn check_record(&mut self, info: Option<&KeyspaceInfo>, full: &[u8], bytes: &[u8]) {
        self.records += 1;
        let key = || full.get(KeyspaceId::LEN..).unwrap_or_default().to_vec();
        let Ok(record) = finding::read(full, bytes) else {
            self.damaged_records += 1;
            if self.damaged.len() < MAX_DAMAGED_NAMED {
                let keyspace = info.map(|info| info.name.clone());
                self.damaged.push(DamagedRecord { keyspace, key: key() });
            }
            return;
        };
        // Other values are not read: no lookup reads a record of a retired keyspace or of another version,
        // and an absence has no value.
        let Some(info) = info.filter(|info| info.version == record.version && !record.is_absence) else {
            return;
        };
        let cause = match record.payload().as_ref().map(|payload| info.content(payload)) {
            Err(error) => error.to_string(),
            Ok(Content::Unreadable(error)) => error.to_string(),
            Ok(_) => return,
        };
        self.unreadable_records += 1;
        if self.unreadable.len() < MAX_DAMAGED_NAMED {
            self.unreadable.push(UnreadableRecord { keyspace: info.name.clone(), key: key(), cause });
        }
    }
}

impl Inspector {
    /// Checks every page and every record of the file, in its committed state. After every few hundred
    /// records, calls `progress` with the number of checked records and the total.
    ///
    /// While the owner writes to the file, the check of the pages and the check of the records each use the
    /// state of one commit. If the owner commits without a pause, the state of the pages may stay
    /// undetermined. A program that owns the file uses [`Cache::verify`](crate::Cache::verify) instead.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # let path = dir.path().join("shop.larder");
    /// # larder::Cache::builder().path(&path).open()?.close()?;
    /// let inspector = larder::inspect::Inspector::open(&path)?;
    /// let report = inspector.verify(&mut |checked, total| println!("{checked} of {total} records"))?;
    /// assert!(report.is_whole());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`open`](Self::open), if the file cannot be read at all.
    ///
    /// # Cost
    /// Reads the whole file, and then its entries again: about three seconds per gigabyte. Meanwhile the
    /// owner cannot reuse space.
    pub fn verify(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<FileVerifyReport, Error> {
        let pages = match crate::disk::reader::page_check::check_pages(&self.path)? {
            PageCheck::Whole => PageVerifyReport::Whole,
            PageCheck::Damaged(cause) => PageVerifyReport::Damaged { cause },
            PageCheck::Unknown(cause) => PageVerifyReport::Unknown { cause },
        };
        let nothing = FileVerifyReport {
            pages,
            records: 0,
            damaged_records: 0,
            damaged: vec![],
            unreadable_records: 0,
            unreadable: vec![],
            miscounted: vec![],
        };
        let is_damaged = !nothing.is_whole();
        match self.snapshot().and_then(|snapshot| snapshot.verify_records(nothing.clone(), progress)) {
            // Damaged pages already explain the failure. The report then has no records.
            Err(_) if is_damaged => Ok(nothing),
            verified => verified,
        }
    }
}

impl Snapshot {
    fn verify_records(
        &self,
        mut found: FileVerifyReport,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<FileVerifyReport, Error> {
        let expected = self.file().entries;
        // In a damaged file several keyspaces may have the same number. Their records count for the first of
        // them.
        let places: HashMap<KeyspaceId, usize> =
            self.keyspaces().iter().enumerate().rev().map(|(at, keyspace)| (keyspace.id(), at)).collect();
        let mut counts = vec![0_u64; self.keyspaces().len()];
        let mut after: Option<Vec<u8>> = None;
        loop {
            let rows = self.look.rows(&[], after.as_deref(), ROWS, ROW_BYTES)?;
            let Some((last, _)) = rows.last() else { break };
            after = Some(last.clone());
            for (key, bytes) in &rows {
                let at = places.get(&KeyspaceId::of(key)).copied();
                let keyspace = at.and_then(|at| {
                    *counts.get_mut(at)? += 1;
                    self.keyspaces().get(at)
                });
                found.check_record(keyspace, key, bytes);
            }
            progress(found.records, expected);
        }
        let counted = self.keyspaces().iter().zip(counts);
        found.miscounted = counted
            .filter(|(keyspace, count)| keyspace.entries != *count)
            .map(|(keyspace, found)| Miscounted {
                keyspace: keyspace.name.clone(),
                recorded: keyspace.entries,
                found,
            })
            .collect();
        Ok(found)
    }
}
