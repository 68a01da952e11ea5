//! Turns: after a caller has lost too many rounds, the other callers that change the same key atomically wait
//! for it.
//!
//! An atomic change of a key is optimistic: a round is lost if another change comes first. A slow closure
//! that competes with fast closures would lose every round. So a caller that has lost [`MAX_LOST_ROUNDS`]
//! rounds takes a *turn*, and other callers that change the key atomically wait:
//!
//! 1. Before each round, a caller without a turn checks whether the key has a queue. Queues are rare, and if
//!    there are none, the check reads only one number.
//! 2. If the key has a queue, or the caller has lost too many rounds, the caller takes the last place in the
//!    queue. It waits until its place is the first. The caller with the first place has the turn.
//! 3. The caller keeps the turn for its further rounds. It leaves the queue when the change succeeds, fails
//!    or panics. Then the next place has the turn.
//! 4. When a turn has lasted for [`MAX_TURN`], in real time, a waiting caller removes the first place from
//!    the queue, and its holder continues without a turn.
//!
//! A worker task ([`crate::sys::offload::worker_task`]) suspends in (2) and occupies no thread. Otherwise all
//! worker threads could wait for the turn of a task that needs one of them to go on. The caller that ends the
//! turn of the first place wakes the task that has the next place. The task sets an alarm for (4).
//!
//! A caller that began its round before (2) may still publish it. So the holder of the turn loses at most one
//! more round to each of these callers. Inserts and removals do not wait for turns, and may still make the
//! holder lose a round.
//!
//! Because of (4), a wait takes at most `MAX_TURN` for each earlier place. So the wait ends even if the
//! holder's closure itself waits for the waiting caller. For example, two closures may each change the key of
//! the other closure, or a closure may wait for a lock of the application.

use std::collections::{HashMap, VecDeque};
use std::task::Waker;
use std::time::Duration;

use crate::sys::clock::Deadline;
use crate::sys::process::Process;
use crate::sys::sync::{AtomicUsize, Condvar, Mutex, Ordering};

/// The number of rounds that a caller may lose before it takes a turn. It is 1 under the model checker, so
/// that the few threads of a test take turns in most schedules.
pub(crate) const MAX_LOST_ROUNDS: u32 = if cfg!(shuttle) { 1 } else { 8 };
/// The maximum duration of a turn. A closure that only computes needs much less time, and a deadlock between
/// closures ends after this time.
const MAX_TURN: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(crate) struct Turns {
    process: Process,
    /// The number of queues.
    count: AtomicUsize,
    queues: Mutex<Queues>,
    /// Notified when the first place of a queue changes.
    moved: Condvar,
}

#[derive(Debug, Default)]
struct Queues {
    last_place: u64,
    of_keys: HashMap<Box<[u8]>, TurnQueue>,
}

/// The places of the callers that take turns to change a key. There is at least one place.
#[derive(Debug)]
struct TurnQueue {
    places: VecDeque<TurnPlace>,
    /// The deadline of the first place's turn.
    until: Deadline,
}

#[derive(Debug)]
struct TurnPlace {
    number: u64,
    /// The waker of the worker task that waits for its turn. `None` if a thread waits, or no caller.
    waker: Option<Waker>,
}

#[derive(Debug)]
pub(crate) struct Rounds<'a> {
    turns: &'a Turns,
    key: &'a [u8],
    lost: u32,
    /// The place in the queue of the key, if the caller has taken one.
    place: Option<u64>,
}

impl TurnQueue {
    fn has_first(&self, place: u64) -> bool {
        self.places.front().is_some_and(|first| first.number == place)
    }
}

impl Queues {
    /// Removes a place. Returns whether it was the first place of its key, and the waker of the task that has
    /// the next turn.
    fn remove(&mut self, key: &[u8], place: u64) -> (bool, Option<Waker>) {
        let Some(queue) = self.of_keys.get_mut(key) else { return (false, None) };
        let was_first = queue.has_first(place);
        queue.places.retain(|other| other.number != place);
        if !was_first {
            return (false, None);
        }
        queue.until = Deadline::after(MAX_TURN);
        let next = queue.places.front_mut().and_then(|next| next.waker.take());
        if queue.places.is_empty() {
            self.of_keys.remove(key);
        }
        (true, next)
    }

    fn has_place(&self, key: &[u8], place: u64) -> bool {
        self.of_keys.get(key).is_some_and(|queue| queue.places.iter().any(|other| other.number == place))
    }

    /// Puts the waker of a task into its place. Returns the waker of an earlier poll.
    #[cfg(feature = "async")]
    fn set_waker(&mut self, key: &[u8], place: u64, waker: Waker) -> Option<Waker> {
        let places = &mut self.of_keys.get_mut(key)?.places;
        places.iter_mut().find(|other| other.number == place)?.waker.replace(waker)
    }

    /// Returns the first place and the deadline of its turn, if the caller with `place` must wait for it.
    fn turn_before(&self, key: &[u8], place: u64) -> Option<(u64, Deadline)> {
        let queue = self.of_keys.get(key)?;
        let first = queue.places.front()?.number;
        (first != place && self.has_place(key, place)).then_some((first, queue.until))
    }
}

impl Turns {
    pub(crate) fn new(process: Process) -> Self {
        Self { process, count: AtomicUsize::new(0), queues: Mutex::default(), moved: Condvar::new() }
    }

    pub(crate) fn rounds<'a>(&'a self, key: &'a [u8]) -> Rounds<'a> {
        Rounds { turns: self, key, lost: 0, place: None }
    }

    /// Runs step 1. Returns whether callers take turns for a key.
    pub(crate) fn has_queue(&self, key: &[u8]) -> bool {
        // Relaxed, because a caller that reads an old number is like a caller that began its round earlier.
        self.count.load(Ordering::Relaxed) > 0 && self.queues.lock().of_keys.contains_key(key)
    }

    /// Takes the last place in the queue of a key.
    fn take_place(&self, key: &[u8]) -> u64 {
        let mut queues = self.queues.lock();
        queues.last_place += 1;
        let number = queues.last_place;
        let new = || TurnQueue { places: VecDeque::new(), until: Deadline::after(MAX_TURN) };
        let queue = queues.of_keys.entry(key.into()).or_insert_with(new);
        queue.places.push_back(TurnPlace { number, waker: None });
        self.note_count(&queues);
        number
    }

    /// Runs step 2. Waits for a turn, and returns the caller's place. If the thread was paused for long,
    /// the turn may already be over.
    fn wait_for_turn(&self, key: &[u8]) -> u64 {
        let place = self.take_place(key);
        let mut queues = self.queues.lock();
        while let Some((first, until)) = queues.turn_before(key, place) {
            let left = until.left();
            // Step 4.
            if left.is_zero() || self.moved.wait_for(&mut queues, left).timed_out() {
                drop(queues);
                self.end_turn(key, first);
                queues = self.queues.lock();
            }
        }
        place
    }

    /// Runs step 4: removes a place if it is still the first one.
    fn end_turn(&self, key: &[u8], first: u64) {
        if self.queues.lock().of_keys.get(key).is_some_and(|queue| queue.has_first(first)) {
            self.remove(key, first);
        }
    }

    /// Removes a place, and wakes the caller that has the next turn.
    fn remove(&self, key: &[u8], place: u64) {
        let mut queues = self.queues.lock();
        let (was_first, next) = queues.remove(key, place);
        self.note_count(&queues);
        drop(queues);
        if was_first {
            self.moved.notify_all();
        }
        if let Some(waker) = next {
            waker.wake();
        }
    }

    fn note_count(&self, queues: &Queues) {
        self.count.store(queues.of_keys.len(), Ordering::Relaxed);
    }
}

impl Rounds<'_> {
    /// Begins the first round, or another round after a lost one. Waits for the turns of other callers.
    pub(crate) fn begin(&mut self) {
        if self.needs_turn() {
            self.place = Some(self.turns.wait_for_turn(self.key));
            self.lost = 0;
        }
        self.lost += 1;
    }

    fn needs_turn(&self) -> bool {
        let is_late = self.lost >= MAX_LOST_ROUNDS;
        match self.place {
            None => is_late || self.turns.has_queue(self.key),
            Some(place) => is_late && !self.has_place(place),
        }
    }

    /// Returns whether the caller has taken a turn that is not over.
    #[cfg(test)]
    pub(crate) fn has_turn(&self) -> bool {
        self.place.is_some_and(|place| self.has_place(place))
    }

    fn has_place(&self, place: u64) -> bool {
        self.turns.queues.lock().has_place(self.key, place)
    }
}

impl Drop for Rounds<'_> {
    fn drop(&mut self) {
        // Step 3. If a closure forks, it returns in both processes. Only the parent leaves the queue.
        if let Some(place) = self.place
            && self.turns.process.is_current()
        {
            self.turns.remove(self.key, place);
        }
    }
}

mod group;
#[cfg(feature = "async")]
mod task;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::sync::{Arc, thread};

    pub(super) fn begin_late<'a>(turns: &'a Turns, key: &'a [u8]) -> Rounds<'a> {
        let mut rounds = turns.rounds(key);
        for _ in 0..=MAX_LOST_ROUNDS {
            rounds.begin();
        }
        assert!(rounds.place.is_some());
        rounds
    }

    #[test]
    fn only_a_caller_that_lost_eight_rounds_makes_the_others_of_its_key_wait() {
        let turns = Turns::new(Process::current());
        let mut rounds = turns.rounds(b"key");
        for _ in 0..MAX_LOST_ROUNDS {
            rounds.begin();
            assert!(!turns.has_queue(b"key"));
        }
        rounds.begin();
        assert!(turns.has_queue(b"key") && !turns.has_queue(b"other"));
        let mut other = turns.rounds(b"other");
        other.begin();
        assert!(other.place.is_none());
        drop(rounds);
        assert!(!turns.has_queue(b"key"));
        assert_eq!(turns.count.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn callers_take_their_turns_in_the_order_of_their_arrival() {
        let turns = Turns::new(Process::current());
        let first = begin_late(&turns, b"key");
        let order = Arc::new(Mutex::new(Vec::new()));
        thread::scope(|scope| {
            for number in 0..3 {
                let order = order.clone();
                let turns = &turns;
                scope.spawn(move || {
                    let mut rounds = turns.rounds(b"key");
                    rounds.begin();
                    order.lock().push(number);
                });
                while turns.queues.lock().of_keys[&b"key"[..]].places.len() < number + 2 {
                    thread::yield_now();
                }
            }
            assert!(order.lock().is_empty());
            drop(first);
        });
        assert_eq!(*order.lock(), [0, 1, 2]);
        assert!(turns.queues.lock().of_keys.is_empty());
    }

    #[test]
    fn a_turn_ends_although_its_holder_does_not_leave() {
        let turns = Turns::new(Process::current());
        let mut holder = begin_late(&turns, b"key");
        let mut second = turns.rounds(b"key");
        // This thread holds the turn itself, so the wait ends only when the turn times out.
        second.begin();
        assert!(!holder.has_place(holder.place.unwrap()) && second.has_place(second.place.unwrap()));
        holder.begin();
        drop((holder, second));
        assert!(turns.queues.lock().of_keys.is_empty());
    }
}
