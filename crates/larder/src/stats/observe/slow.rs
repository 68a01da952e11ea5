//! The latest slow loads, each with its key and its duration.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::format::key::spelling::spell_hex;
use crate::stats::observe::named_keyspace::NamedKeyspace;
use crate::stats::seconds;
use crate::sys::sync::Mutex;
use crate::units::Timestamp;

/// Maximum number of slow loads that are kept. A new one replaces the oldest. With keys of maximum length,
/// the slow loads take half a megabyte of memory.
pub const MAX_SLOW_LOADS: usize = 128;

/// The latest slow loads. [`Cache::slow_loads`](crate::Cache::slow_loads) returns this struct.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default)]
pub struct SlowLoads {
    /// A load is slow if its loader runs for at least this long:
    /// [`CacheBuilder::slow_load`](crate::CacheBuilder::slow_load).
    #[serde(with = "seconds")]
    pub threshold: Duration,
    /// Number of slow loads since the cache was opened. Only the latest [`MAX_SLOW_LOADS`] are kept.
    pub total: u64,
    /// The latest slow loads, newest first.
    pub loads: Vec<SlowLoad>,
}

/// A load whose loader ran at least as long as [`SlowLoads::threshold`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default)]
pub struct SlowLoad {
    /// The number of the slow load, counted from 1 since the cache was opened.
    pub number: u64,
    /// The name of the key's keyspace.
    pub keyspace: String,
    /// The key as text, in the shape of its keyspace's keys. Equal to `key_bytes` if the shape is unknown.
    pub key: String,
    /// The key's encoded bytes, as `0x` and hexadecimal digits.
    pub key_bytes: String,
    /// When the loader ended, in milliseconds since 1970.
    pub ended_at_ms: u64,
    /// How long the loader ran.
    #[serde(with = "seconds")]
    pub took: Duration,
    /// Whether the load failed: the loader returned an error or panicked, or the lease was dropped without
    /// a result.
    pub has_failed: bool,
}

#[derive(Debug, Default)]
pub(super) struct SlowLoadRing(Mutex<KeptLoads>);

#[derive(Debug, Default)]
struct KeptLoads {
    loads: VecDeque<FinishedLoad>,
    total: u64,
}

/// A slow load in the ring. Its key is converted to text only when a caller reads the slow loads.
#[derive(Debug)]
pub(crate) struct FinishedLoad {
    pub(crate) keyspace: NamedKeyspace,
    /// The encoded key, without the keyspace's number.
    pub(crate) key: Vec<u8>,
    pub(crate) ended_at: Timestamp,
    pub(crate) took: Duration,
    pub(crate) has_failed: bool,
}

impl SlowLoadRing {
    pub(super) fn add(&self, load: FinishedLoad) {
        let oldest = {
            let mut kept = self.0.lock();
            kept.total += 1;
            kept.loads.push_back(load);
            if kept.loads.len() > MAX_SLOW_LOADS { kept.loads.pop_front() } else { None }
        };
        drop(oldest);
    }

    /// Returns the latest slow loads of the keyspaces that a predicate accepts, newest first.
    pub(super) fn latest(&self, threshold: Duration, most: usize, takes: impl Fn(&str) -> bool) -> SlowLoads {
        let kept = self.0.lock();
        let numbered = kept.loads.iter().rev().zip((1..=kept.total).rev());
        let meant = numbered.filter(|(load, _)| takes(&load.keyspace.name)).take(most);
        let loads = meant.map(|(load, number)| SlowLoad {
            number,
            keyspace: load.keyspace.name.clone(),
            key: load.keyspace.spell(&load.key),
            key_bytes: spell_hex(&load.key),
            ended_at_ms: load.ended_at.as_millis(),
            took: load.took,
            has_failed: load.has_failed,
        });
        SlowLoads { threshold, total: kept.total, loads: loads.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_kept_and_all_are_counted() {
        let ring = SlowLoadRing::default();
        for number in 1_u64..=300 {
            let name = if number % 2 == 0 { "even" } else { "odd" };
            ring.add(FinishedLoad {
                keyspace: NamedKeyspace { name: name.to_owned(), shape: "u64".parse().ok() },
                key: number.to_be_bytes().to_vec(),
                ended_at: Timestamp::from_millis(number),
                took: Duration::from_millis(number),
                has_failed: number == 300,
            });
        }
        let all = ring.latest(Duration::from_secs(1), usize::MAX, |_| true);
        assert_eq!((all.total, all.loads.len()), (300, MAX_SLOW_LOADS));
        let numbers: Vec<u64> = all.loads.iter().map(|load| load.number).collect();
        assert_eq!(numbers, (300 - MAX_SLOW_LOADS as u64 + 1..=300).rev().collect::<Vec<_>>());
        assert!(all.loads.iter().all(|load| load.key == load.number.to_string()));
        assert!(all.loads[0].has_failed && !all.loads[1].has_failed);
        let odd = ring.latest(Duration::ZERO, 2, |name| name == "odd");
        assert_eq!(odd.loads.iter().map(|load| load.number).collect::<Vec<_>>(), [299, 297]);
    }
}
