//! Measures buffered inserts: the time until an insert is acknowledged, and the time until all inserts are on
//! the disk.
//!
//! For the first figure, the bench inserts in bursts that fit in the buffers, and does not count the time
//! in which the buffers are emptied. For the second figure, the bench inserts as fast as possible, and the
//! time ends when the last insert is flushed. redb then commits the same records into the same tables, in
//! as many transactions as larder made in its last turn.

#![forbid(unsafe_code)]

use std::cell::Cell;
use std::error::Error;
use std::fs;
use std::path::Path;

use larder::ByteSize;
use larder_benches::disk::{TEXT_LEN, batches, builder, fill, page, room};
use larder_benches::peers::cached_redb::CachedRedb;
use larder_benches::peers::fjall::Fjall;
use larder_benches::peers::foyer::Foyer;
use larder_benches::peers::larder::{Larder, Lookup};
use larder_benches::peers::naive::Naive;
use larder_benches::peers::raw_redb::RawRedb;
use larder_benches::peers::redis::{Redis, Server};
use larder_benches::peers::sqlite::{Sqlite, Synchronous};
use larder_benches::peers::{Peer, Request, serve};
use larder_benches::stopwatch::{nanos_each, time};
use larder_benches::{Against, Contest, Measured, Pace, Page, Unit, key};

const ROW: &str = "buffered-insert";
const TITLE: &str = "Buffered insert";
/// Number of inserts in a burst. A burst is about a megabyte, an eighth of larder's buffer.
const BURST: usize = 1_000;
/// Number of transactions of redb and `SQLite`, if larder has had no turn yet.
const FIRST_GUESS: u64 = 8;

fn main() -> Result<(), Box<dyn Error>> {
    let Some(pace) = Pace::of_program("buffered_insert") else { return Ok(()) };
    let entries = pace.pick(200_000, 20_000);
    let dir = tempfile::tempdir()?;
    if pace.wants(ROW, "to acknowledgement") || pace.wants(ROW, "sustained until flushed") {
        let field = Field::new(dir.path(), entries)?;
        if pace.wants(ROW, "to acknowledgement") {
            acknowledged(&field, &pace, entries);
        }
        if pace.wants(ROW, "sustained until flushed") {
            sustained(&field, &pace, entries);
        }
    }
    Ok(())
}

struct Field {
    larder: Larder,
    redb: RawRedb,
    foyer: Foyer,
    cached: CachedRedb,
    fjall: Fjall,
    normal: Sqlite,
    full: Sqlite,
    naive: Naive,
    /// The server with one client per socket, or the reason why the server can't run.
    redis: Result<(Server, [Redis; 2]), String>,
}

impl Field {
    fn new(dir: &Path, entries: usize) -> Result<Self, Box<dyn Error>> {
        let file = |name: &str| dir.join(name);
        fill(&file("larder"), entries, TEXT_LEN);
        fs::copy(file("larder"), file("redb"))?;
        let cache = builder(&file("larder"), room(entries, TEXT_LEN)).open()?;
        let sqlite = |name: &str, synchronous| {
            let sqlite = Sqlite::open(&file(name), synchronous)?;
            for batch in batches(entries) {
                sqlite.commit(borrowed(&batch))?;
            }
            Ok::<_, rusqlite::Error>(sqlite)
        };
        let fjall = Fjall::open(&file("fjall"))?;
        let naive = Naive::open(&file("naive"), entries / 10)?;
        // foyer and `cached` are not filled, because their insert cost does not depend on the number of
        // entries.
        for peer in [&fjall as &dyn Peer, &naive] {
            let mut session = peer.session();
            (0..entries).for_each(|number| session.insert(&key(number), page(number)));
            peer.settle();
        }
        Ok(Self {
            larder: Larder::new(cache, "larder", Lookup::Get),
            redb: RawRedb::open(&file("redb"))?,
            foyer: Foyer::open(&file("foyer"), entries / 10, 1 << 30),
            cached: CachedRedb::open(&file("cached"), false),
            fjall,
            normal: sqlite("normal", Synchronous::Normal)?,
            full: sqlite("full", Synchronous::Full)?,
            naive,
            redis: Server::start(&file("redis")),
        })
    }
}

fn acknowledged<'a>(field: &'a Field, pace: &Pace, entries: usize) {
    let setting = format!("{TEXT_LEN} B, to acknowledgement, bursts of {BURST}");
    let mut contest = Contest::new(ROW, TITLE, setting, Unit::NanosPerOperation);
    let mut enter = |peer: &'a dyn Peer| {
        let mut turn = 0;
        contest.contestant(peer.name(), &peer.terms(), move || {
            turn += 1;
            let requests = scattered(entries, turn, BURST);
            let requests = requests.into_iter().map(|(key, page)| Request::Insert(key, page)).collect();
            let served = serve(peer, vec![requests]);
            peer.settle();
            Measured::new(served.quantile(0.5)).also("p99", Unit::NanosPerOperation, served.quantile(0.99))
        });
    };
    enter(&field.larder);
    enter(&field.foyer);
    enter(&field.naive);
    enter(&field.cached);
    enter(&field.fjall);
    enter(&field.normal);
    match &field.redis {
        Ok((_, sockets)) => sockets.iter().for_each(|redis| enter(redis)),
        Err(reason) => contest.skipped("redis", reason),
    }
    contest.target(Against::Bound(3_000.0), 1.0, "p50 under 3 µs");
    contest.note("The figure is the median of a burst.");
    contest.run(pace);
}

fn sustained(field: &Field, pace: &Pace, entries: usize) {
    let count = pace.pick(50_000, 5_000);
    let setting = format!("{TEXT_LEN} B, {}k sustained until flushed", count / 1_000);
    let mut contest = Contest::new(ROW, TITLE, setting, Unit::NanosPerOperation);
    let transactions = Cell::new(FIRST_GUESS);
    let turns = || (1_usize..).map(move |turn| scattered(entries, turn, count));
    let (made, mut mine) = (&transactions, turns());
    contest.contestant(field.larder.name(), "two-phase commits with quick repair, shared", move || {
        let before = commits(&field.larder);
        let elapsed = insert_all(&field.larder, mine.next().unwrap_or_default());
        made.set(commits(&field.larder) - before);
        nanos_each(elapsed, count)
    });
    let mut mine = turns();
    contest.contestant(field.redb.name(), "the same commits", move || {
        let pages = mine.next().unwrap_or_default();
        let size = count.div_ceil(usize::try_from(made.get()).unwrap_or(1).max(1));
        let elapsed = time(|| {
            for batch in pages.chunks(size) {
                field.redb.commit(borrowed(batch)).expect("the disk takes writes");
            }
        });
        nanos_each(elapsed, count)
    });
    let mut mine = turns();
    contest.contestant(field.full.name(), "WAL, synchronous=FULL: as many transactions", move || {
        let pages = mine.next().unwrap_or_default();
        let size = count.div_ceil(usize::try_from(made.get()).unwrap_or(1).max(1));
        let elapsed = time(|| {
            for batch in pages.chunks(size) {
                field.full.commit(borrowed(batch)).expect("the disk takes writes");
            }
        });
        nanos_each(elapsed, count)
    });
    for (peer, terms) in [
        (&field.fjall as &dyn Peer, "its journal synced once, at the end"),
        (&field.naive, "a commit every 100 ms, no checksum, no expiry; loses updates"),
        (&field.foyer, "written in the background, no fsync; drops what its queue has no room for"),
    ] {
        let mut mine = turns();
        contest.contestant(peer.name(), terms, move || {
            nanos_each(insert_all(peer, mine.next().unwrap_or_default()), count)
        });
    }
    contest.target(Against::peer("redb"), 0.9, "0.9 × raw redb committing the same batches");
    contest.run(pace);
}

fn insert_all(peer: &dyn Peer, pages: Vec<(String, Page)>) -> std::time::Duration {
    time(|| {
        let mut session = peer.session();
        for (key, page) in pages {
            session.insert(&key, page);
        }
        drop(session);
        peer.settle();
    })
}

fn commits(larder: &Larder) -> u64 {
    larder.cache.stats().disk.map_or(0, |disk| disk.commits)
}

/// Returns `count` different keys from all parts of the file, each with a page. Successive values of `turn`
/// give different keys.
fn scattered(entries: usize, turn: usize, count: usize) -> Vec<(String, Page)> {
    let number = |place: usize| (turn * count + place) * 7919 % entries;
    (0..count).map(|place| (key(number(place)), page(number(place) + turn))).collect()
}

fn borrowed(pages: &[(String, Page)]) -> impl Iterator<Item = (&str, &Page)> {
    pages.iter().map(|(key, page)| (key.as_str(), page))
}

const _: () = assert!(BURST as u64 * 2 * (TEXT_LEN as u64 + 300) < ByteSize::mib(4).as_u64());
