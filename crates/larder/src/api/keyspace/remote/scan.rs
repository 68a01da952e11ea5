//! The keys of a keyspace at the server, and their entries.
//!
//! A walk reads the entries of several keys with one call of the tier, before it yields them. The entries
//! may change meanwhile. So an entry that was read ahead is treated like a near copy:
//!
//! 1. Take the epoch token of each key, then ask the server for the entries.
//! 2. Before an entry is yielded, read the validity of memory. The entry is yielded if its token is still
//!    valid, if it has not expired, and if the validity is still current after that. Otherwise the key is
//!    looked up like any other key. An update of the key does not matter, because the entry is only yielded,
//!    and not copied into memory.
//!
//! The server decides how many pages a walk has. A walk ends as incomplete if a cursor comes twice, or after
//! an hour ([`WalkLimit`]). So a broken server does not keep the caller forever.

use std::collections::VecDeque;
#[cfg(feature = "async")]
use std::sync::Weak;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::keyspace::Keyspace;
use crate::engine::remote::link::RemoteLink;
use crate::error::remote_error::{RemoteError, RemoteErrorKind};
use crate::format::key::Key;
use crate::memory::epochs::EpochToken;
use crate::memory::lookup::Lookup;
use crate::remote::tier::ScanCursor;
use crate::sys::clock::Deadline;
use crate::sys::sync::Arc;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};
use crate::sys::user_code::{HeldValue, drop_caught};
use crate::units::Timestamp;

/// Maximum number of keys whose entries a walk requests at a time.
const READ_AHEAD: usize = 32;

/// Maximum duration of a walk over the keys of a keyspace.
const MAX_WALK: Duration = Duration::from_hours(1);

/// Decides whether a walk may go on. To find a circle of any length, it keeps the cursor of one earlier page,
/// and compares it with each later cursor. After 1, 2, 4, 8 … pages, it keeps the latest cursor instead.
#[derive(Debug)]
struct WalkLimit {
    until: Deadline,
    kept: Option<ScanCursor>,
    pages: u64,
}

impl WalkLimit {
    fn new() -> Self {
        Self { until: Deadline::after(MAX_WALK), kept: None, pages: 0 }
    }

    /// Returns the error of a walk that does not end, after a page that has named the cursor `next`.
    fn check(&mut self, next: &ScanCursor) -> Result<(), RemoteError> {
        self.pages += 1;
        let why = if self.kept.as_ref() == Some(next) {
            format!("it has returned to a cursor after {} pages", self.pages)
        } else if self.until.is_over() {
            format!("it has not ended after {} pages and an hour", self.pages)
        } else {
            if self.pages.is_power_of_two() {
                self.kept = Some(next.clone());
            }
            return Ok(());
        };
        let cause = format!("the walk over the keys of the server does not end: {why}");
        Err(RemoteError::new(RemoteErrorKind::Garbled, cause))
    }
}

/// The caller that waits for the next item of an iteration.
#[derive(Debug)]
pub(in crate::api::keyspace) enum WalkCaller {
    /// A thread. It waits until it has the item.
    Thread,
    /// A stream, which may be dropped meanwhile. The stream owns the value of the pointer.
    #[cfg(feature = "async")]
    Stream(Weak<()>),
}

impl WalkCaller {
    /// Returns whether the stream was dropped. Then the iteration ends before its next request.
    pub(in crate::api::keyspace) fn is_gone(&self) -> bool {
        match self {
            Self::Thread => false,
            #[cfg(feature = "async")]
            Self::Stream(stream) => stream.strong_count() == 0,
        }
    }
}

/// The next keys of a walk, with the entries that were read ahead.
#[derive(Debug)]
pub(in crate::api::keyspace) struct ReadAhead<V> {
    keys: VecDeque<AheadKey<V>>,
}

impl<V> Default for ReadAhead<V> {
    fn default() -> Self {
        Self { keys: VecDeque::new() }
    }
}

#[derive(Debug)]
struct AheadKey<V> {
    full: Arc<[u8]>,
    entry: Option<AheadEntry<V>>,
}

#[derive(Debug)]
struct AheadEntry<V> {
    /// `None` if the key had no live value.
    value: HeldValue<Option<Arc<V>>>,
    expires_at: Timestamp,
    token: EpochToken,
}

/// What a walk knows about its next key.
pub(in crate::api::keyspace) enum WalkedEntry<V> {
    Live(HeldValue<Arc<V>>),
    /// The key has no live value.
    Missing,
    /// The key must be looked up.
    Unread,
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Returns the keys at the server, sorted and without duplicates, and whether the list is complete. All
    /// keys are collected first, because the server may return a key several times and in any order. Ends
    /// before its next request if `caller` is gone.
    pub(in crate::api::keyspace) async fn remote_keys(&self, caller: &WalkCaller) -> (Vec<Arc<[u8]>>, bool) {
        let Some(link) = self.link() else { return (Vec::new(), true) };
        let (mut keys, mut cursor, mut limit) = (Vec::new(), ScanCursor::default(), WalkLimit::new());
        let prefix = self.opened.id.to_bytes();
        let is_complete = loop {
            if caller.is_gone() {
                return (Vec::new(), false);
            }
            let page = link.answer_to(|tier, reply| tier.scan(prefix.as_slice().into(), cursor, reply)).await;
            let Some(page) = link.count(page) else { break false };
            keys.extend(page.keys.into_iter().map(Arc::<[u8]>::from));
            let Some(next) = page.next else { break true };
            if link.count(limit.check(&next)).is_none() {
                break false;
            }
            cursor = next;
        };
        keys.sort_unstable();
        keys.dedup();
        (keys, is_complete)
    }

    /// Returns the next key of a walk, and its entry if it was read ahead and may still be yielded. `next`
    /// returns the key after those that were read ahead.
    pub(in crate::api::keyspace) async fn next_ahead(
        &self,
        ahead: &mut ReadAhead<V>,
        mut next: impl FnMut() -> Option<Arc<[u8]>>,
    ) -> Option<(Arc<[u8]>, WalkedEntry<V>)> {
        if ahead.keys.is_empty() {
            let size = if self.is_remote() { READ_AHEAD } else { 1 };
            let keys = std::iter::from_fn(&mut next).take(size);
            ahead.keys.extend(keys.map(|full| AheadKey { full, entry: None }));
            if ahead.keys.len() > 1 {
                self.read_ahead(&mut ahead.keys).await;
            }
        }
        let AheadKey { full, entry } = ahead.keys.pop_front()?;
        let walked = match entry.filter(|entry| self.may_yield(&full, entry)) {
            Some(AheadEntry { value, .. }) => match value.into_inner() {
                Some(value) => WalkedEntry::Live(HeldValue::new(value)),
                None => WalkedEntry::Missing,
            },
            None => WalkedEntry::Unread,
        };
        Some((full, walked))
    }

    /// Runs step 1, for the keys that memory does not have.
    async fn read_ahead(&self, keys: &mut VecDeque<AheadKey<V>>) {
        let (Some(link), memory) = (self.link(), &self.shared.tiers.memory) else { return };
        let mut asked = Vec::new();
        for (at, AheadKey { full, .. }) in keys.iter().enumerate() {
            match self.shared.tiers.peek_in_memory(memory.key(full)) {
                Lookup::Unknown(miss) => asked.push((at, miss.epoch_token)),
                known => drop_caught(known),
            }
        }
        if asked.is_empty() {
            return;
        }
        let full = asked.iter().filter_map(|(at, _)| Some(Box::from(&*keys.get(*at)?.full))).collect();
        let asked_at = self.now();
        let records = link.answer_to(|tier, reply| tier.get_many(full, reply)).await;
        let Some(records) = link.count(records) else { return };
        for ((at, token), record) in asked.into_iter().zip(records) {
            let Some(AheadKey { full, entry }) = keys.get_mut(at) else { continue };
            let found = record.and_then(|record| {
                self.shared.decode_remote::<V>(&self.opened, memory.key(full), &record, asked_at)
            });
            let missing = || (HeldValue::new(None), Timestamp::NEVER);
            let (value, expires_at) = found.map_or_else(missing, |found| (found.value, found.expires_at));
            *entry = Some(AheadEntry { value, expires_at, token });
        }
    }

    /// Looks up a key that was not read ahead, like [`look_in_both`](Self::look_in_both) with
    /// [`peek_full`](Self::peek_full).
    pub(in crate::api::keyspace) async fn peek_in_both(&self, full: &[u8]) -> (Option<Arc<V>>, bool) {
        if !self.is_remote() {
            return self.look_in_both(|| self.peek_full(full));
        }
        let key = self.shared.tiers.memory.key(full);
        let look = async {
            match self.shared.tiers.peek_in_memory(key) {
                Lookup::Value(value, _) => Self::typed(value),
                Lookup::Absent(_) | Lookup::Negative => None,
                Lookup::Unknown(_) => {
                    self.shared.read_remote_entry(&self.opened, key).await?.value.into_inner()
                }
            }
        };
        self.look_remotely(look).await
    }

    /// Like [`peek_in_both`](Self::peek_in_both), with [`expiry_of`](Self::expiry_of).
    pub(in crate::api::keyspace) async fn expiry_in_both(&self, full: &[u8]) -> (Option<Timestamp>, bool) {
        if !self.is_remote() {
            return self.look_in_both(|| self.expiry_of(full, self.now()));
        }
        self.look_remotely(self.remote_expiry_of(self.shared.tiers.memory.key(full))).await
    }

    /// Runs a lookup of [`look_in_both`](Self::look_in_both) in a remote keyspace.
    pub(in crate::api::keyspace) async fn look_remotely<R>(
        &self,
        look: impl Future<Output = Option<R>>,
    ) -> (Option<R>, bool) {
        let failures = || self.link().map(RemoteLink::failures);
        let before = failures();
        let found = look.await;
        let may_be_there = found.is_none() && failures() != before;
        (found, may_be_there)
    }

    /// Runs step 2. Returns whether the entry may be yielded.
    fn may_yield(&self, full: &[u8], entry: &AheadEntry<V>) -> bool {
        let Some(link) = self.link() else { return false };
        let (memory, mut until) = (&self.shared.tiers.memory, link.validity.until());
        let is_unchanged = memory.is_current(memory.key(full), entry.token);
        if failpoint_is_set(Failpoint::DeadlineAfterRead) {
            until = link.validity.until();
        }
        is_unchanged && entry.expires_at > self.now() && link.validity.is_current(until)
    }
}
