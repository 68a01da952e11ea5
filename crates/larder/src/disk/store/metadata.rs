//! Reads and writes the metadata rows of a file.

use redb::{ReadTransaction, ReadableDatabase, ReadableTable, Table, WriteTransaction};

use super::catalog::Catalog;
use super::charging::Charging;
use super::draft::Draft;
use super::file_format::{FORMAT_1, FileFormat};
use super::guard::{Guarded, StoreError, begin_read, guarded};
use super::identity::FileIdentity;
use super::keyspace_row::KeyspaceRow;
use super::range_removals;
use super::tables::{
    CHARGING_ROW, CUMULATIVE_ROW, CommitState, FEATURES_ROW, FORMAT_ROW, IDENTITY_ROW, KEYSPACES, META,
    RETIRED, STATE_ROW, read_cumulative,
};
use crate::format::keyspace_id::KeyspaceId;
use crate::stats::cumulative::CumulativeStats;

pub(crate) fn read_catalog(db: &impl ReadableDatabase) -> Result<Catalog, StoreError> {
    let txn = guarded(|| begin_read(db))?;
    let format = FileFormat::at(&txn)?.ok_or_else(|| illegible(FORMAT_ROW))?;
    catalog_at(&txn, format.version(), None)
}

/// Reads the metadata tables in an existing transaction. With `only`, reads only the row of that keyspace
/// and no retired keyspaces. So the cost does not depend on the number of keyspaces.
pub(crate) fn catalog_at(
    txn: &ReadTransaction,
    format: u32,
    only: Option<&str>,
) -> Result<Catalog, StoreError> {
    let mut catalog = guarded(|| {
        let meta = txn.open_table(META)?;
        let state = meta.get(STATE_ROW)?.and_then(|row| CommitState::read(row.value()).ok());
        let Some(state) = state else {
            return Ok(Err(illegible(STATE_ROW)));
        };
        let identity =
            meta.get(IDENTITY_ROW)?.and_then(|row| row.value().try_into().ok()).map(FileIdentity::from_bytes);
        if identity.is_none() && format > FORMAT_1 {
            return Ok(Err(illegible(IDENTITY_ROW)));
        }
        let charging = match meta.get(CHARGING_ROW)? {
            None => Some(Charging::default()),
            Some(row) => row.value().first().copied().and_then(Charging::of_code),
        };
        let Some(charging) = charging else { return Ok(Err(illegible(CHARGING_ROW))) };
        let features = meta.get(FEATURES_ROW)?.and_then(|row| row.value().try_into().ok());
        let features = features.map_or(0, u64::from_be_bytes);
        let mut catalog = Catalog {
            format,
            features,
            identity,
            state,
            charging,
            charging_on_file: charging,
            ..Catalog::default()
        };
        let take = |catalog: &mut Catalog, name: &str, row: &[u8]| {
            let row = KeyspaceRow::read(row, format).map_err(|_| illegible(name))?;
            catalog.keyspaces.put(name.to_owned(), row);
            Ok(())
        };
        let keyspaces = txn.open_table(KEYSPACES)?;
        if let Some(name) = only {
            let row = keyspaces.get(name)?;
            let taken = row.map_or(Ok(()), |row| take(&mut catalog, name, row.value()));
            return Ok(taken.map(|()| catalog));
        }
        for row in keyspaces.iter()? {
            let (name, row) = row?;
            if let Err(error) = take(&mut catalog, name.value(), row.value()) {
                return Ok(Err(error));
            }
        }
        for row in txn.open_table(RETIRED)?.iter()? {
            let (id, bytes) = row?;
            catalog.retired.set(KeyspaceId::on_disk(id.value()), Some(bytes.value()));
        }
        Ok(Ok(catalog))
    })??;
    catalog.ranges = range_removals::pending(txn)?;
    Ok(catalog)
}

/// Reads the cumulative statistics in an existing transaction. Returns `None` if they are missing or cannot
/// be decoded.
pub(crate) fn cumulative_at(txn: &ReadTransaction) -> Result<Option<CumulativeStats>, StoreError> {
    guarded(|| {
        let row = txn.open_table(META)?.get(CUMULATIVE_ROW)?;
        Ok(row.and_then(|row| read_cumulative(row.value())))
    })
}

/// Writes all rows of a catalog except its range removals.
pub(crate) fn write_catalog(txn: &WriteTransaction, catalog: &Catalog) -> Result<(), redb::Error> {
    let mut meta = Guarded::new(txn.open_table(META)?);
    meta.insert(STATE_ROW, catalog.state.to_bytes().as_slice())?;
    meta.insert(CHARGING_ROW, [catalog.charging.code()].as_slice())?;
    write_format(&mut meta, catalog.format, catalog.features)?;
    if let Some(identity) = catalog.identity {
        meta.insert(IDENTITY_ROW, identity.to_bytes().as_slice())?;
    }
    let mut table = Guarded::new(txn.open_table(KEYSPACES)?);
    for (name, row) in catalog.keyspaces.iter() {
        table.insert(name.as_str(), row.to_bytes().as_slice())?;
    }
    let mut table = Guarded::new(txn.open_table(RETIRED)?);
    for (id, bytes) in catalog.retired.iter() {
        table.insert(id.number(), bytes)?;
    }
    Ok(())
}

/// Writes the metadata rows that a draft changes. Writes the rows of all keyspaces if the format changes, or
/// if the charges were computed again by another rule.
pub(super) fn write_draft(txn: &WriteTransaction, draft: &Draft<'_>) -> Result<(), redb::Error> {
    let before = draft.before();
    let mut meta = Guarded::new(txn.open_table(META)?);
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
        let mut table = Guarded::new(txn.open_table(KEYSPACES)?);
        for (name, row) in before.keyspaces.iter().filter(|_| writes_all) {
            table.insert(name.as_str(), row.to_bytes().as_slice())?;
        }
        for (name, row) in draft.changed_rows() {
            table.insert(name.as_str(), row.to_bytes().as_slice())?;
        }
    }
    if is_charged_anew || !draft.retired.changed_rows().is_empty() {
        let mut table = Guarded::new(txn.open_table(RETIRED)?);
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

fn illegible(row: &str) -> StoreError {
    StoreError::damage(format!("the row {row:?} of the metadata is illegible"))
}
