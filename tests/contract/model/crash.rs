//! Crashes and restarts of the model test.

use larder::Timestamp;
use larder::clock::Clock;

use super::cache::{GRACE, IDLE, ModelKey, STALE, open, ttl_of};
use super::{Entries, ModelRun};
use crate::support::Place;

impl ModelRun {
    /// Crashes the cache: closes it, and continues with a copy of the file from before the close. That copy
    /// equals the file after `kill -9`. Only requested commits and commits of the sweeper happen here, and
    /// both kinds include every entry. Uncommitted entries may be in the copy or not.
    ///
    /// If the wall clock is behind, this function sets it right first. The model does not know the last
    /// watermark that the sweeper committed. The tests of contract 2 cover clocks that are behind the
    /// watermark.
    pub(super) fn crash(&mut self) {
        self.place.clock.set_wall(self.now);
        self.now = self.now.max(self.place.clock.wall());
        self.mark = self.now;
        let crashed = Place::in_memory();
        std::fs::copy(self.place.path(), crashed.path()).unwrap();
        self.updates.clear();
        self.spaces.clear();
        self.cache.close().unwrap();
        std::fs::copy(crashed.path(), self.place.path()).unwrap();
        self.reopen();
        // A key may have its last committed entry, or any entry that the cache has acknowledged since. A key
        // must not have a removed entry.
        let mut found = Entries::new();
        for (at, space) in self.spaces.iter().enumerate() {
            for (key, value) in space {
                let ttl = space.ttl(&key).unwrap().duration();
                let expires_at = ttl.map_or(Timestamp::NEVER, |ttl| self.now.after(ttl));
                found.insert((at, key), (*value, expires_at));
            }
        }
        self.crash_absences();
        self.find_stale(&mut found);
        for (key, entry) in &found {
            let is_allowed = match key {
                (IDLE, key) => self.idle.may_be_after_crash(key, *entry, self.allowed(IDLE, key)),
                (at, key) => self.allowed(*at, key).any(|allowed| allowed == entry),
            };
            assert!(is_allowed, "{key:?}: {} until {:?} after a crash", entry.0, entry.1);
        }
        for (key, (_, expires_at)) in &self.committed {
            // A later entry of the key may have been committed and may have expired.
            let is_certain = self.ends(key, *expires_at) > self.now && !self.since.contains_key(key);
            assert!(!is_certain || found.contains_key(key), "{key:?} was committed and is gone");
        }
        let touched = self.idle_after_crash(&found);
        self.since.clear();
        self.model = found;
        self.commit();
        for key in touched {
            assert!(self.spaces[IDLE].touch(&key).unwrap());
            let value = self.model[&(IDLE, key.clone())].0;
            self.put(IDLE, key, value, ttl_of(IDLE));
        }
    }

    /// Returns the entries that a key may have after a crash, each with the end of its TTL.
    pub(super) fn allowed(&self, at: usize, key: &ModelKey) -> impl Iterator<Item = &(u64, Timestamp)> {
        let key = (at, key.clone());
        self.committed.get(&key).into_iter().chain(self.since.get(&key).into_iter().flatten())
    }

    /// Returns the time until which a committed entry is certainly found by some call.
    fn ends(&self, (at, key): &(usize, ModelKey), expires_at: Timestamp) -> Timestamp {
        match *at {
            STALE => expires_at.after(GRACE),
            IDLE => self.idle.earliest_committed(key),
            _ => expires_at,
        }
    }

    pub(super) fn reopen(&mut self) {
        let (cache, spaces) = open(&self.place, self.tight);
        (self.cache, self.spaces) = (cache, spaces);
        self.cooling.clear();
        let wall = self.place.clock.wall();
        let is_dropped = self.mark.as_millis() > wall.as_millis() + 3_600_000;
        self.absences.reopened(is_dropped);
        if is_dropped {
            self.model.clear();
            self.committed.clear();
            self.idle.removed(|_| true);
            self.now = wall;
        } else {
            self.now = wall.max(self.mark);
        }
        self.mark = self.now;
        self.model.retain(|(at, _), _| *at != 2);
    }
}
