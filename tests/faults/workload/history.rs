//! The changes of each key, and the content that they allow after a restart.

use std::collections::BTreeMap;

use larder::Timestamp;

use super::calls::{WorkloadKey, all_keys};

/// A change of a key.
#[derive(Debug, Clone)]
struct Event {
    /// The version with its expiry, or `None` for a removal.
    put: Option<(u64, Timestamp)>,
    /// Number of disk changes when the call began.
    began: usize,
    /// Number of disk changes when the first call returned that guarantees the durability of this change.
    certain: Option<usize>,
}

/// The changes of each key, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    events: BTreeMap<WorkloadKey, Vec<Event>>,
    /// For each group: the inserted keys with their versions, and the key that the group removed.
    groups: Vec<(BTreeMap<WorkloadKey, u64>, Option<WorkloadKey>)>,
}

impl History {
    pub(super) fn put(&mut self, key: WorkloadKey, version: u64, expires_at: Timestamp, began: usize) {
        self.event(key, Some((version, expires_at)), began);
    }

    pub(super) fn event(&mut self, key: WorkloadKey, put: Option<(u64, Timestamp)>, began: usize) {
        self.events.entry(key).or_default().push(Event { put, began, certain: None });
    }

    /// Records that a call has returned whose return guarantees that the latest change of a key is durable.
    pub(super) fn is_certain(&mut self, key: WorkloadKey, changes: usize) {
        if let Some(last) = self.events.get_mut(&key).and_then(|events| events.last_mut()) {
            last.certain.get_or_insert(changes);
        }
    }

    pub(super) fn all_are_certain(&mut self, changes: usize) {
        for last in self.events.values_mut().filter_map(|events| events.last_mut()) {
            last.certain.get_or_insert(changes);
        }
    }

    /// Returns the last of these keys that had a change when the disk had `changes` changes.
    pub(super) fn last_begun(
        &self,
        keys: std::ops::RangeInclusive<WorkloadKey>,
        changes: usize,
    ) -> Option<WorkloadKey> {
        let has_begun = |events: &[Event]| events.first().is_some_and(|event| event.began <= changes);
        self.events.range(keys).rev().find(|(_, events)| has_begun(events)).map(|(key, _)| *key)
    }

    /// Returns the current version of a key, or `None` if the key was removed or has expired.
    pub(super) fn latest(&self, key: WorkloadKey, now: Timestamp) -> Option<u64> {
        let last = self.events.get(&key)?.last()?;
        last.put.filter(|(_, expires_at)| *expires_at > now).map(|(version, _)| version)
    }

    /// Returns whether a restart may find `found` under the key, if the disk stopped after `changes` changes.
    pub(super) fn allows(
        &self,
        key: WorkloadKey,
        found: Option<u64>,
        changes: usize,
        may_forget: bool,
        now: Timestamp,
    ) -> bool {
        let events = self.events.get(&key).map_or(&[][..], Vec::as_slice);
        let begun = events.iter().take_while(|event| event.began <= changes).count();
        let begun = &events[..begun];
        let certain = begun.iter().rposition(|event| event.certain.is_some_and(|at| at <= changes));
        let live = |event: &Event| event.put.filter(|(_, until)| *until > now).map(|(version, _)| version);
        let may_be_missing = may_forget || certain.is_none();
        (found.is_none() && may_be_missing)
            || begun[certain.unwrap_or(0)..].iter().any(|event| live(event) == found)
    }

    pub(super) fn group(&mut self, group: BTreeMap<WorkloadKey, u64>, removed: Option<WorkloadKey>) {
        self.groups.push((group, removed));
    }

    /// Checks that a restart finds each group completely or not at all. If one key has a value of the group,
    /// each other key has a value that is not older, or was removed later, or has expired, and the key that
    /// the group removed has no older value. With `may_forget`, a key may also be missing.
    ///
    /// # Panics
    /// Panics if only a part of a group is found.
    pub(super) fn check_groups(
        &self,
        found: &BTreeMap<WorkloadKey, Option<u64>>,
        changes: usize,
        may_forget: bool,
        now: Timestamp,
    ) {
        let version_of = |key: &WorkloadKey| found.get(key).copied().flatten();
        for (group, removed) in &self.groups {
            let is_before = |(key, version): &(&WorkloadKey, &u64)| match version_of(key) {
                Some(found) => found < **version,
                None => !may_forget && !self.may_be_gone(**key, **version, changes, now),
            };
            let has_value = group.iter().any(|(key, version)| version_of(key) == Some(*version));
            let before = group.iter().find(is_before).filter(|_| has_value);
            assert!(before.is_none(), "a part of the group {group:?}: {before:?} is not there in {found:?}");
            // A later value has a higher version, even under another key.
            let first = group.values().min().copied().unwrap_or_default();
            let kept = removed.and_then(|removed| version_of(&removed)).filter(|found| *found < first);
            assert!(
                kept.is_none() || !has_value,
                "a part of the group {group:?}: {removed:?} is still there in {found:?}"
            );
        }
    }

    /// Returns whether this version of the key may be missing after `changes` changes, because the key was
    /// removed, or because this value or a newer one has expired.
    fn may_be_gone(&self, key: WorkloadKey, version: u64, changes: usize, now: Timestamp) -> bool {
        let events = self.events.get(&key).map_or(&[][..], Vec::as_slice);
        let is_it = |event: &&Event| event.put.is_none_or(|(other, _)| other != version);
        let later = events.iter().skip_while(is_it).take_while(|event| event.began <= changes);
        later.into_iter().any(|event| event.put.is_none_or(|(_, until)| until <= now))
    }

    /// Returns the changes of a key, for a failure message.
    pub(super) fn of(&self, key: WorkloadKey) -> String {
        format!("{:?}", self.events.get(&key))
    }

    /// For every key, plants a removal that no call has made. The harness must then report a key.
    pub(crate) fn plant_removal(&mut self, changes: usize) {
        for key in all_keys() {
            self.event(key, None, 0);
            self.is_certain(key, changes);
        }
    }
}
