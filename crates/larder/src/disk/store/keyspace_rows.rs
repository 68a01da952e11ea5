//! The rows of keyspaces and of retired keyspaces, with their sums and an index by number.
//!
//! Rows change only through the methods of these types, which also update the sums and the index. So a sum,
//! or the keyspace of a key, is found without visiting all rows.

use std::collections::BTreeMap;
use std::ops::Deref;

use super::keyspace_row::KeyspaceRow;
use crate::format::keyspace_id::KeyspaceId;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Keyspaces {
    rows: BTreeMap<String, KeyspaceRow>,
    names: BTreeMap<KeyspaceId, String>,
    usage: Usage,
}

/// Number of entries and charged bytes that a transaction adds to each keyspace. A number is negative if the
/// transaction deletes more than it adds.
pub(crate) type UsageDeltas = BTreeMap<KeyspaceId, (i64, i64)>;

/// Sums over keyspaces. In a damaged file the numbers may have any value, and `i128` can hold the sum of any
/// rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Usage {
    pub(crate) entries: i128,
    pub(crate) bytes: i128,
}

impl Usage {
    fn of(row: &KeyspaceRow) -> Self {
        Self { entries: row.entries.into(), bytes: row.bytes.into() }
    }

    /// Returns how the sums change if the row `new` replaces the row `old`.
    pub(super) fn difference(old: Option<&KeyspaceRow>, new: &KeyspaceRow) -> Self {
        Self::default().plus(Self::of(new)).minus(old.map(Self::of).unwrap_or_default())
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self { entries: self.entries + other.entries, bytes: self.bytes + other.bytes }
    }

    fn minus(self, other: Self) -> Self {
        Self { entries: self.entries - other.entries, bytes: self.bytes - other.bytes }
    }
}

/// Limits a sum to the range of `u64`. Only a damaged file has sums outside this range.
pub(super) fn clamped(sum: i128) -> u64 {
    u64::try_from(sum.max(0)).unwrap_or(u64::MAX)
}

impl Deref for Keyspaces {
    type Target = BTreeMap<String, KeyspaceRow>;

    fn deref(&self) -> &Self::Target {
        &self.rows
    }
}

impl Keyspaces {
    pub(crate) fn name_of(&self, id: KeyspaceId) -> Option<&str> {
        self.names.get(&id).map(String::as_str)
    }

    pub(super) fn usage(&self) -> Usage {
        self.usage
    }

    pub(crate) fn put(&mut self, name: String, row: KeyspaceRow) {
        self.usage = self.usage.plus(Usage::difference(self.rows.get(&name), &row));
        let id = row.id;
        let old = self.rows.insert(name.clone(), row);
        // In a damaged file two names may have the same number.
        if let Some(old) = old.filter(|old| old.id != id)
            && self.name_of(old.id) == Some(name.as_str())
        {
            self.names.remove(&old.id);
        }
        self.names.insert(id, name);
    }

    pub(super) fn empty_all(&mut self) {
        for row in self.rows.values_mut() {
            (row.entries, row.bytes) = (0, 0);
        }
        self.usage = Usage::default();
    }
}

/// The keyspaces that are being deleted, with the bytes that each is still charged for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Retired {
    rows: BTreeMap<KeyspaceId, u64>,
    bytes: i128,
}

impl Deref for Retired {
    type Target = BTreeMap<KeyspaceId, u64>;

    fn deref(&self) -> &Self::Target {
        &self.rows
    }
}

impl Retired {
    pub(crate) fn bytes(&self) -> i128 {
        self.bytes
    }

    /// Sets the charged bytes of a retired keyspace. If `bytes` is `None`, removes the row of the keyspace.
    pub(crate) fn set(&mut self, id: KeyspaceId, bytes: Option<u64>) {
        let old = match bytes {
            Some(bytes) => self.rows.insert(id, bytes),
            None => self.rows.remove(&id),
        };
        self.bytes += i128::from(bytes.unwrap_or(0)) - i128::from(old.unwrap_or(0));
    }
}
