//! The model of the keyspace with a grace. If a load fails within the grace after an entry has expired, it
//! returns the last value of its key. The model predicts each such result exactly. A removed or replaced
//! value is never returned.

use larder::{Load, LoadError, LookupOutcome, Timestamp};

use super::cache::{GRACE, ModelKey, STALE};
use super::steps::{Step, all_model_keys};
use super::{Entries, ModelRun};

impl ModelRun {
    fn stale(&self, at: usize, key: &ModelKey) -> Option<u64> {
        let (value, expires_at) = *self.model.get(&(at, key.clone()))?;
        let is_stale = at == STALE && expires_at <= self.now && expires_at.after(GRACE) > self.now;
        is_stale.then_some(value)
    }

    /// Returns the value that a load must return without running its loader.
    pub(super) fn answer(&self, at: usize, key: &ModelKey) -> Option<u64> {
        let is_cooling = self.cooling.contains(&(at, key.clone()));
        self.live(at, key).or_else(|| self.stale(at, key).filter(|_| is_cooling))
    }

    pub(super) fn failure(&mut self, step: Step) {
        match step {
            Step::FailLoad(at, key) => {
                let (live, stale) = (self.live(at, &key), self.stale(at, &key));
                let is_known = self.answer(at, &key).is_some() || self.is_absent(at, &key);
                let mut seen = None;
                let answer = self.spaces[at].get_or_load_with(&key, |stale| {
                    seen = Some(stale.as_deref().copied());
                    Err::<Load<u64>, _>(())
                });
                assert_eq!(
                    seen,
                    (!is_known).then_some(stale),
                    "{at} {key:?}: the loader sees the stale value"
                );
                match answer {
                    Ok(loaded) => {
                        let answer = (loaded.value.as_deref().copied(), loaded.is_stale);
                        let expected = (live.or(stale), live.is_none() && stale.is_some());
                        assert_eq!(answer, expected, "{at} {key:?}");
                        assert!(expected.0.is_some() || self.is_absent(at, &key), "{at} {key:?}");
                    }
                    Err(LoadError::Loader(_)) => {
                        assert!(!is_known && stale.is_none(), "{at} {key:?}: {stale:?}");
                    }
                    Err(error) => panic!("{error:?}"),
                }
                // The cool-down is stored when a lease ends. During an update, no load has a lease.
                if live.is_none() && stale.is_some() && !self.is_barred(at, &key) {
                    self.cooling.insert((at, key));
                }
            }
            Step::GoStale(nth, ms) => {
                let is_graceful =
                    |entry: &(&(usize, _), &(_, Timestamp))| entry.0.0 == STALE && !entry.1.1.is_never();
                let entries: Vec<_> = self.model.iter().filter(is_graceful).collect();
                if let Some(((at, key), (_, expires_at))) = entries.get(nth % entries.len().max(1)) {
                    let (at, key) = (*at, key.clone());
                    let ahead =
                        expires_at.as_millis().saturating_add(ms).saturating_sub(self.now.as_millis());
                    self.step(Step::Advance(ahead));
                    self.step(Step::FailLoad(at, key));
                }
            }
            _ => unreachable!("the other steps are matched before"),
        }
    }

    /// Finds the stale values that remain after a crash. Afterwards each key with a stale value is in a
    /// cool-down.
    pub(super) fn find_stale(&mut self, found: &mut Entries) {
        for key in all_model_keys() {
            if self.is_absent(STALE, &key) || found.contains_key(&(STALE, key.clone())) {
                continue;
            }
            let Ok(answer) = self.spaces[STALE].get_or_load_with(&key, |_| Err::<Load<u64>, _>(())) else {
                continue;
            };
            assert!(answer.is_stale, "{key:?}: {answer:?}");
            let Ok(LookupOutcome::Hit { value, expires_at, is_stale: true }) =
                self.spaces[STALE].lookup(&key)
            else {
                panic!("{key:?}: a cool-down was begun")
            };
            assert!(expires_at <= self.now && expires_at.after(GRACE) > self.now, "{key:?}: {expires_at:?}");
            self.cooling.insert((STALE, key.clone()));
            found.insert((STALE, key), (*value, expires_at));
        }
    }
}
