//! The rows that say what a file is and holds, written as far as they change.

use redb::WriteTransaction;

use crate::disk::format::FEATURES;
use crate::disk::known::Known;
use crate::disk::ranges;
use crate::disk::tables::{FEATURES_ROW, FORMAT_ROW, IDENTITY_ROW, KEYSPACES, META, RETIRED, STATE_ROW};

/// Writes the metadata rows that differ; all of them, where the format does.
pub(in crate::disk) fn write_known(
    txn: &WriteTransaction,
    old: &Known,
    new: &Known,
) -> Result<(), redb::Error> {
    let mut meta = txn.open_table(META)?;
    meta.insert(STATE_ROW, new.state.to_bytes().as_slice())?;
    let is_other_format = old.format != new.format;
    if is_other_format {
        meta.insert(FORMAT_ROW, new.format.to_be_bytes().as_slice())?;
        meta.insert(FEATURES_ROW, FEATURES.to_be_bytes().as_slice())?;
    }
    if let Some(identity) = new.identity.filter(|_| old.identity != new.identity) {
        meta.insert(IDENTITY_ROW, identity.to_bytes().as_slice())?;
    }
    if is_other_format || old.keyspaces != new.keyspaces {
        let mut table = txn.open_table(KEYSPACES)?;
        for (name, row) in &new.keyspaces {
            if is_other_format || old.keyspaces.get(name) != Some(row) {
                table.insert(name.as_str(), row.to_bytes().as_slice())?;
            }
        }
    }
    if old.retired != new.retired {
        let mut table = txn.open_table(RETIRED)?;
        for id in old.retired.keys().filter(|id| !new.retired.contains_key(id)) {
            table.remove(id.number())?;
        }
        for (id, bytes) in &new.retired {
            table.insert(id.number(), bytes)?;
        }
    }
    ranges::write(txn, &old.ranges, &new.ranges)
}
