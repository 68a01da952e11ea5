//! Measures a disk hit after a restart, and a miss in both tiers. The file is in the operating system's page
//! cache.
//!
//! larder and redb open copies of one file. Their page caches hold a part of the file, except in two
//! contestants with a page cache of 1 GiB. The other peers store the same pages. Each store except Redis was
//! closed and reopened after it was filled. Redis holds all pages in the memory of its own process.

#![forbid(unsafe_code)]

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Duration;

use larder::ByteSize;
use larder_benches::disk::{self, NO_MEMORY, TEXT_LEN, batches, builder, fill, room, uniform};
use larder_benches::peers::cached_redb::CachedRedb;
use larder_benches::peers::fjall::Fjall;
use larder_benches::peers::foyer::{self, Foyer};
use larder_benches::peers::larder::{Larder, Lookup};
use larder_benches::peers::raw_redb::RawRedb;
use larder_benches::peers::redis::{Redis, Server};
use larder_benches::peers::sqlite::{Sqlite, Synchronous};
use larder_benches::peers::{Peer, lookups};
use larder_benches::stopwatch::Stopwatch;
use larder_benches::{Against, Contest, Pace, Unit, key};

/// Number of lookups in a round: first for peers in the bench's own process, then for peers that pass each
/// request to another thread or process.
const LOOKUPS: usize = 50_000;
const FEW_LOOKUPS: usize = 5_000;
/// How long the caches may take to build their filters of absent keys. They begin within ten seconds.
const BUILD_LIMIT: Duration = Duration::from_mins(1);
const ROOMY: &str = "larder, page cache of 1 GiB";
const ROOMY_REDB: &str = "redb, page cache of 1 GiB";

fn main() -> Result<(), Box<dyn Error>> {
    let Some(pace) = Pace::of_program("disk_hit") else { return Ok(()) };
    let entries = pace.pick(200_000, 40_000);
    let dir = tempfile::tempdir()?;
    let field = Field::new(dir.path(), entries)?;
    let hits = uniform(entries, 4 * LOOKUPS, 1);
    // The missing keys are between existing keys, so that no lookup ends at the edge of the tree.
    let misses: Vec<String> = hits.iter().map(|key| format!("{key}_")).collect();
    field.warm_up(hits.get(..entries).unwrap_or(&hits));
    let mut before = None;
    for threads in [1, 2] {
        let setting = format!("{}k × {TEXT_LEN} B, {}", entries / 1_000, counted(threads));
        if pace.wants("disk-hit", &setting) {
            let contest = Contest::new(
                "disk-hit",
                "Disk hit after a restart",
                setting.clone(),
                Unit::NanosPerOperation,
            );
            hit_targets(field.run(contest, &pace, threads, &hits, 100.0)).run(&pace);
        }
        if pace.wants("disk-miss", &setting) {
            let contest = Contest::new("disk-miss", "Miss in both tiers", setting, Unit::NanosPerOperation);
            let mut contest = field.run(contest, &pace, threads, &misses, 0.0);
            contest.target(Against::peer("redb"), 1.0 / 1.2, "at most 1.2 × raw redb's miss");
            contest.note(before.get_or_insert_with(|| field.await_filters(&misses)).clone());
            contest.run(&pace);
        }
    }
    Ok(())
}

fn counted(threads: usize) -> String {
    if threads == 1 { "1 thread".to_owned() } else { format!("{threads} threads") }
}

fn hit_targets(mut contest: Contest<'_>) -> Contest<'_> {
    contest.target(Against::peer("redb"), 0.9, "0.9 × raw redb: an open table, copied, checked and decoded");
    let roomy = "the same, with a page cache of 1 GiB each";
    contest.target_of(ROOMY, None, Against::peer(ROOMY_REDB), 0.9, roomy);
    contest.target(Against::peer("foyer"), 20.0, "20 × foyer's disk read");
    contest.target(Against::peer("redis, Unix socket"), 10.0, "10 × Redis over a Unix socket");
    contest
}

struct Field {
    larder: Larder,
    promoting: Larder,
    /// larder with a page cache that holds the whole file.
    roomy: Larder,
    redb: RawRedb,
    /// redb with its default page cache.
    large: RawRedb,
    foyer: Foyer,
    cached: CachedRedb,
    fjall: Fjall,
    sqlite: Sqlite,
    /// The server with one client per socket, or the reason why the server can't run.
    redis: Result<(Server, [Redis; 2]), String>,
}

impl Field {
    fn new(dir: &Path, entries: usize) -> Result<Self, Box<dyn Error>> {
        let file = |name: &str| dir.join(name);
        fill(&file("filled"), entries, TEXT_LEN);
        // A lookup in a copy takes up to 5 % less time than a lookup in the file that was filled. So all of
        // these contestants get copies.
        for copy in ["larder", "promoting", "roomy", "redb", "large"] {
            fs::copy(file("filled"), file(copy))?;
        }
        let bytes = room(entries, TEXT_LEN);
        let peeking = builder(&file("larder"), bytes).memory_capacity(NO_MEMORY).open()?;
        let promoting = builder(&file("promoting"), bytes).memory_capacity(NO_MEMORY).open()?;
        let roomy =
            builder(&file("roomy"), bytes).memory_capacity(NO_MEMORY).page_cache(ByteSize::gib(1)).open()?;
        let redis = Server::start(&file("redis"));
        if let Ok((server, _)) = &redis {
            server.fill(numbered(entries))?;
        }
        let sqlite = Sqlite::open(&file("sqlite"), Synchronous::Normal)?;
        for batch in batches(entries) {
            sqlite.commit(batch.iter().map(|(key, page)| (key.as_str(), page)))?;
        }
        Ok(Self {
            larder: Larder::new(peeking, "larder", Lookup::Peek),
            promoting: Larder::new(promoting, "larder, promoting", Lookup::Get),
            roomy: Larder::new(roomy, ROOMY, Lookup::Peek),
            redb: RawRedb::open(&file("redb"))?,
            large: RawRedb::open_with(&file("large"), ROOMY_REDB, ByteSize::gib(1))?,
            foyer: refilled_foyer(&file("foyer"), entries),
            cached: refilled(|| CachedRedb::open(&file("cached"), false), entries),
            fjall: refilled(|| Fjall::open(&file("fjall")).expect("fjall opens"), entries),
            sqlite,
            redis,
        })
    }

    /// Returns the peers that read their file on the caller's thread.
    fn here(&self) -> [&dyn Peer; 8] {
        [
            &self.larder,
            &self.promoting,
            &self.roomy,
            &self.redb,
            &self.large,
            &self.cached,
            &self.fjall,
            &self.sqlite,
        ]
    }

    /// Fills the page caches of the peers.
    fn warm_up(&self, keys: &[String]) {
        for peer in self.here() {
            let _ = lookups(peer, 1, keys);
        }
    }

    /// Looks up missing keys until the filters of absent keys answer these lookups. Returns a note on the
    /// time of a miss before.
    fn await_filters(&self, misses: &[String]) -> String {
        let mut before = misses.chunks_exact(FEW_LOOKUPS).map(|keys| {
            let [ours, theirs] = [&self.larder as &dyn Peer, &self.redb].map(|peer| lookups(peer, 1, keys));
            (ours.nanos, theirs.nanos)
        });
        // The first lookups of missing keys read pages that no hit has read.
        before.next();
        let (ours, theirs) = before.next().unwrap_or_default();
        for peer in [&self.larder, &self.promoting, &self.roomy] {
            let watch = Stopwatch::start();
            while !answers_from_filter(peer, misses) {
                assert!(watch.elapsed() < BUILD_LIMIT, "{} builds no filter of absent keys", peer.name());
            }
        }
        format!(
            "The measurement begins when larder's filters of absent keys are there. Opening a file builds \
             none: larder builds one in the background after many misses have read the file. Before, a miss \
             took {ours:.0} ns in larder and {theirs:.0} ns in redb ({FEW_LOOKUPS} lookups each)."
        )
    }

    /// Returns a contest in which each peer looks up keys. `hits` is the percentage of the keys that exist.
    fn run<'a>(
        &'a self,
        mut contest: Contest<'a>,
        pace: &Pace,
        threads: usize,
        keys: &'a [String],
        hits: f64,
    ) -> Contest<'a> {
        let divisor = pace.pick(1, 10);
        let mut enter = |peer: &'a dyn Peer, count: usize| {
            let turns = keys.chunks_exact(count / divisor).cycle();
            enter(&mut contest, peer, turns, threads, hits);
        };
        for peer in self.here() {
            enter(peer, LOOKUPS);
        }
        enter(&self.foyer, if hits > 0.0 { FEW_LOOKUPS } else { LOOKUPS });
        match &self.redis {
            Ok((_, sockets)) => sockets.iter().for_each(|redis| enter(redis, FEW_LOOKUPS)),
            Err(reason) => contest.skipped("redis", reason),
        }
        contest.note("larder's lookups are peeks, except in the rows that say that they promote. There the memory tier has room for a few pages, so that every hit evicts another entry.");
        contest
    }
}

fn enter<'a>(
    contest: &mut Contest<'a>,
    peer: &'a dyn Peer,
    mut turns: impl Iterator<Item = &'a [String]> + 'a,
    threads: usize,
    hits: f64,
) {
    contest.contestant(peer.name(), &peer.terms(), move || {
        let found = lookups(peer, threads, turns.next().unwrap_or_default());
        // foyer may have dropped a few pages while it was filled. The percentage that is found may
        // therefore differ from `hits`, but by less than 1.
        assert!((found.hits - hits).abs() < 1.0, "{} found {} %", peer.name(), found.hits);
        found.nanos
    });
}

/// Looks up missing keys. Returns whether the filter has answered most of these lookups.
fn answers_from_filter(peer: &Larder, misses: &[String]) -> bool {
    let filtered = || peer.cache.stats().disk.map_or(0, |disk| disk.filtered);
    let before = filtered();
    let keys = misses.get(..LOOKUPS).unwrap_or(misses);
    let _ = lookups(peer, 1, keys);
    filtered() - before > keys.len() as u64 / 2
}

fn numbered(entries: usize) -> impl Iterator<Item = (String, larder_benches::Page)> {
    (0..entries).map(|number| (key(number), disk::page(number)))
}

/// Opens a peer, fills it, closes it, and opens it again.
fn refilled<P: Peer>(open: impl Fn() -> P, entries: usize) -> P {
    let peer = open();
    {
        let mut session = peer.session();
        numbered(entries).for_each(|(key, page)| session.insert(&key, page));
    }
    peer.settle();
    drop(peer);
    open()
}

fn refilled_foyer(dir: &Path, entries: usize) -> Foyer {
    let open = || Foyer::open(dir, 64, foyer::room(entries));
    let foyer = open();
    foyer.fill(numbered(entries));
    foyer.close();
    open()
}
