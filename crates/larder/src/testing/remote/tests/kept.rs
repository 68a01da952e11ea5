//! Tests of values that have expired and are kept at the server for their grace, and of expired values that
//! are not kept.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::*;
use crate::api::keyspace::load::{Load, Loaded};
use crate::format::codec::format::Format;
use crate::sys::clock::Clock;

const GRACED: KeyspaceDefinition<String, u64> = with_grace("graced");
const GRACED_LOCAL: KeyspaceDefinition<String, u64> = with_grace("graced_local").memory_only();
const RAW: KeyspaceDefinition<String, String> =
    KeyspaceDefinition::new("raw").grace(Duration::from_mins(1)).format(Format::Raw);

const fn with_grace(name: &'static str) -> KeyspaceDefinition<String, u64> {
    KeyspaceDefinition::new(name)
        .ttl(Duration::from_secs(10))
        .grace(Duration::from_mins(1))
        .absent_ttl(Duration::from_secs(30))
}

fn graced(two: &TwoNodes) -> [Keyspace<String, u64>; 2] {
    [0, 1].map(|node| two.caches[node].keyspace(GRACED).unwrap())
}

/// Loads a key with a loader that fails. Returns the stale value, if there is one.
fn failing(keyspace: &Keyspace<String, u64>) -> Option<u64> {
    let loaded = keyspace.get_or_load_with("MTNVTU", |_| Err::<Load<u64>, _>("the source is away"));
    let Loaded { value, is_stale } = loaded.ok()?;
    assert!(is_stale);
    value.as_deref().copied()
}

#[test]
fn an_entry_that_is_made_to_expire_is_kept_for_its_grace() {
    let two = two_nodes();
    let [one, other] = graced(&two);
    for ttl in [Ttl::Default, Ttl::Never] {
        one.insert_with("MTNVTU", 100, InsertOptions::new().ttl(ttl)).unwrap();
        two.clock.advance(3 * SECOND);
        assert_eq!(other.get("MTNVTU").as_deref(), Some(&100));
        assert!(one.expire("MTNVTU").unwrap());
        assert!(one.get("MTNVTU").is_none() && other.get("MTNVTU").is_none());
        assert!(!other.expire("MTNVTU").unwrap(), "it has expired already");
        assert_eq!((failing(&one), failing(&other)), (Some(100), Some(100)));
        two.clock.advance(59 * SECOND);
        assert_eq!(failing(&other), Some(100));
        two.clock.advance(SECOND);
        assert_eq!((failing(&one), failing(&other)), (None, None), "{ttl:?}");
    }
}

#[test]
fn a_touch_with_a_past_time_and_an_end_without_a_grace_remove_the_record() {
    let two = two_nodes();
    let [one, other] = graced(&two);
    one.insert("MTNVTU", 100).unwrap();
    assert!(one.touch_with("MTNVTU", Ttl::Until(two.clock.wall())).unwrap());
    assert_eq!((failing(&other), two.server.records()), (None, 0));
    let prices = &two.prices()[0];
    prices.insert("MTNVTU", 100).unwrap();
    assert!(prices.expire("MTNVTU").unwrap());
    let raw = two.caches[0].keyspace(RAW).unwrap();
    raw.insert("MTNVTU", "100".to_owned()).unwrap();
    assert!(raw.expire("MTNVTU").unwrap());
    assert_eq!(two.server.records(), 0);
}

#[test]
fn removals_count_live_values_as_on_one_machine() {
    let two = two_nodes();
    let local = two.caches[1].keyspace(GRACED_LOCAL).unwrap();
    for [one, other] in [graced(&two), [local.clone(), local]] {
        let fill = || {
            one.insert_many([("MTNVTU", 100), ("AIRTEL", 90)]).unwrap();
            two.clock.advance(11 * SECOND);
            let nothing = || Ok::<_, Error>(None::<u64>);
            assert!(one.get_or_load_optional("9MOBILE", nothing).unwrap().is_none());
            one.insert_with("GLO", 80, InsertOptions::new().ttl(Ttl::Never)).unwrap();
        };
        fill();
        assert!(!other.remove("MTNVTU").unwrap(), "it has expired, and is kept for its grace");
        assert!(!other.remove("9MOBILE").unwrap(), "a known absence");
        assert!(other.remove("GLO").unwrap());
        fill();
        assert_eq!(other.remove_many(["MTNVTU", "AIRTEL", "9MOBILE", "GLO"]).unwrap(), 1);
        fill();
        assert_eq!(other.clear().unwrap(), 1);
        fill();
        assert_eq!(two.caches[1].clear().unwrap(), 1);
    }
    assert_eq!(two.server.records(), 0);
}

/// Loads a key from two threads while its value is kept for its grace. The loader of the first caller calls
/// `change`, waits for the second caller, and returns a value that must not be cached. Returns the value that
/// the second caller gets.
fn second_of_two_callers(
    two: &TwoNodes,
    one: &Keyspace<String, u64>,
    change: impl Fn() + Sync,
) -> Option<u64> {
    one.insert("MTNVTU", 100).unwrap();
    two.clock.advance(11 * SECOND);
    let (misses, begun, loads) = (one.stats().misses, AtomicBool::new(false), AtomicU64::new(0));
    let load = || {
        let loaded = one.get_or_load_with("MTNVTU", |_| {
            if loads.fetch_add(1, Ordering::SeqCst) == 0 {
                change();
                begun.store(true, Ordering::SeqCst);
                until(|| one.stats().misses == misses + 2);
            }
            Ok::<_, Error>(Load::DoNotCache(Arc::new(200)))
        });
        loaded.unwrap().value.as_deref().copied()
    };
    std::thread::scope(|threads| {
        let first = threads.spawn(load);
        until(|| begun.load(Ordering::SeqCst));
        let second = threads.spawn(load).join().unwrap();
        assert_eq!((first.join().unwrap(), loads.load(Ordering::SeqCst)), (Some(200), 1));
        second
    })
}

#[test]
fn callers_that_wait_get_a_declined_value_as_on_one_machine() {
    let two = two_nodes();
    let [one, other] = graced(&two);
    let local = two.caches[0].keyspace(GRACED_LOCAL).unwrap();
    for keyspace in [&local, &one] {
        assert_eq!(second_of_two_callers(&two, keyspace, || ()), Some(200));
    }
    let change = || other.insert("MTNVTU", 300).unwrap();
    assert_eq!(second_of_two_callers(&two, &one, change), Some(300), "it came after the change");
}
