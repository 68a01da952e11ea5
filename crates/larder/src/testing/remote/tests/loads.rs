//! Tests of loads on two machines, and of the expiry of the stored entries.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;

use super::*;

#[test]
fn one_load_serves_all_nodes() {
    let two = two_nodes();
    let [one, other] = two.prices();
    let (begun, wait_for_begin) = mpsc::channel();
    let (finish, wait_for_finish) = mpsc::channel::<()>();
    let loads = AtomicU64::new(0);
    std::thread::scope(|threads| {
        let (one, loads) = (&one, &loads);
        let leader = threads.spawn(move || {
            one.get_or_load("MTNVTU", || {
                loads.fetch_add(1, Ordering::SeqCst);
                begun.send(()).unwrap();
                wait_for_finish.recv().unwrap();
                Ok::<_, Error>(100_u64)
            })
        });
        wait_for_begin.recv().unwrap();
        let asked = two.server.requests();
        let waiter = threads.spawn(|| {
            other.get_or_load("MTNVTU", || {
                loads.fetch_add(1, Ordering::SeqCst);
                Ok::<_, Error>(200_u64)
            })
        });
        while two.server.requests() == asked {
            std::thread::yield_now();
        }
        finish.send(()).unwrap();
        assert_eq!(leader.join().unwrap().as_deref().ok(), Some(&100));
        assert_eq!(waiter.join().unwrap().as_deref().ok(), Some(&100));
    });
    assert_eq!(loads.load(Ordering::SeqCst), 1);
    assert_eq!(two.server.records(), 1);
}

#[test]
fn a_removal_on_another_node_voids_the_load_in_flight() {
    let two = two_nodes();
    let [one, other] = two.prices();
    let loaded = one.get_or_load("MTNVTU", || {
        assert!(!other.remove("MTNVTU").unwrap());
        Ok::<_, Error>(100_u64)
    });
    assert_eq!(*loaded.unwrap(), 100, "the caller came before the removal");
    assert_eq!(two.server.records(), 0);
    assert!(one.get("MTNVTU").is_none(), "nothing is kept in memory alone");
    assert_eq!(one.stats().voided_fills, 1);
    let loaded = one.get_or_load("MTNVTU", || {
        other.insert("MTNVTU", 120).unwrap();
        Ok::<_, Error>(110_u64)
    });
    assert_eq!(*loaded.unwrap(), 110);
    assert_eq!(one.get("MTNVTU").as_deref(), Some(&120));
}

#[test]
fn a_caller_that_came_after_the_removal_does_not_get_the_value_of_before_it() {
    let two = two_nodes();
    let [one, other] = two.prices();
    std::thread::scope(|threads| {
        let mut joiner = None;
        let loaded = one.get_or_load("MTNVTU", || {
            _ = other.remove("MTNVTU").unwrap();
            let one = &one;
            joiner =
                Some(threads.spawn(move || *one.get_or_load("MTNVTU", || Ok::<_, Error>(200_u64)).unwrap()));
            while one.stats().misses < 2 {
                std::thread::yield_now();
            }
            Ok::<_, Error>(100_u64)
        });
        assert_eq!(*loaded.unwrap(), 100);
        assert_eq!(joiner.unwrap().join().unwrap(), 200);
    });
}

#[test]
fn a_lease_that_is_not_given_back_ends_by_its_time() {
    let two = two_nodes();
    let [one, other] = two.prices();
    let lease = one.lookup("MTNVTU").unwrap();
    std::mem::forget(lease);
    two.clock.advance(Duration::from_hours(1));
    let loaded = other.get_or_load("MTNVTU", || Ok::<_, Error>(100_u64)).unwrap();
    assert_eq!((*loaded, two.server.records()), (100, 1));
}

#[test]
fn a_load_that_fails_gives_its_lease_back() {
    let two = two_nodes();
    let [one, other] = two.prices();
    assert!(one.get_or_load("MTNVTU", || Err::<u64, _>("the source is away")).is_err());
    let loaded = other.get_or_load("MTNVTU", || Ok::<_, Error>(100_u64)).unwrap();
    assert_eq!((*loaded, two.server.records()), (100, 1));
}

#[test]
fn a_time_to_live_is_that_of_the_server_counted_from_before_the_request() {
    let two = two_nodes();
    let [one, other] = two.prices();
    one.insert_with("MTNVTU", 100, InsertOptions::new().ttl(10 * SECOND)).unwrap();
    one.insert_with("AIRTEL", 100, InsertOptions::new().ttl(Ttl::Never)).unwrap();
    two.clock.advance(4 * SECOND);
    assert_eq!(other.ttl("MTNVTU"), Some(Remaining::For(6 * SECOND)));
    assert_eq!(other.ttl("AIRTEL"), Some(Remaining::Never));
    assert_eq!(other.get("MTNVTU").as_deref(), Some(&100));
    two.clock.advance(6 * SECOND);
    assert!(other.get("MTNVTU").is_none() && one.get("MTNVTU").is_none());
    assert!(one.touch_with("AIRTEL", SECOND).unwrap());
    assert_eq!(other.ttl("AIRTEL"), Some(Remaining::For(SECOND)));
    assert!(other.persist("AIRTEL").unwrap());
    assert_eq!(one.ttl("AIRTEL"), Some(Remaining::Never));
    assert!(one.expire("AIRTEL").unwrap());
    assert!(other.get("AIRTEL").is_none());
    assert!(!one.expire("AIRTEL").unwrap());
}

#[test]
fn the_life_of_a_near_copy_begins_before_the_request() {
    let two = two_nodes();
    let [one, other] = two.prices();
    one.insert_with("MTNVTU", 100, InsertOptions::new().ttl(10 * SECOND)).unwrap();
    let node = &two.nodes[1];
    node.hold_stream(true);
    let reader = std::thread::spawn(move || (other.get("MTNVTU").map(|value| *value), other));
    while node.held() == 0 {
        std::thread::yield_now();
    }
    two.clock.advance(3 * SECOND);
    node.hold_stream(false);
    let (found, other) = reader.join().unwrap();
    assert_eq!(found, Some(100));
    assert_eq!(other.ttl("MTNVTU"), Some(Remaining::For(7 * SECOND)), "not ten seconds after the answer");
}

#[test]
fn an_absence_is_shared_until_an_insert() {
    const OPTIONAL: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("optional").absent_ttl(SECOND);
    let two = two_nodes();
    let [one, other] = [0, 1].map(|node| two.caches[node].keyspace(OPTIONAL).unwrap());
    let nothing = || Ok::<_, Error>(None::<u64>);
    assert!(one.get_or_load_optional("MTNVTU", nothing).unwrap().is_none());
    let asked = || panic!("the source was asked already");
    assert!(
        other.get_or_load_optional("MTNVTU", || -> Result<Option<u64>, Error> { asked() }).unwrap().is_none()
    );
    assert_eq!(other.find("MTNVTU"), Found::Absent);
    assert!(!other.contains_key("MTNVTU"));
    let loaded = other.get_or_load("MTNVTU", || Ok::<_, Error>(100_u64)).unwrap();
    assert_eq!(*loaded, 100, "this loader always has a value");
    assert_eq!(one.get("MTNVTU").as_deref(), Some(&100));
}

#[test]
fn a_fence_bars_the_loads_of_all_nodes_until_it_is_lowered() {
    let two = two_nodes();
    let [one, other] = two.prices();
    one.insert("MTNVTU", 100).unwrap();
    let update = one.begin_update("MTNVTU").unwrap();
    assert_eq!(*other.get_or_load("MTNVTU", || Ok::<_, Error>(110_u64)).unwrap(), 110);
    assert_eq!(two.server.records(), 0, "the source may have been read before its change");
    update.finish();
    assert_eq!(*other.get_or_load("MTNVTU", || Ok::<_, Error>(120_u64)).unwrap(), 120);
    assert_eq!(one.get("MTNVTU").as_deref(), Some(&120));
}
