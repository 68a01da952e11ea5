//! Absences in the model test: keys for which a loader found no value. The model knows each absence
//! exactly. After a crash, the file may or may not contain an acknowledged absence. It contains none whose
//! key has been removed since.

use std::collections::BTreeMap;

use larder::{Error, Found, LookupOutcome, Timestamp};

use super::ModelRun;
use super::cache::{ModelKey, absent_ttl_of, ttl_of};
use super::steps::Step;

#[derive(Default)]
pub(super) struct Absences {
    /// The expiry of each current absence.
    present: BTreeMap<(usize, ModelKey), Timestamp>,
    /// The absences that may exist after a crash: those of the last requested commit, and all later ones.
    possible: BTreeMap<(usize, ModelKey), Vec<Timestamp>>,
}

impl Absences {
    /// Records that a key was written.
    pub(super) fn replaced(&mut self, at: usize, key: &ModelKey) {
        self.present.remove(&(at, key.clone()));
    }

    pub(super) fn removed(&mut self, matches: impl Fn(usize, &ModelKey) -> bool) {
        self.present.retain(|(at, key), _| !matches(*at, key));
        self.possible.retain(|(at, key), _| !matches(*at, key));
    }

    /// Records a commit. The absences of the memory-only keyspace are not committed.
    pub(super) fn committed(&mut self) {
        let on_disk = self.present.iter().filter(|((at, _), _)| *at != 2);
        self.possible = on_disk.map(|(key, expires_at)| (key.clone(), vec![*expires_at])).collect();
    }

    /// Records that the cache was reopened.
    pub(super) fn reopened(&mut self, is_dropped: bool) {
        self.present.retain(|(at, _), _| *at != 2 && !is_dropped);
    }
}

impl ModelRun {
    pub(super) fn is_absent(&self, at: usize, key: &ModelKey) -> bool {
        self.absences.present.get(&(at, key.clone())).is_some_and(|expires_at| *expires_at > self.now)
    }

    /// Records that a loader found no value.
    pub(super) fn put_absence(&mut self, at: usize, key: ModelKey) {
        let Some(ttl) = absent_ttl_of(at) else { return };
        let expires_at = self.now.after(ttl);
        self.absences.possible.entry((at, key.clone())).or_default().push(expires_at);
        self.cooling.remove(&(at, key.clone()));
        // The absence replaces a stale value. After a crash, that value may be found again.
        if self.model.remove(&(at, key.clone())).is_some() {
            self.since.entry((at, key.clone())).or_default();
        }
        self.absences.present.insert((at, key), expires_at);
    }

    pub(super) fn absence(&mut self, step: Step) {
        match step {
            Step::Find(at, key) => {
                let expected = match self.live(at, &key) {
                    Some(value) => Found::Value(value.into()),
                    None if self.is_absent(at, &key) => Found::Absent,
                    None => Found::Unknown,
                };
                assert_eq!(self.spaces[at].find(&key), expected, "{at} {key:?}");
            }
            Step::LoadOptional(at, key, value) => {
                let mut is_asked = false;
                let loaded = self.spaces[at].get_or_load_optional(&key, || {
                    is_asked = true;
                    Ok::<_, Error>(value)
                });
                let (known, is_absent) = (self.answer(at, &key), self.is_absent(at, &key));
                let is_missing = known.is_none() && !is_absent;
                let expected = known.or(value.filter(|_| is_missing));
                assert_eq!((loaded.unwrap().as_deref().copied(), is_asked), (expected, is_missing));
                if is_missing && !self.is_barred(at, &key) {
                    match value {
                        Some(value) => self.put(at, key, value, ttl_of(at)),
                        None => self.put_absence(at, key),
                    }
                }
            }
            _ => unreachable!("the other steps are matched before"),
        }
    }

    /// Finds the absences that remain after a crash.
    pub(super) fn crash_absences(&mut self) {
        let mut found = Absences::default();
        for ((at, key), possible) in &self.absences.possible {
            // `find` comes first, because `lookup` would take a lease for a key without an absence.
            if self.spaces[*at].find(key) != Found::Absent {
                continue;
            }
            let Ok(LookupOutcome::Absent { expires_at }) = self.spaces[*at].lookup(key) else {
                panic!("{key:?} was absent a moment ago")
            };
            assert!(possible.contains(&expires_at), "{key:?}: absent until {expires_at:?} after a crash");
            found.present.insert((*at, key.clone()), expires_at);
        }
        found.committed();
        self.absences = found;
    }
}
