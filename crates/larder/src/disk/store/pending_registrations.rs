//! Keyspaces that are open and not yet in the file.

use std::collections::{BTreeMap, BTreeSet};

use super::catalog::Catalog;
use super::draft::Draft;
use super::registration::Registration;
use crate::format::keyspace_id::KeyspaceId;
use crate::units::Timestamp;

/// Keyspaces that are open and not yet in the file, with their numbers. Some were opened while the file was
/// out of service. The other keyspaces wait for a commit.
///
/// A keyspace whose name is not in the file gets its number without a commit:
///
/// 1. [`PendingRegistrations::number`] gives the keyspace the next number that is used neither in the file
///    nor by another pending keyspace.
/// 2. The call that opens the keyspace returns.
/// 3. The next commit adds the row of the keyspace ([`Draft::merge_pending`]), in the same transaction as
///    the first entry or earlier.
///
/// So no file contains an entry under a number without a row. Otherwise the next owner would give the number
/// to a different keyspace. After a crash before (3), only a keyspace without entries is missing.
///
/// If a keyspace replaces a different version or shape while the file is in service, its row is committed
/// before the opening call returns. Otherwise a removal of a missing key in the new keyspace would commit
/// nothing. An owner with the earlier version would then still find the old entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PendingRegistrations {
    /// The latest registration of each name, with its number and its time. The numbers of earlier versions
    /// are in `retired`.
    pub(crate) keyspaces: BTreeMap<String, (Registration, KeyspaceId, Timestamp)>,
    pub(crate) retired: BTreeSet<KeyspaceId>,
    /// A number that is greater than the number of each pending keyspace.
    next: u32,
    /// Whether one of these keyspaces was opened during an outage. Such a keyspace is added as soon as the
    /// file is in service again.
    is_urgent: bool,
}

impl PendingRegistrations {
    /// Assigns a number to a keyspace without a commit, if possible. Returns the number, and whether the
    /// file still lacks the keyspace. Returns `None` if opening the keyspace needs a commit.
    pub(crate) fn number(&mut self, catalog: &Catalog, wanted: &Registration) -> Option<(KeyspaceId, bool)> {
        if let Some((pending, id, _)) = self.keyspaces.get(&wanted.name) {
            return (pending == wanted).then_some((*id, true));
        }
        if let Some(row) = catalog.keyspaces.get(&wanted.name) {
            let is_whole = row.schema.is_some() || wanted.schema.is_none();
            return (wanted.is_served_by(row) && is_whole).then_some((row.id, false));
        }
        let id = KeyspaceId::on_disk(self.next.max(catalog.state.next_keyspace));
        // The keyspace replaces no other keyspace, so the time of its registration is never used.
        self.note(wanted, id, catalog.state.clock_watermark);
        Some((id, true))
    }

    /// Registers a keyspace in a catalog that already contains the pending keyspaces, and adds it to the
    /// pending keyspaces.
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

    pub(crate) fn is_empty(&self) -> bool {
        self.keyspaces.is_empty()
    }

    /// Returns whether the pending keyspaces may wait for the next commit of other changes, or for the flush
    /// interval.
    pub(crate) fn may_wait(&self) -> bool {
        !self.is_urgent
    }

    fn note(&mut self, wanted: &Registration, id: KeyspaceId, now: Timestamp) {
        self.keyspaces.insert(wanted.name.clone(), (wanted.clone(), id, now));
        self.next = self.next.max(id.number() + 1);
    }
}

impl Catalog {
    pub(crate) fn merge_pending(&mut self, pending: &PendingRegistrations) {
        let mut draft = Draft::of(self);
        draft.merge_pending(pending);
        let changes = draft.into_changes();
        self.apply(changes);
    }
}

impl Draft<'_> {
    /// Adds keyspaces that were registered while the file was out of service, or that wait for a commit.
    /// Idempotent.
    pub(super) fn merge_pending(&mut self, pending: &PendingRegistrations) {
        for (wanted, id, registered_at) in pending.keyspaces.values() {
            if self.row(&wanted.name).is_none_or(|row| row.id != *id) {
                self.replace(wanted, *id, *registered_at);
            }
            self.reserve_number(*id);
        }
        for id in &pending.retired {
            if self.name_of(*id).is_none() {
                if !self.retired.contains_key(*id) {
                    self.retired.insert(*id, 0);
                }
                self.reserve_number(*id);
            }
        }
    }
}
