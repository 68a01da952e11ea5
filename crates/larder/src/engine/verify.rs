//! Checks the whole file on request. The writer thread checks the pages, and the calling thread checks the
//! records.

use serde::{Deserialize, Serialize};

use super::shared::Shared;
use super::tiers::Tiers;
use super::writer::command::Command;
use crate::disk::file::error_translation::{unverified, unverified_while_off};
use crate::disk::store::guard::StoreError;
use crate::error::Error;
use crate::format::record;
use crate::sys::sync::Arc;

/// The maximum number of keys that a verification reads from one snapshot. The limit ensures that no
/// transaction is open for long.
const VERIFY_ROWS: usize = 256;

/// The result of [`Cache::verify`](crate::Cache::verify).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct VerifyReport {
    /// The damage of the file's pages, if there is any. The cache no longer uses a damaged file.
    pub damage: Option<String>,
    /// The number of records checked.
    pub records: u64,
    /// The number of damaged records among them.
    pub damaged_records: u64,
}

impl Shared {
    /// Checks every page of the file and every record in it. Checks nothing in a cache without a file.
    pub(crate) fn verify(&self) -> Result<VerifyReport, Error> {
        self.refuse_if_unusable()?;
        if !self.tiers.has_disk() {
            return Ok(VerifyReport::default());
        }
        let damage = self.tiers.writer.ask(Command::Verify)??;
        let (records, damaged_records) = self.tiers.verify_records()?;
        Ok(VerifyReport { damage, records, damaged_records })
    }
}

impl Tiers {
    /// Checks every record on disk. Returns the number of records, and the number of damaged records.
    fn verify_records(&self) -> Result<(u64, u64), Error> {
        let (mut records, mut damaged) = (0, 0);
        let mut after: Option<Arc<[u8]>> = None;
        loop {
            let Some(snapshot) = self.awaited_snapshot() else {
                return Err(unverified_while_off(None));
            };
            let failed = |fault: StoreError| {
                self.report(&snapshot, fault.clone());
                unverified(fault)
            };
            let keys = snapshot.keys(&[], after.as_deref(), VERIFY_ROWS).map_err(failed)?;
            for key in &keys {
                if let Some(record) = snapshot.get(key).map_err(failed)? {
                    records += 1;
                    damaged += u64::from(record::read(key, &record).is_err());
                }
            }
            if keys.len() < VERIFY_ROWS {
                return Ok((records, damaged));
            }
            after = keys.last().cloned();
        }
    }
}
