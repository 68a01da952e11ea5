//! A thread that owns its keys. It records the value of each key, and the promises of the cache.

use std::sync::atomic::Ordering;

use larder::{Cache, Error};

use super::promises::{Held, KEYS, OwnedKey, OwnedKeyspace, Promises, definition, read};
use super::{Planted, StressTrial};
use crate::support::Random;

pub(super) struct Owner<'a> {
    trial: &'a StressTrial,
    at: usize,
    /// The keyspace of the owner. `None` only while the version changes, because a name can be open in only
    /// one version.
    space: Option<OwnedKeyspace>,
    revision: u32,
    random: Random,
    /// Number of the value that was written last.
    number: u64,
    /// Number of the current value of each key, or zero if the key has no value.
    latest: Vec<u64>,
}

impl<'a> Owner<'a> {
    pub(super) fn new(trial: &'a StressTrial, at: usize, seed: u64) -> Self {
        let space = Some(trial.cache.keyspace(definition(at, 0)).unwrap());
        let random = Random::of_round(seed ^ ((at as u64 + 1) << 48));
        Self { trial, at, space, revision: 0, random, number: 0, latest: (0..KEYS).map(|_| 0).collect() }
    }

    fn space(&self) -> &OwnedKeyspace {
        self.space.as_ref().unwrap()
    }

    fn promises(&self) -> &'a Promises {
        &self.trial.promises[self.at]
    }

    fn key(&self, key: u64) -> OwnedKey {
        (self.at as u64, key)
    }

    /// Makes random calls until the trial is over.
    pub(super) fn work(&mut self) {
        while !self.trial.is_over.load(Ordering::Relaxed) {
            let key = self.random.below(KEYS);
            match self.random.below(80) {
                // The writer's step for these inserts has several parts.
                0..=2 => (0..KEYS).for_each(|key| self.insert(key)),
                3..=50 => self.insert(key),
                51..=57 => self.remove_and_replace(key),
                58..=63 => self.remove(key),
                64 => self.remove_all(),
                65 => drop(self.trial.cache.flush()),
                66..=67 if self.at >= 2 => self.change_version(),
                _ => self.look(key),
            }
            self.trial.calls.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn insert(&mut self, key: u64) {
        self.number += 1;
        let len = usize::try_from(self.random.below(4_000)).unwrap();
        let held = Held::new(self.space(), self.revision, self.key(key), self.number, len);
        self.space().insert(&self.key(key), held).unwrap();
        self.latest[usize::try_from(key).unwrap()] = self.number;
    }

    fn remove(&mut self, key: u64) {
        let removed = self.space().remove(&self.key(key)).map(drop);
        self.are_removed(key..key + 1, removed);
    }

    /// Removes a key, and writes it again while the removal waits for its commit, if possible. Then writes
    /// the key once more, because the removal may have taken effect after the first write.
    fn remove_and_replace(&mut self, key: u64) {
        let (space, full, removes_up_to) = (self.space().clone(), self.key(key), self.number);
        let removed = std::thread::scope(|scope| {
            let removing = scope.spawn(|| space.remove(&full).map(drop));
            while !removing.is_finished() && space.contains_key(&full) {
                std::thread::yield_now();
            }
            self.insert(key);
            removing.join().unwrap()
        });
        self.insert(key);
        if self.is_promised(removed) {
            self.promises().removed[usize::try_from(key).unwrap()].store(removes_up_to, Ordering::SeqCst);
        }
    }

    fn remove_all(&mut self) {
        let removed = self.space().remove_prefix((self.at as u64,)).map(drop);
        self.are_removed(0..KEYS, removed);
    }

    /// Records that keys are gone from memory, even if the call failed. If the call returned `Ok`, also
    /// records their removal as promised.
    fn are_removed(&mut self, keys: std::ops::Range<u64>, answered: Result<(), Error>) {
        let is_promised = self.is_promised(answered);
        for key in keys.map(|key| usize::try_from(key).unwrap()) {
            self.latest[key] = 0;
            if is_promised {
                self.promises().removed[key].store(self.number, Ordering::SeqCst);
            }
        }
    }

    fn is_promised(&self, answered: Result<(), Error>) -> bool {
        match answered {
            Ok(()) => true,
            Err(Error::NotDurable { .. }) => self.trial.planted == Planted::LyingAcknowledgement,
            Err(error) => panic!("{error}"),
        }
    }

    /// Opens the next version of the keyspace, which must be empty.
    fn change_version(&mut self) {
        self.space = None;
        self.revision += 1;
        let opened = if self.trial.planted == Planted::SameVersion { 0 } else { self.revision };
        self.space = Some(self.trial.cache.keyspace(definition(self.at, opened)).unwrap());
        self.promises().revision.store(self.revision, Ordering::SeqCst);
        self.latest.fill(0);
        self.look_at_all();
    }

    /// Checks that a lookup finds the latest value of the key, or misses.
    fn look(&self, key: u64) {
        let found = read(self.space(), self.revision, self.key(key));
        let latest = self.latest[usize::try_from(key).unwrap()];
        assert!(
            found.is_none_or(|number| number == latest),
            "{:?} of {} {} is {found:?}, and was made {latest}",
            self.key(key),
            self.space().name(),
            self.revision
        );
    }

    pub(super) fn look_at_all(&self) {
        for key in 0..KEYS {
            self.look(key);
        }
    }

    /// Checks the content after a crash that happened when everything had been committed. Each key has its
    /// latest value or is missing, and key 0 has its latest value.
    pub(super) fn look_after_crash(&self, crashed: &Cache) {
        let space = crashed.keyspace(definition(self.at, self.revision)).unwrap();
        for (key, latest) in (0..).zip(&self.latest) {
            let found = read(&space, self.revision, self.key(key));
            let is_missed = found.is_none() && key > 0;
            assert!(found == Some(*latest) || is_missed, "{:?} is {found:?}, not {latest}", self.key(key));
        }
    }
}
