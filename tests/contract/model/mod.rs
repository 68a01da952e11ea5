//! Compares random operations on a cache with a simple model: a map with expiries, and the set of writes that
//! a crash may lose.
//!
//! The model knows the correct answer: a live entry or nothing. A cache may also miss an entry that it was
//! allowed to evict. With large capacities it evicts nothing, so every answer must equal the model's answer.

mod absences;
mod atomic;
mod cache;
mod crash;
mod grace;
mod idle;
mod many;
mod steps;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use larder::clock::Clock;
use larder::{Any, Cache, Durability, InsertOptions, Keyspace, Remaining, Timestamp, Update};
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};

use crate::support::harness::Harness;
use crate::support::{Place, assert_capacity_is_usable, panic_of};
use absences::Absences;
use cache::{IDLE, ModelKey, STALE, TIGHT, TIGHT_WEIGHT, open, ttl_of};
use idle::IdleLives;
use steps::{Step, step};

type Entries = BTreeMap<(usize, ModelKey), (u64, Timestamp)>;

struct ModelRun {
    tight: bool,
    place: Place,
    cache: Cache,
    spaces: Vec<Keyspace<ModelKey, u64>>,
    model: Entries,
    /// The entries that are certainly in the file: the model's entries at the last requested commit.
    committed: Entries,
    /// The writes since the last requested commit, oldest first. The sweeper may have committed any of them.
    since: BTreeMap<(usize, ModelKey), Vec<(u64, Timestamp)>>,
    absences: Absences,
    /// The keys in a cool-down after a failed load, during which a stale value is not loaded again.
    cooling: BTreeSet<(usize, ModelKey)>,
    idle: IdleLives,
    mark: Timestamp,
    now: Timestamp,
    updates: Vec<(usize, ModelKey, Update)>,
}

impl ModelRun {
    fn new(tight: bool) -> Self {
        let place = Place::in_memory();
        let (cache, spaces) = open(&place, tight);
        let now = place.clock.wall();
        Self {
            tight,
            place,
            cache,
            spaces,
            model: Entries::new(),
            committed: Entries::new(),
            since: BTreeMap::new(),
            absences: Absences::default(),
            cooling: BTreeSet::new(),
            idle: IdleLives::default(),
            mark: now,
            now,
            updates: Vec::new(),
        }
    }

    fn live(&self, at: usize, key: &ModelKey) -> Option<u64> {
        self.model
            .get(&(at, key.clone()))
            .filter(|(_, expires_at)| *expires_at > self.now)
            .map(|(value, _)| *value)
    }

    fn put(&mut self, at: usize, key: ModelKey, value: u64, ttl: Duration) {
        self.put_until(at, key, value, self.now.after(ttl));
    }

    fn put_until(&mut self, at: usize, key: ModelKey, value: u64, expires_at: Timestamp) {
        self.since.entry((at, key.clone())).or_default().push((value, expires_at));
        self.absences.replaced(at, &key);
        let first_expiry =
            if at == IDLE { self.idle.written(&key, self.now, expires_at) } else { expires_at };
        self.cooling.remove(&(at, key.clone()));
        self.model.insert((at, key), (value, first_expiry));
    }

    fn is_barred(&self, at: usize, key: &ModelKey) -> bool {
        self.updates.iter().any(|(space, barred, _)| (*space, barred) == (at, key))
    }

    /// Records a commit, which includes all entries except those of the memory-only keyspace.
    fn commit(&mut self) {
        self.committed = self
            .model
            .iter()
            .filter(|((at, _), _)| *at != 2)
            .map(|(key, (value, expires_at))| (key.clone(), (*value, self.idle.limit(key, *expires_at))))
            .collect();
        self.since.clear();
        self.absences.committed();
        self.idle.committed();
        self.mark = self.now;
    }

    /// Removes the matching entries. Returns the number of live entries among them. No later answer may
    /// return a removed entry.
    fn remove(&mut self, matches: impl Fn(usize, &ModelKey) -> bool) -> u64 {
        self.absences.removed(&matches);
        self.idle.removed(|key| matches(IDLE, key));
        self.cooling.retain(|(at, key)| !matches(*at, key));
        self.committed.retain(|(at, key), _| !matches(*at, key));
        self.since.retain(|(at, key), _| !matches(*at, key));
        let live = self
            .model
            .iter()
            .filter(|((at, key), (_, expires_at))| matches(*at, key) && *expires_at > self.now)
            .count();
        self.model.retain(|(at, key), _| !matches(*at, key));
        live as u64
    }

    /// Checks the bounds of contract 7 after a step.
    fn check_bounds(&self) {
        let stats = self.cache.stats();
        if self.tight {
            assert!(stats.memory.weight <= TIGHT, "{stats}");
            // A value that is alone in the buffer may exceed the size of the buffer by the encoding and the
            // overhead of one entry.
            assert!(stats.unsaved_bytes <= TIGHT + larder::ByteSize::bytes(16 + 512), "{stats}");
        }
    }

    fn step(&mut self, step: Step) {
        if step == Step::ClearAll || step.space() == Some(IDLE) {
            self.learn_idle_expiries();
        }
        let used: Vec<_> =
            step.uses().into_iter().filter(|(at, key)| self.live(*at, key).is_some()).collect();
        self.apply(step);
        self.note_uses(used);
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Insert(at, key, value) => {
                self.spaces[at].insert(&key, value).unwrap();
                self.put(at, key, value, ttl_of(at));
            }
            Step::InsertFor(at, key, value, ttl) => {
                let ttl = Duration::from_millis(ttl);
                self.spaces[at].insert_with(&key, value, InsertOptions::new().ttl(ttl)).unwrap();
                self.put(at, key, value, ttl);
            }
            Step::InsertNow(at, key, value) => {
                let options = InsertOptions::new().durability(Durability::Immediate);
                self.spaces[at].insert_with(&key, value, options).unwrap();
                self.put(at, key, value, ttl_of(at));
                if at != 2 {
                    self.commit();
                }
            }
            Step::Get(at, key) => {
                let expires_at = self.model.get(&(at, key.clone())).map(|entry| entry.1);
                let expected = self.live(at, &key);
                assert_eq!(
                    self.spaces[at].ttl(&key),
                    expected.and(expires_at).map(|expires_at| left(expires_at, self.now))
                );
                assert_eq!(self.spaces[at].get(&key).map(|value| *value), expected, "{at} {key:?}");
            }
            Step::Load(at, key, value) => {
                let loaded = *self.spaces[at].get_or_load(&key, || Ok::<_, larder::Error>(value)).unwrap();
                let expected = self.answer(at, &key);
                assert_eq!(loaded, expected.unwrap_or(value), "{at} {key:?}");
                if expected.is_none() && !self.is_barred(at, &key) {
                    self.put(at, key, value, ttl_of(at));
                }
            }
            Step::LoadBeside(at, key, value) => {
                let space = self.spaces[at].clone();
                let load = || space.insert(&key, value).map(|()| !value);
                let loaded = *space.get_or_load(&key, load).unwrap();
                let expected = self.answer(at, &key);
                assert_eq!(loaded, expected.unwrap_or(!value), "{at} {key:?}");
                if expected.is_none() {
                    self.put(at, key, value, ttl_of(at));
                }
            }
            Step::Touch(at, key) => {
                let expected = self.live(at, &key);
                assert_eq!(self.spaces[at].touch(&key).unwrap(), expected.is_some());
                if let Some(value) = expected {
                    self.put(at, key, value, ttl_of(at));
                }
            }
            Step::Atomic(at, key, step) => self.atomic(at, &key, step),
            Step::Transaction(steps) => self.transaction(steps),
            Step::InsertMany(..) | Step::GetMany(..) | Step::LoadMany(..) => self.many(step),
            Step::Find(..) | Step::LoadOptional(..) => self.absence(step),
            Step::FailLoad(..) | Step::GoStale(..) => self.failure(step),
            Step::Linger(nth, percent) => self.linger(nth, percent),
            other => self.invalidate(other),
        }
    }

    fn invalidate(&mut self, step: Step) {
        match step {
            Step::Remove(at, key) => {
                let removed = self.spaces[at].remove(&key).unwrap();
                assert_eq!(
                    u64::from(removed),
                    self.remove(|space, other| (space, other) == (at, &key)),
                    "{at} {key:?}"
                );
            }
            Step::RemoveMany(at, keys) => {
                let removed = self.spaces[at].remove_many(&keys).unwrap();
                assert_eq!(removed, self.remove(|space, key| space == at && keys.contains(key)));
            }
            Step::RemoveMatching(at, number) => {
                let removed = self.spaces[at].remove_matching((Any, &number)).unwrap();
                assert_eq!(removed, self.remove(|space, key| space == at && key.1 == number));
            }
            Step::RemoveTogether(key, prefix) => {
                let mut together = self.cache.invalidation();
                together.remove(&self.spaces[0], &key).unwrap();
                together.remove_prefix(&self.spaces[1], (prefix.as_str(),));
                let removed = together.commit().unwrap();
                let is_one = |space: usize, other: &ModelKey| space == 0 && *other == key;
                assert_eq!(
                    removed,
                    self.remove(|space, other| is_one(space, other) || (space == 1 && other.0 == prefix))
                );
            }
            Step::RemovePrefix(at, prefix) => {
                let removed = self.spaces[at].remove_prefix((prefix.as_str(),)).unwrap();
                assert_eq!(removed, self.remove(|space, key| space == at && key.0 == prefix));
            }
            Step::Clear(at) => {
                let removed = self.spaces[at].clear().unwrap();
                assert_eq!(removed, self.remove(|space, _| space == at));
            }
            Step::ClearAll => assert_eq!(self.cache.clear().unwrap(), self.remove(|_, _| true)),
            other => self.rare(other),
        }
    }

    fn rare(&mut self, step: Step) {
        match step {
            Step::BeginUpdate(at, key) => {
                let update = self.spaces[at].begin_update(&key).unwrap();
                self.remove(|space, other| (space, other) == (at, &key));
                self.updates.push((at, key, update));
            }
            Step::FinishUpdate => drop(self.updates.pop()),
            Step::Advance(ms) => {
                self.place.clock.advance(Duration::from_millis(ms));
                self.now = self.now.after(Duration::from_millis(ms)).max(self.place.clock.wall());
            }
            Step::SetClock(by) => {
                let wall = self.place.clock.wall().as_millis().saturating_add_signed(by);
                self.place.clock.set_wall(Timestamp::from_millis(wall));
                // The lookup makes the cache read the clock before the next jump.
                self.spaces[0].contains_key(&("", 0));
                self.now = self.now.max(self.place.clock.wall());
            }
            Step::Flush => {
                self.cache.flush().unwrap();
                self.commit();
            }
            Step::Sweep => drop(self.cache.sweep().unwrap()),
            Step::SweepBefore(nth, ms) => {
                let is_live = |entry: &(_, Timestamp)| entry.1 > self.now && !entry.1.is_never();
                let live: Vec<_> = self.model.iter().filter(|(_, entry)| is_live(entry)).collect();
                if let Some((key, entry)) = live.get(nth % live.len().max(1)) {
                    let ((at, key), left) = ((*key).clone(), entry.1.since(self.now));
                    let ahead = left.saturating_sub(Duration::from_millis(ms));
                    self.step(Step::Advance(u64::try_from(ahead.as_millis()).unwrap()));
                    self.step(Step::Sweep);
                    self.step(Step::Get(at, key));
                }
            }
            Step::Walk(at) => {
                let live = self
                    .model
                    .iter()
                    .filter(|((space, _), (_, expires_at))| *space == at && *expires_at > self.now);
                let expected: Vec<_> = live.map(|((_, key), (value, _))| (key.clone(), *value)).collect();
                assert_eq!(
                    self.spaces[at].iter().map(|(key, value)| (key, *value)).collect::<Vec<_>>(),
                    expected
                );
                assert_eq!(self.spaces[at].count(), expected.len() as u64);
            }
            Step::Reopen => {
                self.updates.clear();
                self.spaces.clear();
                self.cache.close().unwrap();
                self.commit();
                self.reopen();
            }
            Step::Crash => self.crash(),
            _ => unreachable!("the common steps are matched before"),
        }
    }
}

/// Returns the value that `ttl` must return for an entry with this expiry.
fn left(expires_at: Timestamp, now: Timestamp) -> Remaining {
    if expires_at.is_never() { Remaining::Never } else { expires_at.since(now).into() }
}

/// Each case has its own seed, so one command replays it. If a case fails, proptest shrinks it.
#[test]
fn the_cache_answers_as_the_model_does() {
    let harness = Harness::new("the_cache_answers_as_the_model_does", "LARDER_MODEL_CASES", 256);
    harness.run(|seed| {
        let mut runner = TestRunner::new(ProptestConfig {
            cases: 1,
            rng_seed: RngSeed::Fixed(seed),
            failure_persistence: None,
            ..ProptestConfig::default()
        });
        let history = (any::<bool>(), proptest::collection::vec(step(), 1..60));
        let answered = runner.run(&history, |(tight, steps)| {
            let mut run = ModelRun::new(tight);
            for step in steps.into_iter().filter(|step| !tight || step.space() != Some(2)) {
                run.step(step);
                run.check_bounds();
            }
            if tight {
                run.cache.flush().unwrap();
                assert_capacity_is_usable(&run.cache, TIGHT_WEIGHT);
            }
            Ok(())
        });
        answered.unwrap_or_else(|failed| panic!("seed {seed}: {failed}"));
    });
}

#[test]
fn the_model_catches_an_answer_that_is_not_its_own() {
    let wrong = panic_of(|| {
        let mut run = ModelRun::new(false);
        run.step(Step::Insert(0, ("a".to_owned(), 1), 7));
        // Inserts a value without recording it in the model.
        run.spaces[0].insert(&("a", 1), 8_u64).unwrap();
        run.step(Step::Get(0, ("a".to_owned(), 1)));
    });
    let wrong = wrong.expect("another answer is an error");
    assert!(wrong.contains("left: Some(8)\n right: Some(7)"), "{wrong}");
}

#[test]
fn the_model_catches_a_stale_value_that_is_not_the_last_one() {
    let run_with = |change: fn(&mut ModelRun)| {
        panic_of(|| {
            let mut run = ModelRun::new(false);
            run.step(Step::Insert(STALE, ("a".to_owned(), 1), 7));
            run.step(Step::Flush);
            change(&mut run);
            run.step(Step::GoStale(0, 5));
            run.step(Step::Crash);
        })
    };
    assert_eq!(run_with(|_| ()), None);
    let replaced = run_with(|run| run.spaces[STALE].insert(&("a", 1), 8_u64).unwrap()).expect("replaced");
    assert!(replaced.contains("the loader sees the stale value"), "{replaced}");
    // Records a removal in the model only.
    let removed = run_with(|run| assert_eq!(run.remove(|_, _| true), 1)).expect("removed");
    assert!(removed.contains("after a crash"), "{removed}");
}

#[test]
fn the_model_catches_a_life_that_is_not_that_of_the_last_use() {
    let run_with = |used: fn(&mut ModelRun)| {
        panic_of(|| {
            let mut run = ModelRun::new(false);
            run.step(Step::Insert(IDLE, ("a".to_owned(), 1), 7));
            run.step(Step::Advance(9_000));
            used(&mut run);
            run.step(Step::Linger(0, 50));
            run.step(Step::Crash);
        })
    };
    assert_eq!(run_with(|_| ()), None);
    assert_eq!(run_with(|run| run.step(Step::Get(IDLE, ("a".to_owned(), 1)))), None);
    let unknown = run_with(|run| drop(run.spaces[IDLE].get(&("a", 1)))).expect("the model lacks the use");
    assert!(unknown.contains("it ends after another use"), "{unknown}");
    let lost = run_with(|run| run.note_uses(vec![(IDLE, ("a".to_owned(), 1))])).expect("the use is lost");
    assert!(lost.contains("it ends after another use"), "{lost}");
}
