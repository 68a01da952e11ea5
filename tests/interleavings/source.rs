//! The source of values: a number that only increases. A lookup that returns less than the lowest correct
//! answer has returned an invalidated or overwritten value.

use std::cell::Cell;
use std::convert::Infallible;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::{Key, Keyspace};
use shuttle::thread::sleep;

/// The number of the source before its first change.
pub(crate) const FIRST: u64 = 10;

/// The current number, the lowest correct answer, and the wrong answers so far.
pub(crate) struct Source {
    now: AtomicU64,
    least: AtomicU64,
    stale: Mutex<Vec<String>>,
}

impl Source {
    pub(crate) fn new() -> Self {
        Self { now: AtomicU64::new(FIRST), least: AtomicU64::new(0), stale: Mutex::default() }
    }

    pub(crate) fn current(&self) -> u64 {
        self.now.load(Ordering::SeqCst)
    }

    pub(crate) fn next(&self) -> u64 {
        self.now.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Returns the current number, as a loader reads it. Other threads may run before and after the read.
    pub(crate) fn number(&self) -> u64 {
        sleep(Duration::ZERO);
        let value = self.now.load(Ordering::SeqCst);
        sleep(Duration::ZERO);
        value
    }

    /// Records that lookups that begin from now on must not return a number below `least`.
    pub(crate) fn settle(&self, least: u64) {
        self.least.fetch_max(least, Ordering::SeqCst);
    }

    /// Changes the source, and then invalidates the key in the cache, as an application with a database does.
    pub(crate) fn change(&self, invalidate: impl FnOnce()) {
        let new = self.next();
        invalidate();
        self.settle(new);
    }

    pub(crate) fn load<K: Key>(&self, keyspace: &Keyspace<K, u64>, key: &K) {
        self.look("loaded", || {
            let loaded = keyspace.get_or_load(key, || Ok::<u64, Infallible>(self.number()));
            loaded.ok().map(|value| *value)
        });
    }

    pub(crate) fn get<K: Key>(&self, keyspace: &Keyspace<K, u64>, key: &K) {
        self.look("got", || keyspace.get(key).map(|value| *value));
    }

    pub(crate) fn look(&self, how: &str, look: impl FnOnce() -> Option<u64>) {
        self.look_again(how, |_| look());
    }

    /// Like [`look`](Self::look), but gives `look` a function. `look` calls this function just before it
    /// reads the answer. The lowest correct answer of that moment then applies.
    pub(crate) fn look_again(&self, how: &str, look: impl FnOnce(&dyn Fn()) -> Option<u64>) {
        let least = Cell::new(self.least.load(Ordering::SeqCst));
        let seen = look(&|| least.set(self.least.load(Ordering::SeqCst)));
        self.judge(how, seen, least.get());
    }

    /// Returns the lowest number that a lookup that begins now may return.
    pub(crate) fn least(&self) -> u64 {
        self.least.load(Ordering::SeqCst)
    }

    /// Records the answer if it is lower than the lowest correct one.
    pub(crate) fn judge(&self, how: &str, seen: Option<u64>, least: u64) {
        if seen.is_some_and(|seen| seen < least) {
            self.stale.lock().unwrap().push(format!("{how} {seen:?}, when the least was {least}"));
        }
    }

    pub(crate) fn check(&self) {
        let stale = self.stale.lock().unwrap();
        assert!(stale.is_empty(), "{stale:?}");
    }
}
