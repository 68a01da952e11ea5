//! The steps of the model test that look up, load, insert or change several keys in one call.

mod transaction;

use larder::Error;

use super::ModelRun;
use super::cache::{ModelKey, ttl_of};
use super::steps::Step;

impl ModelRun {
    pub(super) fn many(&mut self, step: Step) {
        match step {
            Step::InsertMany(at, entries) => {
                match self.spaces[at].insert_many(entries.iter().cloned()) {
                    Ok(()) => {}
                    // In a tight run, the group may be too large for the write buffer.
                    Err(Error::GroupTooLarge { .. }) if self.tight => return,
                    Err(error) => panic!("{error}"),
                }
                for (key, value) in entries {
                    self.put(at, key, value, ttl_of(at));
                }
            }
            Step::GetMany(at, keys) => {
                let found = self.spaces[at].get_many(&keys);
                let expected: Vec<_> = keys.iter().map(|key| self.live(at, key)).collect();
                assert_eq!(found.iter().map(|value| value.as_deref().copied()).collect::<Vec<_>>(), expected);
            }
            Step::LoadMany(at, keys, value) => {
                let load = |missing: &[&ModelKey]| {
                    let known = missing.iter().filter(|key| key.1.is_multiple_of(2));
                    Ok::<_, Error>(known.map(|key| ((*key).clone(), value)).collect::<Vec<_>>())
                };
                let found = self.spaces[at].get_or_load_many(&keys, load).unwrap();
                let is_known = |key: &ModelKey| key.1.is_multiple_of(2);
                let is_loaded = |key: &ModelKey| is_known(key) && !self.is_absent(at, key);
                let expected: Vec<_> = keys
                    .iter()
                    .map(|key| self.answer(at, key).or_else(|| is_loaded(key).then_some(value)))
                    .collect();
                assert_eq!(found.iter().map(|value| value.as_deref().copied()).collect::<Vec<_>>(), expected);
                for key in keys {
                    let is_missing = self.answer(at, &key).is_none() && !self.is_absent(at, &key);
                    if !is_missing || self.is_barred(at, &key) {
                        continue;
                    }
                    if is_known(&key) {
                        self.put(at, key, value, ttl_of(at));
                    } else {
                        self.put_absence(at, key);
                    }
                }
            }
            _ => unreachable!("the steps for one key are matched before"),
        }
    }
}
