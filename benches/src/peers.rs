//! What larder's disk tier runs against: each peer behind the same two traits, set up as its own documentation recommends.
//!
//! A contestant's durability differs from peer to peer, so each one states its own: [`Peer::terms`] stands in every table beside the figure.

pub mod cached_redb;
pub mod fjall;
pub mod foyer;
pub mod larder;
pub mod naive;
pub mod pinned;
pub mod raw_redb;
pub mod redis;
pub mod resp;
pub mod sqlite;

use std::mem;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::stopwatch::{Stopwatch, in_threads, nanos_each};
use crate::summary::quantile;
use crate::workload::Page;

/// A store of pages by key, shared between threads.
pub trait Peer: Sync {
    /// The name it goes by in a report: its package, and a remark.
    fn name(&self) -> &str;

    /// When what was written is on the disk, and what else its figures depend on.
    fn terms(&self) -> String;

    /// One thread's way to it.
    fn session(&self) -> Box<dyn Session + '_>;

    /// Waits until what was written is as safe as this peer makes it.
    fn settle(&self) {}
}

/// One thread's way to a [`Peer`].
pub trait Session {
    /// Whether a key has a page. One that is there is copied, decoded and dropped.
    fn get(&mut self, key: &str) -> bool;

    /// Stores a page, up to the peer's acknowledgement.
    fn insert(&mut self, key: &str, page: Page);
}

/// One request of a mixed load.
#[derive(Debug, Clone)]
pub enum Request {
    /// A lookup.
    Get(String),
    /// A write.
    Insert(String, Page),
}

/// What a number of lookups came to.
#[derive(Debug, Clone, Copy)]
pub struct Lookups {
    /// Nanoseconds that one lookup took its thread.
    pub nanos: f64,
    /// Percent that found a page.
    pub hits: f64,
}

/// Looks keys up, each thread its part of them.
#[must_use]
pub fn lookups(peer: &dyn Peer, threads: usize, keys: &[String]) -> Lookups {
    let each = keys.len() / threads.max(1);
    let hits = AtomicUsize::new(0);
    let elapsed = in_threads(threads, |thread| {
        let mut session = peer.session();
        let asked = keys.iter().skip(thread * each).take(each);
        let found = asked.filter(|key| session.get(key.as_str())).count();
        hits.fetch_add(found, Ordering::Relaxed);
    });
    Lookups { nanos: nanos_each(elapsed, each), hits: percent(hits.into_inner(), each * threads.max(1)) }
}

/// What serving a load came to.
#[derive(Debug, Clone)]
pub struct Served {
    /// From the start of the first thread to the end of the last.
    pub elapsed: Duration,
    /// How long each request took, the shortest first, in nanoseconds.
    pub nanos: Vec<f64>,
    /// Percent of the lookups that found a page.
    pub hits: f64,
}

impl Served {
    /// The time that a share of the requests did not exceed.
    #[must_use]
    pub fn quantile(&self, share: f64) -> f64 {
        quantile(&self.nanos, share).unwrap_or(f64::NAN)
    }
}

/// Serves requests, each thread its part of them, and times each one.
///
/// # Panics
/// If a contestant does.
#[must_use]
pub fn serve(peer: &dyn Peer, parts: Vec<Vec<Request>>) -> Served {
    let threads = parts.len();
    let parts: Vec<Mutex<Vec<Request>>> = parts.into_iter().map(Mutex::new).collect();
    let nanos = Mutex::new(Vec::new());
    let (asked, found) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let elapsed = in_threads(threads, |thread| {
        let part = parts.get(thread).and_then(|part| part.lock().ok().map(|mut part| mem::take(&mut *part)));
        let part = part.unwrap_or_default();
        let mut session = peer.session();
        let mut times = Vec::with_capacity(part.len());
        let (mut gets, mut hits) = (0, 0);
        for request in part {
            let watch = Stopwatch::start();
            match request {
                Request::Get(key) => {
                    gets += 1;
                    hits += usize::from(session.get(&key));
                }
                Request::Insert(key, page) => session.insert(&key, page),
            }
            times.push(watch.nanos());
        }
        asked.fetch_add(gets, Ordering::Relaxed);
        found.fetch_add(hits, Ordering::Relaxed);
        nanos.lock().expect("no contestant panicked").extend(times);
    });
    let mut nanos = nanos.into_inner().expect("no contestant panicked");
    nanos.sort_by(f64::total_cmp);
    Served { elapsed, nanos, hits: percent(found.into_inner(), asked.into_inner()) }
}

#[expect(clippy::cast_precision_loss, reason = "counts of operations are below what a double tells apart")]
fn percent(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}
