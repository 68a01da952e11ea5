//! Tests of loads from async code: how many of them wait for the server at the same time, and what a dropped
//! load leaves at the server.

mod batches;

use std::collections::HashMap;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Waker};

use pollster::block_on;

use super::*;
use crate::engine::remote::batch_room::MAX_TOGETHER;
use crate::error::load_error::LoadError;

/// More loads than worker threads.
const LOADS: u64 = 100;

type BulkCall = fn(&Keyspace<String, u64>) -> Vec<Option<Arc<u64>>>;
type LoadCall<T> = Pin<Box<dyn Future<Output = Result<T, LoadError<Error>>> + Send>>;

fn key(number: u64) -> String {
    format!("product {number}")
}

fn poll<T>(call: &mut LoadCall<T>) -> bool {
    call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

/// Begins a load of each key. None of them may end.
fn begin<T>(load: impl Fn(u64) -> LoadCall<T>) -> Vec<LoadCall<T>> {
    let mut loads: Vec<_> = (0..LOADS).map(load).collect();
    assert!(!loads.iter_mut().any(poll), "the server has not answered");
    loads
}

/// Returns a load of a key with the value `number`.
fn load(prices: &Keyspace<String, u64>, number: u64) -> LoadCall<Arc<u64>> {
    let prices = prices.clone();
    Box::pin(async move { prices.get_or_load_async(&key(number), move || async move { Ok(number) }).await })
}

impl TwoNodes {
    /// Returns the number of leases at the server.
    fn leases(&self) -> usize {
        self.server.state.lock().slots.values().filter(|slot| slot.lease.is_some()).count()
    }

    /// Returns a keyspace of a third machine. It has the only handle of its cache.
    fn third(&self) -> (Arc<RemoteNode>, Keyspace<String, u64>) {
        let node = self.server.node();
        let cache = Cache::builder().clock(self.clock.clone()).remote(node.clone()).open().unwrap();
        (node, cache.keyspace(PRICES).unwrap())
    }
}

#[test]
fn any_number_of_loads_wait_for_the_server_in_both_of_their_round_trips() {
    let two = two_nodes();
    let [one, other] = two.prices();
    // Otherwise the push of each fill would drop its near copy.
    two.server.hold_pushes(true);
    two.nodes[0].hold_stream(true);
    let asked = two.server.requests();
    let mut loads = begin(|number| load(&one, number));
    assert_eq!(two.server.requests() - asked, LOADS, "each load has asked for its lease");
    two.nodes[0].hold_requests(true);
    two.nodes[0].hold_stream(false);
    two.nodes[0].hold_stream(true);
    two.nodes[0].hold_requests(false);
    // Each poll runs the loader of a load that has its lease.
    until(|| {
        assert!(!loads.iter_mut().any(poll), "the server has not answered the fills");
        two.server.requests() - asked == 2 * LOADS
    });
    assert_eq!(two.server.records() as u64, LOADS, "each load has sent its value");
    two.nodes[0].hold_stream(false);
    for (number, load) in (0..).zip(loads) {
        assert_eq!(*block_on(load).unwrap(), number);
    }
    let asked = two.server.requests();
    assert!((0..LOADS).all(|number| one.get(&key(number)).as_deref() == Some(&number)));
    assert_eq!(two.server.requests(), asked, "memory has all of them");
    assert_eq!((one.stats().loads, one.stats().voided_fills), (LOADS, 0));
    assert_eq!(other.get(&key(7)).as_deref(), Some(&7));
}

#[test]
fn loads_of_several_keys_and_loads_that_borrow_wait_without_a_thread_too() {
    let two = two_nodes();
    let [one, _] = two.prices();
    let (of_many, borrowing) = (one.clone(), one.clone());
    two.nodes[0].hold_stream(true);
    let asked = two.server.requests();
    let many = begin(move |number| {
        let prices = of_many.clone();
        let loader = async |missing: &[String]| Ok(HashMap::from([(missing[0].clone(), 7)]));
        let keys = [key(number), format!("omitted {number}")];
        Box::pin(async move { prices.get_or_load_many_local_async(keys, loader).await })
    });
    let local = begin(move |number| {
        let prices = borrowing.clone();
        Box::pin(async move {
            prices.get_or_load_local_async(&format!("local {number}"), async || Ok(number)).await
        })
    });
    assert_eq!(two.server.requests() - asked, 3 * LOADS, "one for each key");
    two.nodes[0].hold_stream(false);
    for load in many {
        assert_eq!(block_on(load).unwrap(), [Some(Arc::new(7)), None]);
    }
    for (number, load) in (0..).zip(local) {
        assert_eq!(*block_on(load).unwrap(), number);
    }
    assert_eq!(two.leases(), 0);
}

#[test]
fn a_load_that_is_dropped_before_its_lease_arrives_releases_the_lease() {
    let two = two_nodes();
    let [one, other] = two.prices();
    two.nodes[0].hold_stream(true);
    drop(begin(|number| load(&one, number)));
    assert_eq!(two.leases() as u64, LOADS);
    two.nodes[0].hold_stream(false);
    until(|| two.leases() == 0);
    assert_eq!(*other.get_or_load(&key(7), || Ok::<_, Error>(8_u64)).unwrap(), 8, "the other machine loads");
    assert_eq!(*block_on(load(&one, 7)).unwrap(), 8);
}

#[test]
fn a_load_that_is_dropped_with_the_last_handle_releases_its_lease() {
    let two = two_nodes();
    let (node, prices) = two.third();
    node.hold_stream(true);
    let mut loading = load(&prices, 7);
    assert!(!poll(&mut loading), "the server has not answered");
    drop((loading, prices));
    assert_eq!(two.leases(), 1);
    node.hold_stream(false);
    until(|| two.leases() == 0);
}

#[test]
fn a_load_of_several_keys_that_is_dropped_with_the_last_handle_stores_all_values() {
    let two = two_nodes();
    let (node, prices) = two.third();
    let holding = node.clone();
    node.before_fill(move || holding.hold_requests(true));
    let of_load = prices.clone();
    let loader = async |missing: &[String]| Ok(missing.iter().cloned().zip(0_u64..).collect::<Vec<_>>());
    let mut loading: LoadCall<Vec<Option<Arc<u64>>>> =
        Box::pin(async move { of_load.get_or_load_many_local_async([key(1), key(2)], loader).await });
    until(|| {
        assert!(!poll(&mut loading), "the first value is held back");
        node.is_sending()
    });
    drop((loading, prices));
    node.hold_requests(false);
    until(|| two.server.records() == 2);
}

#[test]
fn a_load_of_several_keys_that_is_dropped_takes_no_further_lease() {
    let two = two_nodes();
    let [one, _] = two.prices();
    two.nodes[0].hold_stream(true);
    let asked = two.server.requests();
    let loader = async |missing: &[String]| Ok(HashMap::from([(missing[0].clone(), 7)]));
    let keys = (0..2 * MAX_TOGETHER as u64).map(key);
    let mut loading: LoadCall<_> =
        Box::pin(async move { one.get_or_load_many_local_async(keys, loader).await });
    assert!(!poll(&mut loading), "the server has not answered");
    drop(loading);
    assert_eq!(two.leases(), MAX_TOGETHER, "the load has asked for the first leases");
    two.nodes[0].hold_stream(false);
    until(|| two.leases() == 0);
    assert_eq!(two.server.requests() - asked, 2 * MAX_TOGETHER as u64, "these leases and their releases");
}

#[test]
fn a_load_of_several_keys_asks_for_all_leases_together_and_sends_all_values_together() {
    const KEYS: u64 = 20;
    let in_thread = |prices: &Keyspace<String, u64>| {
        let load =
            |missing: &[String]| Ok::<_, Error>(missing.iter().cloned().zip(0_u64..).collect::<Vec<_>>());
        prices.get_or_load_many((0..KEYS).map(key), load).unwrap()
    };
    let in_task = |prices: &Keyspace<String, u64>| {
        let load = async |missing: &[String]| {
            Ok::<_, Error>(missing.iter().cloned().zip(0_u64..).collect::<Vec<_>>())
        };
        block_on(prices.get_or_load_many_local_async((0..KEYS).map(key), load)).unwrap()
    };
    for call in [in_thread as BulkCall, in_task] {
        let two = two_nodes();
        let [one, _] = two.prices();
        // Otherwise the push of each fill would drop its near copy.
        two.server.hold_pushes(true);
        two.nodes[0].hold_stream(true);
        let asked = two.server.requests();
        let values = std::thread::scope(|scope| {
            let loading = scope.spawn(|| call(&one));
            until(|| two.leases() as u64 == KEYS);
            two.answer_and_hold();
            until(|| two.server.records() as u64 == KEYS);
            two.nodes[0].hold_stream(false);
            loading.join().unwrap()
        });
        assert_eq!(values, (0..KEYS).map(|number| Some(Arc::new(number))).collect::<Vec<_>>());
        assert_eq!(two.server.requests() - asked, 2 * KEYS);
        assert!((0..KEYS).all(|number| one.get(&key(number)).as_deref() == Some(&number)));
        assert_eq!(two.server.requests() - asked, 2 * KEYS, "memory has all of them");
        assert_eq!(two.leases(), 0);
    }
}

#[test]
fn values_are_stored_although_the_iterator_of_the_loader_panics_after_them() {
    let two = two_nodes();
    let [one, other] = two.prices();
    let load = |missing: &[String]| {
        let missing = missing.to_vec();
        let values = (0..3_u64).map(move |number| {
            assert!(number < 2, "planted");
            (missing[usize::try_from(number).unwrap()].clone(), number)
        });
        Ok::<_, Error>(values)
    };
    let call = std::panic::AssertUnwindSafe(|| one.get_or_load_many((0..3).map(key), load).is_ok());
    std::panic::catch_unwind(call).unwrap_err();
    assert_eq!([0, 1, 2].map(|number| other.get(&key(number)).map(|value| *value)), [Some(0), Some(1), None]);
    assert_eq!(two.leases(), 0);
}

#[test]
fn a_load_that_is_dropped_in_its_loader_releases_the_lease() {
    let two = two_nodes();
    let [one, _] = two.prices();
    let begun = Arc::new(AtomicU64::new(0));
    let loads: Vec<_> = begin(|number| {
        let (prices, begun) = (one.clone(), begun.clone());
        Box::pin(async move {
            let loader = || async move {
                begun.fetch_add(1, Ordering::SeqCst);
                pending::<Result<u64, Error>>().await
            };
            prices.get_or_load_async(&key(number), loader).await
        })
    });
    assert_eq!((begun.load(Ordering::SeqCst), two.leases() as u64), (LOADS, LOADS));
    drop(loads);
    assert_eq!(two.leases(), 0, "the drop has sent the releases");
    assert_eq!(*block_on(load(&one, 7)).unwrap(), 7);
}

#[test]
fn a_load_that_is_dropped_after_its_loader_stores_the_value() {
    let two = two_nodes();
    let [one, _] = two.prices();
    // Otherwise the push of the fill would drop its near copy.
    two.server.hold_pushes(true);
    // The lookup of the lease is answered, and the fill is not.
    let node = two.nodes[0].clone();
    two.nodes[0].before_fill(move || node.hold_stream(true));
    let mut loading = load(&one, 7);
    until(|| {
        assert!(!poll(&mut loading), "the server has not answered the fill");
        two.server.records() == 1
    });
    drop(loading);
    two.nodes[0].hold_stream(false);
    until(|| one.stats().memory_entries == 1);
    let asked = two.server.requests();
    assert_eq!(one.get(&key(7)).as_deref(), Some(&7));
    assert_eq!(
        (two.server.requests() - asked, two.leases()),
        (0, 0),
        "the load that was dropped has filled memory"
    );
}

#[test]
fn a_lost_connection_lets_all_waiting_loads_load_and_keep_nothing() {
    let two = two_nodes();
    let [one, _] = two.prices();
    two.nodes[0].hold_stream(true);
    let loads = begin(|number| load(&one, number));
    two.nodes[0].lose();
    for (number, load) in (0..).zip(loads) {
        assert_eq!(*block_on(load).unwrap(), number);
    }
    assert_eq!((two.server.records(), one.stats().loads), (0, LOADS));
}

#[test]
fn a_removal_by_another_machine_voids_the_load_of_a_task_that_waits_to_store_its_value() {
    let two = two_nodes();
    let [one, other] = two.prices();
    let changing = other.clone();
    two.nodes[0].before_fill(move || _ = changing.remove(&key(7)).unwrap());
    assert_eq!(*block_on(load(&one, 7)).unwrap(), 7, "the caller came before the removal");
    assert_eq!((two.server.records(), one.stats().voided_fills), (0, 1));
    assert!(one.get(&key(7)).is_none(), "nothing is kept in memory alone");
}
