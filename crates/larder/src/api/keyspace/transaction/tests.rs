//! Rounds that are awkward: values that do not decode, and the waits for a commit.

use super::*;
use crate::api::cache::Cache;
use crate::api::keyspace::definition::KeyspaceDefinition;
use crate::sys::clock::ManualClock;
use crate::testing::volume::SimulatedVolume;
use std::time::Duration;

const NUMBERS: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("number");
/// The same keyspace, with values that those of [`NUMBERS`] do not decode to.
const TRIPLES: KeyspaceDefinition<u64, (u64, u64, u64)> = KeyspaceDefinition::new("number");
/// More rounds than any transaction of these tests needs.
const MAX_ROUNDS: u32 = 20;

fn open(disk: &SimulatedVolume) -> Cache {
    let builder =
        Cache::builder().path("/cache/shop.larder").volume(disk).clock(Arc::new(ManualClock::new()));
    builder.flush_interval(Duration::from_hours(1)).open().unwrap()
}

/// Returns a cache whose file has a record of key 1 that does not decode, and one of key 2 that is missing.
fn with_undecodable(disk: &SimulatedVolume) -> (Cache, Keyspace<u64, (u64, u64, u64)>) {
    let cache = open(disk);
    cache.keyspace(NUMBERS).unwrap().insert(&1, 10).unwrap();
    cache.close().unwrap();
    let cache = open(disk);
    let triples = cache.keyspace(TRIPLES).unwrap();
    (cache, triples)
}

/// A round that is lost to a record that does not decode is lost again and again.
#[test]
fn a_record_that_does_not_decode_is_required_and_read_in_both_orders() {
    for requires_first in [true, false] {
        let disk = SimulatedVolume::new();
        let (cache, triples) = with_undecodable(&disk);
        let watch = triples.watch(&1).unwrap();
        let mut rounds = 0;
        let mut change = |value: u64| {
            cache.transaction(|tx| {
                rounds += 1;
                assert!(rounds < MAX_ROUNDS, "it does not end");
                if requires_first {
                    tx.require(&watch)?;
                }
                assert_eq!((tx.get(&triples, &1)?, tx.ttl(&triples, &1)?), (None, None));
                if !requires_first {
                    tx.require(&watch)?;
                }
                tx.insert(&triples, &2, (value, 0, 0))
            })
        };
        change(1).unwrap();
        change(2).unwrap();
        assert_eq!(triples.get(&2).as_deref(), Some(&(2, 0, 0)));
        // The watch of the record breaks as any other does.
        triples.insert(&1, (0, 0, 0)).unwrap();
        let broken = cache.transaction(|tx| tx.require(&watch));
        assert!(matches!(broken, Err(Error::Changed)));
        assert_eq!(cache.stats().keyspaces[0].misses, 2, "the lookups have found no value");
    }
}
