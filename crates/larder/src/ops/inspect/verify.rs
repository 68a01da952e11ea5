//! Checking a whole file, page by page and record by record, without changing it.
//!
//! Of a record its checksum is checked, and what can be told of its value without its type: that it inflates,
//! and that it is of its keyspace's format.

use std::collections::HashMap;

use super::content::Content;
use super::snapshot::Snapshot;
use super::{Inspector, finding};
use crate::disk::reader::keyspace_info::KeyspaceInfo;
use crate::disk::reader::page_check::PageCheck;
use crate::error::Error;
use crate::format::keyspace_id::KeyspaceId;

/// Rows read together.
const ROWS: usize = 256;
const ROW_BYTES: usize = 4 << 20;

/// Damaged records of which the key is told, and unreadable ones. All are counted.
pub const MAX_DAMAGED_NAMED: usize = 100;

/// What [`Inspector::verify`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileVerifyReport {
    /// What the pages of the file are like.
    pub pages: PageVerifyReport,
    /// Records that were checked.
    pub records: u64,
    /// Records of these that are damaged.
    pub damaged_records: u64,
    /// The keys of the first of these: see [`MAX_DAMAGED_NAMED`].
    pub damaged: Vec<DamagedRecord>,
    /// Records that are as they were written, and whose value no lookup can read, whatever its type: see
    /// [`Content::Unreadable`]. Each is a miss.
    pub unreadable_records: u64,
    /// The keys of the first of these: see [`MAX_DAMAGED_NAMED`].
    pub unreadable: Vec<UnreadableRecord>,
    /// Keyspaces that have other than the entries they should have.
    pub miscounted: Vec<Miscounted>,
}

/// What the pages of a file are like.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PageVerifyReport {
    /// As they were written.
    Whole,
    /// Not as they were written.
    Damaged {
        /// What is wrong.
        cause: String,
    },
    /// Not to be told while the owner is at work.
    Unknown {
        /// What keeps it from being told.
        cause: String,
    },
}

/// A record that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DamagedRecord {
    /// The name of its keyspace; none if that is retired.
    pub keyspace: Option<String>,
    /// The key's bytes, without the number of its keyspace.
    pub key: Vec<u8>,
}

/// A record that is as it was written, and whose value no lookup can read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnreadableRecord {
    /// The name of its keyspace.
    pub keyspace: String,
    /// The key's bytes, without the number of its keyspace.
    pub key: Vec<u8>,
    /// What keeps it from being read.
    pub cause: String,
}

/// A keyspace with other than the entries it should have: what its row says of it is what evictions go by.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Miscounted {
    /// The keyspace.
    pub keyspace: String,
    /// The entries that there should be.
    pub recorded: u64,
    /// The entries that there are.
    pub found: u64,
}

impl FileVerifyReport {
    /// Whether the file is as it was written, as far as could be told. A value that can't be read does not
    /// count: it was written so.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let is_damaged = matches!(self.pages, PageVerifyReport::Damaged { .. });
        !is_damaged && self.damaged_records == 0 && self.miscounted.is_empty()
    }
}

impl FileVerifyReport {
    /// Checks the record that stands under a whole key.
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
        // What is retired, or of another version, is looked for by nobody.
        let Some(info) = info.filter(|info| info.version == record.version) else { return };
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
    /// Checks every page and every record of the file, as its last commits left them. `progress` is told
    /// after each few records how many were checked, of how many.
    ///
    /// Beside an owner at work both are checked, of one commit each. An owner that commits without a pause
    /// may keep the pages from being told; [`Cache::verify`](crate::Cache::verify) is the owner's own check.
    ///
    /// # Errors
    /// Those of [`open`](Self::open), where the file can't be read at all.
    ///
    /// # Cost
    /// The whole file is read, and its entries once more: some three seconds for a gigabyte. Meanwhile the
    /// owner can't reuse space.
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
            // What could be told is told.
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
        // The first of those that a damaged file gives one number.
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
