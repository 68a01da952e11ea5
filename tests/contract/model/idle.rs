//! The keyspace with a time to idle, in the model test. The expiry of an entry may be between 1 and 9/8 of
//! the time to idle after its last use, and no later than its TTL. Before each step on this keyspace, the
//! model learns the expiries from the cache, and checks these bounds. From then on it knows each answer
//! exactly, until the entry is used again. An entry that was found expired stays expired.

use std::collections::BTreeMap;
use std::time::Duration;

use larder::{Remaining, Timestamp};

use super::cache::{IDLE, ModelKey, TIME_TO_IDLE};
use super::steps::Step;
use super::{Entries, ModelRun};

/// The maximum life of an entry after its last use.
const LIFE: Duration = Duration::from_secs(18);

/// The times of an entry.
#[derive(Debug, Clone, Copy)]
struct IdleLife {
    /// The time of the last use or write.
    used_at: Timestamp,
    /// The bounds of the expiry.
    earliest: Timestamp,
    latest: Timestamp,
    /// The end of the TTL.
    ends_at: Timestamp,
}

#[derive(Default)]
pub(super) struct IdleLives {
    present: BTreeMap<ModelKey, IdleLife>,
    /// The times of the entries at the last requested commit.
    committed: BTreeMap<ModelKey, IdleLife>,
}

impl IdleLives {
    /// Notes a write. Returns the latest expiry of the entry.
    pub(super) fn written(&mut self, key: &ModelKey, now: Timestamp, ends_at: Timestamp) -> Timestamp {
        let (earliest, latest) = (now.after(TIME_TO_IDLE).min(ends_at), now.after(LIFE).min(ends_at));
        self.present.insert(key.clone(), IdleLife { used_at: now, earliest, latest, ends_at });
        latest
    }

    /// Returns the end of the TTL of an entry with this expiry.
    pub(super) fn limit(&self, (at, key): &(usize, ModelKey), expires_at: Timestamp) -> Timestamp {
        let life = self.present.get(key).filter(|_| *at == IDLE);
        life.map_or(expires_at, |life| life.ends_at)
    }

    pub(super) fn committed(&mut self) {
        self.committed.clone_from(&self.present);
    }

    pub(super) fn removed(&mut self, matches: impl Fn(&ModelKey) -> bool) {
        self.present.retain(|key, _| !matches(key));
        self.committed.retain(|key, _| !matches(key));
    }

    /// Returns the time until which an entry certainly lives, if it was committed and was not written since
    /// then.
    pub(super) fn earliest_committed(&self, key: &ModelKey) -> Timestamp {
        self.committed.get(key).map_or(Timestamp::ZERO, |life| life.earliest)
    }

    /// Returns whether a crash may leave an entry. It expires at the latest according to its last use, and at
    /// the earliest according to a committed use.
    pub(super) fn may_be_after_crash<'a>(
        &self,
        key: &ModelKey,
        (value, expires_at): (u64, Timestamp),
        mut allowed: impl Iterator<Item = &'a (u64, Timestamp)>,
    ) -> bool {
        let is_used = self.present.get(key).is_some_and(|life| expires_at <= life.used_at.after(LIFE));
        is_used && allowed.any(|(other, ends_at)| value == *other && expires_at <= *ends_at)
    }
}

impl ModelRun {
    /// Learns the expiry of each entry that may be live.
    pub(super) fn learn_idle_expiries(&mut self) {
        for (key, life) in self.idle.present.iter_mut().filter(|(_, life)| life.latest > self.now) {
            let left = self.spaces[IDLE].ttl(key).and_then(Remaining::duration);
            // A lookup may have found the entry expired. Then the entry is never found again.
            let expires_at = left.map_or(self.now, |left| self.now.after(left));
            let is_within = life.earliest <= expires_at && expires_at <= life.latest;
            assert!(
                is_within || (left.is_none() && life.earliest <= self.now),
                "{key:?}: {expires_at:?}, {life:?}"
            );
            (life.earliest, life.latest) = (expires_at, expires_at);
            self.model.get_mut(&(IDLE, key.clone())).expect("it has a life").1 = expires_at;
        }
    }

    /// Notes uses of entries that were live.
    pub(super) fn note_uses(&mut self, used: Vec<(usize, ModelKey)>) {
        for (_, key) in used.into_iter().filter(|(at, _)| *at == IDLE) {
            let life = self.idle.present.get_mut(&key).expect("the entry was live");
            life.used_at = self.now;
            life.earliest = self.now.after(TIME_TO_IDLE).min(life.ends_at).max(life.earliest);
            life.latest = self.now.after(LIFE).min(life.ends_at).max(life.latest);
            self.model.get_mut(&(IDLE, key)).expect("the entry was live").1 = life.latest;
        }
    }

    /// Looks an entry up when this part of its life is over.
    pub(super) fn linger(&mut self, nth: usize, percent: u64) {
        let live: Vec<_> = self.idle.present.iter().filter(|(_, life)| life.latest > self.now).collect();
        if let Some((key, life)) = live.get(nth % live.len().max(1)) {
            let (key, left) = ((*key).clone(), life.latest.since(self.now));
            let ahead = u64::try_from(left.as_millis()).unwrap() * percent / 100;
            self.step(Step::Advance(ahead));
            self.step(Step::Get(IDLE, key));
        }
    }

    /// Checks and notes the entries that a crash has left. Returns the keys of entries that may have several
    /// hard limits.
    pub(super) fn idle_after_crash(&mut self, found: &Entries) -> Vec<ModelKey> {
        let (mut present, mut ambiguous) = (BTreeMap::new(), Vec::new());
        for ((_, key), (value, expires_at)) in found.iter().filter(|((at, _), _)| *at == IDLE) {
            let is_same = |entry: &&(u64, Timestamp)| entry.0 == *value && *expires_at <= entry.1;
            let mut limits: Vec<_> = self.allowed(IDLE, key).filter(is_same).map(|entry| entry.1).collect();
            limits.dedup();
            let is_certain = !self.since.contains_key(&(IDLE, key.clone()));
            let earliest = self.idle.earliest_committed(key);
            assert!(!is_certain || *expires_at >= earliest, "{key:?}: {expires_at:?}, before {earliest:?}");
            if limits.len() > 1 {
                ambiguous.push(key.clone());
            }
            let life = IdleLife {
                used_at: self.now,
                earliest: *expires_at,
                latest: *expires_at,
                ends_at: limits[0],
            };
            present.insert(key.clone(), life);
        }
        self.idle.present = present;
        ambiguous
    }
}
