//! Turns of transactions, which change several keys.
//!
//! A transaction knows its keys only after its first round. Its steps are:
//!
//! 1. A transaction takes the turns of all keys of its last round, if it has lost too many rounds or another
//!    caller has the turn of one of its keys. It takes them in the order of the keys' bytes, so that no two
//!    transactions wait for each other.
//! 2. Before the transaction publishes a round, it checks that no other caller has the turn of one of its
//!    keys. Otherwise a stream of new transactions would make the holder of a turn lose every round.
//! 3. The transaction keeps its turns for its further rounds, and leaves the queues when it ends.

use super::{MAX_LOST_ROUNDS, Turns};
use crate::format::stored_key::StoredKey;

#[derive(Debug)]
pub(crate) struct GroupRounds<'a> {
    turns: &'a Turns,
    /// The keys of the last lost round, sorted.
    keys: Vec<StoredKey>,
    lost: u32,
    /// The places that the transaction has taken in the queues of its keys, sorted by key.
    places: Vec<(StoredKey, u64)>,
}

impl Turns {
    pub(crate) fn group_rounds(&self) -> GroupRounds<'_> {
        GroupRounds { turns: self, keys: Vec::new(), lost: 0, places: Vec::new() }
    }
}

impl GroupRounds<'_> {
    /// Runs step 1. Begins a round, after waiting for the turns of other callers. If `may_wait` is false,
    /// returns false instead of waiting.
    pub(crate) fn begin(&mut self, may_wait: bool) -> bool {
        let is_late = self.lost >= MAX_LOST_ROUNDS;
        let needs_turns = if is_late {
            // A turn may have timed out, or the last round may have had other keys.
            self.places.is_empty() || !self.keys.iter().all(|key| self.is_own(key))
        } else {
            !self.may_publish(self.keys.iter())
        };
        if needs_turns && !may_wait {
            return false;
        }
        if needs_turns && !self.keys.is_empty() {
            self.leave();
            for key in &self.keys {
                let place = self.turns.wait_for_turn(key);
                self.places.push((key.clone(), place));
            }
            self.lost = 0;
        }
        self.lost += 1;
        true
    }

    /// Runs step 2. Returns whether a round that changes these keys may be published.
    pub(crate) fn may_publish<'k>(&self, mut keys: impl Iterator<Item = &'k StoredKey>) -> bool {
        keys.all(|key| !self.turns.has_queue(key) || self.is_own(key))
    }

    /// Records the keys of a lost round.
    pub(crate) fn lose(&mut self, keys: Vec<StoredKey>) {
        self.keys = keys;
        self.keys.sort_unstable_by(|one, other| one.cmp(other));
    }

    /// Returns whether this caller has a place in the queue of a key.
    fn is_own(&self, key: &StoredKey) -> bool {
        let at = self.places.binary_search_by(|(own, _)| own.cmp(key));
        let Some((_, place)) = at.ok().and_then(|at| self.places.get(at)) else { return false };
        self.turns.queues.lock().has_place(key, *place)
    }

    fn leave(&mut self) {
        let places = std::mem::take(&mut self.places);
        if places.is_empty() || !self.turns.process.is_current() {
            return;
        }
        for (key, place) in places {
            self.turns.remove(&key, place);
        }
    }
}

impl Drop for GroupRounds<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::process::Process;
    use crate::sys::sync::Ordering;

    fn keys(names: [&str; 2]) -> Vec<StoredKey> {
        names.map(|name| name.as_bytes().into()).into()
    }

    fn lose_many(rounds: &mut GroupRounds<'_>, names: [&str; 2]) {
        for _ in 0..=MAX_LOST_ROUNDS {
            assert!(rounds.begin(true));
            rounds.lose(keys(names));
        }
    }

    #[test]
    fn a_transaction_that_lost_eight_rounds_takes_the_turns_of_all_its_keys() {
        let turns = Turns::new(Process::current());
        let mut rounds = turns.group_rounds();
        lose_many(&mut rounds, ["b", "a"]);
        assert!(turns.has_queue(b"a") && turns.has_queue(b"b") && !turns.has_queue(b"c"));
        assert!(rounds.may_publish(keys(["a", "b"]).iter()), "its own turns");
        assert!(rounds.may_publish(keys(["b", "c"]).iter()), "no caller has a turn of the other key");
        let other = turns.group_rounds();
        assert!(!other.may_publish(keys(["b", "c"]).iter()) && other.may_publish(keys(["c", "d"]).iter()));
        drop(rounds);
        assert!(other.may_publish(keys(["b", "c"]).iter()));
        assert_eq!(turns.count.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_caller_that_may_not_wait_is_told_so_and_takes_no_turn() {
        let turns = Turns::new(Process::current());
        let mut holder = turns.group_rounds();
        lose_many(&mut holder, ["a", "b"]);
        let mut other = turns.group_rounds();
        assert!(other.begin(false), "its keys are not known yet");
        other.lose(keys(["b", "c"]));
        assert!(!other.begin(false));
        drop(holder);
        assert!(other.begin(false));
        drop(other);
        assert_eq!(turns.count.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_later_round_with_other_keys_takes_their_turns_too() {
        let turns = Turns::new(Process::current());
        let mut rounds = turns.group_rounds();
        lose_many(&mut rounds, ["a", "b"]);
        assert!(!turns.has_queue(b"c"));
        lose_many(&mut rounds, ["a", "c"]);
        assert!(turns.has_queue(b"a") && turns.has_queue(b"c") && !turns.has_queue(b"b"));
    }
}
