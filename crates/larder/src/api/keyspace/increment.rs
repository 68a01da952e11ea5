//! Counters: integers that are changed under the lock of a shard.
//!
//! 1. Reserve room in the write buffer for the longest possible encoding.
//! 2. Under the lock of the shard, compute the sum from the live value, encode it and store it. No user code
//!    runs under the lock, because the type is an integer and the keyspace has no weigher.
//! 3. If (2) cannot change the counter, usually because memory has no live value or a range removal is in
//!    progress, or if there is a weigher or a remote tier, change the counter in rounds, like
//!    [`modify`](Keyspace::modify). After that, memory usually has the value, except in a remote keyspace.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Keyspace;
use super::change::{Change, Modified};
use super::insert_options::Durability;
use super::prepare::{PreparedValue, room_for};
use super::ttl::Ttl;
use crate::engine::closure_keys;
use crate::error::Error;
use crate::format::key::{EncodeKey, Key};
use crate::memory::entry::{IncomingEntry, Refused, Value};
use crate::memory::evicted_values::EvictedValues;
use crate::memory::extras::EXTRAS_OVERHEAD;
use crate::memory::grace::Grace;
use crate::memory::slot_key::SlotKey;
use crate::memory::weight::{ENTRY_OVERHEAD, UNSAVED_OVERHEAD, key_copy_bytes};
use crate::stats::count::Count;
use crate::sys::sync::Arc;
use crate::units::Timestamp;

/// The maximum number of bytes for the value and the encoding of a counter.
const MAX_COUNTER_LEN: u64 = 128;

mod sealed {
    /// Arithmetic of the integer types.
    pub trait Integer {
        const ZERO: Self;
        fn plus(self, by: Self) -> Option<Self>
        where
            Self: Sized;
        fn minus(self, by: Self) -> Option<Self>
        where
            Self: Sized;
    }
}

/// The integer types that a counter can have. This trait is sealed.
pub trait Counter:
    sealed::Integer + Serialize + DeserializeOwned + std::fmt::Display + Copy + Send + Sync + 'static
{
}

macro_rules! counters {
    ($($integer:ty)+) => {
        $(
            impl sealed::Integer for $integer {
                const ZERO: Self = 0;

                fn plus(self, by: Self) -> Option<Self> {
                    self.checked_add(by)
                }

                fn minus(self, by: Self) -> Option<Self> {
                    self.checked_sub(by)
                }
            }

            impl Counter for $integer {}
        )+
    };
}

counters!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);

#[derive(Clone, Copy)]
enum Amount<V> {
    Plus(V),
    Minus(V),
}

enum InMemory<V> {
    Stored(V),
    /// The counter could not be changed in memory: continue with step 3.
    Elsewhere,
    /// The disk tier recovered in the meantime: repeat the attempt, so that the value is saved.
    Again,
}

impl<V: Counter> Amount<V> {
    fn applied_to(self, old: V) -> Option<V> {
        match self {
            Self::Plus(by) => old.plus(by),
            Self::Minus(by) => old.minus(by),
        }
    }
}

impl<V: Counter> std::fmt::Display for Amount<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Plus(by) => write!(f, "{by}"),
            Self::Minus(by) => write!(f, "minus {by}"),
        }
    }
}

impl<K: Key, V: Counter> Keyspace<K, V> {
    /// Adds an amount to a counter atomically. Returns the sum.
    ///
    /// A missing counter starts at zero, and gets the keyspace's TTL. An existing counter keeps its TTL, as
    /// in Redis. So the first call, which stores the counter, sets the end of a time window:
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use larder::{Cache, InsertOptions, KeyspaceDefinition};
    /// # const LOGINS: KeyspaceDefinition<String, u32> = KeyspaceDefinition::new("logins");
    /// # let cache = Cache::builder().open()?;
    /// let logins = cache.keyspace(LOGINS)?;
    /// // At most three logins in a minute.
    /// let minute = InsertOptions::new().ttl(Duration::from_secs(60));
    /// logins.insert_if_absent_with("Ada", 0, minute)?;
    /// assert!(logins.increment("Ada", 1)? <= 3);
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// The new value is on disk within the flush interval, as with [`insert`](Keyspace::insert). A crash
    /// before that resets the counter to an earlier value. So later calls may return the same numbers again
    /// ([contract 4](crate#the-contract)).
    ///
    /// # Errors
    /// Returns [`Error::Overflow`] if the sum does not fit into the type. Nothing is changed then. Otherwise,
    /// returns the same errors as [`modify`](Keyspace::modify).
    ///
    /// # Cost
    /// Costs one exclusive lock of a shard, under which the sum is encoded. Callers of the same counter
    /// wait for each other, but no caller repeats its work. If the keyspace or the cache has a weigher, the
    /// keyspace is in a remote tier, memory does not have the counter, or a range removal of the counter is
    /// in progress, the call costs the same as [`modify`](Keyspace::modify).
    pub fn increment(&self, key: impl EncodeKey<K>, by: V) -> Result<V, Error> {
        self.add(key, Amount::Plus(by))
    }

    /// Subtracts an amount from a counter atomically, like [`increment`](Keyspace::increment). Returns the
    /// difference.
    ///
    /// # Errors
    /// Returns the same errors as [`increment`](Keyspace::increment). A result below zero overflows an
    /// unsigned counter.
    pub fn decrement(&self, key: impl EncodeKey<K>, by: V) -> Result<V, Error> {
        self.add(key, Amount::Minus(by))
    }

    fn add(&self, key: impl EncodeKey<K>, amount: Amount<V>) -> Result<V, Error> {
        self.shared.refuse_if_unusable()?;
        let full = self.encode(&key)?;
        let memory = &self.shared.tiers.memory;
        closure_keys::refuse_in_closure(memory, |key| key == full.as_slice())?;
        let key = memory.key(full.as_slice());
        {
            let mut rounds = self.shared.turns.rounds(key.bytes);
            rounds.begin();
            while !self.has_weigher() && !self.is_remote() {
                match self.add_in_memory(key, amount)? {
                    InMemory::Stored(sum) => return Ok(sum),
                    InMemory::Elsewhere => break,
                    InMemory::Again => {}
                }
            }
        }
        self.add_in_rounds(key, amount)
    }

    /// Runs steps 1 and 2.
    fn add_in_memory(&self, key: SlotKey<'_>, amount: Amount<V>) -> Result<InMemory<V>, Error> {
        let tiers = &self.shared.tiers;
        // Dropped last, because a user's `Drop` may wait for room in the write buffer.
        let mut evicted_values = EvictedValues::default();
        let overhead = UNSAVED_OVERHEAD + ENTRY_OVERHEAD + EXTRAS_OVERHEAD;
        let key_len = key.bytes.len();
        let max_room = overhead + key_len as u64 + key_copy_bytes(key_len) + MAX_COUNTER_LEN;
        let is_saved = self.is_in_file() && tiers.disk.saves();
        let mut room = if is_saved { self.reserve(max_room, &mut evicted_values) } else { None };
        let (mut sum, mut refused, mut due) = (None, None, Timestamp::NEVER);
        let change = |value: &Value, ends_at: Timestamp, now: Timestamp| {
            let old = *value.downcast_ref::<V>()?;
            let new = Arc::new(amount.applied_to(old).or_else(|| {
                refused = Some(self.overflow(key, old, amount));
                None
            })?);
            let prepared = self.prepare(key, &new, Durability::Buffered);
            let PreparedValue { weight, payload, .. } =
                prepared.map_err(|error| refused = Some(error)).ok()?;
            let ends_at = self.capped(ends_at, now);
            let (expires_at, extras) = self.first_expiry(now, ends_at, None);
            let unsaved = match (payload, room.take()) {
                (Some(payload), Some(room)) if room_for(key_len, &payload.bytes, weight) <= max_room => {
                    Some(self.unsaved((weight, payload), now, room, None, extras))
                }
                (None, None) => None,
                _ => return None,
            };
            let grace = Grace::at_least(self.definition.stale_for());
            (sum, due) = (Some(*new), grace.after(expires_at));
            Some(IncomingEntry { value: Some(new), expires_at, grace, weight, unsaved, extras })
        };
        let stored = tiers.memory.replace_in_place(key, || self.now(), &mut evicted_values, change);
        if let Some(error) = refused {
            return Err(error);
        }
        match (stored, sum) {
            (Some(Ok(_)), Some(sum)) => {
                if is_saved {
                    self.wake_writer();
                }
                tiers.sweeper.plan(due);
                self.shared.count(&self.opened.counters, Count::Inserts, key.bytes);
                Ok(InMemory::Stored(sum))
            }
            (Some(Err(Refused::Closed)), _) => Err(Error::Closed),
            (Some(Err(Refused::Unsaved)), _) => Ok(InMemory::Again),
            _ => Ok(InMemory::Elsewhere),
        }
    }

    /// Runs step 3.
    fn add_in_rounds(&self, key: SlotKey<'_>, amount: Amount<V>) -> Result<V, Error> {
        let mut overflowed = None;
        let mut add = |value: Option<&Arc<V>>, _| {
            let (old, ttl) = value.map_or((V::ZERO, Ttl::Default), |old| (**old, Ttl::Keep));
            let sum = amount.applied_to(old);
            overflowed = sum.is_none().then_some(old);
            sum.map_or(Change::Keep, |sum| Change::Insert(Arc::new(sum), ttl))
        };
        let modified = self.change(key.bytes, Durability::Buffered, &mut add)?;
        match (overflowed, modified) {
            (None, Modified::Inserted { new, .. }) => Ok(*new),
            (old, _) => Err(self.overflow(key, old.unwrap_or(V::ZERO), amount)),
        }
    }

    #[cold]
    fn overflow(&self, key: SlotKey<'_>, value: V, amount: Amount<V>) -> Error {
        Error::Overflow {
            keyspace: self.opened.name.clone(),
            key: self.shared.key_for_log(&self.opened, key.bytes),
            value: value.to_string(),
            amount: amount.to_string(),
        }
    }
}
