//! The atomic changes of the model test. Each change must return the same result as the model, and change the
//! cache in the same way as the model's map.

use std::time::Duration;

use larder::{Change, InsertOptions, Keyspace, Timestamp, Ttl};

use super::ModelRun;
use super::cache::{ModelKey, ttl_of};
use super::steps::{AtomicStep, ModelTtl};

impl ModelRun {
    fn ttl(&self, ttl: ModelTtl) -> Ttl {
        match ttl {
            ModelTtl::Default => Ttl::Default,
            ModelTtl::For(ms) => Ttl::For(Duration::from_millis(ms)),
            ModelTtl::Until(ms) => Ttl::Until(self.now.after(Duration::from_millis(ms))),
            ModelTtl::Never => Ttl::Never,
            ModelTtl::Keep => Ttl::Keep,
        }
    }

    /// Records a write with this TTL in the model.
    fn write(&mut self, at: usize, key: &ModelKey, value: u64, ttl: ModelTtl) {
        let kept = self.live(at, key).and_then(|_| {
            let key = (at, key.clone());
            self.model.get(&key).map(|(_, expires_at)| self.idle.limit(&key, *expires_at))
        });
        let default = self.now.after(ttl_of(at));
        let expires_at = match self.ttl(ttl) {
            Ttl::For(ttl) => self.now.after(ttl),
            Ttl::Until(until) => until,
            Ttl::Never => Timestamp::NEVER,
            Ttl::Keep => kept.unwrap_or(default),
            _ => default,
        };
        if expires_at <= self.now {
            self.remove(|space, other| (space, other) == (at, key));
        } else {
            self.put_until(at, key.clone(), value, expires_at);
        }
    }

    pub(super) fn atomic(&mut self, at: usize, key: &ModelKey, step: AtomicStep) {
        let (space, old) = (self.spaces[at].clone(), self.live(at, key));
        match step {
            AtomicStep::InsertFor(value, ttl) => {
                space.insert_with(key, value, InsertOptions::new().ttl(self.ttl(ttl))).unwrap();
                self.write(at, key, value, ttl);
            }
            AtomicStep::TouchFor(ttl) => {
                assert_eq!(space.touch_with(key, self.ttl(ttl)).unwrap(), old.is_some());
                if let Some(old) = old {
                    self.write(at, key, old, ttl);
                }
            }
            AtomicStep::Modify(value, ttl) => {
                let chosen = self.ttl(ttl);
                let modified = space.modify(key, |seen, left| {
                    assert_eq!(seen.copied(), old);
                    assert_eq!(seen.is_none(), left == Ttl::Default);
                    Change::insert_for(seen.map_or(value, |seen| seen ^ value), chosen)
                });
                assert_eq!(modified.unwrap().old().copied(), old);
                if old.is_some() || !matches!(chosen, Ttl::Until(until) if until <= self.now) {
                    self.write(at, key, old.map_or(value, |old| old ^ value), ttl);
                }
            }
            AtomicStep::ModifyAway => {
                let modified = space.modify(key, |_, _| Change::Remove).unwrap();
                assert_eq!((modified.old().copied(), modified.is_changed()), (old, old.is_some()));
                if old.is_some() {
                    self.remove(|space, other| (space, other) == (at, key));
                }
            }
            AtomicStep::Increment(by) => {
                self.add(at, key, old.unwrap_or(0).checked_add(by), || space.increment(key, by));
            }
            AtomicStep::Decrement(by) => {
                self.add(at, key, old.unwrap_or(0).checked_sub(by), || space.decrement(key, by));
            }
            other => self.conditional(&space, at, key, other),
        }
    }

    fn add(
        &mut self,
        at: usize,
        key: &ModelKey,
        expected: Option<u64>,
        add: impl FnOnce() -> Result<u64, larder::Error>,
    ) {
        let sum = add();
        assert!(sum.is_ok() || matches!(sum, Err(larder::Error::Overflow { .. })), "{sum:?}");
        assert_eq!(sum.ok(), expected);
        if let Some(sum) = expected {
            self.write(at, key, sum, ModelTtl::Keep);
        }
    }

    fn conditional(&mut self, space: &Keyspace<ModelKey, u64>, at: usize, key: &ModelKey, step: AtomicStep) {
        let old = self.live(at, key);
        match step {
            AtomicStep::InsertIfAbsent(value) => {
                assert_eq!(space.insert_if_absent(key, value).unwrap().as_deref().copied(), old);
                if old.is_none() {
                    self.write(at, key, value, ModelTtl::Default);
                }
            }
            AtomicStep::Replace(value) => {
                assert_eq!(space.replace(key, value).unwrap().as_deref().copied(), old);
                if old.is_some() {
                    self.write(at, key, value, ModelTtl::Default);
                }
            }
            AtomicStep::CompareAndInsert(expected, value) => {
                let compared = space.compare_and_insert(key, &expected, value).unwrap();
                let is_equal = old == Some(expected);
                assert_eq!((compared.old().copied(), compared.is_changed()), (old, is_equal));
                if is_equal {
                    self.write(at, key, value, ModelTtl::Default);
                }
            }
            AtomicStep::Take => {
                assert_eq!(space.take(key).unwrap().as_deref().copied(), old);
                // Without a live entry, the call removes nothing. In particular, it does not remove an entry
                // that may be found again after a crash.
                if old.is_some() {
                    self.remove(|space, other| (space, other) == (at, key));
                }
            }
            AtomicStep::RemoveIfEven => {
                let is_even = |value: &u64| value.is_multiple_of(2);
                let removed = space.remove_if(key, is_even).unwrap();
                assert_eq!(removed.as_deref().copied(), old.filter(is_even));
                if removed.is_some() {
                    self.remove(|space, other| (space, other) == (at, key));
                }
            }
            AtomicStep::Persist => {
                assert_eq!(space.persist(key).unwrap(), old.is_some());
                if let Some(old) = old {
                    self.write(at, key, old, ModelTtl::Never);
                }
            }
            AtomicStep::Expire => {
                assert_eq!(space.expire(key).unwrap(), old.is_some());
                // `expire` is not an invalidation, so a crash may undo it.
                if let Some(old) = old {
                    self.put_until(at, key.clone(), old, self.now);
                }
            }
            other => unreachable!("{other:?} is matched before"),
        }
    }
}
