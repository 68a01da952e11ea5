//! Measures memory hits of `get_async` and `get_or_load_async` against hits of `get`. All calls run on one
//! thread, with keys that stay in the processor's cache, so only the overhead of the calls is compared.
//!
//! A hit of an async call may take at most 10 ns longer than a hit of `get`. The calls are measured in
//! turns. The result is the median of the differences within a round.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "printing is the purpose of a bench program")]

use std::hint::black_box;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use larder::{Cache, Keyspace};
use larder_benches::stopwatch::time;
use larder_benches::{PAGES, Pace, Page, key};

/// Maximum additional time of an async call, in nanoseconds.
const ALLOWED: f64 = 10.0;
const KEYS: usize = 64;
const HITS: usize = 400_000;
const QUICK_HITS: usize = 50_000;

type Pages = Keyspace<String, Page>;

fn main() -> ExitCode {
    let Some(pace) = Pace::of_program("async_hit") else { return ExitCode::SUCCESS };
    let cache = Cache::builder().open().expect("a cache in memory opens");
    let pages = cache.keyspace(PAGES).expect("the keyspace is not open yet");
    let keys: Vec<String> = (0..KEYS).map(key).collect();
    let value = Arc::new(Page::of(0));
    for key in &keys {
        pages.insert(key, value.clone()).expect("a page can be stored");
    }
    let hits = pace.pick(HITS, QUICK_HITS);
    let mut samples = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..pace.rounds {
        let figures =
            [gets(&pages, &keys, hits), async_gets(&pages, &keys, hits), async_loads(&pages, &keys, hits)];
        samples.iter_mut().zip(figures).for_each(|(samples, figure)| samples.push(figure));
    }
    let [base, calls @ ..] = samples;
    println!("get: {:.1} ns", median(base.clone()));
    let mut holds = true;
    for (name, samples) in ["get_async", "get_or_load_async"].into_iter().zip(calls) {
        let more = median(samples.iter().zip(&base).map(|(call, get)| call - get).collect());
        let is_held = more <= ALLOWED;
        holds &= is_held;
        let verdict = if is_held { "held" } else { "MISSED" };
        println!("{name}: {:.1} ns, {more:+.1} ns; it may be {ALLOWED} ns more: {verdict}", median(samples));
    }
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied().unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "a number of calls that a double has exactly")]
fn nanos_of_each(keys: &[String], hits: usize, hit: impl Fn(&String) -> bool) -> f64 {
    let elapsed = time(|| assert!(keys.iter().cycle().take(hits).all(hit), "a resident entry was missed"));
    elapsed.as_secs_f64() * 1e9 / hits as f64
}

/// Returns the output of a future that is ready at its first poll.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a memory hit waits for nothing"),
    }
}

#[inline(never)]
fn gets(pages: &Pages, keys: &[String], hits: usize) -> f64 {
    nanos_of_each(keys, hits, |key| black_box(pages.get(black_box(key))).is_some())
}

#[inline(never)]
fn async_gets(pages: &Pages, keys: &[String], hits: usize) -> f64 {
    nanos_of_each(keys, hits, |key| black_box(at_once(pages.get_async(black_box(key)))).is_some())
}

#[inline(never)]
fn async_loads(pages: &Pages, keys: &[String], hits: usize) -> f64 {
    nanos_of_each(keys, hits, |key| {
        let load = pages.get_or_load_async(black_box(key), || async { Err::<Page, _>(()) });
        black_box(at_once(load)).is_ok()
    })
}
