//! The child process of the kill test. Its threads write, invalidate and flush, and report their calls.
//!
//! The child prints one line before it calls an invalidation, and another line after the call has returned.
//! If the child is killed between the two lines, the invalidation may be durable or not. In each round, a
//! thread writes all its own keys with one version, except a key that it removes. So one number per thread
//! shows what a flush must have committed.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use larder::{ByteSize, Cache, Durability, Error, InsertOptions, Keyspace, Load, LookupOutcome};

use super::GRACEFUL;
use super::ack_log::{KEYS, THREADS};
use crate::support::child::say;
use crate::support::{HOUR, Key, LOCK_WAIT, Random, Written};

/// A fault to plant in the child: it reports a call that it did not make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lie {
    None,
    Flush,
    Remove,
    /// Replaces a removal by a call that only expires the entry.
    Expire,
}

impl Lie {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::None => "honest",
            Self::Flush => "flush",
            Self::Remove => "remove",
            Self::Expire => "expire",
        }
    }

    fn named(name: &str) -> Self {
        [Self::None, Self::Flush, Self::Remove, Self::Expire]
            .into_iter()
            .find(|lie| lie.name() == name)
            .unwrap()
    }
}

/// The progress of a thread. Both versions only increase.
#[derive(Default)]
struct Progress {
    /// The version that all keys of the thread had after its last complete round.
    complete: AtomicU64,
    /// The last version that the thread has begun to write.
    begun: AtomicU64,
}

struct Writer<'a> {
    cache: &'a Cache,
    written: &'a Keyspace<Key, Written>,
    threads: &'a [Progress],
    thread: u64,
    lie: Lie,
    random: Random,
}

/// Opens the cache, works and closes it, repeatedly, until the process is killed. `words` are `SEED
/// FIRST_VERSION LIE`.
pub(crate) fn write_until_killed(path: &Path, words: &[&str]) {
    let mut random = Random::of_round(words[0].parse().unwrap());
    let first: u64 = words[1].parse().unwrap();
    let lie = Lie::named(words[2]);
    let threads: Vec<Progress> = (0..THREADS).map(|_| Progress::default()).collect();
    for progress in &threads {
        progress.begun.store(first, Ordering::SeqCst);
    }
    loop {
        say("opening");
        let interval = if lie == Lie::None { Duration::from_millis(1 + random.below(20)) } else { HOUR };
        let cache = Cache::builder()
            .path(path)
            // Memory has room for only a few large values, so entries are evicted and read from the disk.
            .memory_capacity(ByteSize::kib(64))
            .flush_interval(interval)
            // Larger removals delete their entries after the call has returned.
            .range_rows(2)
            .open_timeout(LOCK_WAIT)
            .open()
            .unwrap();
        let written = cache.keyspace(GRACEFUL.absent_ttl(HOUR)).unwrap();
        say("open");
        // In very short runs, the child is usually killed while it opens or closes the cache.
        let steps = if random.below(3) == 0 { random.below(3) } else { random.below(60) };
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let random = Random::of_round(random.below(u64::MAX));
                let (cache, written, threads) = (&cache, &written, &threads);
                let mut writer = Writer { cache, written, threads, thread, lie, random };
                scope.spawn(move || (0..steps).for_each(|_| writer.step()));
            }
        });
        let complete = all(&threads, |progress| &progress.complete);
        say("closing");
        cache.close().unwrap();
        // A close makes all changes durable, as a flush does.
        say(&format!("did flush {complete}"));
    }
}

/// Returns the stale value that a failing load of the key returns.
pub(super) fn stale_answer(written: &Keyspace<Key, Written>, key: Key) -> Option<Written> {
    let answer = written.get_or_load_with(&key, |_| Err::<Load<Written>, _>(()));
    let answer = answer.ok().filter(|answer| answer.is_stale);
    answer.and_then(|answer| answer.value.as_deref().cloned())
}

fn all(threads: &[Progress], which: impl Fn(&Progress) -> &AtomicU64) -> String {
    let numbers: Vec<String> =
        threads.iter().map(|progress| which(progress).load(Ordering::SeqCst).to_string()).collect();
    numbers.join(" ")
}

impl Writer<'_> {
    fn own(&self) -> &Progress {
        &self.threads[usize::try_from(self.thread).unwrap()]
    }

    fn next_version(&self) -> u64 {
        // The new version counts as begun before it is written, because a clear of another thread may remove
        // it from now on.
        self.own().begun.fetch_add(1, Ordering::SeqCst) + 1
    }

    fn step(&mut self) {
        let version = self.next_version();
        let entries = (0..KEYS).map(|key| ((self.thread, key), Written::new((self.thread, key), version)));
        match self.random.below(5) {
            0 | 1 => {
                say(&format!("will group {} {version}", self.thread));
                self.written.insert_many(entries).unwrap();
            }
            2 if self.lie == Lie::None => {
                let removed = self.random.below(KEYS);
                self.move_from((self.thread, removed), version);
            }
            _ => entries.for_each(|(key, value)| self.written.insert(&key, value).unwrap()),
        }
        self.own().complete.store(version, Ordering::SeqCst);
        let key = (self.thread, self.random.below(KEYS));
        if let Some(found) = self.written.get(&key) {
            assert_eq!(found.version, version, "{key:?}: a write is seen, or what cleared it");
        }
        match (self.lie, self.random.below(10)) {
            (Lie::Flush, _) => {
                say(&format!("did flush {}", all(self.threads, |progress| &progress.complete)));
            }
            (Lie::Remove, _) => {
                self.flush();
                self.invalidate(key, |_| Ok(()));
            }
            (Lie::Expire, _) => {
                self.flush();
                self.invalidate(key, |own| own.written.expire(&key).map(drop));
            }
            (Lie::None, 0) => self.flush(),
            (Lie::None, 1) => self.now(key),
            (Lie::None, 2) => self.invalidate(key, |own| own.written.remove(&key).map(drop)),
            (Lie::None, 3) => self.invalidate(key, |own| own.written.begin_update(&key).map(drop)),
            (Lie::None, 4) => self.prefix(),
            (Lie::None, 5) if self.random.below(4) == 0 => self.clear(),
            (Lie::None, 6) => self.load(key),
            (Lie::None, 7) => self.make_absent(key),
            (Lie::None, 8) => self.expire(key, version),
            _ => {}
        }
    }

    /// Removes a key and writes all other keys of the thread, in one transaction.
    fn move_from(&self, removed: Key, version: u64) {
        let what = format!("move {} {} {version}", removed.0, removed.1);
        say(&format!("will {what}"));
        let moved = self.cache.transaction(|tx| {
            for key in (0..KEYS).map(|key| (self.thread, key)).filter(|key| *key != removed) {
                tx.insert(self.written, &key, Written::new(key, version))?;
            }
            tx.remove(self.written, &removed)
        });
        moved.unwrap_or_else(|error: Error| panic!("{error}"));
        say(&format!("did {what}"));
    }

    fn flush(&self) {
        let complete = all(self.threads, |progress| &progress.complete);
        self.cache.flush().unwrap();
        say(&format!("did flush {complete}"));
    }

    fn now(&self, key: Key) {
        let version = self.next_version();
        let options = InsertOptions::new().durability(Durability::Immediate);
        self.written.insert_with(&key, Written::new(key, version), options).unwrap();
        say(&format!("did now {} {} {version}", key.0, key.1));
    }

    fn invalidate(&self, key: Key, invalidation: impl Fn(&Self) -> Result<(), Error>) {
        let what = format!("remove {} {} {}", key.0, key.1, self.own().begun.load(Ordering::SeqCst));
        say(&format!("will {what}"));
        invalidation(self).unwrap();
        say(&format!("did {what}"));
        if self.lie == Lie::None {
            assert!(self.written.get(&key).is_none(), "{key:?} was removed");
            assert!(stale_answer(self.written, key).is_none(), "{key:?} was removed, and is no stale value");
        }
    }

    /// Expires an entry, and checks the stale value that a failing load returns. Another thread may have
    /// removed the entry.
    fn expire(&self, key: Key, version: u64) {
        self.written.expire(&key).unwrap();
        if let Some(stale) = stale_answer(self.written, key) {
            assert_eq!(stale.version, version, "{key:?}: a stale value is the last one");
        }
    }

    fn prefix(&self) {
        let what = format!("prefix {} {}", self.thread, self.own().begun.load(Ordering::SeqCst));
        say(&format!("will {what}"));
        let _removed = self.written.remove_prefix((self.thread,)).unwrap();
        say(&format!("did {what}"));
        assert!(
            (0..KEYS).all(|key| self.written.get(&(self.thread, key)).is_none()),
            "the prefix was removed"
        );
    }

    /// Clears the entries of all threads, while the other threads continue to write.
    fn clear(&mut self) {
        say(&format!("will clear {}", self.thread));
        let before = all(self.threads, |progress| &progress.complete);
        let cleared = if self.random.below(2) == 0 { self.cache.clear() } else { self.written.clear() };
        cleared.unwrap();
        let after = all(self.threads, |progress| &progress.begun);
        say(&format!("did clear {} {before} {after}", self.thread));
    }

    /// Removes a key, and then stores an absence for it. Sometimes removes the key again.
    fn make_absent(&mut self, key: Key) {
        self.invalidate(key, |own| own.written.remove(&key).map(drop));
        say(&format!("will absent {} {}", key.0, key.1));
        if let LookupOutcome::Load(lease) = self.written.lookup(&key).unwrap() {
            lease.fill_absent();
        }
        if self.random.below(2) == 0 {
            self.flush();
            self.invalidate(key, |own| own.written.remove(&key).map(drop));
        }
    }

    /// Loads a key. A load may write a value, and an invalidation of another thread may void that write.
    fn load(&self, key: Key) {
        let version = self.next_version();
        let loaded = self.written.get_or_load(&key, || Ok::<_, Error>(Written::new(key, version))).unwrap();
        assert!(loaded.is_whole(key));
    }
}
