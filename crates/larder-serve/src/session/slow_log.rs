//! The log of slow requests, for `SLOWLOG`.
//!
//! The number of requests, the number of words per request, and the number of bytes per word are limited. The
//! oldest request is dropped first.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::client::Client;
use crate::protocol::arguments::Arguments;

/// Default threshold in microseconds, as in Redis.
const DEFAULT_THRESHOLD: i64 = 10_000;

/// Default number of requests in the log, as in Redis.
const DEFAULT_LEN: usize = 128;

/// Maximum number of requests in the log. A full log takes about 5 MiB.
pub(crate) const MAX_LEN: i64 = 1024;

/// Maximum number of words per logged request, and of bytes per word.
const MAX_WORDS: usize = 32;
const MAX_WORD: usize = 128;

#[derive(Debug, Clone)]
pub(crate) struct SlowRequest {
    pub(crate) id: u64,
    /// End of the request, as a Unix time in seconds.
    pub(crate) time: i64,
    pub(crate) duration: Duration,
    pub(crate) words: Vec<Vec<u8>>,
    pub(crate) peer: String,
    /// The name of the client, shortened like a word.
    pub(crate) name: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct SlowLog {
    /// Minimum duration of a logged request in microseconds. With a negative number, no request is logged.
    pub(crate) threshold: AtomicI64,
    /// Maximum number of requests in the log.
    pub(crate) max_len: AtomicUsize,
    kept: Mutex<KeptRequests>,
}

#[derive(Debug, Default)]
struct KeptRequests {
    /// The logged requests, newest first.
    requests: VecDeque<SlowRequest>,
    next_id: u64,
}

impl Default for SlowLog {
    fn default() -> Self {
        Self {
            threshold: AtomicI64::new(DEFAULT_THRESHOLD),
            max_len: AtomicUsize::new(DEFAULT_LEN),
            kept: Mutex::default(),
        }
    }
}

impl SlowLog {
    pub(crate) fn note(&self, args: Arguments<'_>, duration: Duration, time: i64, client: &Client) {
        let threshold = self.threshold.load(Ordering::Relaxed);
        let is_slow = u128::try_from(threshold).is_ok_and(|threshold| duration.as_micros() >= threshold);
        if !is_slow {
            return;
        }
        let (peer, name) = (client.peer.clone(), shortened_word(client.labels().name.as_bytes()));
        let mut kept = self.lock();
        let id = kept.next_id;
        kept.next_id += 1;
        kept.requests.push_front(SlowRequest { id, time, duration, words: shortened(args), peer, name });
        kept.requests.truncate(self.max_len.load(Ordering::Relaxed));
    }

    /// Returns up to `max` requests, newest first.
    pub(crate) fn newest(&self, max: usize) -> Vec<SlowRequest> {
        self.lock().requests.iter().take(max).cloned().collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().requests.len()
    }

    pub(crate) fn reset(&self) {
        self.lock().requests.clear();
    }

    pub(crate) fn set_max_len(&self, len: usize) {
        self.max_len.store(len, Ordering::Relaxed);
        self.lock().requests.truncate(len);
    }

    fn lock(&self) -> MutexGuard<'_, KeptRequests> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the words for the log. If some words or bytes are left out, the result says how many, as in Redis.
fn shortened(args: Arguments<'_>) -> Vec<Vec<u8>> {
    if args.len() <= MAX_WORDS {
        return args.from(0).map(shortened_word).collect();
    }
    let mut words: Vec<_> = args.from(0).take(MAX_WORDS - 1).map(shortened_word).collect();
    words.push(format!("... ({} more arguments)", args.len() - words.len()).into_bytes());
    words
}

fn shortened_word(word: &[u8]) -> Vec<u8> {
    match word.split_at_checked(MAX_WORD) {
        Some((first, rest)) if !rest.is_empty() => {
            [first, format!("... ({} more bytes)", rest.len()).as_bytes()].concat()
        }
        _ => word.to_vec(),
    }
}
