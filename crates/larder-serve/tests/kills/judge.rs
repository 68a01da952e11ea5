//! Checks which values a read may return, from the requests that were sent and the replies that were
//! received.
//!
//! Each key or group of keys has a history. The history numbers the changes in order, and knows three
//! numbers:
//!
//! - `sent`: the last change that was sent, whether or not a reply has arrived.
//! - The floor of a life of the server: the last change that a reply in this life has shown, or `durable`
//!   if that is later. Each later read in this life must show this change or a later one.
//! - `durable`: the last change that was acknowledged as durable. Each read in a later life must show this
//!   change or a later one.
//!
//! A worker takes the floor before it sends a read. So changes of other workers in the meantime can make the
//! check weaker, but not wrong.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Number of a life of the server. A life lasts from a start to the next kill or shutdown.
pub(super) type Life = u64;

/// The promises that the judge checks. Each finding names one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Promise {
    /// After an acknowledged removal, a read returns no stale value.
    NothingStale,
    /// A change is not lost if it was acknowledged as durable, or if the same life has shown it.
    NothingLost,
    /// A read returns a group completely or not at all.
    WholeGroups,
    /// Every value that a read returns was sent.
    NothingInvented,
    /// Counters count each increment exactly once, and decrease only in a crash.
    ExactCounts,
    /// A walk returns each key that exists during the whole walk.
    CompleteWalks,
    /// The server replies, and runs until it is killed.
    Service,
}

#[derive(Debug)]
pub(super) struct Finding {
    pub(super) promise: Promise,
    pub(super) text: String,
}

impl Finding {
    pub(super) fn new(promise: Promise, text: impl Into<String>) -> Self {
        Self { promise, text: text.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.promise, self.text)
    }
}

/// The last change that a life has shown, and the last durable change.
#[derive(Debug, Default)]
struct Floor {
    seen: (Life, u64),
    durable: u64,
}

impl Floor {
    fn of(&self, life: Life) -> u64 {
        if self.seen.0 == life { self.durable.max(self.seen.1) } else { self.durable }
    }

    fn raise(&mut self, life: Life, number: u64) {
        if life > self.seen.0 {
            self.seen = (life, number);
        } else if life == self.seen.0 {
            self.seen.1 = self.seen.1.max(number);
        }
    }

    /// Records that all changes that a life has shown are on disk.
    fn keep(&mut self, life: Life) {
        self.durable = self.of(life);
    }
}

/// The history of a key or of a group of keys. One worker makes all changes, and all workers read.
#[derive(Debug)]
pub(super) struct History {
    pub(super) name: String,
    state: Mutex<HistoryState>,
}

#[derive(Debug)]
struct HistoryState {
    /// For each change, whether it stores a value. Change 0 is the initial state without a value.
    stores: Vec<bool>,
    floor: Floor,
}

impl History {
    pub(super) fn new(name: String) -> Self {
        let state = HistoryState { stores: vec![false], floor: Floor::default() };
        Self { name, state: Mutex::new(state) }
    }

    /// Begins a change, which is a removal unless `stores` is set. Returns the number of the change.
    pub(super) fn begin(&self, stores: bool) -> u64 {
        let mut state = self.lock();
        state.stores.push(stores);
        state.stores.len() as u64 - 1
    }

    pub(super) fn answered(&self, life: Life, number: u64, is_durable: bool) {
        let floor = &mut self.lock().floor;
        floor.raise(life, number);
        if is_durable {
            floor.durable = floor.durable.max(number);
        }
    }

    /// Returns the number of the earliest change that a read in this life may show.
    pub(super) fn floor(&self, life: Life) -> u64 {
        self.lock().floor.of(life)
    }

    /// Records that all changes up to this one are on disk.
    pub(super) fn kept(&self, number: u64) {
        let floor = &mut self.lock().floor;
        floor.durable = floor.durable.max(number);
    }

    /// Records that a life has shut down cleanly, so that all changes that it has shown are on disk.
    pub(super) fn ended(&self, life: Life) {
        self.lock().floor.keep(life);
    }

    /// Checks the value that a read has returned. `floor` is the floor before the read.
    pub(super) fn judge(&self, life: Life, floor: u64, shown: Option<u64>) -> Result<(), Finding> {
        let mut state = self.lock();
        let name = &self.name;
        let last = state.stores.len() as u64 - 1;
        let between = |from: u64, stores: bool| {
            let changes = state.stores.get(usize::try_from(from).unwrap()..).unwrap_or_default();
            changes.contains(&stores)
        };
        match shown {
            None if between(floor, false) => Ok(()),
            None => {
                let text =
                    format!("{name} is missing in life {life}, and change {floor} of {last} had stored it");
                Err(Finding::new(Promise::NothingLost, text))
            }
            Some(number) if state.stores.get(usize::try_from(number).unwrap()) != Some(&true) => {
                let text = format!("{name} shows change {number} in life {life}, which no worker has sent");
                Err(Finding::new(Promise::NothingInvented, text))
            }
            Some(number) if number < floor => {
                let until = usize::try_from(floor).unwrap();
                let is_removed = state.stores[usize::try_from(number).unwrap()..=until].contains(&false);
                let promise = if is_removed { Promise::NothingStale } else { Promise::NothingLost };
                let text =
                    format!("{name} shows change {number} in life {life}, and change {floor} had been shown");
                Err(Finding::new(promise, text))
            }
            Some(number) => {
                state.floor.raise(life, number);
                Ok(())
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HistoryState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A counter that all workers increment.
#[derive(Debug)]
pub(super) struct Count {
    pub(super) key: String,
    state: Mutex<CountState>,
}

#[derive(Debug, Default)]
struct CountState {
    sent: u64,
    floor: Floor,
    /// The replies to increments in one life. All of them must be different.
    replies: (Life, HashSet<u64>),
}

impl Count {
    pub(super) fn new(key: String) -> Self {
        Self { key, state: Mutex::default() }
    }

    /// Begins an increment. Returns a count that its reply must exceed.
    pub(super) fn begin(&self, life: Life) -> u64 {
        let mut state = self.lock();
        state.sent += 1;
        state.floor.of(life)
    }

    pub(super) fn judge_increment(
        &self,
        life: Life,
        floor: u64,
        reply: u64,
        is_durable: bool,
    ) -> Result<(), Finding> {
        let mut state = self.lock();
        let key = &self.key;
        if life > state.replies.0 {
            state.replies = (life, HashSet::new());
        }
        let is_twice = life == state.replies.0 && !state.replies.1.insert(reply);
        let text = if is_twice {
            format!("{key}: two increments of life {life} were answered {reply}")
        } else if reply <= floor {
            format!("{key}: an increment was answered {reply} in life {life}, after {floor} had been shown")
        } else if reply > state.sent {
            format!("{key}: an increment was answered {reply}, and {} were sent", state.sent)
        } else {
            state.floor.raise(life, reply);
            if is_durable {
                state.floor.durable = state.floor.durable.max(reply);
            }
            return Ok(());
        };
        Err(Finding::new(Promise::ExactCounts, text))
    }

    /// Returns the lowest count that a read in this life may show.
    pub(super) fn floor(&self, life: Life) -> u64 {
        self.lock().floor.of(life)
    }

    pub(super) fn judge_read(&self, life: Life, floor: u64, shown: u64) -> Result<(), Finding> {
        let mut state = self.lock();
        let (key, sent) = (&self.key, state.sent);
        if shown > sent {
            return Err(Finding::new(
                Promise::ExactCounts,
                format!("{key} is {shown}, and {sent} were sent"),
            ));
        }
        if shown < floor {
            let text = format!("{key} is {shown} in life {life}, after {floor} had been shown");
            return Err(Finding::new(Promise::ExactCounts, text));
        }
        state.floor.raise(life, shown);
        Ok(())
    }

    pub(super) fn kept(&self, count: u64) {
        let floor = &mut self.lock().floor;
        floor.durable = floor.durable.max(count);
    }

    pub(super) fn ended(&self, life: Life) {
        self.lock().floor.keep(life);
    }

    fn lock(&self) -> MutexGuard<'_, CountState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A row of the database behind the cache. The cache stores the version of the row under its key. All
/// workers change the row, remove its key, and load it.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) key: String,
    /// A key that is set and deleted with every removal of `key`. A load watches the fence, so that it does
    /// not store a version that it has read before a removal.
    pub(super) fence: String,
    /// The current version of the row, and the oldest version that a read may show.
    versions: Mutex<(u64, u64)>,
}

impl Row {
    pub(super) fn new(key: String) -> Self {
        let fence = format!("fence:{key}");
        Self { key, fence, versions: Mutex::new((1, 0)) }
    }

    pub(super) fn change(&self) -> u64 {
        let mut versions = self.lock();
        versions.0 += 1;
        versions.0
    }

    /// Records that the removal after this version was acknowledged as durable. From now on, a read must not
    /// show an older version.
    pub(super) fn removed(&self, version: u64) {
        let mut versions = self.lock();
        versions.1 = versions.1.max(version);
    }

    pub(super) fn version(&self) -> u64 {
        self.lock().0
    }

    /// Returns the oldest version that a read may show.
    pub(super) fn floor(&self) -> u64 {
        self.lock().1
    }

    /// Checks the version that a read has returned. `floor` is the floor before the read.
    pub(super) fn judge(&self, life: Life, floor: u64, shown: Option<u64>) -> Result<(), Finding> {
        let Some(version) = shown else { return Ok(()) };
        let (key, last) = (&self.key, self.version());
        if version > last {
            let text = format!("{key} shows version {version}, and the row has {last}");
            return Err(Finding::new(Promise::NothingInvented, text));
        }
        if version < floor {
            let text = format!("{key} shows version {version} in life {life}, after the removal of {floor}");
            return Err(Finding::new(Promise::NothingStale, text));
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, (u64, u64)> {
        self.versions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[test]
fn the_judge_knows_what_is_stale_lost_and_invented() {
    let history = History::new("key".to_owned());
    let promise = |judged: Result<(), Finding>| judged.err().map(|finding| finding.promise);
    for (stores, is_durable) in [(true, true), (true, false), (false, true), (true, false)] {
        let number = history.begin(stores);
        history.answered(1, number, is_durable);
    }
    // In the same life, a read must show the last change.
    assert_eq!(history.floor(1), 4);
    assert_eq!(promise(history.judge(1, 4, None)), Some(Promise::NothingLost));
    assert_eq!(promise(history.judge(1, 4, Some(2))), Some(Promise::NothingStale));
    assert_eq!(promise(history.judge(1, 4, Some(3))), Some(Promise::NothingInvented));
    assert_eq!(promise(history.judge(1, 4, Some(5))), Some(Promise::NothingInvented));
    assert_eq!(promise(history.judge(1, 4, Some(4))), None);
    // In the next life, a read must show the removal or a later change.
    assert_eq!(history.floor(2), 3);
    assert_eq!(promise(history.judge(2, 3, Some(2))), Some(Promise::NothingStale));
    assert_eq!(promise(history.judge(2, 3, None)), None);
    assert_eq!(promise(history.judge(2, 3, Some(4))), None);
    // A change that a life has shown is not undone in the same life.
    assert_eq!(promise(history.judge(2, history.floor(2), None)), Some(Promise::NothingLost));
    history.kept(4);
    assert_eq!(history.floor(3), 4);
}

#[test]
fn the_judge_knows_counts_that_were_lost_repeated_or_invented() {
    let count = Count::new("count".to_owned());
    let promise = |judged: Result<(), Finding>| judged.err().map(|finding| finding.promise);
    assert_eq!((count.begin(1), count.begin(1)), (0, 0));
    assert_eq!(promise(count.judge_increment(1, 0, 1, true)), None);
    assert_eq!(promise(count.judge_increment(1, 0, 1, false)), Some(Promise::ExactCounts));
    assert_eq!(promise(count.judge_increment(1, 0, 3, false)), Some(Promise::ExactCounts));
    assert_eq!(promise(count.judge_increment(1, 1, 2, false)), None);
    assert_eq!(promise(count.judge_read(1, count.floor(1), 1)), Some(Promise::ExactCounts));
    assert_eq!(count.floor(2), 1);
    assert_eq!(promise(count.judge_read(2, 1, 3)), Some(Promise::ExactCounts));
    count.ended(1);
    assert_eq!(count.floor(2), 2);
}
