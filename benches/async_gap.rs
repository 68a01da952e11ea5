//! Measures how long async calls delay their executor. The figure is the gap between two polls of a task that
//! only yields, on a current-thread runtime, while other tasks call the cache.
//!
//! For each kind of call, the bench also measures the gaps without any calls. The calls may increase the
//! 99th percentile of the gaps by at most half a millisecond. A call that blocks the executor for the disk,
//! a loader or a commit causes a gap as long as that wait.
//!
//! The gaps include the work of the calls themselves, because one thread does everything.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "printing is the purpose of a bench program")]

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use larder::{ByteSize, Cache, CacheBuilder, Keyspace};
use larder_benches::stopwatch::Stopwatch;
use larder_benches::{PAGES, Pace, Page, key};
use tokio::task::{JoinHandle, yield_now};

/// Maximum increase of the 99th percentile of the gaps.
const ALLOWED: Duration = Duration::from_micros(500);
const MEASURED: Duration = Duration::from_secs(2);
const QUICK_MEASURED: Duration = Duration::from_millis(300);
/// Number of entries on disk. For disk hits, memory has room for a few of them.
const ENTRIES: usize = 50_000;
/// Number of tasks that call the cache.
const TASKS: usize = 8;
/// How long the loader of a miss takes.
const LOAD_TIME: Duration = Duration::from_millis(2);

type Pages = Keyspace<String, Page>;

/// The kinds of calls. Each kind is measured on its own cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Calls {
    None,
    MemoryHits,
    DiskHits,
    Misses,
    Removals,
    FullBuffer,
}

impl Calls {
    const ALL: [Self; 5] = [Self::MemoryHits, Self::DiskHits, Self::Misses, Self::Removals, Self::FullBuffer];

    const fn name(self) -> &'static str {
        match self {
            Self::None => "no calls",
            Self::MemoryHits => "hits in memory",
            Self::DiskHits => "hits on disk",
            Self::Misses => "misses with a slow loader",
            Self::Removals => "removals",
            Self::FullBuffer => "inserts into a full write buffer",
        }
    }

    fn builder(self) -> CacheBuilder {
        match self {
            Self::DiskHits => Cache::builder().memory_capacity(ByteSize::mib(1)),
            Self::FullBuffer => Cache::builder().write_buffer(ByteSize::kib(64)),
            Self::None | Self::MemoryHits | Self::Misses | Self::Removals => Cache::builder(),
        }
    }

    /// Makes one call. Each call has a different `turn`.
    async fn call(self, pages: &Pages, turn: usize) {
        let number = turn.wrapping_mul(48_271) % ENTRIES;
        match self {
            Self::None => {}
            Self::MemoryHits | Self::DiskHits => {
                assert!(pages.get_async(&key(number)).await.is_some(), "{number} is missing");
            }
            Self::Misses => {
                let loader = move || async move {
                    tokio::time::sleep(LOAD_TIME).await;
                    Ok::<_, String>(Page::of(turn))
                };
                pages.get_or_load_async(&key(ENTRIES + turn), loader).await.expect("the loader has a value");
            }
            Self::Removals => _ = pages.remove_async(&key(number)).await.expect("the disk works"),
            Self::FullBuffer => {
                pages.insert_async(&key(number), Page { text: "x".repeat(16 << 10) }).await.expect("it fits");
            }
        }
    }
}

/// The gaps between polls in one run.
struct Gaps {
    p99: Duration,
    longest: Duration,
    polls: usize,
    calls: usize,
}

fn main() -> ExitCode {
    let Some(pace) = Pace::of_program("async_gap") else { return ExitCode::SUCCESS };
    let measured = pace.pick(MEASURED, QUICK_MEASURED);
    let mut holds = true;
    for calls in Calls::ALL {
        if !pace.wants("async-gap", calls.name()) {
            continue;
        }
        let (without, with) = (run(calls, Calls::None, measured), run(calls, calls, measured));
        let more = with.p99.saturating_sub(without.p99);
        let is_held = more <= ALLOWED;
        holds &= is_held;
        println!(
            "{}: p99 {:?}, without the calls {:?}; longest {:?} and {:?}; {} calls, {} polls: {}",
            calls.name(),
            with.p99,
            without.p99,
            with.longest,
            without.longest,
            with.calls,
            with.polls,
            if is_held { "held" } else { "MISSED" },
        );
    }
    println!(
        "the p99 of the gaps may be {ALLOWED:?} longer with the calls: {}",
        if holds { "held" } else { "MISSED" }
    );
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs the calling tasks and the task that yields. The cache is filled for `kind`, and the tasks make
/// `calls`.
fn run(kind: Calls, calls: Calls, measured: Duration) -> Gaps {
    let dir = tempfile::tempdir().expect("a directory for temporary files");
    let path = dir.path().join("gap.larder");
    let cache = Cache::builder().path(&path).open().expect("a new file");
    let pages = cache.keyspace(PAGES).expect("the keyspace is not open yet");
    (0..ENTRIES).for_each(|number| pages.insert(&key(number), Page::of(number)).expect("the disk works"));
    cache.close().expect("the disk works");
    drop((cache, pages));
    let cache = kind.builder().path(&path).open().expect("the file of before");
    let pages = cache.keyspace(PAGES).expect("the keyspace is not open yet");
    if kind == Calls::MemoryHits {
        (0..ENTRIES).for_each(|number| assert!(pages.get(&key(number)).is_some(), "{number} is missing"));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let gaps = runtime.block_on(async {
        let is_over = Arc::new(AtomicBool::new(false));
        let tasks: Vec<_> =
            (0..TASKS).map(|task| caller(calls, pages.clone(), task, is_over.clone())).collect();
        let (mut gaps, watch) = (Vec::with_capacity(1 << 22), Stopwatch::start());
        let mut last = watch.elapsed();
        while last < measured {
            yield_now().await;
            let now = watch.elapsed();
            gaps.push(now.saturating_sub(last));
            last = now;
        }
        is_over.store(true, Ordering::Relaxed);
        let mut calls = 0;
        for task in tasks {
            calls += task.await.expect("a task does not panic");
        }
        gaps.sort_unstable();
        let at = |share: usize| gaps.get(gaps.len() * share / 100).copied().unwrap_or_default();
        let longest = gaps.last().copied().unwrap_or_default();
        Gaps { p99: at(99), longest, polls: gaps.len(), calls }
    });
    cache.close().expect("the disk works");
    gaps
}

/// Starts a task that makes calls until `is_over` is set. The task yields after each call, like a server task
/// that waits for its next request.
fn caller(calls: Calls, pages: Pages, task: usize, is_over: Arc<AtomicBool>) -> JoinHandle<usize> {
    tokio::spawn(async move {
        let mut made = 0;
        while !is_over.load(Ordering::Relaxed) {
            calls.call(&pages, made * TASKS + task).await;
            made += 1;
            yield_now().await;
        }
        made
    })
}
