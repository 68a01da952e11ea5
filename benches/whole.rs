//! The whole: what a service does with its cache. Of a hundred requests 95 are lookups and 5 are writes, their keys follow Zipf's law, and memory has
//! room for a tenth of the pages.
//!
//! Redis holds all of them in memory, in a process of its own. Room in memory is counted in entries, so that no peer pays for stating
//! its overhead.

#![forbid(unsafe_code)]

use std::error::Error;
use std::path::Path;

use larder_benches::disk::{TEXT_LEN, builder, fill, mixed, page, room};
use larder_benches::peers::foyer::Foyer;
use larder_benches::peers::larder::{Larder, Lookup};
use larder_benches::peers::naive::Naive;
use larder_benches::peers::redis::{Redis, Server};
use larder_benches::peers::{Peer, Request, serve};
use larder_benches::stopwatch::per_second;
use larder_benches::{Against, Contest, Measured, Pace, Unit, key};

const ROW: &str = "whole";
/// Percent of the requests that write.
const WRITES: u32 = 5;
/// Requests in a round: of those who answer in their own process, and of those who hand many to another thread or process.
const REQUESTS: usize = 100_000;
const FEW_REQUESTS: usize = 10_000;
/// What larder is to weigh an entry as: its memory is then counted in entries.
const WEIGHT: u64 = 1024;

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
    // As many as all rounds of the fastest take: no stream is asked twice in a row.
    let requests = mixed(entries, 8 * REQUESTS, WRITES, 5);
    for (threads, setting) in settings.iter().filter(|(_, setting)| pace.wants(ROW, setting)) {
        field.contest(&pace, *threads, setting, &requests).run(&pace);
    }
    Ok(())
}

struct Field {
    larder: Larder,
    foyer: Foyer,
    naive: Naive,
    /// The server, and it over either socket.
    redis: Result<(Server, [Redis; 2]), String>,
}

impl Field {
    fn new(dir: &Path, entries: usize) -> Result<Self, Box<dyn Error>> {
        let file = |name: &str| dir.join(name);
        let in_memory = entries / 10;
        fill(&file("larder"), entries, TEXT_LEN);
        let cache = builder(&file("larder"), room(entries, TEXT_LEN)).weigher(|_| WEIGHT);
        let cache = cache.memory_capacity(in_memory as u64 * WEIGHT).open()?;
        // Room for all of it several times over: foyer writes without looking for what it replaces.
        let foyer = Foyer::open(&file("foyer"), in_memory, 1 << 30);
        let numbered = || (0..entries).map(|number| (key(number), page(number)));
        foyer.fill(numbered());
        let naive = Naive::open(&file("naive"), in_memory)?;
        {
            let mut session = naive.session();
            numbered()
                .for_each(|(key, page)| larder_benches::peers::Session::insert(&mut *session, &key, page));
        }
        naive.settle();
        let redis = Server::start(&file("redis"));
        if let Ok((server, _)) = &redis {
            server.fill(numbered())?;
        }
        Ok(Self { larder: Larder::new(cache, "larder", Lookup::Get), foyer, naive, redis })
    }

    fn contest<'a>(
        &'a self,
        pace: &Pace,
        threads: usize,
        setting: &str,
        requests: &'a [Request],
    ) -> Contest<'a> {
        let mut contest = Contest::new(ROW, "The whole", setting, Unit::OperationsPerSecond);
        let divisor = pace.pick(1, 4);
        let mut enter = |peer: &'a dyn Peer, count: usize| {
            let mut turns = requests.chunks_exact(count / divisor).cycle();
            contest.contestant(peer.name(), &peer.terms(), move || {
                let turn = turns.next().unwrap_or_default();
                let served = serve(peer, turn.chunks(turn.len() / threads).map(<[_]>::to_vec).collect());
                Measured::new(per_second(served.elapsed, turn.len()))
                    .also("p50", Unit::NanosPerOperation, served.quantile(0.5))
                    .also("p99", Unit::NanosPerOperation, served.quantile(0.99))
            });
        };
        enter(&self.larder, REQUESTS);
        enter(&self.naive, REQUESTS);
        enter(&self.foyer, FEW_REQUESTS);
        match &self.redis {
            Ok((_, sockets)) => sockets.iter().for_each(|redis| enter(redis, FEW_REQUESTS)),
            Err(reason) => contest.skipped("redis", reason),
        }
        for (peer, times, said) in [
            ("foyer", 5.0, "5 × foyer's hybrid cache"),
            ("redis, Unix socket", 10.0, "10 × Redis"),
            ("quick_cache, over redb", 1.0, "ahead of quick_cache over redb, which loses updates"),
        ] {
            contest.target(Against::peer(peer), times, &format!("throughput: {said}"));
            contest.target_of("larder", Some("p99"), Against::peer(peer), times, &format!("p99: {said}"));
        }
        contest
    }
}
