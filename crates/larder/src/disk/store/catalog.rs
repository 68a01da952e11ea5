//! What a file knows of its keyspaces, and how it learns of those that were opened while it was out of
//! service.

use std::collections::{BTreeMap, BTreeSet};

use super::charging::Charging;
use super::draft::Draft;
use super::file_format::{FEATURES, FORMAT};
use super::identity::{FileIdentity, Identities};
use super::keyspace_row::KeyspaceRow;
use super::keyspace_rows::{Keyspaces, Retired, clamped};
use super::tables::CommitState;
use crate::format::keyspace_id::KeyspaceId;
use crate::memory::slot::Range;
use crate::units::Timestamp;

/// What the metadata tables say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Catalog {
    /// The version of the file's format.
    pub(crate) format: u32,
    /// What its readers must know, a bit each.
    pub(crate) features: u64,
    /// Which file it is; a file of format 1 has none yet.
    pub(crate) identity: Option<FileIdentity>,
    pub(crate) state: CommitState,
    pub(crate) keyspaces: Keyspaces,
    /// Keyspaces to be deleted, with the bytes they are still charged for.
    pub(crate) retired: Retired,
    /// Range removals that are still to be made: what they cover is not to be believed.
    pub(crate) ranges: Vec<Range>,
    /// The rule by which the charges above are counted.
    pub(crate) charging: Charging,
    /// The rule that the file names: another than `charging` from an opening that counted anew to its first
    /// commit, which writes every row that charges.
    pub(crate) charging_on_file: Charging,
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

impl Catalog {
    /// What a file without entries says.
    pub(crate) fn fresh(clock_watermark: Timestamp, identities: Identities) -> Self {
        let state = CommitState { clock_watermark, next_keyspace: 1, closed_cleanly: true, sequence: 0 };
        let features = FEATURES;
        Self {
            format: FORMAT,
            features,
            identity: Some(identities.make(clock_watermark, None)),
            state,
            ..Self::default()
        }
    }

    /// The same keyspaces without their entries, for a file that takes this one's place: handles go on with
    /// their numbers. It is another file, of another identity.
    pub(crate) fn emptied(&self, clock_watermark: Timestamp, sequence: u64, identities: Identities) -> Self {
        let identity = Some(identities.make(clock_watermark, self.identity));
        let nothing = Self { state: self.state, identity, ..Self::fresh(clock_watermark, identities) };
        let charging = self.charging;
        let keyspaces = self.keyspaces.clone();
        let mut catalog = Self { keyspaces, charging, charging_on_file: charging, ..nothing };
        catalog.keyspaces.empty_all();
        catalog.state.clock_watermark = catalog.state.clock_watermark.max(clock_watermark);
        catalog.state.sequence = catalog.state.sequence.max(sequence);
        catalog
    }

    /// Returns the bytes that all entries are charged for, those of retired keyspaces included.
    pub(crate) fn live_bytes(&self) -> u64 {
        clamped(self.keyspaces.usage().bytes + self.retired.bytes())
    }

    /// Returns the number of entries of all keyspaces.
    pub(crate) fn entries(&self) -> u64 {
        clamped(self.keyspaces.usage().entries)
    }

    /// Takes over what was opened while the file was out of service.
    pub(crate) fn adopt(&mut self, adopted: &PendingRegistrations) {
        let mut draft = Draft::of(self);
        draft.adopt(adopted);
        let changes = draft.into_changes();
        self.accept(changes);
    }
}

impl Registration {
    /// Returns whether a keyspace of this row is the one that is being opened, with its entries.
    pub(crate) fn is_served_by(&self, row: &KeyspaceRow) -> bool {
        let is_same_value =
            row.fingerprint == self.fingerprint || row.fingerprint == 0 || self.fingerprint == 0;
        row.version == self.version && row.shape == self.shape && row.format == self.format && is_same_value
    }
}

/// Keyspaces that were opened and are not in the file yet, and their numbers: those that were opened while it
/// was out of service, and those that it has still to learn of.
///
/// A keyspace of a name that the file does not have is numbered without a commit:
///
/// 1. [`PendingRegistrations::number`] gives it the next number that neither the file nor another opening has.
/// 2. Its opening is answered.
/// 3. Whatever commits next enters its row, in the same transaction as its first entry or in an earlier one
///    ([`Draft::adopt`]).
///
/// So no entry stands in a file under a number without a row, which the next owner would give to another
/// keyspace. A crash before (3) forgets a keyspace without entries. A keyspace that takes another's place
/// (of another version or shape) is entered before its opening is answered: a removal of what it does not
/// find commits nothing, and an owner of the version before must not find it either.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PendingRegistrations {
    /// By name, the latest, and when it was registered: an earlier version's number is retired.
    pub(crate) keyspaces: BTreeMap<String, (Registration, KeyspaceId, Timestamp)>,
    pub(crate) retired: BTreeSet<KeyspaceId>,
    /// Above every number of these.
    next: u32,
    /// Whether one of them was opened during an outage: the file learns of it as soon as it is in service.
    is_urgent: bool,
}

impl PendingRegistrations {
    /// Numbers a keyspace that needs no commit before its opening is answered. Returns its number, and
    /// whether the file has still to learn of it; none if it needs one.
    pub(crate) fn number(&mut self, catalog: &Catalog, wanted: &Registration) -> Option<(KeyspaceId, bool)> {
        if let Some((pending, id, _)) = self.keyspaces.get(&wanted.name) {
            return (pending == wanted).then_some((*id, true));
        }
        if let Some(row) = catalog.keyspaces.get(&wanted.name) {
            let is_whole = row.schema.is_some() || wanted.schema.is_none();
            return (wanted.is_served_by(row) && is_whole).then_some((row.id, false));
        }
        let id = KeyspaceId::on_disk(self.next.max(catalog.state.next_keyspace));
        // It takes no other's place, so nobody will ask when that was.
        self.note(wanted, id, catalog.state.clock_watermark);
        Some((id, true))
    }

    /// Notes a keyspace that `catalog`, which has these taken over already, numbers.
    pub(crate) fn register(
        &mut self,
        catalog: &mut Catalog,
        wanted: &Registration,
        now: Timestamp,
    ) -> KeyspaceId {
        let mut draft = Draft::of(catalog);
        let (id, retired) = draft.register(wanted, now);
        let changes = draft.into_changes();
        catalog.accept(changes);
        self.retired.extend(retired);
        self.is_urgent = true;
        self.note(wanted, id, now);
        id
    }

    /// Returns whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.keyspaces.is_empty()
    }

    /// Returns whether they may wait for a commit that is made for something else, or for the flush interval.
    pub(crate) fn may_wait(&self) -> bool {
        !self.is_urgent
    }

    fn note(&mut self, wanted: &Registration, id: KeyspaceId, now: Timestamp) {
        self.keyspaces.insert(wanted.name.clone(), (wanted.clone(), id, now));
        self.next = self.next.max(id.number() + 1);
    }
}
