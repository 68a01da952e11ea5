//! The stream of operations to a peer that has sent `monitor`.
//!
//! The control thread takes these steps:
//!
//! 1. Answer the request, and register a watcher
//!    ([`Observer::watch`](crate::stats::observe::Observer::watch)).
//! 2. Take up to [`CHUNK`] operations from the watcher and write them. After a full chunk, do this again
//!    immediately. Otherwise, do it again at the next [`TICK`]. In both cases, first wait until the peer
//!    has taken every earlier line. The other peers are served between two chunks. If the peer is slow, its
//!    watcher's ring fills up, and a line reports how many operations were missed.
//! 3. End the stream when its time is over, its count is reached, the cache is closed, or the peer sends
//!    another line or closes its side. Remove the watcher, and write a last line with the totals.
//!
//! Operations do not wake the thread. While a stream is open, the thread wakes at each tick.

use std::sync::Weak;
use std::time::Duration;

use serde_json::{Value, json};

use super::line::{PROTOCOL, to_line};
use super::protocol::{MonitorRequest, done};
use super::refusal::{Refusal, RefusalKind};
use crate::engine::shared::Shared;
use crate::format::keyspace_id::KeyspaceId;
use crate::stats::observe::watch::{MAX_WATCHERS, ObservedOperation, Verb, Watcher};
use crate::sys::clock::Deadline;
use crate::sys::sync::Arc;

/// Interval at which a stream takes operations from its watcher.
pub(super) const TICK: Duration = Duration::from_millis(100);
/// Maximum number of operations that a stream takes from its watcher at a time.
const CHUNK: usize = 256;

/// Default sampling ratio N: one of N operations is shown.
pub const DEFAULT_MONITOR_SAMPLE: u64 = 100;
/// Default duration of a stream, in seconds.
pub const DEFAULT_MONITOR_SECONDS: u64 = 60;
/// Maximum duration of a stream, in seconds.
pub const MAX_MONITOR_SECONDS: u64 = 3600;

#[derive(Debug)]
pub(super) struct Stream {
    cache: Weak<Shared>,
    watcher: Arc<Watcher>,
    until: Deadline,
    next: Deadline,
    /// Number of operations that may still be shown.
    left: u64,
    shown: u64,
    told_missed: u64,
}

impl Stream {
    /// Runs step 1. `only` is the keyspace that the request names, if any.
    pub(super) fn begin(
        cache: &Arc<Shared>,
        request: &MonitorRequest,
        only: Option<KeyspaceId>,
    ) -> Result<(Vec<u8>, Self), Refusal> {
        cache.refuse_if_unusable()?;
        if !cache.observer.samples_keys() {
            return Err(not_sampled());
        }
        let one_in = request.one_in.unwrap_or(DEFAULT_MONITOR_SAMPLE).max(1);
        let seconds = request.seconds.unwrap_or(DEFAULT_MONITOR_SECONDS).min(MAX_MONITOR_SECONDS);
        let Some(watcher) = cache.observer.watch(one_in, only) else {
            let cause = format!("{MAX_WATCHERS} peers monitor the cache already");
            return Err(Refusal::new(RefusalKind::Busy, cause, "end one of them, or wait until it ends"));
        };
        let stream = Self {
            cache: Arc::downgrade(cache),
            watcher,
            until: Deadline::after(Duration::from_secs(seconds)),
            next: Deadline::after(TICK),
            left: request.count.unwrap_or(u64::MAX),
            shown: 0,
            told_missed: 0,
        };
        let begun = done(&json!({ "one_in": one_in, "seconds": seconds, "count": request.count }));
        Ok((begun, stream))
    }

    /// Returns the time for which the thread may sleep before the next step.
    pub(super) fn pause(&self) -> Duration {
        self.next.left().min(self.until.left())
    }

    pub(super) fn left(&self) -> Duration {
        self.until.left()
    }

    /// Returns the reason why the stream is over, or `None` if the stream is not over.
    pub(super) fn end(&self) -> Option<&'static str> {
        match () {
            () if self.left == 0 => Some("count"),
            () if self.until.left().is_zero() => Some("seconds"),
            () if self.cache.upgrade().is_none_or(|cache| cache.is_closed()) => Some("closed"),
            () => None,
        }
    }

    /// Runs step 2. Returns the new lines for the peer. Returns none before the next tick, unless the time of
    /// the stream is over or `are_last` is set.
    pub(super) fn lines(&mut self, are_last: bool) -> Vec<u8> {
        if !are_last && !self.next.left().is_zero() && !self.until.left().is_zero() {
            return Vec::new();
        }
        let Some(cache) = self.cache.upgrade() else { return Vec::new() };
        let seen = self.watcher.take(CHUNK.min(usize::try_from(self.left).unwrap_or(CHUNK)));
        // After a full chunk, more operations may be waiting, so the next step follows immediately.
        self.next = Deadline::after(if seen.len() < CHUNK { TICK } else { Duration::ZERO });
        let mut lines = Vec::new();
        if !seen.is_empty() {
            let names = cache.keyspaces.names();
            for seen in &seen {
                lines.extend(to_line(&json!({ "v": PROTOCOL, "seen": shown(seen, &names) })));
            }
        }
        self.left = self.left.saturating_sub(seen.len() as u64);
        self.shown += seen.len() as u64;
        let missed = self.watcher.missed();
        if missed > self.told_missed {
            lines.extend(to_line(&json!({ "v": PROTOCOL, "missed": missed - self.told_missed })));
            self.told_missed = missed;
        }
        lines
    }

    /// Runs step 3. Returns the last line. Operations that are still in the ring count as missed.
    pub(super) fn last(&self, why: &str) -> Vec<u8> {
        let missed = self.watcher.missed() + self.watcher.waiting();
        done(&json!({ "ended": why, "shown": self.shown, "missed": missed }))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(cache) = self.cache.upgrade() {
            cache.observer.unwatch(&self.watcher);
        }
    }
}

pub(super) fn not_sampled() -> Refusal {
    let cause = "the application does not let keys be sampled";
    let remedy = "start it with sample_keys=on in its URL, or CacheBuilder::sample_keys(true)";
    Refusal::new(RefusalKind::NotAllowed, cause, remedy)
}

type KeyspaceNames =
    std::collections::BTreeMap<KeyspaceId, crate::stats::observe::named_keyspace::NamedKeyspace>;

fn shown(seen: &ObservedOperation, names: &KeyspaceNames) -> Value {
    let keyspace = names.get(&KeyspaceId::of(&seen.full));
    let key = seen.full.get(KeyspaceId::LEN..).unwrap_or_default();
    let key_bytes = crate::format::key::spelling::spell_hex(key);
    let spelled = match (seen.verb, keyspace) {
        // A prefix is not a complete key, so it cannot be written in the shape of the keys.
        (Verb::RemovePrefix, _) | (_, None) => key_bytes.clone(),
        (_, Some(keyspace)) => keyspace.spell(key),
    };
    json!({
        "at_ms": seen.at.as_millis(),
        "operation": word(seen.verb),
        "keyspace": keyspace.map(|keyspace| &keyspace.name),
        "key": spelled,
        "key_bytes": key_bytes,
    })
}

const fn word(verb: Verb) -> &'static str {
    match verb {
        Verb::MemoryHit => "memory_hit",
        Verb::DiskHit => "disk_hit",
        Verb::AbsentAnswer => "absent_answer",
        Verb::Miss => "miss",
        Verb::Load => "load",
        Verb::Insert => "insert",
        Verb::Remove => "remove",
        Verb::RemovePrefix => "remove_prefix",
    }
}
