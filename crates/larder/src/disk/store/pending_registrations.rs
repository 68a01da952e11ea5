//! Keyspaces that were opened, and that the file has still to learn of.

use std::collections::{BTreeMap, BTreeSet};

use super::catalog::Catalog;
use super::draft::Draft;
use super::registration::Registration;
use crate::format::keyspace_id::KeyspaceId;
use crate::units::Timestamp;

/// Keyspaces that were opened and are not in the file yet, and their numbers: those that were opened while it
/// was out of service, and those that it has still to learn of.
///
/// A keyspace of a name that the file does not have is numbered without a commit:
///
/// 1. [`PendingRegistrations::number`] gives it the next number that neither the file nor another opening has.
/// 2. Its opening is answered.
/// 3. Whatever commits next enters its row, in the same transaction as its first entry or in an earlier one
///    ([`Draft::merge_pending`]).
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
        catalog.apply(changes);
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

impl Catalog {
    /// Merges keyspaces that were registered while the file was out of service.
    pub(crate) fn merge_pending(&mut self, pending: &PendingRegistrations) {
        let mut draft = Draft::of(self);
        draft.merge_pending(pending);
        let changes = draft.into_changes();
        self.apply(changes);
    }
}

impl Draft<'_> {
    /// Merges keyspaces that were registered while the file was out of service, or that wait for a commit.
    /// Idempotent.
    pub(crate) fn merge_pending(&mut self, pending: &PendingRegistrations) {
        for (wanted, id, registered_at) in pending.keyspaces.values() {
            if self.row(&wanted.name).is_none_or(|row| row.id != *id) {
                self.replace(wanted, *id, *registered_at);
            }
            self.number_beyond(*id);
        }
        for id in &pending.retired {
            if self.name_of(*id).is_none() {
                if !self.retired.contains_key(*id) {
                    self.retired.insert(*id, 0);
                }
                self.number_beyond(*id);
            }
        }
    }
}
