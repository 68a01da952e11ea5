//! A draft: the changes that a transaction makes to the catalog.
//!
//! A draft contains only the rows that the transaction changes. So the cost of a transaction depends on the
//! number of its changes, and not on the number of keyspaces. The draft borrows the catalog, which therefore
//! cannot change before the transaction has succeeded:
//!
//! 1. [`Draft::of`] borrows the catalog.
//! 2. The transaction records its changes in the draft, and writes them to the file
//!    ([`super::metadata::write_draft`]).
//! 3. The transaction commits. After an error or a panic the draft is dropped, and the catalog is unchanged.
//! 4. [`Draft::into_changes`] ends the borrow, and [`Catalog::apply`] applies the changes.

use std::collections::BTreeMap;

use super::catalog::Catalog;
use super::charging::Charging;
use super::file_format::{FEATURES, FORMAT};
use super::identity::{FileIdentity, Identities};
use super::keyspace_row::KeyspaceRow;
use super::keyspace_rows::{Retired, Usage, UsageDeltas, clamped};
use super::registration::Registration;
use super::tables::CommitState;
use crate::format::keyspace_id::KeyspaceId;
use crate::format::range_tombstone::RangeTombstone;
use crate::units::Timestamp;

/// The catalog, with the changes of an uncommitted transaction.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    catalog: &'a Catalog,
    pub(crate) format: u32,
    pub(super) features: u64,
    pub(crate) identity: Option<FileIdentity>,
    pub(crate) state: CommitState,
    pub(crate) retired: RetiredDraft<'a>,
    /// The range removals that will be pending after the transaction. They are few, so all are copied.
    pub(crate) ranges: Vec<RangeTombstone>,
    rows: BTreeMap<String, KeyspaceRow>,
    names: BTreeMap<KeyspaceId, String>,
    /// How much the changed rows change the sums of the catalog.
    usage: Usage,
}

#[derive(Debug)]
pub(crate) struct DraftChanges {
    format: u32,
    features: u64,
    identity: Option<FileIdentity>,
    state: CommitState,
    rows: BTreeMap<String, KeyspaceRow>,
    retired: BTreeMap<KeyspaceId, Option<u64>>,
    ranges: Vec<RangeTombstone>,
}

/// The retired keyspaces, with the changes of a transaction.
#[derive(Debug)]
pub(crate) struct RetiredDraft<'a> {
    catalog: &'a Retired,
    /// The charged bytes of each retired keyspace that the transaction changes, or `None` if the transaction
    /// removes the keyspace.
    changed: BTreeMap<KeyspaceId, Option<u64>>,
}

impl<'a> Draft<'a> {
    pub(crate) fn of(catalog: &'a Catalog) -> Self {
        Self {
            catalog,
            format: catalog.format,
            features: catalog.features,
            identity: catalog.identity,
            state: catalog.state,
            retired: RetiredDraft { catalog: &catalog.retired, changed: BTreeMap::new() },
            ranges: catalog.ranges.clone(),
            rows: BTreeMap::new(),
            names: BTreeMap::new(),
            usage: Usage::default(),
        }
    }

    pub(super) fn before(&self) -> &'a Catalog {
        self.catalog
    }

    pub(super) fn changed_rows(&self) -> &BTreeMap<String, KeyspaceRow> {
        &self.rows
    }

    pub(crate) fn charging(&self) -> Charging {
        self.catalog.charging
    }

    /// Returns whether the draft has no changes. An added feature alone is not a change.
    pub(super) fn is_unchanged(&self) -> bool {
        self.rows.is_empty()
            && self.retired.changed.is_empty()
            && self.state == self.catalog.state
            && self.ranges == self.catalog.ranges
            && (self.format, self.identity) == (self.catalog.format, self.catalog.identity)
    }

    /// Called after the transaction has been committed.
    pub(crate) fn into_changes(self) -> DraftChanges {
        let Self { format, features, identity, state, rows, retired, ranges, .. } = self;
        DraftChanges { format, features, identity, state, rows, retired: retired.changed, ranges }
    }

    pub(super) fn row(&self, name: &str) -> Option<&KeyspaceRow> {
        self.rows.get(name).or_else(|| self.catalog.keyspaces.get(name))
    }

    pub(super) fn name_of(&self, id: KeyspaceId) -> Option<&str> {
        let name = self.names.get(&id).map(String::as_str).or_else(|| self.catalog.keyspaces.name_of(id))?;
        // The transaction may have given a new number to the keyspace.
        self.row(name).filter(|row| row.id == id).map(|_| name)
    }

    fn put(&mut self, name: &str, row: KeyspaceRow) {
        self.usage = self.usage.plus(Usage::difference(self.row(name), &row));
        self.names.insert(row.id, name.to_owned());
        self.rows.insert(name.to_owned(), row);
    }

    /// Returns how many bytes all entries are charged for, including the entries of retired keyspaces.
    pub(super) fn live_bytes(&self) -> u64 {
        clamped(self.catalog.keyspaces.usage().plus(self.usage).bytes + self.retired.bytes())
    }

    /// Adds the numbers and the charges of written entries, and subtracts those of deleted entries.
    pub(super) fn apply(&mut self, deltas: &UsageDeltas) {
        for (&id, &(entries, bytes)) in deltas {
            if let Some(name) = self.name_of(id).map(str::to_owned)
                && let Some(mut row) = self.row(&name).cloned()
            {
                row.entries = row.entries.saturating_add_signed(entries);
                row.bytes = row.bytes.saturating_add_signed(bytes);
                self.put(&name, row);
            }
            if let Some(left) = self.retired.get(id) {
                self.retired.insert(id, left.saturating_add_signed(bytes));
            }
        }
    }

    /// Sets the format and the features of this version. Gives a file of format 1 an identity.
    pub(crate) fn upgrade(&mut self, now: Timestamp, identities: Identities) {
        self.features |= FEATURES;
        if self.format < FORMAT {
            self.format = FORMAT;
            self.identity.get_or_insert_with(|| identities.make(now, None));
        }
    }

    pub(super) fn reserve_number(&mut self, id: KeyspaceId) {
        self.state.next_keyspace = self.state.next_keyspace.max(id.number() + 1);
    }

    /// Finds or creates the row of a keyspace. If the version, the shape of keys or values, or the format of
    /// values differs, the keyspace starts again without entries. The old entries are retired under their
    /// old number. Returns the number of the keyspace, and the old number if it was retired.
    ///
    /// A keyspace keeps the schema of the definition that created it. Tools show its keys in the spelling
    /// of this schema. A keyspace that a tool or an early version of larder created has no schema. It takes
    /// over the first schema that a definition names. If a definition differs only in its schema, the
    /// entries are shared, and the schema stays. If the version or shape differs, the keyspace starts again
    /// with the schema of the new definition.
    pub(crate) fn register(
        &mut self,
        wanted: &Registration,
        now: Timestamp,
    ) -> (KeyspaceId, Option<KeyspaceId>) {
        if let Some(row) = self.row(&wanted.name).filter(|row| wanted.is_served_by(row)) {
            let id = row.id;
            if row.schema.is_none() && wanted.schema.is_some() {
                let row = KeyspaceRow { schema: wanted.schema.clone(), ..row.clone() };
                self.put(&wanted.name, row);
            }
            return (id, None);
        }
        let id = KeyspaceId::on_disk(self.state.next_keyspace);
        self.state.next_keyspace += 1;
        (id, self.replace(wanted, id, now))
    }

    /// Gives a keyspace a row without entries under a new number. If the keyspace already had a row, retires
    /// its old number, and returns that number.
    pub(super) fn replace(
        &mut self,
        wanted: &Registration,
        id: KeyspaceId,
        now: Timestamp,
    ) -> Option<KeyspaceId> {
        let old = self.row(&wanted.name).map(|old| (old.id, old.bytes, old.retired_versions_with_this(now)));
        let (old, retired_versions) = match old {
            Some((old, bytes, versions)) => (Some((old, bytes)), versions),
            None => (None, Vec::new()),
        };
        let row = KeyspaceRow {
            id,
            version: wanted.version,
            entries: 0,
            bytes: 0,
            shape: wanted.shape.clone(),
            format: wanted.format,
            fingerprint: wanted.fingerprint,
            schema: wanted.schema.clone(),
            retired_versions,
            unknown: Vec::new(),
        };
        self.put(&wanted.name, row);
        let (old, bytes) = old?;
        self.retired.insert(old, bytes);
        Some(old)
    }
}

impl RetiredDraft<'_> {
    pub(super) fn contains_key(&self, id: KeyspaceId) -> bool {
        self.get(id).is_some()
    }

    fn get(&self, id: KeyspaceId) -> Option<u64> {
        match self.changed.get(&id) {
            Some(changed) => *changed,
            None => self.catalog.get(&id).copied(),
        }
    }

    /// Returns the retired keyspaces. The keyspaces that this transaction retires come last.
    pub(super) fn ids(&self) -> impl Iterator<Item = KeyspaceId> + '_ {
        let new = self.changed.iter().filter(|(id, bytes)| bytes.is_some() && !self.catalog.contains_key(id));
        let kept = self.catalog.keys().filter(|id| self.contains_key(**id));
        kept.chain(new.map(|(id, _)| id)).copied()
    }

    pub(super) fn insert(&mut self, id: KeyspaceId, bytes: u64) {
        self.changed.insert(id, Some(bytes));
    }

    /// Removes a retired keyspace whose entries are all deleted.
    pub(crate) fn remove(&mut self, id: KeyspaceId) {
        self.changed.insert(id, None);
    }

    pub(super) fn changed_rows(&self) -> &BTreeMap<KeyspaceId, Option<u64>> {
        &self.changed
    }

    fn bytes(&self) -> i128 {
        let difference = |(id, bytes): (&KeyspaceId, &Option<u64>)| {
            i128::from(bytes.unwrap_or(0)) - i128::from(self.catalog.get(id).copied().unwrap_or(0))
        };
        self.catalog.bytes() + self.changed.iter().map(difference).sum::<i128>()
    }
}

impl Catalog {
    /// Applies the changes of a committed transaction. Returns the names of the changed rows.
    pub(crate) fn apply(&mut self, changes: DraftChanges) -> Vec<String> {
        let DraftChanges { format, features, identity, state, rows, retired, ranges } = changes;
        (self.format, self.features, self.identity) = (format, features, identity);
        (self.state, self.ranges) = (state, ranges);
        self.charging_on_file = self.charging;
        for (id, bytes) in retired {
            self.retired.set(id, bytes);
        }
        let names = rows.keys().cloned().collect();
        for (name, row) in rows {
            self.keyspaces.put(name, row);
        }
        names
    }
}

#[cfg(test)]
mod tests;
