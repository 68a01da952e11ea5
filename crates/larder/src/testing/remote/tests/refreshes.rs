//! Tests of refreshes, and of values that are kept for their grace.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;

use parking_lot::Mutex;

use super::*;
use crate::api::keyspace::load::{Load, Loaded};
use crate::api::keyspace::loading::LoadingKeyspace;
use crate::api::keyspace::loading::policy::LoadPolicy;
use crate::format::codec::format::Format;

const MINUTE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("minute").ttl(Duration::from_mins(1));
const GRACED: KeyspaceDefinition<String, u64> =
    KeyspaceDefinition::new("graced").ttl(Duration::from_secs(10)).grace(Duration::from_mins(1));
const OLD: Duration = Duration::from_secs(31);

fn open<K: crate::format::key::Key>(
    two: &TwoNodes,
    definition: KeyspaceDefinition<K, u64>,
) -> [Keyspace<K, u64>; 2] {
    [0, 1].map(|node| two.caches[node].keyspace(definition).unwrap())
}

/// Registers a loader that counts up from 101, and calls `before` during each load.
fn counting(
    keyspace: &Keyspace<String, u64>,
    before: impl Fn(u64) + Send + Sync + 'static,
) -> LoadingKeyspace<String, u64, &'static str> {
    let next = AtomicU64::new(101);
    let load = move |_: &String, _| {
        let value = next.fetch_add(1, Ordering::SeqCst);
        before(value);
        Ok(if value < 200 { Load::Cache(Arc::new(value)) } else { Load::Absent })
    };
    keyspace.with_loader(LoadPolicy::new().refresh_after(30 * SECOND), load).unwrap()
}

fn value(
    loaded: Result<Loaded<u64>, crate::error::load_error::LoadError<&'static str>>,
) -> (Option<u64>, bool) {
    let loaded = loaded.unwrap();
    (loaded.value.as_deref().copied(), loaded.is_stale)
}

#[test]
fn an_old_value_is_refreshed_for_all_machines_while_its_callers_get_it() {
    let two = two_nodes();
    let [one, other] = open(&two, MINUTE);
    let refreshed = counting(&one, |_| ());
    one.insert("MTNVTU", 100).unwrap();
    assert_eq!(value(refreshed.get("MTNVTU")), (Some(100), false));
    two.clock.advance(OLD);
    assert_eq!(value(refreshed.get("MTNVTU")), (Some(100), false), "the old value, and a refresh has begun");
    until(|| other.get("MTNVTU").as_deref() == Some(&101));
    assert_eq!(value(refreshed.get("MTNVTU")), (Some(101), false));
    let stats = one.stats();
    assert_eq!((stats.refreshes, stats.loads), (1, 1));
    assert!(refreshed.refresh("MTNVTU").unwrap());
    until(|| other.get("MTNVTU").as_deref() == Some(&102));
    assert!(refreshed.refresh("AIRTEL").unwrap(), "a load of a missing key");
    until(|| other.get("AIRTEL").as_deref() == Some(&103));
}

#[test]
fn a_change_of_another_machine_during_a_refresh_is_kept() {
    type Change = fn(&Keyspace<String, u64>);
    let changes: [(Change, Option<u64>); 2] = [
        (|other| other.insert("MTNVTU", 500).unwrap(), Some(500)),
        (|other| _ = other.remove("MTNVTU").unwrap(), None),
    ];
    for (change, left) in changes {
        let two = two_nodes();
        let [one, other] = open(&two, MINUTE);
        let changing = other.clone();
        let refreshed = counting(&one, move |_| change(&changing));
        one.insert("MTNVTU", 100).unwrap();
        assert!(refreshed.refresh("MTNVTU").unwrap());
        until(|| one.stats().voided_fills == 1);
        assert_eq!([&one, &other].map(|keyspace| keyspace.get("MTNVTU").as_deref().copied()), [left; 2]);
    }
}

#[test]
fn a_caller_beside_a_refresh_gets_the_live_value_of_the_server() {
    let two = two_nodes();
    let [one, other] = open(&two, MINUTE);
    let (finish, held) = mpsc::channel::<()>();
    let (held, is_held) = (Mutex::new(held), Arc::new(AtomicBool::new(false)));
    let holds = is_held.clone();
    let refreshed = counting(&one, move |_| {
        holds.store(true, Ordering::SeqCst);
        // If a caller wrongly waits for this refresh, this wait times out, so that the test fails and does
        // not hang.
        _ = held.lock().recv_timeout(3 * SECOND);
        holds.store(false, Ordering::SeqCst);
    });
    one.insert("MTNVTU", 100).unwrap();
    assert_eq!(value(refreshed.get("MTNVTU")), (Some(100), false));
    assert!(refreshed.refresh("MTNVTU").unwrap());
    until(|| is_held.load(Ordering::SeqCst));
    let before = one.stats();
    other.insert("MTNVTU", 700).unwrap();
    assert_eq!(value(refreshed.get("MTNVTU")), (Some(700), false));
    assert!(is_held.load(Ordering::SeqCst), "the caller has not waited for the refresh");
    other.insert("MTNVTU", 800).unwrap();
    assert_eq!(*one.get_or_load("MTNVTU", || Err::<u64, _>(Error::Closed)).unwrap(), 800);
    let asked = two.server.requests();
    assert_eq!(value(refreshed.get("MTNVTU")), (Some(800), false));
    assert_eq!(two.server.requests(), asked, "the value was copied into memory");
    let after = one.stats();
    assert_eq!(after.disk_hits - before.disk_hits, 2);
    assert_eq!((after.memory_hits - before.memory_hits, after.misses - before.misses), (1, 0));
    _ = other.remove("MTNVTU").unwrap();
    finish.send(()).unwrap();
    until(|| one.stats().voided_fills == 1);
}

/// Begins a refresh of a record that has 2 s left. The answer to its request arrives after 5 s. Returns the
/// number of calls of the loader.
fn loads_after_a_late_answer(
    two: &TwoNodes,
    begin: impl FnOnce(&Keyspace<String, u64>, Arc<AtomicU64>) -> bool,
) -> u64 {
    let [one, _] = open(two, MINUTE);
    one.insert_with("MTNVTU", 100, InsertOptions::new().ttl(2 * SECOND)).unwrap();
    assert_eq!(one.get("MTNVTU").as_deref(), Some(&100));
    let (node, loads) = (&two.nodes[0], Arc::new(AtomicU64::new(0)));
    node.hold_stream(true);
    assert!(begin(&one, loads.clone()));
    until(|| node.held() > 0);
    two.clock.advance(5 * SECOND);
    node.hold_stream(false);
    until(|| !has_flight(two, 0, &one));
    loads.load(Ordering::SeqCst)
}

/// Returns whether a load of the key is in progress on a machine.
fn has_flight(two: &TwoNodes, node: usize, keyspace: &Keyspace<String, u64>) -> bool {
    let (full, memory) = (keyspace.encode("MTNVTU").unwrap(), &two.caches[node].shared().tiers.memory);
    memory.has_flight(memory.key(full.as_slice()))
}

#[test]
fn a_refresh_counts_the_life_of_its_record_from_before_the_request() {
    let loads = loads_after_a_late_answer(&two_nodes(), |one, loads| {
        let refreshed = counting(one, move |_| _ = loads.fetch_add(1, Ordering::SeqCst));
        refreshed.refresh("MTNVTU").unwrap()
    });
    assert_eq!(loads, 0, "the record has expired, so there is nothing to refresh");
}

#[cfg(feature = "async")]
#[test]
fn a_refresh_in_a_task_counts_the_life_of_its_record_from_before_the_request() {
    let two = two_nodes_with(|builder| builder.spawner(|load| smol::spawn(load).detach()));
    let loads = loads_after_a_late_answer(&two, |one, loads| {
        let load = move |_: String, _| {
            loads.fetch_add(1, Ordering::SeqCst);
            async { Ok::<_, &'static str>(Load::Cache(Arc::new(101))) }
        };
        let refreshed = one.with_async_loader(LoadPolicy::new(), load).unwrap();
        pollster::block_on(refreshed.refresh_async("MTNVTU")).unwrap()
    });
    assert_eq!(loads, 0, "the record has expired, so there is nothing to refresh");
}

#[test]
fn an_update_bars_the_refreshes_of_other_machines() {
    let two = two_nodes();
    let [one, other] = open(&two, MINUTE);
    let refreshed = counting(&other, |_| ());
    let update = one.begin_update("MTNVTU").unwrap();
    one.insert("MTNVTU", 500).unwrap();
    assert_eq!(other.get("MTNVTU").as_deref(), Some(&500));
    assert!(refreshed.refresh("MTNVTU").unwrap());
    until(|| other.stats().loads == 1 && !has_flight(&two, 1, &other));
    assert_eq!([&one, &other].map(|keyspace| keyspace.get("MTNVTU").as_deref().copied()), [Some(500); 2]);
    assert_eq!(other.stats().voided_fills, 1);
    update.finish();
    assert!(one.get("MTNVTU").is_none() && other.get("MTNVTU").is_none());
}

#[test]
fn an_update_bars_the_loads_that_replace_a_kept_value() {
    let two = two_nodes_with(|builder| builder.lease_timeout(Duration::from_hours(1)));
    let [one, other] = open(&two, GRACED);
    let update = one.begin_update("MTNVTU").unwrap();
    one.insert("MTNVTU", 500).unwrap();
    two.clock.advance(11 * SECOND);
    assert_eq!(*other.get_or_load("MTNVTU", || Ok::<_, Error>(100_u64)).unwrap(), 100);
    assert!(one.get("MTNVTU").is_none() && other.get("MTNVTU").is_none(), "its caller alone got the value");
    update.finish();
    assert_eq!(*other.get_or_load("MTNVTU", || Ok::<_, Error>(600_u64)).unwrap(), 600);
    assert_eq!(one.get("MTNVTU").as_deref(), Some(&600));
}

#[test]
fn an_insert_right_before_a_refreshed_raw_value_is_sent_keeps_it_out() {
    const RAW: KeyspaceDefinition<String, String> = KeyspaceDefinition::new("raw").format(Format::Raw);
    let two = two_nodes();
    let raw = || two.caches[0].keyspace(RAW).unwrap();
    let (one, same) = (raw(), raw());
    one.insert("MTNVTU", "100".to_owned()).unwrap();
    assert!(one.get("MTNVTU").is_some());
    let load = |_: &String, _| Ok::<_, Error>(Load::Cache(Arc::new("old".to_owned())));
    let refreshed = one.with_loader(LoadPolicy::new(), load).unwrap();
    // The server can't distinguish this value from the one that the refresh has read.
    two.nodes[0].before_set(move || same.insert("MTNVTU", "100".to_owned()).unwrap());
    assert!(refreshed.refresh("MTNVTU").unwrap());
    until(|| one.stats().voided_fills == 1);
    assert_eq!((one.get("MTNVTU").as_deref(), two.server.records()), (None, 0));
}

#[test]
fn a_refresh_that_finds_no_value_at_the_source_removes_the_record() {
    let two = two_nodes();
    let [one, other] = open(&two, MINUTE);
    let refreshed = one.with_loader(LoadPolicy::new(), |_: &String, _| Ok::<_, &str>(Load::Absent)).unwrap();
    one.insert("MTNVTU", 100).unwrap();
    assert_eq!(one.get("MTNVTU").as_deref(), Some(&100));
    assert!(refreshed.refresh("MTNVTU").unwrap());
    until(|| two.server.records() == 0);
    assert!(other.get("MTNVTU").is_none() && one.get("MTNVTU").is_none());
}

#[test]
fn a_failed_load_is_answered_with_the_value_that_the_server_keeps() {
    let two = two_nodes();
    let [one, other] = open(&two, GRACED);
    one.get_or_load("MTNVTU", || Ok::<_, Error>(100_u64)).unwrap();
    two.clock.advance(11 * SECOND);
    assert!(other.get("MTNVTU").is_none() && one.get("MTNVTU").is_none(), "it has expired");
    assert_eq!((other.ttl("MTNVTU"), other.count()), (None, 0));
    let fails = |keyspace: &Keyspace<String, u64>| {
        keyspace.get_or_load_with("MTNVTU", |stale| {
            assert!(stale.is_none_or(|stale| *stale == 100));
            Err::<Load<u64>, _>("the source is away")
        })
    };
    assert_eq!(value(fails(&other)), (Some(100), true));
    two.clock.advance(2 * SECOND);
    let loaded = one.get_or_load_with("MTNVTU", |stale| {
        assert_eq!(stale.as_deref(), Some(&100));
        Ok::<_, &str>(Load::Cache(Arc::new(200)))
    });
    assert_eq!(value(loaded), (Some(200), false));
    assert_eq!(other.get("MTNVTU").as_deref(), Some(&200), "it replaces what was kept");
    assert_eq!(other.ttl("MTNVTU"), Some(Remaining::For(10 * SECOND)));
    two.clock.advance(11 * SECOND);
    _ = one.remove("MTNVTU").unwrap();
    assert!(fails(&other).is_err(), "a removed value is no answer");
}

#[test]
fn a_change_during_the_load_of_a_kept_value_keeps_the_loaded_one_out() {
    let two = two_nodes();
    let [one, other] = open(&two, GRACED);
    one.insert("MTNVTU", 100).unwrap();
    two.clock.advance(11 * SECOND);
    let loaded = one.get_or_load("MTNVTU", || {
        _ = other.remove("MTNVTU").unwrap();
        Ok::<_, Error>(200_u64)
    });
    assert_eq!((*loaded.unwrap(), two.server.records()), (200, 0));
    one.insert("MTNVTU", 100).unwrap();
    two.clock.advance(11 * SECOND);
    assert!(other.insert_if_absent("MTNVTU", 300).unwrap().is_none(), "what is kept is no value");
    assert_eq!(one.get("MTNVTU").as_deref(), Some(&300));
}

#[test]
fn a_counter_keeps_its_time_to_live_and_is_kept_for_its_grace() {
    let two = two_nodes();
    let [one, other] = open(&two, GRACED);
    one.increment("MTNVTU", 1).unwrap();
    two.clock.advance(5 * SECOND);
    assert_eq!(other.increment("MTNVTU", 1).unwrap(), 2);
    assert_eq!(one.ttl("MTNVTU"), Some(Remaining::For(5 * SECOND)));
    two.clock.advance(6 * SECOND);
    let fails = one.get_or_load_with("MTNVTU", |_| Err::<Load<u64>, _>("the source is away"));
    assert_eq!(value(fails), (Some(2), true));
    assert_eq!(other.increment("MTNVTU", 1).unwrap(), 1, "a counter that has expired begins anew");
}

#[cfg(feature = "async")]
#[test]
fn a_refresh_in_a_task_replaces_the_record() {
    let two = two_nodes_with(|builder| builder.spawner(|load| smol::spawn(load).detach()));
    let [one, other] = open(&two, MINUTE);
    one.insert("MTNVTU", 100).unwrap();
    let next = Arc::new(AtomicU64::new(101));
    let load = move |_: String, _| {
        let value = next.fetch_add(1, Ordering::SeqCst);
        async move { Ok::<_, &'static str>(Load::Cache(Arc::new(value))) }
    };
    let policy = LoadPolicy::new().refresh_after(30 * SECOND);
    let refreshed = one.with_async_loader(policy, load).unwrap();
    let get = || value(pollster::block_on(refreshed.get_async("MTNVTU")));
    assert_eq!(get(), (Some(100), false));
    two.clock.advance(OLD);
    assert_eq!(get(), (Some(100), false));
    until(|| other.get("MTNVTU").as_deref() == Some(&101));
    assert_eq!(get(), (Some(101), false));
}
