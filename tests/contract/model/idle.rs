//! The model of the keyspace with a time to idle. An entry expires between 1 and 9/8 of that time after its
//! last use, but no later than its TTL. Before each step on this keyspace, the model reads the exact expiries
//! from the cache and checks these bounds. After that, the model predicts each result exactly until the next
//! use. An expired entry stays expired.

use std::collections::BTreeMap;
use std::time::Duration;

use larder::{Remaining, Timestamp};

use super::cache::{IDLE, ModelKey, TIME_TO_IDLE};
use super::steps::Step;
use super::{Entries, ModelRun};

/// Maximum time between the last use of an entry and its expiry.
const LIFE: Duration = Duration::from_secs(18);

/// The times that determine the expiry of an entry.
#[derive(Debug, Clone, Copy)]
struct IdleLife {
    /// Time of the last use or write.
    used_at: Timestamp,
    earliest: Timestamp,
    latest: Timestamp,
    /// End of the TTL.
    ends_at: Timestamp,
}

#[derive(Default)]
pub(super) struct IdleLives {
    present: BTreeMap<ModelKey, IdleLife>,
    /// The times of each entry at the last requested commit.
    committed: BTreeMap<ModelKey, IdleLife>,
}

impl IdleLives {
    /// Records a write. Returns the latest possible expiry of the entry.
    pub(super) fn written(&mut self, key: &ModelKey, now: Timestamp, ends_at: Timestamp) -> Timestamp {
        let (earliest, latest) = (now.after(TIME_TO_IDLE).min(ends_at), now.after(LIFE).min(ends_at));
        self.present.insert(key.clone(), IdleLife { used_at: now, earliest, latest, ends_at });
        latest
    }

    /// Returns the end of the entry's TTL if the keyspace has a time to idle, and `expires_at` otherwise.
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

    /// Returns the earliest expiry of the entry at the last requested commit. Returns zero if the entry was
    /// not committed.
    pub(super) fn earliest_committed(&self, key: &ModelKey) -> Timestamp {
        self.committed.get(key).map_or(Timestamp::ZERO, |life| life.earliest)
    }

    /// Returns whether an entry with this value and this expiry may exist after a crash. Its expiry must not
    /// be later than its last use and its TTL permit.
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
    /// Reads from the cache the expiry of each entry that may be live.
    pub(super) fn learn_idle_expiries(&mut self) {
        for (key, life) in self.idle.present.iter_mut().filter(|(_, life)| life.latest > self.now) {
            let left = self.spaces[IDLE].ttl(key).and_then(Remaining::duration);
            // `ttl` returns nothing for an expired entry, and then the model treats the entry as expired for
            // good.
            let expires_at = left.map_or(self.now, |left| self.now.after(left));
            let is_within = life.earliest <= expires_at && expires_at <= life.latest;
            assert!(
                is_within || (left.is_none() && life.earliest <= self.now),
                "{key:?}: it ends after another use, at {expires_at:?}, {life:?}"
            );
            (life.earliest, life.latest) = (expires_at, expires_at);
            self.model.get_mut(&(IDLE, key.clone())).expect("it has a life").1 = expires_at;
        }
    }

    pub(super) fn note_uses(&mut self, used: Vec<(usize, ModelKey)>) {
        for (_, key) in used.into_iter().filter(|(at, _)| *at == IDLE) {
            let life = self.idle.present.get_mut(&key).expect("the entry was live");
            life.used_at = self.now;
            life.earliest = self.now.after(TIME_TO_IDLE).min(life.ends_at).max(life.earliest);
            life.latest = self.now.after(LIFE).min(life.ends_at).max(life.latest);
            self.model.get_mut(&(IDLE, key)).expect("the entry was live").1 = life.latest;
        }
    }

    /// Looks up an entry after `percent` of its remaining life.
    pub(super) fn linger(&mut self, nth: usize, percent: u64) {
        let live: Vec<_> = self.idle.present.iter().filter(|(_, life)| life.latest > self.now).collect();
        if let Some((key, life)) = live.get(nth % live.len().max(1)) {
            let (key, left) = ((*key).clone(), life.latest.since(self.now));
            let ahead = u64::try_from(left.as_millis()).unwrap() * percent / 100;
            self.step(Step::Advance(ahead));
            self.step(Step::Get(IDLE, key));
        }
    }

    /// Checks and records the entries that remain after a crash. Returns the keys whose entry may have one of
    /// several hard limits.
    pub(super) fn idle_after_crash(&mut self, found: &Entries) -> Vec<ModelKey> {
        let (mut present, mut ambiguous) = (BTreeMap::new(), Vec::new());
        for ((_, key), (value, expires_at)) in found.iter().filter(|((at, _), _)| *at == IDLE) {
            let is_same = |entry: &&(u64, Timestamp)| entry.0 == *value && *expires_at <= entry.1;
            let mut limits: Vec<_> = self.allowed(IDLE, key).filter(is_same).map(|entry| entry.1).collect();
            limits.dedup();
            let is_certain = !self.since.contains_key(&(IDLE, key.clone()));
            let earliest = self.idle.earliest_committed(key);
            assert!(
                !is_certain || *expires_at >= earliest,
                "{key:?}: a committed use is lost: {expires_at:?}, before {earliest:?}"
            );
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
