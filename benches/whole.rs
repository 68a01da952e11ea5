//! Measures a typical service: of 100 requests, 95 are lookups and 5 are writes. The keys are
//! Zipf-distributed, and memory has room for a tenth of the pages.
//!
//! Redis holds all pages in the memory of its own process. The memory capacity of the other peers is
//! counted in entries. Otherwise a peer that counts its overhead would have less room. larder, and the
//! naive cache over redb, also take part with redb's default page cache of 1 GiB, which holds the whole
//! file.

#![forbid(unsafe_code)]

use std::error::Error;
use std::fs;
use std::path::Path;

use larder::ByteSize;
use larder_benches::disk::{PAGE_CACHE, TEXT_LEN, builder, fill, mixed, page, room};
use larder_benches::peers::foyer::{self, Foyer};
use larder_benches::peers::larder::{Larder, Lookup};
use larder_benches::peers::naive::Naive;
use larder_benches::peers::redis::{Redis, Server};
use larder_benches::peers::{Peer, serve};
use larder_benches::stopwatch::per_second;
use larder_benches::{Against, Contest, Measured, Pace, Unit, key};

const ROW: &str = "whole";
/// Percentage of requests that are writes.
const WRITES: u32 = 5;
/// Number of requests in a round: first for peers in the bench's own process, then for peers that pass many
/// requests to another thread or process.
const REQUESTS: usize = 100_000;
const FEW_REQUESTS: usize = 10_000;
/// Weight of an entry in larder. All entries weigh the same, so larder's memory is also counted in entries.
const WEIGHT: u64 = 1024;
const ROOMY: &str = "larder, page cache of 1 GiB";
const ROOMY_NAIVE: &str = "quick_cache, over redb with a page cache of 1 GiB";
/// Distance between the first request streams of two settings, so that each setting has its own streams.
const STREAMS: u64 = 1_000;

fn main() -> Result<(), Box<dyn Error>> {
    let Some(pace) = Pace::of_program("whole") else { return Ok(()) };
    let entries = pace.pick(300_000, 60_000);
    let settings = [(1, "1 thread"), (2, "2 threads")].map(|(threads, said)| {
        (threads, format!("95/5 Zipf over {}k × {TEXT_LEN} B, {said}", entries / 1_000))
    });
    if !settings.iter().any(|(_, setting)| pace.wants(ROW, setting)) {
        return Ok(());
    }
    let dir = tempfile::tempdir()?;
    let field = Field::new(dir.path(), entries)?;
    field.warm_up(entries);
    for (threads, setting) in settings.iter().filter(|(_, setting)| pace.wants(ROW, setting)) {
        field.contest(&pace, entries, *threads, setting).run(&pace);
    }
    Ok(())
}

struct Field {
    larder: Larder,
    foyer: Foyer,
    naive: Naive,
    roomy: Larder,
    roomy_naive: Naive,
    /// The server with one client per socket, or the reason why the server can't run.
    redis: Result<(Server, [Redis; 2]), String>,
}

impl Field {
    fn new(dir: &Path, entries: usize) -> Result<Self, Box<dyn Error>> {
        let file = |name: &str| dir.join(name);
        let in_memory = entries / 10;
        fill(&file("larder"), entries, TEXT_LEN);
        fs::copy(file("larder"), file("roomy"))?;
        let open = |name: &str, page_cache: ByteSize| {
            let cache = builder(&file(name), room(entries, TEXT_LEN)).weigher(|_| WEIGHT);
            cache.page_cache(page_cache).memory_capacity(in_memory as u64 * WEIGHT).open()
        };
        let foyer = Foyer::open(&file("foyer"), in_memory, foyer::room(entries));
        let numbered = || (0..entries).map(|number| (key(number), page(number)));
        foyer.fill(numbered());
        let naive = Naive::open(&file("naive"), in_memory)?;
        let roomy_naive = Naive::open_with(&file("roomy naive"), ROOMY_NAIVE, in_memory, ByteSize::gib(1))?;
        for naive in [&naive, &roomy_naive] {
            let mut session = naive.session();
            numbered()
                .for_each(|(key, page)| larder_benches::peers::Session::insert(&mut *session, &key, page));
            naive.settle();
        }
        let redis = Server::start(&file("redis"));
        if let Ok((server, _)) = &redis {
            server.fill(numbered())?;
        }
        Ok(Self {
            larder: Larder::new(open("larder", PAGE_CACHE)?, "larder", Lookup::Get),
            foyer,
            naive,
            roomy: Larder::new(open("roomy", ByteSize::gib(1))?, ROOMY, Lookup::Get),
            roomy_naive,
            redis,
        })
    }

    fn all(&self) -> impl Iterator<Item = &dyn Peer> {
        let own: [&dyn Peer; 5] = [&self.larder, &self.naive, &self.foyer, &self.roomy, &self.roomy_naive];
        let sockets = self.redis.iter().flat_map(|(_, sockets)| sockets);
        own.into_iter().chain(sockets.map(|redis| redis as &dyn Peer))
    }

    /// Reads every key once, and then fills each memory tier with the most requested keys. Every peer except
    /// Redis gets these requests. Without the first reads, the page cache of larder, which has opened its
    /// file again, would be empty, but not the page cache of a peer that has just written its file.
    fn warm_up(&self, entries: usize) {
        for peer in self.all().filter(|peer| !peer.name().starts_with("redis")) {
            let mut session = peer.session();
            for number in 0..entries {
                let _ = session.get(&key(number));
            }
            drop(session);
            let _ = serve(peer, vec![mixed(entries, entries / 2, WRITES, 0)]);
            peer.settle();
        }
    }

    fn contest<'a>(&'a self, pace: &Pace, entries: usize, threads: usize, setting: &str) -> Contest<'a> {
        let mut contest = Contest::new(ROW, "The whole", setting, Unit::OperationsPerSecond);
        let divisor = pace.pick(1, 4);
        let mut enter = |peer: &'a dyn Peer, count: usize| {
            let each = count / divisor / threads;
            // Each stream is used only once, so that a key repeats only by the Zipf distribution.
            let mut streams = STREAMS * threads as u64..;
            contest.contestant(peer.name(), &peer.terms(), move || {
                let streams = streams.by_ref().take(threads);
                let served =
                    serve(peer, streams.map(|stream| mixed(entries, each, WRITES, stream)).collect());
                Measured::new(per_second(served.elapsed, each * threads))
                    .also("hits", Unit::Percent, served.hits)
                    .also("p50", Unit::NanosPerOperation, served.quantile(0.5))
                    .also("p99", Unit::NanosPerOperation, served.quantile(0.99))
                    .also("p99 of lookups", Unit::NanosPerOperation, served.lookup_quantile(0.99))
            });
        };
        for peer in self.all() {
            let is_slow = peer.name().starts_with("redis") || peer.name() == "foyer";
            enter(peer, if is_slow { FEW_REQUESTS } else { REQUESTS });
        }
        if let Err(reason) = &self.redis {
            contest.skipped("redis", reason);
        }
        for (peer, times, said) in [
            ("foyer", 5.0, "5 × foyer's hybrid cache"),
            ("redis, Unix socket", 10.0, "10 × Redis"),
            ("quick_cache, over redb", 1.0, "ahead of quick_cache over redb, which loses updates"),
        ] {
            contest.target(Against::peer(peer), times, &format!("throughput: {said}"));
            contest.target_of("larder", Some("p99"), Against::peer(peer), times, &format!("p99: {said}"));
        }
        let lookups = "p99 of lookups: 0.9 × quick_cache over redb";
        let measure = Some("p99 of lookups");
        contest.target_of("larder", measure, Against::peer("quick_cache, over redb"), 0.9, lookups);
        let lookups = "the same, with a page cache of 1 GiB each";
        contest.target_of(ROOMY, measure, Against::peer(ROOMY_NAIVE), 0.9, lookups);
        contest
    }
}
