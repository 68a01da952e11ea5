//! Where values come from: a number that only grows, so that whoever is given less than the least that is
//! still right was given what had been invalidated or overwritten.

use std::convert::Infallible;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::{Key, Keyspace};
use shuttle::thread::sleep;

/// Where values come from, and what lookups were given that they should not have been.
pub(crate) struct Source {
    now: AtomicU64,
    least: AtomicU64,
    stale: Mutex<Vec<String>>,
}

impl Source {
    pub(crate) fn new() -> Self {
        Self { now: AtomicU64::new(10), least: AtomicU64::new(0), stale: Mutex::default() }
    }

    /// The source has changed: its new number.
    pub(crate) fn next(&self) -> u64 {
        self.now.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Whoever looks from here on must not be given less.
    pub(crate) fn settle(&self, least: u64) {
        self.least.fetch_max(least, Ordering::SeqCst);
    }

    /// As a database is changed, and what was cached of it invalidated.
    pub(crate) fn change(&self, invalidate: impl FnOnce()) {
        let new = self.next();
        invalidate();
        self.settle(new);
    }

    pub(crate) fn load<K: Key>(&self, keyspace: &Keyspace<K, u64>, key: &K) {
        self.look("loaded", || {
            let loaded = keyspace.get_or_load(key, || {
                sleep(Duration::ZERO);
                let value = self.now.load(Ordering::SeqCst);
                sleep(Duration::ZERO);
                Ok::<u64, Infallible>(value)
            });
            loaded.ok().map(|value| *value)
        });
    }

    pub(crate) fn get<K: Key>(&self, keyspace: &Keyspace<K, u64>, key: &K) {
        self.look("got", || keyspace.get(key).map(|value| *value));
    }

    pub(crate) fn look(&self, how: &str, look: impl FnOnce() -> Option<u64>) {
        let least = self.least.load(Ordering::SeqCst);
        let seen = look();
        if seen.is_some_and(|seen| seen < least) {
            self.stale.lock().unwrap().push(format!("{how} {seen:?}, when the least was {least}"));
        }
    }

    pub(crate) fn check(&self) {
        let stale = self.stale.lock().unwrap();
        assert!(stale.is_empty(), "{stale:?}");
    }
}
