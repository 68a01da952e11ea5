//! What a transaction makes of what is known of a file.
//!
//! A draft holds only the rows that differ, so a transaction costs what it changes, however many keyspaces
//! the file has. It borrows what is known, which therefore can't change before the transaction has succeeded:
//!
//! 1. [`Draft::of`] borrows what is known.
//! 2. The transaction notes its changes in the draft, and writes them ([`super::metadata::write_draft`]).
//! 3. The transaction commits. After an error or a panic the draft is dropped, and what is known is as it
//!    was.
//! 4. [`Draft::into_changes`] ends the borrow, and [`Catalog::apply`] takes the changes over.

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

/// What is known, with the changes of a transaction that has not succeeded yet.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    catalog: &'a Catalog,
    pub(crate) format: u32,
    pub(crate) features: u64,
    pub(crate) identity: Option<FileIdentity>,
    pub(crate) state: CommitState,
    pub(crate) retired: RetiredDraft<'a>,
    /// The range removals that are to be pending: a few.
    pub(crate) ranges: Vec<RangeTombstone>,
    rows: BTreeMap<String, KeyspaceRow>,
    /// The names of the keyspaces in `rows`, by their numbers.
    names: BTreeMap<KeyspaceId, String>,
    /// By how much the sums of the rows differ.
    usage: Usage,
}

/// What a transaction has changed, once it has succeeded.
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
    /// The bytes of those that differ; none of those that are deleted.
    changed: BTreeMap<KeyspaceId, Option<u64>>,
}

impl<'a> Draft<'a> {
    /// Begins without a change.
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

    /// Returns what is known before the transaction.
    pub(crate) fn before(&self) -> &'a Catalog {
        self.catalog
    }

    /// Returns the rows that differ, by name.
    pub(crate) fn changed_rows(&self) -> &BTreeMap<String, KeyspaceRow> {
        &self.rows
    }

    /// Returns the rule by which entries are charged.
    pub(crate) fn charging(&self) -> Charging {
        self.catalog.charging
    }

    /// Returns whether nothing differs.
    pub(crate) fn is_unchanged(&self) -> bool {
        self.rows.is_empty()
            && self.retired.changed.is_empty()
            && self.state == self.catalog.state
            && self.ranges == self.catalog.ranges
            && (self.format, self.identity) == (self.catalog.format, self.catalog.identity)
    }

    /// Ends the draft of a transaction that has succeeded.
    pub(crate) fn into_changes(self) -> DraftChanges {
        let Self { format, features, identity, state, rows, retired, ranges, .. } = self;
        DraftChanges { format, features, identity, state, rows, retired: retired.changed, ranges }
    }

    /// Returns the row of a name.
    pub(crate) fn row(&self, name: &str) -> Option<&KeyspaceRow> {
        self.rows.get(name).or_else(|| self.catalog.keyspaces.get(name))
    }

    /// Returns the name of the keyspace that has a number.
    pub(super) fn name_of(&self, id: KeyspaceId) -> Option<&str> {
        let name = self.names.get(&id).map(String::as_str).or_else(|| self.catalog.keyspaces.name_of(id))?;
        // The transaction may have given the name another number.
        self.row(name).filter(|row| row.id == id).map(|_| name)
    }

    fn put(&mut self, name: &str, row: KeyspaceRow) {
        self.usage = self.usage.plus(Usage::difference(self.row(name), &row));
        self.names.insert(row.id, name.to_owned());
        self.rows.insert(name.to_owned(), row);
    }

    /// Returns the bytes that all entries are charged for, those of retired keyspaces included.
    pub(crate) fn live_bytes(&self) -> u64 {
        clamped(self.catalog.keyspaces.usage().plus(self.usage).bytes + self.retired.bytes())
    }

    /// Counts the entries that the transaction has written and deleted.
    pub(crate) fn apply(&mut self, deltas: &UsageDeltas) {
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

    /// Brings a file of an older format, or without features of this version, to this one.
    pub(crate) fn upgrade(&mut self, now: Timestamp, identities: Identities) {
        self.features |= FEATURES;
        if self.format < FORMAT {
            self.format = FORMAT;
            self.identity.get_or_insert_with(|| identities.make(now, None));
        }
    }

    pub(super) fn number_beyond(&mut self, id: KeyspaceId) {
        self.state.next_keyspace = self.state.next_keyspace.max(id.number() + 1);
    }

    /// Finds or makes the row of a keyspace. A new version, keys or values of another shape, or values in
    /// another format begin empty: the old entries are retired under their old number.
    ///
    /// The schema of a keyspace is that of the definition that made it, so that tools spell its keys as those
    /// were spelled that are in it. One without a schema (made by hand, or before files kept schemas) takes
    /// that of the first definition that names one. A definition of another schema changes nothing while it
    /// finds the keyspace as it wants it: the entries are shared, and stay as they are. When it finds another
    /// version or shape it makes the keyspace anew, and then the schema is its own.
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

    /// Gives a keyspace an empty row under a new number. The old number, if there was one, is retired.
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
    /// Returns whether a keyspace is retired.
    pub(crate) fn contains_key(&self, id: KeyspaceId) -> bool {
        self.get(id).is_some()
    }

    fn get(&self, id: KeyspaceId) -> Option<u64> {
        match self.changed.get(&id) {
            Some(changed) => *changed,
            None => self.catalog.get(&id).copied(),
        }
    }

    /// Returns the retired keyspaces. Those that the transaction itself retires come last.
    pub(crate) fn ids(&self) -> impl Iterator<Item = KeyspaceId> + '_ {
        let new = self.changed.iter().filter(|(id, bytes)| bytes.is_some() && !self.catalog.contains_key(id));
        let kept = self.catalog.keys().filter(|id| self.contains_key(**id));
        kept.chain(new.map(|(id, _)| id)).copied()
    }

    pub(super) fn insert(&mut self, id: KeyspaceId, bytes: u64) {
        self.changed.insert(id, Some(bytes));
    }

    /// Removes a keyspace whose entries are deleted.
    pub(crate) fn remove(&mut self, id: KeyspaceId) {
        self.changed.insert(id, None);
    }

    /// Returns the rows that differ.
    pub(crate) fn changed_rows(&self) -> &BTreeMap<KeyspaceId, Option<u64>> {
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
    /// Takes over what a transaction has changed that has succeeded. Returns the names of the rows that
    /// differ.
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
