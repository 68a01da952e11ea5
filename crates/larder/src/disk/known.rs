//! What a file knows of its keyspaces, and how it learns of those that were opened while it was out of service.

use std::collections::{BTreeMap, BTreeSet};

use super::batch::Deltas;
use super::tables::{KeyspaceRow, State};
use crate::id::KeyspaceId;
use crate::units::Timestamp;

/// What the metadata tables say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) state: State,
    pub(crate) keyspaces: BTreeMap<String, KeyspaceRow>,
    /// Keyspaces to be deleted, with the bytes they are still charged for.
    pub(crate) retired: BTreeMap<KeyspaceId, u64>,
}

/// A keyspace that is being opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Registration {
    pub(crate) name: String,
    pub(crate) version: u32,
    pub(crate) shape: String,
    pub(crate) fingerprint: u64,
}

impl Known {
    /// What a file without entries says.
    pub(crate) fn fresh(mark: Timestamp) -> Self {
        let state = State { mark, next_keyspace: 1, closed_cleanly: true, sequence: 0 };
        Self { state, ..Self::default() }
    }

    /// The same keyspaces without their entries, for a file that takes this one's place: handles go on with their numbers.
    pub(crate) fn emptied(&self, mark: Timestamp, sequence: u64) -> Self {
        let mut known = Self { retired: BTreeMap::new(), ..self.clone() };
        for row in known.keyspaces.values_mut() {
            (row.entries, row.bytes) = (0, 0);
        }
        known.state.mark = known.state.mark.max(mark);
        known.state.sequence = known.state.sequence.max(sequence);
        known
    }

    pub(crate) fn live_bytes(&self) -> u64 {
        self.keyspaces.values().map(|row| row.bytes).sum::<u64>() + self.retired.values().sum::<u64>()
    }

    pub(crate) fn entries(&self) -> u64 {
        self.keyspaces.values().map(|row| row.entries).sum()
    }

    pub(super) fn apply(&mut self, deltas: &Deltas) {
        for row in self.keyspaces.values_mut() {
            if let Some(&(entries, bytes)) = deltas.get(&row.id) {
                row.entries = row.entries.saturating_add_signed(entries);
                row.bytes = row.bytes.saturating_add_signed(bytes);
            }
        }
        for (id, left) in &mut self.retired {
            if let Some(&(_, bytes)) = deltas.get(id) {
                *left = left.saturating_add_signed(bytes);
            }
        }
    }

    /// Takes over what was opened while the file was out of service, whatever of it the file knows already.
    pub(crate) fn adopt(&mut self, adopted: &Adopted) {
        for (wanted, id) in adopted.keyspaces.values() {
            if self.keyspaces.get(&wanted.name).is_none_or(|row| row.id != *id) {
                self.replace(wanted, *id);
            }
            self.state.next_keyspace = self.state.next_keyspace.max(id.number() + 1);
        }
        for id in &adopted.retired {
            if self.keyspaces.values().all(|row| row.id != *id) {
                self.retired.entry(*id).or_insert(0);
                self.state.next_keyspace = self.state.next_keyspace.max(id.number() + 1);
            }
        }
    }

    /// Finds or makes the row of a keyspace. A new version, or keys or values of another shape, begin empty: the old entries
    /// are retired under their old number.
    pub(crate) fn register(&mut self, wanted: &Registration) -> (KeyspaceId, Option<KeyspaceId>) {
        if let Some(row) = self.keyspaces.get_mut(&wanted.name) {
            let is_same_shape = row.shape == wanted.shape
                && (row.fingerprint == wanted.fingerprint || row.fingerprint == 0 || wanted.fingerprint == 0);
            if row.version == wanted.version && is_same_shape {
                return (row.id, None);
            }
        }
        let id = KeyspaceId::on_disk(self.state.next_keyspace);
        self.state.next_keyspace += 1;
        (id, self.replace(wanted, id))
    }

    /// Gives a keyspace an empty row under a new number. The old number, if there was one, is retired.
    fn replace(&mut self, wanted: &Registration, id: KeyspaceId) -> Option<KeyspaceId> {
        let row = KeyspaceRow {
            id,
            version: wanted.version,
            entries: 0,
            bytes: 0,
            fingerprint: wanted.fingerprint,
            shape: wanted.shape.clone(),
        };
        let old = self.keyspaces.insert(wanted.name.clone(), row)?;
        self.retired.insert(old.id, old.bytes);
        Some(old.id)
    }
}

/// Keyspaces that were opened while the file was out of service, and their numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Adopted {
    /// By name, the latest: an earlier version's number is retired.
    keyspaces: BTreeMap<String, (Registration, KeyspaceId)>,
    retired: BTreeSet<KeyspaceId>,
}

impl Adopted {
    /// Notes a keyspace that `known`, which has these taken over already, numbers.
    pub(crate) fn register(&mut self, known: &mut Known, wanted: &Registration) -> KeyspaceId {
        let (id, retired) = known.register(wanted);
        self.retired.extend(retired);
        self.keyspaces.insert(wanted.name.clone(), (wanted.clone(), id));
        id
    }
}
