//! Tests of removals of a range that two caches share.

use std::sync::Mutex;
use std::time::Duration;

use larder::{Keyspace, KeyspaceDefinition};

use crate::explorer::contest;
use crate::place::TTL;
use crate::remote::{BOUND, Machines, delay};
use crate::source::Source;

const PAGES: KeyspaceDefinition<(u64, u64), u64> = KeyspaceDefinition::new("pages").ttl(TTL).range_parts(1);

type Pages = Keyspace<(u64, u64), u64>;

const KEY: (u64, u64) = (1, 1);
const NEIGHBOUR: (u64, u64) = (1, 2);

fn pages(machines: &Machines) -> [Pages; 2] {
    machines.caches.each_ref().map(|cache| cache.keyspace(PAGES).unwrap())
}

/// Changes the source, and removes the range of the key. The change is settled when the bound has passed.
fn change_and_wait(machines: &Machines, source: &Source, pages: &Pages) {
    source.change(|| {
        _ = pages.remove_prefix((1,)).unwrap();
        machines.time.advance(BOUND);
    });
}

/// One machine removes the range of a key. Meanwhile, the other machine loads the key and another key of the
/// range.
pub(crate) fn no_value_of_a_removed_range_is_stale_beyond_the_bound() {
    let (machines, source) = (Machines::new(), Source::new());
    let [one, other] = pages(&machines);
    let node = &machines.nodes[1];
    node.bound_validity(BOUND);
    node.ping();
    contest([
        &|| change_and_wait(&machines, &source, &one),
        &|| {
            source.load(&other, &KEY);
            source.get(&other, &KEY);
        },
        &|| {
            source.load(&other, &NEIGHBOUR);
            delay(node);
        },
    ]);
    node.ping();
    for key in [KEY, NEIGHBOUR] {
        source.get(&other, &key);
        source.load(&other, &key);
        source.load(&one, &key);
    }
    machines.end((one, other), &source);
}

/// A range is removed, and then its generation is evicted. An insert of another key gives the range a new
/// generation.
pub(crate) fn an_evicted_generation_brings_no_removed_value_back() {
    let machines = Machines::new();
    let [one, other] = pages(&machines);
    one.insert(&KEY, 10).unwrap();
    let seen = Mutex::new(Vec::new());
    contest([
        &|| {
            _ = one.remove_prefix((1,)).unwrap();
            machines.server.evict_generations();
            other.insert(&NEIGHBOUR, 20).unwrap();
            seen.lock().unwrap().push(other.get(&KEY));
        },
        &|| delay(&machines.nodes[1]),
        &|| machines.time.advance(Duration::from_millis(1)),
    ]);
    drop((one, other));
    machines.close();
    let seen = seen.into_inner().unwrap();
    assert!(seen.iter().all(Option::is_none), "it came back: {seen:?}");
}
