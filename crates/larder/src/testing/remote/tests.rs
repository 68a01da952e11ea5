//! Tests of caches with a remote tier, most of them with two caches that share one server.

#[cfg(feature = "async")]
mod change_tasks;
mod fills;
mod idle;
mod kept;
mod late_answers;
mod leases;
#[cfg(feature = "async")]
mod load_tasks;
mod loads;
mod refreshes;
mod registered;
pub(crate) mod sent_uses;
mod sharing;
#[cfg(feature = "async")]
mod tasks;
mod transactions;
mod waits;
#[cfg(feature = "async")]
mod wakes;
mod walks;
mod watches;

use std::time::Duration;

use super::{RemoteNode, RemoteServer};
use crate::api::cache::Cache;
use crate::api::keyspace::Keyspace;
use crate::api::keyspace::absence::Found;
use crate::api::keyspace::change::Change;
use crate::api::keyspace::definition::KeyspaceDefinition;
use crate::api::keyspace::insert_options::InsertOptions;
use crate::api::keyspace::ttl::Ttl;
use crate::config::CacheBuilder;
use crate::error::Error;
use crate::format::key::scope::Scope;
use crate::memory::evicted_values::EvictedValues;
use crate::sys::clock::{Deadline, ManualClock};
use crate::sys::sync::Arc;
use crate::units::Remaining;

const PRICES: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
const PACKAGES: KeyspaceDefinition<(String, String), u64> = KeyspaceDefinition::new("package");
const LOCAL: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("local").memory_only();
const REFUSED: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("refused");
const SECOND: Duration = Duration::from_secs(1);

/// The caches of two machines, and the server that they share.
pub(crate) struct TwoNodes {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) server: Arc<RemoteServer>,
    pub(crate) nodes: [Arc<RemoteNode>; 2],
    pub(crate) caches: [Cache; 2],
}

pub(crate) fn two_nodes() -> TwoNodes {
    two_nodes_with(|builder| builder)
}

fn two_nodes_with(set: impl Fn(CacheBuilder) -> CacheBuilder) -> TwoNodes {
    let clock = Arc::new(ManualClock::new());
    let server = RemoteServer::new(clock.clone());
    let nodes = [server.node(), server.node()];
    let open = |node: &Arc<RemoteNode>| {
        let builder = Cache::builder().clock(clock.clone()).remote(node.clone());
        set(builder).open().unwrap()
    };
    let caches = [open(&nodes[0]), open(&nodes[1])];
    TwoNodes { clock, server, nodes, caches }
}

/// Waits for a condition. Panics after 20 s.
pub(crate) fn until(mut holds: impl FnMut() -> bool) {
    let limit = Deadline::after(20 * SECOND);
    while !holds() {
        assert!(!limit.is_over(), "it does not come to this");
        std::thread::yield_now();
    }
}

impl TwoNodes {
    fn prices(&self) -> [Keyspace<String, u64>; 2] {
        [0, 1].map(|node| self.caches[node].keyspace(PRICES).unwrap())
    }
}

#[test]
fn a_value_of_one_node_is_found_by_the_other_and_then_in_its_memory() {
    let two = two_nodes();
    let [one, other] = two.prices();
    one.insert("MTNVTU", 100).unwrap();
    assert_eq!(other.get("MTNVTU").as_deref(), Some(&100));
    let asked = two.server.requests();
    assert_eq!(other.get("MTNVTU").as_deref(), Some(&100));
    assert_eq!(other.peek("MTNVTU").as_deref(), Some(&100));
    assert!(other.contains_key("MTNVTU"));
    assert_eq!(two.server.requests(), asked, "memory answers");
    let stats = other.stats();
    assert_eq!((stats.memory_hits, stats.disk_hits, stats.misses), (1, 1, 0));
    assert!(one.get("AIRTEL").is_none());
    let remote = two.caches[1].stats().remote.unwrap();
    assert_eq!((remote.server.as_str(), remote.hits, remote.failures), ("memory://server", 1, 0));
    assert_eq!((two.caches[1].stats().requests(), two.caches[1].stats().disk), (2, None));
}

#[test]
fn a_change_of_one_node_drops_the_near_copy_of_the_other() {
    let two = two_nodes();
    let [one, other] = two.prices();
    one.insert("MTNVTU", 100).unwrap();
    other.get("MTNVTU");
    one.insert("MTNVTU", 120).unwrap();
    assert_eq!(other.get("MTNVTU").as_deref(), Some(&120));
    assert!(one.remove("MTNVTU").unwrap());
    assert!(other.get("MTNVTU").is_none());
    assert!(!other.remove("MTNVTU").unwrap());
    one.insert("MTNVTU", 130).unwrap();
    other.get("MTNVTU");
    two.server.flush_all();
    assert!(other.get("MTNVTU").is_none(), "another client has flushed the server");
    one.insert("MTNVTU", 140).unwrap();
    other.get("MTNVTU");
    assert_eq!(one.clear().unwrap(), 1);
    assert!(other.get("MTNVTU").is_none() && one.get("MTNVTU").is_none());
}

#[test]
fn a_node_that_gets_no_push_answers_from_memory_for_the_bound_and_no_longer() {
    let two = two_nodes();
    let [one, other] = two.prices();
    let node = &two.nodes[1];
    node.bound_validity(SECOND);
    one.insert("MTNVTU", 100).unwrap();
    assert_eq!(other.get("MTNVTU").as_deref(), Some(&100));
    let asked = two.server.requests();
    other.get("MTNVTU");
    assert_eq!(two.server.requests(), asked + 1, "no PING was answered yet");
    node.ping();
    other.get("MTNVTU");
    let asked = two.server.requests();
    two.clock.advance(Duration::from_millis(999));
    other.get("MTNVTU");
    assert_eq!(two.server.requests(), asked, "memory is valid for a second after the PING");
    // The answer to the PING is late. The validity counts from the time at which the PING was sent.
    node.hold_stream(true);
    node.ping();
    two.clock.advance(Duration::from_millis(600));
    node.hold_stream(false);
    two.clock.advance(Duration::from_millis(401));
    let asked = two.server.requests();
    other.get("MTNVTU");
    assert_eq!(two.server.requests(), asked + 1);
}

#[test]
fn a_lost_connection_empties_the_near_cache_and_changes_are_errors() {
    let two = two_nodes();
    let [one, other] = two.prices();
    one.insert("MTNVTU", 100).unwrap();
    other.get("MTNVTU");
    two.nodes[1].lose();
    assert!(other.get("MTNVTU").is_none(), "a counted miss");
    let stats = two.caches[1].stats();
    assert_eq!((stats.misses, stats.remote.map(|remote| remote.failures)), (1, Some(1)));
    assert!(matches!(other.insert("MTNVTU", 120), Err(Error::Remote { .. })));
    assert!(matches!(other.remove("MTNVTU"), Err(Error::Remote { .. })));
    assert!(matches!(other.clear(), Err(Error::Remote { .. })));
    assert!(matches!(other.increment("MTNVTU", 1), Err(Error::Remote { .. })));
    let loaded = other.get_or_load("MTNVTU", || Ok::<_, Error>(130_u64)).unwrap();
    assert_eq!(*loaded, 130, "the loader runs");
    assert!(other.get("MTNVTU").is_none(), "and its value is not kept");
    one.insert("MTNVTU", 140).unwrap();
    two.nodes[1].connect();
    assert_eq!(other.get("MTNVTU").as_deref(), Some(&140));
}

#[test]
fn a_loss_during_a_lookup_leaves_nothing_in_memory() {
    let two = two_nodes();
    let [one, other] = two.prices();
    one.insert("MTNVTU", 100).unwrap();
    let node = &two.nodes[1];
    node.hold_stream(true);
    let reader = std::thread::spawn(move || (other.get("MTNVTU").map(|value| *value), other));
    while node.held() == 0 {
        std::thread::yield_now();
    }
    node.lose();
    node.hold_stream(false);
    node.connect();
    let (found, other) = reader.join().unwrap();
    assert_eq!(found, None);
    let asked = two.server.requests();
    assert_eq!(other.get("MTNVTU").as_deref(), Some(&100));
    assert_eq!(two.server.requests(), asked + 1);
}

#[test]
fn changes_of_two_nodes_are_made_one_after_another() {
    let two = two_nodes();
    let prices = two.prices();
    std::thread::scope(|threads| {
        for keyspace in &prices {
            threads.spawn(|| {
                for _ in 0..50 {
                    keyspace.increment("MTNVTU", 1).unwrap();
                }
            });
        }
    });
    let [one, other] = &prices;
    assert_eq!((one.get("MTNVTU").as_deref(), other.get("MTNVTU").as_deref()), (Some(&100), Some(&100)));
    assert_eq!(one.insert_if_absent("MTNVTU", 7).unwrap().as_deref(), Some(&100));
    assert!(other.insert_if_absent("AIRTEL", 7).unwrap().is_none());
    assert_eq!(one.replace("AIRTEL", 8).unwrap().as_deref(), Some(&7));
    assert!(other.compare_and_insert("AIRTEL", &8, 9).unwrap().is_changed());
    assert!(!one.compare_and_insert("AIRTEL", &8, 10).unwrap().is_changed());
    assert_eq!(one.take("AIRTEL").unwrap().as_deref(), Some(&9));
    assert!(other.take("AIRTEL").unwrap().is_none());
    let removed = other.modify("MTNVTU", |_, _| Change::Remove).unwrap();
    assert_eq!(removed.old(), Some(&100));
    assert_eq!(two.server.records(), 0);
}

#[test]
fn ranges_and_walks_are_those_of_the_server() {
    let two = two_nodes();
    let [one, other] = [0, 1].map(|node| two.caches[node].keyspace(PACKAGES).unwrap());
    for (product, package) in [("MTNDATA", "1GB"), ("MTNDATA", "2GB"), ("AIRTEL", "1GB"), ("GLO", "1GB")] {
        one.insert(&(product, package), 300).unwrap();
    }
    assert_eq!((other.count(), other.iter().count(), other.keys().count()), (4, 4, 4));
    assert_eq!(one.remove_prefix(("MTNDATA",)).unwrap(), 2);
    assert!(other.get(&("MTNDATA", "1GB")).is_none());
    assert_eq!(other.get(&("AIRTEL", "1GB")).as_deref(), Some(&300));
    assert_eq!(other.clear().unwrap(), 2);
    assert!(one.is_empty() && other.is_empty());
    two.prices()[0].insert("MTNVTU", 100).unwrap();
    assert_eq!(two.caches[1].clear().unwrap(), 1);
    assert_eq!(two.server.records(), 0);
}

#[test]
fn a_near_copy_is_not_counted_beside_the_record_that_it_copies() {
    let two = two_nodes();
    let [one, _] = two.prices();
    one.insert("MTNVTU", 100).unwrap();
    one.get("MTNVTU");
    let local = two.caches[0].keyspace(LOCAL).unwrap();
    local.insert("MTNVTU", 100).unwrap();
    let mut dropped = EvictedValues::default();
    let (memory, now) = (&two.caches[0].shared().tiers.memory, two.caches[0].now());
    let (_, purged) = memory.purge(Scope::prefix([]), false, now, 0, &mut dropped, drop);
    assert_eq!(purged.only_in_memory, 1, "the entry of the keyspace that stays in memory");
    assert_eq!(two.caches[0].clear().unwrap(), 1, "the record of the server");
}

#[test]
fn a_walk_during_which_the_server_fails_says_that_it_is_not_complete() {
    let two = two_nodes();
    let [one, other] = two.prices();
    one.insert_many([("AIRTEL", 90), ("GLO", 80), ("MTNVTU", 100)]).unwrap();
    let (mut entries, mut keys) = (other.iter(), other.keys());
    assert_eq!(
        (entries.next().map(|(key, _)| key), keys.next()),
        (Some("AIRTEL".into()), Some("AIRTEL".into()))
    );
    assert!(entries.is_complete() && keys.is_complete());
    two.nodes[1].lose();
    assert_eq!((entries.by_ref().count(), keys.by_ref().count()), (0, 0));
    assert!(!entries.is_complete() && !keys.is_complete());
    assert!(!other.iter().is_complete(), "the walk itself fails");
    two.nodes[1].connect();
    let mut entries = other.iter();
    assert!(entries.by_ref().count() == 3 && entries.is_complete());
}

#[test]
fn several_keys_are_read_with_one_request() {
    let two = two_nodes();
    let [one, other] = two.prices();
    one.insert_many([("MTNVTU", 100), ("AIRTEL", 90)]).unwrap();
    let asked = two.server.requests();
    let found = other.get_many(["MTNVTU", "GLO", "AIRTEL", "MTNVTU"]);
    let found: Vec<_> = found.iter().map(Option::as_deref).collect();
    assert_eq!(found, [Some(&100), None, Some(&90), Some(&100)]);
    assert_eq!(two.server.requests(), asked + 1);
    let loaded = other.get_or_load_many(["MTNVTU", "GLO"], |missing| {
        assert_eq!(missing, ["GLO"]);
        Ok::<_, Error>([("GLO", 80_u64)])
    });
    assert_eq!(loaded.unwrap().len(), 2);
    assert_eq!(one.get("GLO").as_deref(), Some(&80));
}

#[test]
fn another_version_is_another_slot_and_a_memory_only_keyspace_stays_at_home() {
    let two = two_nodes();
    let [one, _] = two.prices();
    one.insert("MTNVTU", 100).unwrap();
    let newer = two.caches[1].keyspace(PRICES.version(7)).unwrap();
    assert!(newer.get("MTNVTU").is_none());
    let [here, there] = [0, 1].map(|node| two.caches[node].keyspace(LOCAL).unwrap());
    let asked = two.server.requests();
    here.insert("MTNVTU", 100).unwrap();
    assert_eq!(here.get("MTNVTU").as_deref(), Some(&100));
    assert!(there.get("MTNVTU").is_none());
    assert_eq!(two.server.requests(), asked);
}

#[test]
fn a_record_of_a_key_with_another_shape_is_a_miss() {
    const WHOLE: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("shaped");
    const PAIRS: KeyspaceDefinition<(u32, u32), u64> = KeyspaceDefinition::new("shaped");
    let two = two_nodes();
    let (whole, pairs) = (two.caches[0].keyspace(WHOLE).unwrap(), two.caches[1].keyspace(PAIRS).unwrap());
    let key = (1 << 32) + 2;
    whole.insert(&key, 7).unwrap();
    assert!(pairs.get(&(1, 2)).is_none(), "the bytes of the two keys are equal");
    assert_eq!(*pairs.get_or_load(&(1, 2), || Ok::<_, Error>(8_u64)).unwrap(), 8);
    assert!(whole.get(&key).is_none());
    assert_eq!((pairs.get(&(1, 2)).as_deref(), two.server.records()), (Some(&8), 1));
}

#[test]
fn what_a_remote_tier_does_not_have_is_an_error_that_names_it() {
    let two = two_nodes();
    assert!(matches!(two.caches[0].keyspace(REFUSED), Err(Error::Remote { .. })));
    let with_path = Cache::builder().path("/shop.larder").remote(two.server.node()).open();
    assert!(matches!(with_path, Err(Error::InvalidSetting { setting: "path", .. })));
}

#[test]
fn a_tier_serves_one_cache() {
    let clock = Arc::new(ManualClock::new());
    let builder = Cache::builder().remote(RemoteServer::new(clock.clone()).node()).clock(clock);
    let cache = builder.clone().open().unwrap();
    assert!(matches!(builder.open(), Err(Error::Remote { action: "open a cache", .. })));
    let prices = cache.keyspace(PRICES).unwrap();
    prices.insert("MTNVTU", 100).unwrap();
    assert_eq!(prices.get("MTNVTU").as_deref(), Some(&100), "the refusal leaves the first cache as it was");
}

#[cfg(all(unix, feature = "control"))]
#[test]
fn the_control_socket_does_not_answer_from_near_copies() {
    let two = two_nodes();
    let [one, _] = two.prices();
    one.insert("MTNVTU", 100).unwrap();
    one.get("MTNVTU");
    let shared = Arc::downgrade(two.caches[0].shared());
    for verb in ["get", "ttl", "why"] {
        let line = format!(r#"{{"v":1,"do":"{verb}","keyspace":"price","key":"MTNVTU"}}"#);
        let answer = crate::ops::control::answer::answer(&shared, line.as_bytes());
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.contains("the keyspace is at a server"), "{answer}");
    }
}

#[cfg(all(unix, feature = "control"))]
#[test]
fn the_control_socket_does_not_call_a_remote_keyspace_memory_only() {
    let two = two_nodes();
    let (_, _) = (two.prices(), two.caches[0].keyspace(LOCAL).unwrap());
    let shared = Arc::downgrade(two.caches[0].shared());
    let answer = crate::ops::control::answer::answer(&shared, br#"{"v":1,"do":"keyspaces"}"#);
    let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
    let kinds = |at: usize| {
        let keyspace = &answer["ok"][at];
        (keyspace["name"].as_str(), keyspace["is_memory_only"].as_bool(), keyspace["is_remote"].as_bool())
    };
    assert_eq!(kinds(0), (Some("local"), Some(true), Some(false)));
    assert_eq!(kinds(1), (Some("price"), Some(false), Some(true)));
}

#[cfg(feature = "async")]
#[test]
fn tasks_share_the_server_as_threads_do() {
    let two = two_nodes();
    let [one, other] = two.prices();
    pollster::block_on(async {
        one.insert_async("MTNVTU", 100).await.unwrap();
        assert_eq!(other.get_async("MTNVTU").await.as_deref(), Some(&100));
        assert!(one.remove_async("MTNVTU").await.unwrap());
        assert!(other.get_async("MTNVTU").await.is_none());
        let load = || async { Ok::<_, Error>(110_u64) };
        assert_eq!(*other.get_or_load_async("MTNVTU", load).await.unwrap(), 110);
        assert_eq!(one.get_async("MTNVTU").await.as_deref(), Some(&110));
        let (racing, key) = (other.clone(), "AIRTEL");
        let load = move || async move {
            _ = racing.remove(key).unwrap();
            Ok::<_, Error>(120_u64)
        };
        assert_eq!(*one.get_or_load_async(key, load).await.unwrap(), 120, "the caller leads the load");
        assert!(one.get_async(key).await.is_none());
        assert_eq!(one.clear_async().await.unwrap(), 1);
    });
}
