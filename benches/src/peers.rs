//! The peers of larder's disk tier, behind two traits. The module of each peer says how the peer is set up.
//!
//! The durability of writes differs between peers, so the tables of the report show [`Peer::terms`] beside
//! the figures.

pub mod cached_redb;
pub mod fjall;
pub mod foyer;
pub mod larder;
pub mod naive;
pub mod pinned;
pub mod raw_redb;
pub mod redis;
pub mod sqlite;

use std::mem;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::stopwatch::{Stopwatch, in_threads, nanos_each};
use crate::summary::quantile;
use crate::workload::Page;

/// A store of pages that threads share.
pub trait Peer: Sync {
    /// Returns the name of the peer in a report: its package, with an optional remark.
    fn name(&self) -> &str;

    /// Returns when a write of this peer is on the disk, and other conditions of its figures.
    fn terms(&self) -> String;

    /// Opens a session for one thread.
    fn session(&self) -> Box<dyn Session + '_>;

    /// Waits until all writes are as durable as this peer makes them.
    fn settle(&self) {}
}

/// One thread's use of a [`Peer`].
pub trait Session {
    /// Looks up a page, and drops it. A page that is not in memory is decoded first. Returns whether the page
    /// was found.
    fn get(&mut self, key: &str) -> bool;

    /// Stores a page. Returns when the peer has acknowledged it.
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

/// The result of many lookups.
#[derive(Debug, Clone, Copy)]
pub struct Lookups {
    /// Mean time of a lookup on its thread, in nanoseconds.
    pub nanos: f64,
    /// Percentage of lookups that found a page.
    pub hits: f64,
}

/// Looks up keys from several threads, which share the keys equally.
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

/// The result of [`serve`].
#[derive(Debug, Clone)]
pub struct Served {
    /// Time from the start of the first thread to the end of the last.
    pub elapsed: Duration,
    /// Times of all requests in nanoseconds, in ascending order.
    pub nanos: Vec<f64>,
    /// Times of the lookups in nanoseconds, in ascending order.
    pub lookup_nanos: Vec<f64>,
    /// Percentage of lookups that found a page.
    pub hits: f64,
}

impl Served {
    /// Returns the time within which the fraction `share` (0 to 1) of the requests ended, in nanoseconds.
    #[must_use]
    pub fn quantile(&self, share: f64) -> f64 {
        quantile(&self.nanos, share).unwrap_or(f64::NAN)
    }

    /// Returns the time within which the fraction `share` (0 to 1) of the lookups ended, in nanoseconds.
    #[must_use]
    pub fn lookup_quantile(&self, share: f64) -> f64 {
        quantile(&self.lookup_nanos, share).unwrap_or(f64::NAN)
    }
}

/// Makes the requests of each part on its own thread, and times each request.
///
/// # Panics
/// Panics if a contestant panics.
#[must_use]
pub fn serve(peer: &dyn Peer, parts: Vec<Vec<Request>>) -> Served {
    let threads = parts.len();
    let parts: Vec<Mutex<Vec<Request>>> = parts.into_iter().map(Mutex::new).collect();
    let nanos = Mutex::new((Vec::new(), Vec::new()));
    let (asked, found) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let elapsed = in_threads(threads, |thread| {
        let part = parts.get(thread).and_then(|part| part.lock().ok().map(|mut part| mem::take(&mut *part)));
        let part = part.unwrap_or_default();
        let mut session = peer.session();
        let (mut lookups, mut writes) = (Vec::with_capacity(part.len()), Vec::new());
        let mut hits = 0;
        for request in part {
            let watch = Stopwatch::start();
            match request {
                Request::Get(key) => {
                    hits += usize::from(session.get(&key));
                    lookups.push(watch.nanos());
                }
                Request::Insert(key, page) => {
                    session.insert(&key, page);
                    writes.push(watch.nanos());
                }
            }
        }
        asked.fetch_add(lookups.len(), Ordering::Relaxed);
        found.fetch_add(hits, Ordering::Relaxed);
        let mut nanos = nanos.lock().expect("no contestant panicked");
        nanos.0.extend(lookups);
        nanos.1.extend(writes);
    });
    let (mut lookup_nanos, mut nanos) = nanos.into_inner().expect("no contestant panicked");
    nanos.extend(&lookup_nanos);
    lookup_nanos.sort_by(f64::total_cmp);
    nanos.sort_by(f64::total_cmp);
    Served { elapsed, nanos, lookup_nanos, hits: percent(found.into_inner(), asked.into_inner()) }
}

#[expect(clippy::cast_precision_loss, reason = "counts of operations are below what a double tells apart")]
fn percent(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}
