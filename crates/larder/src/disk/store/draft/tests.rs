//! Compares drafts with a model that copies everything, visits every row, and keeps no sums. Also checks
//! the size of a draft, and sums that would overflow.

use crate::disk::store::catalog::Catalog;
use crate::disk::store::identity::Identities;
use crate::disk::store::keyspace_rows::UsageDeltas;
use crate::disk::store::pending_registrations::PendingRegistrations;
use crate::disk::store::registration::Registration;
use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::format::codec::format::Format;

#[derive(Debug, Clone)]
enum Step {
    /// Opens the keyspace with this name, version and schema.
    Register(u8, u32, Option<&'static str>),
    /// Merges pending registrations of this name, one for each of these versions.
    Merge(u8, Vec<u32>),
    /// Adds entries and bytes to the keyspace with this number, which may be current, retired or missing.
    Count(u32, i64, i64),
    /// Removes a retired keyspace, as when its last entries are deleted.
    Swept(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let schema = prop_oneof![Just(None), Just(Some("shop")), Just(Some("other"))];
    prop_oneof![
        (0_u8..6, 0_u32..3, schema).prop_map(|(name, version, schema)| Step::Register(name, version, schema)),
        (0_u8..6, prop::collection::vec(0_u32..3, 1..3))
            .prop_map(|(name, versions)| Step::Merge(name, versions)),
        (1_u32..12, -3_i64..9, -300_i64..900)
            .prop_map(|(id, entries, bytes)| Step::Count(id, entries, bytes)),
        (0_usize..3).prop_map(Step::Swept),
    ]
}

fn wanted(name: u8, version: u32, schema: Option<&str>) -> Registration {
    Registration {
        name: format!("name {name}"),
        version,
        shape: "string".to_owned(),
        format: Format::Bincode.code(),
        fingerprint: 0,
        schema: schema.map(str::to_owned),
    }
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Model {
    rows: BTreeMap<String, KeyspaceRow>,
    retired: BTreeMap<KeyspaceId, u64>,
    next: u32,
}

impl Model {
    fn register(&mut self, wanted: &Registration, now: Timestamp) -> (KeyspaceId, Option<KeyspaceId>) {
        if let Some(row) = self.rows.get_mut(&wanted.name).filter(|row| row.version == wanted.version) {
            row.schema = row.schema.take().or_else(|| wanted.schema.clone());
            return (row.id, None);
        }
        let id = KeyspaceId::on_disk(self.next);
        self.next += 1;
        (id, self.replace(wanted, id, now))
    }

    fn replace(&mut self, wanted: &Registration, id: KeyspaceId, now: Timestamp) -> Option<KeyspaceId> {
        let old = self.rows.remove(&wanted.name);
        let row = KeyspaceRow {
            id,
            version: wanted.version,
            entries: 0,
            bytes: 0,
            shape: wanted.shape.clone(),
            format: wanted.format,
            fingerprint: 0,
            schema: wanted.schema.clone(),
            retired_versions: old.as_ref().map_or_else(Vec::new, |old| old.retired_versions_with_this(now)),
            unknown: Vec::new(),
        };
        self.rows.insert(wanted.name.clone(), row);
        let old = old?;
        self.retired.insert(old.id, old.bytes);
        Some(old.id)
    }

    fn merge_pending(&mut self, pending: &PendingRegistrations) {
        for (wanted, id, at) in pending.keyspaces.values() {
            if self.rows.get(&wanted.name).is_none_or(|row| row.id != *id) {
                self.replace(wanted, *id, *at);
            }
            self.next = self.next.max(id.number() + 1);
        }
        for id in &pending.retired {
            if self.rows.values().all(|row| row.id != *id) {
                self.retired.entry(*id).or_insert(0);
                self.next = self.next.max(id.number() + 1);
            }
        }
    }

    fn count(&mut self, id: KeyspaceId, entries: i64, bytes: i64) {
        for row in self.rows.values_mut().filter(|row| row.id == id) {
            row.entries = row.entries.saturating_add_signed(entries);
            row.bytes = row.bytes.saturating_add_signed(bytes);
        }
        if let Some(left) = self.retired.get_mut(&id) {
            *left = left.saturating_add_signed(bytes);
        }
    }

    fn assert_is(&self, catalog: &Catalog) {
        assert_eq!((&self.rows, &self.retired), (&*catalog.keyspaces, &*catalog.retired));
        assert_eq!(self.next, catalog.state.next_keyspace);
        let bytes: u64 = self.rows.values().map(|row| row.bytes).chain(self.retired.values().copied()).sum();
        assert_eq!(catalog.live_bytes(), bytes);
        assert_eq!(catalog.entries(), self.rows.values().map(|row| row.entries).sum::<u64>());
        let numbers = |id| self.rows.iter().find(|(_, row)| row.id == id).map(|(name, _)| name.as_str());
        for number in 0..self.next + 2 {
            let id = KeyspaceId::on_disk(number);
            assert_eq!(catalog.keyspaces.name_of(id), numbers(id));
        }
    }
}

/// Performs a step in the draft and in the model. Checks that both return the same result, and then have the
/// same retired keyspaces and the same charge.
fn make(step: &Step, draft: &mut Draft<'_>, model: &mut Model, now: Timestamp) {
    match step {
        Step::Register(name, version, schema) => {
            let wanted = wanted(*name, *version, *schema);
            assert_eq!(draft.register(&wanted, now), model.register(&wanted, now));
        }
        Step::Merge(name, versions) => {
            let mut catalog = Catalog::default();
            catalog.state.next_keyspace = draft.state.next_keyspace;
            let mut pending = PendingRegistrations::default();
            for version in versions {
                pending.register(&mut catalog, &wanted(*name, *version, None), now);
            }
            draft.merge_pending(&pending);
            model.merge_pending(&pending);
        }
        Step::Count(number, entries, bytes) => {
            let id = KeyspaceId::on_disk(*number);
            draft.apply(&UsageDeltas::from([(id, (*entries, *bytes))]));
            model.count(id, *entries, *bytes);
        }
        Step::Swept(at) => {
            if let Some(id) = model.retired.keys().nth(*at).copied() {
                draft.retired.remove(id);
                model.retired.remove(&id);
            }
        }
    }
    let ids: BTreeSet<KeyspaceId> = draft.retired.ids().collect();
    assert!(ids.iter().eq(model.retired.keys()) && ids.iter().all(|id| draft.retired.contains_key(*id)));
    let retired: u64 = model.retired.values().sum();
    assert_eq!(draft.live_bytes(), model.rows.values().map(|row| row.bytes).sum::<u64>() + retired);
}

proptest! {
    #[test]
    fn a_draft_changes_what_copying_everything_would(
        // The steps of each transaction, and whether it succeeds.
        transactions in prop::collection::vec((prop::collection::vec(step(), 0..5), any::<bool>()), 1..12),
    ) {
        let mut catalog = Catalog::fresh(Timestamp::ZERO, Identities::default());
        let mut model = Model { next: 1, ..Model::default() };
        for (at, (steps, succeeds)) in transactions.iter().enumerate() {
            let (before, now) = (catalog.clone(), Timestamp::from_millis(at as u64));
            let mut changed = model.clone();
            let mut draft = Draft::of(&catalog);
            for step in steps {
                make(step, &mut draft, &mut changed, now);
            }
            prop_assert!(!draft.is_unchanged() || changed == model, "a change would not be committed");
            if *succeeds {
                let changes = draft.into_changes();
                catalog.apply(changes);
                model = changed;
            } else {
                prop_assert_eq!(&catalog, &before);
            }
            model.assert_is(&catalog);
        }
    }
}

#[test]
fn a_draft_holds_only_what_differs() {
    let mut catalog = Catalog::fresh(Timestamp::ZERO, Identities::default());
    let mut draft = Draft::of(&catalog);
    for name in 0..=99 {
        draft.register(&wanted(name, 0, None), Timestamp::ZERO);
    }
    let changes = draft.into_changes();
    assert_eq!(catalog.apply(changes).len(), 100);
    let mut draft = Draft::of(&catalog);
    let (id, _) = draft.register(&wanted(7, 0, None), Timestamp::ZERO);
    assert!(draft.is_unchanged(), "it was there");
    draft.apply(&UsageDeltas::from([(id, (1, 100))]));
    draft.register(&wanted(8, 1, None), Timestamp::ZERO);
    let rows: Vec<&str> = draft.changed_rows().keys().map(String::as_str).collect();
    assert_eq!((rows, draft.retired.changed_rows().len()), (vec!["name 7", "name 8"], 1));
}

#[test]
fn the_sums_of_a_damaged_file_do_not_overflow() {
    let mut catalog = Catalog::fresh(Timestamp::ZERO, Identities::default());
    let row = |number| KeyspaceRow {
        id: KeyspaceId::on_disk(number),
        version: 0,
        entries: u64::MAX,
        bytes: u64::MAX,
        shape: String::new(),
        format: 0,
        fingerprint: 0,
        schema: None,
        retired_versions: Vec::new(),
        unknown: Vec::new(),
    };
    // Two keyspaces share a number.
    for (name, number) in [("one", 1), ("two", 2), ("three", 2)] {
        catalog.keyspaces.put(name.to_owned(), row(number));
    }
    catalog.retired.set(KeyspaceId::on_disk(3), Some(u64::MAX));
    assert_eq!((catalog.entries(), catalog.live_bytes()), (u64::MAX, u64::MAX));
    let mut draft = Draft::of(&catalog);
    for number in 1..=3 {
        draft.apply(&UsageDeltas::from([(KeyspaceId::on_disk(number), (-1, i64::MIN))]));
    }
    let changes = draft.into_changes();
    catalog.apply(changes);
    for name in ["one", "two", "three"] {
        catalog.keyspaces.put(name.to_owned(), KeyspaceRow { entries: 1, bytes: 2, ..row(4) });
    }
    catalog.retired.set(KeyspaceId::on_disk(3), None);
    assert_eq!((catalog.entries(), catalog.live_bytes()), (3, 6));
}
