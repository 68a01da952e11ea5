//! A small cache in memory in front of the tier. It follows the order that `larder::remote` requires, and can
//! have faults, which the tests must detect.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use larder::Remaining;
use larder::remote::{
    FillReply, LeaseReply, Life, NearTier, RemoteAnswer, RemoteKey, RemoteRecord, RemoteTier, SetCondition,
    reply,
};
use larder_redis::RedisTier;

use crate::support::{LIMIT, ask, now};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NodeFault {
    None,
    /// Takes the token after the reply to the request has arrived.
    TokenAfterRequest,
    /// Returns a value without checking the validity.
    NoValidity,
    /// Does not empty memory when the connection is lost, and does not compare the generation.
    KeepsAfterLoss,
}

#[derive(Debug)]
struct Copied {
    bytes: Vec<u8>,
    ends: Option<Instant>,
}

#[derive(Debug, Default)]
struct Slots {
    copies: HashMap<RemoteKey, Copied>,
    epochs: HashMap<RemoteKey, u64>,
    /// Incremented when all keys, or a range of them, become void.
    epoch_of_all: u64,
}

#[derive(Debug)]
pub(crate) struct NearMap {
    slots: Mutex<Slots>,
    /// Notified when an epoch of a key is incremented.
    moved: Condvar,
    fault: NodeFault,
    pub(crate) voids: AtomicU64,
}

impl NearTier for NearMap {
    fn invalidate(&self, keys: &[&[u8]]) {
        let mut slots = self.slots.lock().unwrap();
        for key in keys {
            slots.copies.remove(*key);
            *slots.epochs.entry(RemoteKey::from(*key)).or_default() += 1;
        }
        self.moved.notify_all();
    }

    fn invalidate_range(&self, prefix: &[u8]) {
        let mut slots = self.slots.lock().unwrap();
        slots.copies.retain(|key, _| !key.starts_with(prefix));
        slots.epoch_of_all += 1;
    }

    fn invalidate_all(&self) {
        self.voids.fetch_add(1, Ordering::Relaxed);
        if self.fault == NodeFault::KeepsAfterLoss {
            return;
        }
        let mut slots = self.slots.lock().unwrap();
        slots.copies.clear();
        slots.epoch_of_all += 1;
    }
}

/// A lookup that was sent to the server.
pub(crate) struct Question {
    token: (u64, u64),
    before: Instant,
    answer: RemoteAnswer<Option<RemoteRecord>>,
}

pub(crate) struct Node {
    pub(crate) tier: RedisTier,
    pub(crate) near: Arc<NearMap>,
    pub(crate) hits: AtomicU64,
}

/// Returns whether values may be returned from memory now.
pub(crate) fn is_current(tier: &RedisTier) -> bool {
    let validity = tier.validity();
    validity.is_current(validity.until())
}

impl Node {
    pub(crate) fn open(url: &str, fault: NodeFault) -> Self {
        let tier = crate::support::open(url);
        let near = Arc::new(NearMap {
            slots: Mutex::default(),
            moved: Condvar::new(),
            fault,
            voids: AtomicU64::new(0),
        });
        let weak: std::sync::Weak<NearMap> = Arc::downgrade(&near);
        tier.attach(weak).expect("the node has one near cache");
        Self { tier, near, hits: AtomicU64::new(0) }
    }

    /// Returns a value from memory, if the validity permits it now.
    pub(crate) fn hit(&self, key: &RemoteKey) -> Option<Vec<u8>> {
        let validity = self.tier.validity();
        let until = validity.until();
        let found = {
            let slots = self.near.slots.lock().unwrap();
            let copy = slots.copies.get(key);
            copy.filter(|copy| copy.ends.is_none_or(|ends| now() < ends)).map(|copy| copy.bytes.clone())
        };
        let is_legal = self.near.fault == NodeFault::NoValidity || validity.is_current(until);
        found.filter(|_| is_legal)
    }

    pub(crate) fn tier_is_current(&self) -> bool {
        is_current(&self.tier)
    }

    /// Waits until the epoch of a key is at least `epoch`. Pushes of the key and changes by this node
    /// increment it.
    pub(crate) fn await_epoch(&self, key: &RemoteKey, epoch: u64) {
        let slots = self.near.slots.lock().unwrap();
        let is_before = |slots: &mut Slots| slots.epochs.get(key).is_none_or(|present| *present < epoch);
        let waited = self.near.moved.wait_timeout_while(slots, LIMIT, is_before);
        assert!(!waited.unwrap().1.timed_out(), "the push does not arrive");
    }

    fn token(&self, key: &RemoteKey) -> (u64, u64) {
        let slots = self.near.slots.lock().unwrap();
        (slots.epochs.get(key).copied().unwrap_or_default(), slots.epoch_of_all)
    }

    /// Returns a value from memory or from the server. Stores a value from the server in memory. Calls
    /// `delay` between the reply and that fill.
    pub(crate) fn get(&self, key: &RemoteKey, delay: impl FnOnce()) -> Option<Vec<u8>> {
        if let Some(bytes) = self.hit(key) {
            self.hits.fetch_add(1, Ordering::Relaxed);
            return Some(bytes);
        }
        let question = self.ask(key);
        self.fill(key, question, delay)
    }

    /// Asks the server for a value, without waiting for the answer.
    pub(crate) fn ask(&self, key: &RemoteKey) -> Question {
        let (token, before) = (self.token(key), now());
        let (sender, answer) = reply();
        self.tier.get(key.clone(), sender);
        Question { token, before, answer }
    }

    /// Waits for the answer to a question, calls `delay`, and stores the value in memory. Does not store the
    /// value if the key or the connection has changed since the question.
    pub(crate) fn fill(&self, key: &RemoteKey, question: Question, delay: impl FnOnce()) -> Option<Vec<u8>> {
        let Question { mut token, before, answer } = question;
        let found = answer.wait().ok()??;
        delay();
        if self.near.fault == NodeFault::TokenAfterRequest {
            token = self.token(key);
        }
        let ends = match found.left {
            Remaining::For(left) => Some(before + left),
            Remaining::Never => None,
        };
        let mut slots = self.near.slots.lock().unwrap();
        let present = (slots.epochs.get(key).copied().unwrap_or_default(), slots.epoch_of_all);
        let is_of_this_connection =
            found.generation == self.tier.generation() || self.near.fault == NodeFault::KeepsAfterLoss;
        if token == present && is_of_this_connection {
            slots.copies.insert(key.clone(), Copied { bytes: found.bytes.clone(), ends });
        }
        drop(slots);
        Some(found.bytes)
    }

    /// Sets a value. Returns whether the server has acknowledged it.
    pub(crate) fn set(&self, key: &RemoteKey, bytes: &[u8]) -> bool {
        self.near.invalidate(&[key]);
        let life = Life::For(Duration::from_mins(10));
        ask(|reply| self.tier.set(key.clone(), bytes.to_vec(), life, SetCondition::Always, reply)).is_ok()
    }

    /// Removes a key. Returns whether the server has acknowledged it.
    pub(crate) fn remove(&self, key: &RemoteKey) -> bool {
        self.near.invalidate(&[key]);
        ask(|reply| self.tier.remove(vec![key.clone()], reply)).is_ok()
    }

    /// Returns a value from memory or from the server, or loads it under a lease.
    pub(crate) fn get_or_load(&self, key: &RemoteKey, load: impl FnOnce() -> Vec<u8>) -> Option<Vec<u8>> {
        if let Some(bytes) = self.hit(key) {
            return Some(bytes);
        }
        match ask(|reply| self.tier.lease(key.clone(), Duration::from_secs(10), reply)).ok()? {
            LeaseReply::Hit(record) => Some(record.bytes),
            LeaseReply::Leased(token) => {
                let bytes = load();
                let life = Life::For(Duration::from_mins(10));
                let filled: Result<FillReply, _> =
                    ask(|reply| self.tier.fill(key.clone(), token, bytes.clone(), life, reply));
                filled.ok().map(|_| bytes)
            }
            _ => None,
        }
    }
}
