//! The rows that say what a file is and holds, written as far as they change.

use redb::{Table, WriteTransaction};

use crate::disk::store::catalog::Catalog;
use crate::disk::store::draft::Draft;
use crate::disk::store::range_removals;
use crate::disk::store::tables::{
    CHARGING_ROW, FEATURES_ROW, FORMAT_ROW, IDENTITY_ROW, KEYSPACES, META, RETIRED, STATE_ROW,
};

/// Writes every metadata row, for a file that has none.
pub(crate) fn write_catalog(txn: &WriteTransaction, catalog: &Catalog) -> Result<(), redb::Error> {
    let mut meta = txn.open_table(META)?;
    meta.insert(STATE_ROW, catalog.state.to_bytes().as_slice())?;
    meta.insert(CHARGING_ROW, [catalog.charging.code()].as_slice())?;
    write_format(&mut meta, catalog.format, catalog.features)?;
    if let Some(identity) = catalog.identity {
        meta.insert(IDENTITY_ROW, identity.to_bytes().as_slice())?;
    }
    let mut table = txn.open_table(KEYSPACES)?;
    for (name, row) in catalog.keyspaces.iter() {
        table.insert(name.as_str(), row.to_bytes().as_slice())?;
    }
    let mut table = txn.open_table(RETIRED)?;
    for (id, bytes) in catalog.retired.iter() {
        table.insert(id.number(), bytes)?;
    }
    Ok(())
}

/// Writes the metadata rows that a draft changes; those of all keyspaces, if it changes the
/// format, or the file was charged by another rule.
pub(crate) fn write_draft(txn: &WriteTransaction, draft: &Draft<'_>) -> Result<(), redb::Error> {
    let before = draft.before();
    let mut meta = txn.open_table(META)?;
    meta.insert(STATE_ROW, draft.state.to_bytes().as_slice())?;
    let is_other_format = before.format != draft.format;
    if is_other_format || before.features != draft.features {
        write_format(&mut meta, draft.format, draft.features)?;
    }
    if let Some(identity) = draft.identity.filter(|_| before.identity != draft.identity) {
        meta.insert(IDENTITY_ROW, identity.to_bytes().as_slice())?;
    }
    let is_charged_anew = before.charging_on_file != before.charging;
    if is_charged_anew {
        meta.insert(CHARGING_ROW, [before.charging.code()].as_slice())?;
    }
    let writes_all = is_other_format || is_charged_anew;
    if writes_all || !draft.changed_rows().is_empty() {
        let mut table = txn.open_table(KEYSPACES)?;
        for (name, row) in before.keyspaces.iter().filter(|_| writes_all) {
            table.insert(name.as_str(), row.to_bytes().as_slice())?;
        }
        for (name, row) in draft.changed_rows() {
            table.insert(name.as_str(), row.to_bytes().as_slice())?;
        }
    }
    if is_charged_anew || !draft.retired.changed_rows().is_empty() {
        let mut table = txn.open_table(RETIRED)?;
        for (id, bytes) in before.retired.iter().filter(|_| is_charged_anew) {
            table.insert(id.number(), bytes)?;
        }
        for (id, bytes) in draft.retired.changed_rows() {
            match bytes {
                Some(bytes) => drop(table.insert(id.number(), bytes)?),
                None => drop(table.remove(id.number())?),
            }
        }
    }
    range_removals::write(txn, &before.ranges, &draft.ranges)
}

fn write_format(
    meta: &mut Table<'_, &'static str, &'static [u8]>,
    format: u32,
    features: u64,
) -> Result<(), redb::Error> {
    meta.insert(FORMAT_ROW, format.to_be_bytes().as_slice())?;
    meta.insert(FEATURES_ROW, features.to_be_bytes().as_slice())?;
    Ok(())
}
