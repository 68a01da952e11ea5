//! Measures removals that are on the disk when they return: from one thread, from eight threads that share
//! commits, and of keys without an entry.
//!
//! Between the turns, the removed entries are stored again. This time is not measured.

#![forbid(unsafe_code)]

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Duration;

use larder_benches::disk::{TEXT_LEN, batches, builder, fill, page, room};
use larder_benches::peers::Peer;
use larder_benches::peers::cached_redb::CachedRedb;
use larder_benches::peers::fjall::Fjall;
use larder_benches::peers::larder::{Larder, Lookup};
use larder_benches::peers::raw_redb::RawRedb;
use larder_benches::peers::sqlite::{Sqlite, Synchronous};
use larder_benches::stopwatch::{in_threads, nanos_each, per_second};
use larder_benches::{Against, Contest, Pace, Page, Unit, key};

const ROW: &str = "durable-remove";
const TITLE: &str = "Durable remove";
const THREADS: usize = 8;
const DELETE: &str = "DELETE FROM pages WHERE key = ?1";

fn main() -> Result<(), Box<dyn Error>> {
    let Some(pace) = Pace::of_program("durable_remove") else { return Ok(()) };
    let (one, eight, missing) = ("1 thread", "8 threads", "missing keys");
    if ![one, eight, missing].iter().any(|setting| pace.wants(ROW, setting)) {
        return Ok(());
    }
    let entries = pace.pick(200_000, 20_000);
    let dir = tempfile::tempdir()?;
    let field = Field::new(dir.path(), entries)?;
    let count = pace.pick(100, 40);
    if pace.wants(ROW, one) {
        let mut contest = Contest::new(ROW, TITLE, one, Unit::NanosPerOperation);
        for remover in field.all() {
            let mut turn = 0;
            contest.contestant(remover.called(), remover.removal_terms(), move || {
                turn += 1;
                nanos_each(removals(remover, 1, &scattered(entries, turn, count)), count)
            });
        }
        contest.target(
            Against::peer("redb"),
            1.0 / 1.3,
            "at most 1.3 × raw redb's commit of the same durability",
        );
        contest.run(&pace);
    }
    if pace.wants(ROW, eight) {
        let mut contest = Contest::new(ROW, TITLE, eight, Unit::OperationsPerSecond);
        for remover in field.all() {
            let mut turn = 0;
            contest.contestant(remover.called(), remover.removal_terms(), move || {
                turn += 1;
                let count = count * THREADS / 2;
                per_second(removals(remover, THREADS, &scattered(entries, turn, count)), count)
            });
        }
        let (mut turn, alone) = (0, &field.larder);
        contest.contestant("larder, 1 thread", alone.removal_terms(), move || {
            turn += 1;
            per_second(removals(alone, 1, &scattered(entries, turn, count)), count)
        });
        contest.target(
            Against::peer("larder, 1 thread"),
            4.0,
            "8 threads at least 4 × one: they share commits",
        );
        contest.run(&pace);
    }
    if pace.wants(ROW, missing) {
        remove_missing(&pace, &field.larder, entries, missing);
    }
    Ok(())
}

/// Removes keys that have no entry in either tier. Such a removal commits nothing, but waits for the writer
/// thread to check that the file is still at its path.
fn remove_missing(pace: &Pace, larder: &Larder, entries: usize, setting: &str) {
    let keys: Vec<String> = (entries..entries + pace.pick(10_000, 1_000)).map(key).collect();
    let mut contest = Contest::new(ROW, TITLE, setting, Unit::NanosPerOperation);
    contest.contestant(larder.name(), "nothing to commit: the writer looks after the file", || {
        let elapsed = in_threads(1, |_| {
            for key in &keys {
                let was_live = larder.pages.remove(key).expect("the disk takes writes");
                assert!(!was_live, "{key} is not in the file");
            }
        });
        nanos_each(elapsed, keys.len())
    });
    contest.note("Compare it with a removal of an entry, which waits for a commit: the setting `1 thread`.");
    contest.run(pace);
}

/// A peer whose removals are durable.
trait Remover: Sync {
    fn called(&self) -> &str;

    /// Returns under which conditions a removal is durable.
    fn removal_terms(&self) -> &'static str;

    /// Returns a function with which one thread removes keys. The function returns when the removal is on the
    /// disk.
    fn remover(&self) -> Box<dyn FnMut(&str) + '_>;

    fn store(&self, pages: &[(String, Page)]);
}

/// Removes keys from several threads, which share the keys equally, and then stores the keys again. Returns
/// the time of the removals.
fn removals(peer: &dyn Remover, threads: usize, keys: &[String]) -> Duration {
    let each = keys.len() / threads;
    let elapsed = in_threads(threads, |thread| {
        let mut remove = peer.remover();
        keys.iter().skip(thread * each).take(each).for_each(|key| remove(key));
    });
    let pages: Vec<(String, Page)> = keys.iter().map(|key| (key.clone(), page(0))).collect();
    peer.store(&pages);
    elapsed
}

/// Returns `count` different keys from all parts of the file. Successive values of `turn` give different
/// keys.
fn scattered(entries: usize, turn: usize, count: usize) -> Vec<String> {
    (0..count).map(|place| key((turn * count + place) * 7919 % entries)).collect()
}

fn borrowed(pages: &[(String, Page)]) -> impl Iterator<Item = (&str, &Page)> {
    pages.iter().map(|(key, page)| (key.as_str(), page))
}

struct Field {
    larder: Larder,
    redb: RawRedb,
    sqlite: Sqlite,
    fjall: Fjall,
    cached: CachedRedb,
}

impl Field {
    fn new(dir: &Path, entries: usize) -> Result<Self, Box<dyn Error>> {
        let file = |name: &str| dir.join(name);
        fill(&file("larder"), entries, TEXT_LEN);
        fs::copy(file("larder"), file("redb"))?;
        let cache = builder(&file("larder"), room(entries, TEXT_LEN)).open()?;
        let (cached, fjall) = (CachedRedb::open(&file("cached"), false), Fjall::open(&file("fjall"))?);
        let sqlite = Sqlite::open(&file("sqlite"), Synchronous::Full)?;
        for batch in batches(entries) {
            sqlite.store(&batch);
            fjall.store(&batch);
            cached.store(&batch);
        }
        // The store was filled without syncing, because durable filling would take long and is not measured.
        drop(cached);
        let cached = CachedRedb::open(&file("cached"), true);
        let larder = Larder::new(cache, "larder", Lookup::Get);
        Ok(Self { larder, redb: RawRedb::open(&file("redb"))?, sqlite, fjall, cached })
    }

    fn all(&self) -> [&dyn Remover; 5] {
        [&self.larder, &self.redb, &self.sqlite, &self.fjall, &self.cached]
    }
}

impl Remover for Larder {
    fn called(&self) -> &str {
        self.name()
    }

    fn removal_terms(&self) -> &'static str {
        "durable when it returns (two-phase commit, quick repair), commits shared"
    }

    fn remover(&self) -> Box<dyn FnMut(&str) + '_> {
        Box::new(|key| assert!(self.pages.remove(key).expect("the disk takes writes"), "{key} was there"))
    }

    fn store(&self, pages: &[(String, Page)]) {
        for (key, page) in borrowed(pages) {
            self.pages.insert(key, page.clone()).expect("the cache is open");
        }
        self.settle();
    }
}

impl Remover for RawRedb {
    fn called(&self) -> &str {
        self.name()
    }

    fn removal_terms(&self) -> &'static str {
        "durable when it returns (two-phase commit, quick repair), a commit each"
    }

    fn remover(&self) -> Box<dyn FnMut(&str) + '_> {
        Box::new(|key| self.remove([key]).expect("the disk takes writes"))
    }

    fn store(&self, pages: &[(String, Page)]) {
        self.commit(borrowed(pages)).expect("the disk takes writes");
    }
}

impl Remover for Sqlite {
    fn called(&self) -> &str {
        self.name()
    }

    fn removal_terms(&self) -> &'static str {
        "durable when it returns (WAL, synchronous=FULL), a commit each"
    }

    fn remover(&self) -> Box<dyn FnMut(&str) + '_> {
        let connection = self.connect().expect("the database opens");
        Box::new(move |key| {
            let mut statement = connection.prepare_cached(DELETE).expect("the statement is right");
            statement.execute([key]).expect("the disk takes writes");
        })
    }

    fn store(&self, pages: &[(String, Page)]) {
        self.commit(borrowed(pages)).expect("the disk takes writes");
    }
}

impl Remover for Fjall {
    fn called(&self) -> &str {
        self.name()
    }

    fn removal_terms(&self) -> &'static str {
        "durable when it returns: its journal is synced after each"
    }

    fn remover(&self) -> Box<dyn FnMut(&str) + '_> {
        Box::new(|key| self.remove(key).and_then(|()| self.persist()).expect("the disk takes writes"))
    }

    fn store(&self, pages: &[(String, Page)]) {
        let mut session = self.session();
        borrowed(pages).for_each(|(key, page)| session.insert(key, page.clone()));
        self.settle();
    }
}

impl Remover for CachedRedb {
    fn called(&self) -> &str {
        self.name()
    }

    fn removal_terms(&self) -> &'static str {
        "durable when it returns (one phase, no quick repair), a commit each"
    }

    fn remover(&self) -> Box<dyn FnMut(&str) + '_> {
        Box::new(|key| self.remove(key))
    }

    fn store(&self, pages: &[(String, Page)]) {
        let mut session = self.session();
        borrowed(pages).for_each(|(key, page)| session.insert(key, page.clone()));
        self.settle();
    }
}
