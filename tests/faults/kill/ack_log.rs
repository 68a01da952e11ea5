//! The acknowledgements of a killed writer, and the content of the file that they allow.
//!
//! Each key belongs to one thread of the writer, and the versions of a thread only increase. So the order of
//! events across threads does not matter. The log keeps three versions per key:
//!
//! - *dead*: an invalidation of all versions up to this one has returned;
//! - *durable*: a call that makes this version durable has returned;
//! - *doubt*: an invalidation of all versions up to this one has begun, and may be committed before its
//!   return is reported.
//!
//! A version that is found must be newer than the dead version, and not older than the durable version. A
//! key may be missing only if it has no durable version, if its durable version is in doubt, or if a group
//! has removed it.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::{Key, Written};

/// Number of threads of the writer.
pub(crate) const THREADS: u64 = 3;
/// Number of keys per thread.
pub(crate) const KEYS: u64 = 6;

/// The values that were found, by key.
pub(crate) type Found = BTreeMap<Key, Written>;

/// The keys for which an absence was found.
pub(crate) type Absent = BTreeSet<Key>;

pub(crate) fn all_keys() -> impl Iterator<Item = Key> {
    (0..THREADS).flat_map(|thread| (0..KEYS).map(move |key| (thread, key)))
}

/// The dead version, the durable version and the version in doubt of one key. Version 0 means none.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    dead: u64,
    durable: u64,
    doubt: u64,
}

/// The acknowledgements for every key of a file, from all processes that wrote it.
#[derive(Debug, Default)]
pub(crate) struct AckLog {
    keys: BTreeMap<Key, Known>,
    /// Threads that have reported the start of a clear, but not its return.
    clearing: Vec<u64>,
    /// The thread and the version of each group that was begun.
    groups: BTreeSet<(u64, u64)>,
    /// The keys that groups have removed, by thread and version. The same group wrote all other keys of the
    /// thread.
    removed_by_groups: BTreeMap<(u64, u64), u64>,
    /// Keys for which the writer may have stored an absence, and which it has not removed since.
    absent: Absent,
    /// Number of reported calls that have returned.
    pub(crate) acknowledged: u64,
}

impl AckLog {
    fn of_thread(&mut self, thread: u64, change: impl Fn(&mut Known)) {
        for key in 0..KEYS {
            change(self.keys.entry((thread, key)).or_default());
        }
    }

    /// Records a line that the writer printed.
    pub(crate) fn hear(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let numbers: Vec<u64> = words[1..].iter().filter_map(|word| word.parse().ok()).collect();
        self.acknowledged += u64::from(words[0] == "did");
        match words[..2.min(words.len())] {
            // `will remove THREAD KEY VERSION`: versions up to this one may be removed.
            ["will", "remove"] => {
                let known = self.keys.entry((numbers[0], numbers[1])).or_default();
                known.doubt = known.doubt.max(numbers[2]);
            }
            // `will absent THREAD KEY`
            ["will", "absent"] => drop(self.absent.insert((numbers[0], numbers[1]))),
            ["did", "remove"] => {
                self.absent.remove(&(numbers[0], numbers[1]));
                let known = self.keys.entry((numbers[0], numbers[1])).or_default();
                known.dead = known.dead.max(numbers[2]);
            }
            ["will", "prefix"] => {
                self.of_thread(numbers[0], |known| known.doubt = known.doubt.max(numbers[1]));
            }
            ["did", "prefix"] => {
                self.absent.retain(|(thread, _)| *thread != numbers[0]);
                self.of_thread(numbers[0], |known| known.dead = known.dead.max(numbers[1]));
            }
            // `will group THREAD VERSION`
            ["will", "group"] => drop(self.groups.insert((numbers[0], numbers[1]))),
            // `will move THREAD KEY VERSION`: the key is removed, and all other keys get this version.
            ["will", "move"] => {
                self.groups.insert((numbers[0], numbers[2]));
                self.removed_by_groups.insert((numbers[0], numbers[2]), numbers[1]);
            }
            ["did", "move"] => {
                let (thread, removed, version) = (numbers[0], numbers[1], numbers[2]);
                self.absent.remove(&(thread, removed));
                for key in 0..KEYS {
                    let known = self.keys.entry((thread, key)).or_default();
                    let promise = if key == removed { &mut known.dead } else { &mut known.durable };
                    *promise = version.max(*promise);
                }
            }
            ["will", "clear"] => self.clearing.push(numbers[0]),
            // `did clear THREAD …`: for each thread, the version that was complete when the clear began. Then
            // for each thread, the last version that was begun when the clear returned.
            ["did", "clear"] => {
                self.clearing.retain(|thread| *thread != numbers[0]);
                let (before, after) = numbers[1..].split_at(usize::try_from(THREADS).unwrap());
                for (thread, (before, after)) in (0..).zip(before.iter().zip(after)) {
                    self.of_thread(thread, |known| {
                        known.dead = known.dead.max(*before);
                        known.doubt = known.doubt.max(*after);
                    });
                }
            }
            // `did flush …`: for each thread, the version that all its keys had when the flush began.
            ["did", "flush"] => {
                for (thread, version) in (0..).zip(&numbers) {
                    self.of_thread(thread, |known| known.durable = known.durable.max(*version));
                }
            }
            // `did now THREAD KEY VERSION`
            ["did", "now"] => {
                let known = self.keys.entry((numbers[0], numbers[1])).or_default();
                known.durable = known.durable.max(numbers[2]);
            }
            _ => {}
        }
    }

    /// Records that the writer was killed. The writer used versions up to `last_version`. A clear that had
    /// not returned may have removed any of these versions.
    pub(crate) fn crashed(&mut self, last_version: u64) {
        if !self.clearing.is_empty() {
            self.clearing.clear();
            for thread in 0..THREADS {
                self.of_thread(thread, |known| known.doubt = last_version);
            }
        }
    }

    /// Checks the content after a crash against the acknowledgements.
    pub(crate) fn check(&self, found: &Found) -> Result<(), String> {
        for (&key, value) in found {
            if !value.is_whole(key) {
                return Err(format!("{key:?} has a value that was never written: {value:?}"));
            }
            let Known { dead, durable, .. } = self.keys.get(&key).copied().unwrap_or_default();
            let version = value.version;
            if version <= dead {
                return Err(format!("{key:?} came back as {version}; it was invalidated at {dead}"));
            }
            if version < durable {
                return Err(format!("{key:?} is {version}, older than {durable}, which was durable"));
            }
        }
        for (key, Known { durable, doubt, .. }) in &self.keys {
            if durable > doubt && !found.contains_key(key) && !self.is_moved(*key, *durable, found) {
                return Err(format!(
                    "{key:?} is lost; {durable} was durable, and invalidated up to {doubt} at most"
                ));
            }
        }
        self.check_groups(found)
    }

    /// Returns whether the key's state is older than the group of this version.
    fn is_before(&self, (thread, key): Key, version: u64, found: &Found) -> bool {
        let is_removed = self.removed_by_groups.get(&(thread, version)) == Some(&key);
        let Known { dead, doubt, .. } = self.keys.get(&(thread, key)).copied().unwrap_or_default();
        let is_gone = is_removed || version <= dead.max(doubt);
        found.get(&(thread, key)).map_or(!is_gone, |value| value.version < version)
    }

    /// Returns whether a group has removed the key's durable value, and every other key has its value of that
    /// group or a later state.
    fn is_moved(&self, (thread, key): Key, durable: u64, found: &Found) -> bool {
        let mut later = self.removed_by_groups.range((thread, durable)..=(thread, u64::MAX));
        later.any(|(&(_, version), removed)| {
            let is_whole = || (0..KEYS).all(|other| !self.is_before((thread, other), version, found));
            *removed == key && is_whole()
        })
    }

    /// Checks the groups. If one key has a value of a group, no other key of that group may have an older
    /// value, or be missing without a removal.
    fn check_groups(&self, found: &Found) -> Result<(), String> {
        for &(thread, version) in &self.groups {
            let version_of = |key| found.get(&(thread, key)).map(|value| value.version);
            let is_before = |key: &u64| self.is_before((thread, *key), version, found);
            let has_value = (0..KEYS).any(|key| version_of(key) == Some(version));
            if let Some(key) = (0..KEYS).find(is_before).filter(|_| has_value) {
                return Err(format!(
                    "a part of group {version} of thread {thread} is there, and key {key} is {:?}",
                    version_of(key)
                ));
            }
        }
        Ok(())
    }

    /// Checks the absences after a crash. An absence that hides a durable value is found by
    /// [`check`](Self::check), because that value is then missing.
    pub(crate) fn check_absent(&self, found: &Absent) -> Result<(), String> {
        match found.iter().find(|key| !self.absent.contains(*key)) {
            Some(key) => Err(format!("{key:?} is absent again; that came back after a removal")),
            None => Ok(()),
        }
    }

    /// Records the absences that were found before a clean close.
    pub(crate) fn settle_absent(&mut self, found: Absent) {
        self.absent = found;
    }

    /// Records the values that were found before a clean close. From here on, these values count as
    /// durable. If no value of a key was found, all its earlier versions count as dead.
    pub(crate) fn settle(&mut self, found: &Found, last_version: u64) {
        for (key, known) in &mut self.keys {
            let durable = found.get(key).map_or(0, |value| value.version);
            let dead = if durable == 0 { last_version } else { known.dead };
            *known = Known { dead, durable, doubt: dead };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_of(lines: &[&str]) -> AckLog {
        let mut log = AckLog::default();
        for line in lines {
            log.hear(line);
        }
        log.crashed(99);
        log
    }

    fn found(key: Key, version: u64) -> Found {
        Found::from([(key, Written::new(key, version))])
    }

    /// Returns every key with the same version. A test that changes a few keys also needs the others.
    fn all(version: u64) -> Found {
        all_keys().map(|key| (key, Written::new(key, version))).collect()
    }

    #[test]
    fn the_check_catches_a_removal_that_was_acknowledged_and_lost() {
        let removed = log_of(&["did now 1 2 7", "will remove 1 2 7", "did remove 1 2 7"]);
        let fault = removed.check(&found((1, 2), 7)).unwrap_err();
        assert!(fault.contains("came back as 7"), "{fault}");
        assert!(removed.check(&found((1, 2), 6)).is_err(), "so is any older version");
        removed.check(&found((1, 2), 8)).unwrap();
        removed.check(&Found::new()).unwrap();
    }

    #[test]
    fn the_check_catches_a_clear_and_a_prefix_that_were_acknowledged_and_lost() {
        let cleared = log_of(&["will clear 0", "did clear 0 4 5 6 5 6 7"]);
        assert!(cleared.check(&found((2, 0), 6)).is_err(), "it was there when the clear began");
        cleared.check(&found((2, 0), 7)).unwrap();
        let removed = log_of(&["will prefix 1 5", "did prefix 1 5"]);
        assert!(removed.check(&found((1, 3), 5)).is_err());
        removed.check(&found((2, 3), 5)).unwrap();
    }

    #[test]
    fn the_check_catches_a_flush_that_was_acknowledged_and_lost() {
        let flushed = log_of(&["did flush 5 5 5"]);
        flushed.check(&all(5)).unwrap();
        let mut one_lost = all(5);
        one_lost.remove(&(2, 3));
        assert!(flushed.check(&one_lost).unwrap_err().contains("(2, 3) is lost"));
        let mut one_old = all(5);
        one_old.insert((2, 3), Written::new((2, 3), 4));
        assert!(flushed.check(&one_old).unwrap_err().contains("older than 5"));
    }

    #[test]
    fn the_check_catches_a_part_of_a_group() {
        let grouped = log_of(&["did flush 4 4 4", "will remove 1 2 5", "will group 1 5"]);
        grouped.check(&all(4)).unwrap();
        let mut whole = all(4);
        (0..KEYS).for_each(|key| drop(whole.insert((1, key), Written::new((1, key), 5))));
        whole.insert((1, 3), Written::new((1, 3), 6));
        grouped.check(&whole).unwrap();
        let mut removed = whole.clone();
        removed.remove(&(1, 2));
        grouped.check(&removed).unwrap();
        let mut older = whole.clone();
        older.insert((1, 4), Written::new((1, 4), 4));
        assert!(grouped.check(&older).unwrap_err().contains("a part of group 5"));
        let grouped = log_of(&["will group 1 5"]);
        let mut missing = whole;
        missing.remove(&(1, 4));
        assert!(grouped.check(&missing).unwrap_err().contains("key 4 is None"));
    }

    #[test]
    fn the_check_catches_a_part_of_a_group_with_a_removal() {
        let begun = log_of(&["did flush 4 4 4", "will move 1 2 5"]);
        begun.check(&all(4)).unwrap();
        let mut whole = all(4);
        (0..KEYS).for_each(|key| drop(whole.insert((1, key), Written::new((1, key), 5))));
        let mut kept = whole.clone();
        kept.insert((1, 2), Written::new((1, 2), 4));
        assert!(begun.check(&kept).unwrap_err().contains("a part of group 5"), "its removal is missing");
        whole.remove(&(1, 2));
        begun.check(&whole).unwrap();
        let mut removed = all(4);
        removed.remove(&(1, 2));
        assert!(begun.check(&removed).unwrap_err().contains("(1, 2) is lost"), "its values are missing");
        let done = log_of(&["did flush 4 4 4", "will move 1 2 5", "did move 1 2 5"]);
        done.check(&whole).unwrap();
        assert!(done.check(&all(4)).is_err(), "it was durable");
    }

    #[test]
    fn the_check_catches_a_torn_value_and_one_under_another_key() {
        let mut torn = found((0, 0), 1_000);
        torn.get_mut(&(0, 0)).unwrap().version = 1_001;
        assert!(AckLog::default().check(&torn).unwrap_err().contains("never written"));
        let misplaced = Found::from([((0, 0), Written::new((0, 1), 5))]);
        assert!(AckLog::default().check(&misplaced).is_err());
    }

    #[test]
    fn the_check_catches_an_absence_that_was_removed_and_came_back() {
        let absent = |lines: &[&str]| log_of(lines).check_absent(&Absent::from([(1, 2)]));
        absent(&["did remove 1 2 7", "will absent 1 2"]).unwrap();
        for removed in ["did remove 1 2 8", "did prefix 1 8"] {
            let fault = absent(&["will absent 1 2", removed]).unwrap_err();
            assert!(fault.contains("came back"), "{fault}");
        }
        assert!(absent(&["will absent 1 3", "did remove 1 4 8"]).is_err());
    }

    #[test]
    fn what_was_begun_and_not_acknowledged_is_allowed_either_way() {
        let removing = log_of(&["did now 1 2 7", "will remove 1 2 7"]);
        removing.check(&found((1, 2), 7)).unwrap();
        removing.check(&Found::new()).unwrap();
        let clearing = log_of(&["did flush 5 5 5", "will clear 1"]);
        clearing.check(&Found::new()).unwrap();
        clearing.check(&all(5)).unwrap();
        assert!(clearing.check(&all(4)).is_err(), "but not what a flush had replaced");
    }

    #[test]
    fn what_one_crash_lost_does_not_come_back_after_another() {
        let mut settled = log_of(&["did flush 5 5 5", "will clear 1"]);
        settled.settle(&Found::new(), 99);
        assert!(settled.check(&found((1, 2), 99)).is_err());
        settled.check(&found((1, 2), 100)).unwrap();
    }
}
