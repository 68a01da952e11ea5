//! What a file knows of its keyspaces, and how it learns of those that were opened while it was out of
//! service.

use std::collections::{BTreeMap, BTreeSet};

use super::batch::Deltas;
use super::charging::Charging;
use super::format::FORMAT;
use super::identity::{FileIdentity, Identities};
use super::keyspace_row::KeyspaceRow;
use super::tables::State;
use crate::id::KeyspaceId;
use crate::memory::Range;
use crate::units::Timestamp;

/// What the metadata tables say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Known {
    /// The version of the file's format.
    pub(crate) format: u32,
    /// Which file it is; a file of format 1 has none yet.
    pub(crate) identity: Option<FileIdentity>,
    pub(crate) state: State,
    pub(crate) keyspaces: BTreeMap<String, KeyspaceRow>,
    /// Keyspaces to be deleted, with the bytes they are still charged for.
    pub(crate) retired: BTreeMap<KeyspaceId, u64>,
    /// Range removals that are still to be made: what they cover is not to be believed.
    pub(crate) ranges: Vec<Range>,
    /// The rule by which the charges above are counted.
    pub(super) charging: Charging,
    /// The rule that the file names. Another than `charging` from an opening that counted anew to the first commit.
    pub(super) charging_on_file: Charging,
}

/// A keyspace that is being opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Registration {
    pub(crate) name: String,
    pub(crate) version: u32,
    pub(crate) shape: String,
    /// How values are encoded: see [`super::keyspace_row`].
    pub(crate) format: u8,
    pub(crate) fingerprint: u64,
    /// The schema that declares it.
    pub(crate) schema: Option<String>,
}

impl Known {
    /// What a file without entries says.
    pub(crate) fn fresh(mark: Timestamp, identities: Identities) -> Self {
        let state = State { mark, next_keyspace: 1, closed_cleanly: true, sequence: 0 };
        Self { format: FORMAT, identity: Some(identities.make(mark, None)), state, ..Self::default() }
    }

    /// What a file of an older format, or one that was charged by another rule, is to say once it is of this one:
    /// the first commit makes it so.
    pub(super) fn upgrade(&mut self, now: Timestamp, identities: Identities) {
        self.charging_on_file = self.charging;
        if self.format < FORMAT {
            self.format = FORMAT;
            self.identity.get_or_insert_with(|| identities.make(now, None));
        }
    }

    /// The same keyspaces without their entries, for a file that takes this one's place: handles go on with
    /// their numbers. It is another file, of another identity.
    pub(crate) fn emptied(&self, mark: Timestamp, sequence: u64, identities: Identities) -> Self {
        let identity = Some(identities.make(mark, self.identity));
        let nothing = Self { state: self.state, identity, ..Self::fresh(mark, identities) };
        let charging = self.charging;
        let keyspaces = self.keyspaces.clone();
        let mut known = Self { keyspaces, charging, charging_on_file: charging, ..nothing };
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
        for (wanted, id, registered_at) in adopted.keyspaces.values() {
            if self.keyspaces.get(&wanted.name).is_none_or(|row| row.id != *id) {
                self.replace(wanted, *id, *registered_at);
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
        if let Some(row) = self.keyspaces.get_mut(&wanted.name) {
            let is_same_shape = row.shape == wanted.shape
                && row.format == wanted.format
                && (row.fingerprint == wanted.fingerprint || row.fingerprint == 0 || wanted.fingerprint == 0);
            if row.version == wanted.version && is_same_shape {
                if row.schema.is_none() {
                    row.schema.clone_from(&wanted.schema);
                }
                return (row.id, None);
            }
        }
        let id = KeyspaceId::on_disk(self.state.next_keyspace);
        self.state.next_keyspace += 1;
        (id, self.replace(wanted, id, now))
    }

    /// Gives a keyspace an empty row under a new number. The old number, if there was one, is retired.
    fn replace(&mut self, wanted: &Registration, id: KeyspaceId, now: Timestamp) -> Option<KeyspaceId> {
        let old = self.keyspaces.get(&wanted.name);
        let row = KeyspaceRow {
            id,
            version: wanted.version,
            entries: 0,
            bytes: 0,
            shape: wanted.shape.clone(),
            format: wanted.format,
            fingerprint: wanted.fingerprint,
            schema: wanted.schema.clone(),
            retired_versions: old.map_or_else(Vec::new, |old| old.retired_versions_with_this(now)),
            unknown: Vec::new(),
        };
        let old = self.keyspaces.insert(wanted.name.clone(), row)?;
        self.retired.insert(old.id, old.bytes);
        Some(old.id)
    }
}

/// Keyspaces that were opened while the file was out of service, and their numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Adopted {
    /// By name, the latest, and when it was registered: an earlier version's number is retired.
    keyspaces: BTreeMap<String, (Registration, KeyspaceId, Timestamp)>,
    retired: BTreeSet<KeyspaceId>,
}

impl Adopted {
    /// Notes a keyspace that `known`, which has these taken over already, numbers.
    pub(crate) fn register(
        &mut self,
        known: &mut Known,
        wanted: &Registration,
        now: Timestamp,
    ) -> KeyspaceId {
        let (id, retired) = known.register(wanted, now);
        self.retired.extend(retired);
        self.keyspaces.insert(wanted.name.clone(), (wanted.clone(), id, now));
        id
    }
}
