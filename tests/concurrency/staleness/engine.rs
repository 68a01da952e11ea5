//! The child process of the staleness test. Its threads look up, load, write and invalidate keys, and check
//! each answer. Memory has room for a few entries only.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use larder::{ByteSize, Cache, Error, InsertOptions, Keyspace};

use super::oracle::{GROUPS, KEYS, Oracle, all_keys};
use crate::support::child::say;
use crate::support::{Key, Random, WRITTEN, Written};

const THREADS: u64 = 4;
/// Number of steps of a thread between two reports to the parent.
const TICK: u64 = 25;

/// A fault that the test plants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PlantedStaleness {
    None,
    /// Acknowledges a removal without removing the entry.
    Forgets,
    /// Writes again the value that was read last, like a cache whose promotions ignore invalidations.
    BringsBack,
}

struct StalenessThread<'a> {
    cache: &'a Cache,
    written: &'a Keyspace<Key, Written>,
    oracle: &'a Oracle,
    steps: &'a AtomicU64,
    random: Random,
    plant: PlantedStaleness,
    /// The value that this thread read last.
    read: Option<Written>,
}

/// Opens a cache, works on it and closes it, repeatedly, until the process is killed. `words` are `SEED
/// PLANT`.
pub(crate) fn work_until_killed(path: &Path, words: &[&str]) {
    let mut random = Random::of_round(words[0].parse().unwrap());
    let plant = match words[1] {
        "forgets" => PlantedStaleness::Forgets,
        "brings-back" => PlantedStaleness::BringsBack,
        _ => PlantedStaleness::None,
    };
    let oracle = Oracle::open(&path.with_extension("oracle"));
    let steps = AtomicU64::new(0);
    loop {
        let cache = Cache::builder()
            .path(path)
            .memory_capacity(ByteSize::kib(64))
            // Memory has room for a dozen entries, so entries are often evicted and promoted again.
            .weigher(|_| 5_000)
            .write_buffer(ByteSize::kib(256))
            .disk_capacity(ByteSize::mib(1))
            .flush_interval(Duration::from_millis(1 + random.below(30)))
            .sweep_interval(Duration::from_millis(5))
            .range_rows(2)
            .shards(2)
            .open()
            .unwrap();
        let written = cache.keyspace(WRITTEN).unwrap();
        for key in all_keys() {
            told(oracle.judge(key, oracle.floor(key), written.get(&key).as_deref()));
        }
        say("open");
        let life = 50 + random.below(1_000);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                let random = Random::of_round(random.below(u64::MAX));
                let (cache, written, oracle, steps) = (&cache, &written, &oracle, &steps);
                let mut worker = StalenessThread { cache, written, oracle, steps, random, plant, read: None };
                scope.spawn(move || (0..life).for_each(|_| worker.step()));
            }
        });
        let stats = cache.stats();
        let disk_hits = stats.disk.as_ref().map_or(0, |disk| disk.hits);
        let evictions = stats.memory.evictions;
        say(&format!("life {disk_hits} {evictions} {} {}", stats.voided_fills, stats.requests()));
        drop(written);
        let floors: Vec<(Key, u64)> = all_keys().map(|key| (key, oracle.floor(key))).collect();
        cache.close().unwrap();
        for (key, floor) in floors {
            oracle.settled(key, floor);
        }
    }
}

/// Reports a stale answer to the parent and exits.
fn told(judged: Result<(), String>) {
    if let Err(why) = judged {
        say(&format!("stale {why}"));
        std::process::exit(1);
    }
}

impl StalenessThread<'_> {
    fn step(&mut self) {
        if self.steps.fetch_add(1, Ordering::SeqCst).is_multiple_of(TICK * THREADS) {
            say("tick");
        }
        // Half of the requests use only a few keys, so that races are likely.
        let key = match self.random.below(2) {
            0 => (0, self.random.below(3)),
            _ => (self.random.below(GROUPS), self.random.below(KEYS)),
        };
        match self.random.below(100) {
            0..45 => self.get(key),
            45..70 => self.load(key),
            70..80 => self.insert(key),
            80..86 => self.remove(key),
            86..89 => self.update(key),
            89 => self.prefix(key.0),
            91 if self.random.below(4) == 0 => self.clear(),
            92..94 => drop(self.written.touch(&key).unwrap()),
            94 => self.flush(),
            _ if self.plant == PlantedStaleness::BringsBack => self.bring_back(),
            _ => self.get(key),
        }
    }

    fn get(&mut self, key: Key) {
        let floor = self.oracle.floor(key);
        let answer = self.written.get(&key);
        told(self.oracle.judge(key, floor, answer.as_deref()));
        self.read = answer.as_deref().cloned();
    }

    fn load(&self, key: Key) {
        let floor = self.oracle.floor(key);
        let answer = self.written.get_or_load(&key, || {
            let version = self.oracle.source(key);
            // Gives other threads time to invalidate the key during the load.
            thread::yield_now();
            Ok::<_, Error>(Written::new(key, version))
        });
        told(self.oracle.judge(key, floor, Some(&*answer.unwrap())));
    }

    fn insert(&mut self, key: Key) {
        let change = self.oracle.change(key);
        let version = change.bump();
        // Some entries expire soon. After such an expiry, the value that the entry replaced must not become
        // visible again.
        let ttl = if self.random.below(6) == 0 { self.random.below(10) + 1 } else { 3_600_000 };
        let options = InsertOptions::new().ttl(Duration::from_millis(ttl));
        self.written.insert_with(&key, Written::new(key, version), options).unwrap();
        self.oracle.wrote(key, version);
    }

    fn remove(&self, key: Key) {
        let version = self.oracle.change(key).bump();
        if self.plant != PlantedStaleness::Forgets {
            self.written.remove(&key).unwrap();
        }
        self.oracle.settled(key, version);
    }

    /// Changes the source within an update. The update invalidates the key. Loads that run during the
    /// update are not cached.
    fn update(&self, key: Key) {
        let change = self.oracle.change(key);
        let update = self.written.begin_update(&key).unwrap();
        let version = change.bump();
        update.finish();
        self.oracle.settled(key, version);
    }

    fn prefix(&self, group: u64) {
        let versions: Vec<u64> = (0..KEYS).map(|key| self.oracle.change((group, key)).bump()).collect();
        let _removed = self.written.remove_prefix((group,)).unwrap();
        for (key, version) in (0..).zip(versions) {
            self.oracle.settled((group, key), version);
        }
    }

    fn clear(&mut self) {
        // A clear does not change the source, so loads may cache the current versions again.
        let versions: Vec<(Key, u64)> = all_keys().map(|key| (key, self.oracle.source(key))).collect();
        let cleared = if self.random.below(2) == 0 { self.cache.clear() } else { self.written.clear() };
        cleared.unwrap();
        for (key, version) in versions {
            self.oracle.settled(key, version);
        }
    }

    fn flush(&self) {
        let floors: Vec<(Key, u64)> = all_keys().map(|key| (key, self.oracle.floor(key))).collect();
        self.cache.flush().unwrap();
        for (key, floor) in floors {
            self.oracle.settled(key, floor);
        }
    }

    fn bring_back(&mut self) {
        if let Some((value, key)) = self.read.take().map(|value| (value.clone(), value.key())) {
            self.written.insert(&key, value).unwrap();
        }
    }
}
