//! Tests of inserts and atomic changes from async code: how many of them wait for the server at the same
//! time, and what a change leaves whose future was dropped.

mod dropped;

use std::task::{Context, Waker};

use pollster::block_on;

use super::tasks::{CALLS, Call, begin, name};
use super::waits::ends;
use super::*;
use crate::api::keyspace::change::Modified;
use crate::api::keyspace::modify_error::ModifyError;
use crate::engine::turns::MAX_LOST_ROUNDS;

type Insert = Call<Result<(), Error>>;
type Modify = Call<Result<Modified<u64>, ModifyError<Modified<u64>>>>;

fn insert(prices: &Keyspace<String, u64>, number: u64) -> Insert {
    let prices = prices.clone();
    Box::pin(async move { prices.insert_async(&name(number), number).await })
}

/// Returns a change that adds 1 to the value of a key.
fn add(prices: &Keyspace<String, u64>, key: String) -> Modify {
    let prices = prices.clone();
    let add = |value: Option<&u64>, _| Change::insert(value.map_or(1, |value| value + 1));
    Box::pin(async move { prices.modify_async(&key, add).await })
}

#[test]
fn any_number_of_inserts_wait_for_the_server() {
    let two = two_nodes();
    let [one, other] = two.prices();
    two.nodes[0].hold_stream(true);
    let inserts = begin((0..CALLS).map(|number| insert(&one, number)));
    until(|| two.server.records() as u64 == CALLS);
    two.nodes[0].hold_stream(false);
    assert!(inserts.into_iter().all(|insert| block_on(insert).is_ok()));
    assert_eq!(other.get(&name(7)).as_deref(), Some(&7));
    assert_eq!(one.stats().inserts, CALLS);
}

#[test]
fn groups_and_inserts_that_keep_the_time_to_live_wait_without_a_thread_too() {
    let two = two_nodes();
    let [one, other] = two.prices();
    one.insert_with("kept", 1, InsertOptions::new().ttl(5 * SECOND)).unwrap();
    two.nodes[0].hold_stream(true);
    let asked = two.server.requests();
    let inserts = begin((0..CALLS).map(|number| {
        let prices = one.clone();
        let group = [(name(number), number), (format!("second {number}"), number)];
        let insert = async move { prices.insert_many_async(group).await };
        Box::pin(insert) as Insert
    }));
    let keeping = begin((0..CALLS).map(|_| {
        let prices = one.clone();
        let options = InsertOptions::new().ttl(Ttl::Keep);
        Box::pin(async move { prices.insert_with_async("kept", 2, options).await }) as Insert
    }));
    until(|| two.server.requests() - asked == 3 * CALLS);
    assert_eq!(two.server.records() as u64, 2 * CALLS + 1, "each group has sent both of its values");
    two.nodes[0].hold_stream(false);
    assert!(inserts.into_iter().chain(keeping).all(|insert| block_on(insert).is_ok()));
    assert_eq!(
        (other.get("kept").as_deref(), other.ttl("kept")),
        (Some(&2), Some(Remaining::For(5 * SECOND)))
    );
    let past = InsertOptions::new().ttl(two.caches[0].now());
    block_on(one.insert_many_with_async((0..CALLS).map(|number| (name(number), 0)), past)).unwrap();
    assert_eq!(two.server.records() as u64, CALLS + 1, "their time has come");
}

#[test]
fn any_number_of_atomic_changes_wait_for_the_server_in_both_of_their_round_trips() {
    let two = two_nodes();
    let [one, other] = two.prices();
    one.insert_many((0..CALLS).map(|number| (name(number), number))).unwrap();
    two.nodes[0].hold_stream(true);
    let asked = two.server.requests();
    let changes = begin((0..CALLS).map(|number| add(&one, name(number))));
    until(|| two.server.requests() - asked == CALLS);
    two.answer_and_hold();
    until(|| two.server.requests() - asked == 2 * CALLS);
    two.nodes[0].hold_stream(false);
    for (number, change) in (0..).zip(changes) {
        assert_eq!(block_on(change).unwrap().new_value(), Some(&(number + 1)));
    }
    assert_eq!(other.get(&name(7)).as_deref(), Some(&8));
}

#[test]
fn any_number_of_atomic_changes_wait_for_their_turns() {
    let two = two_nodes();
    let [one, _] = two.prices();
    let full = one.encode("MTNVTU").unwrap();
    let turns = &two.caches[0].shared().turns;
    let mut rounds = turns.rounds(full.as_slice());
    (0..=MAX_LOST_ROUNDS).for_each(|_| rounds.begin());
    let asked = two.server.requests();
    let changes = begin((0..CALLS).map(|_| add(&one, "MTNVTU".to_owned())));
    // Its worker thread is free, although no change has its turn.
    assert_eq!(block_on(add(&one, name(7))).unwrap().new_value(), Some(&1));
    assert!(two.server.requests() - asked == 2 || !rounds.has_turn(), "no change of the other key has begun");
    drop(rounds);
    assert!(changes.into_iter().all(|change| block_on(change).is_ok()));
    assert_eq!(one.get("MTNVTU").as_deref(), Some(&CALLS));
    assert!(!turns.has_queue(full.as_slice()));
}

#[test]
fn a_lost_connection_ends_all_changes_with_an_error_and_drops_the_near_copies() {
    let two = two_nodes();
    let [one, _] = two.prices();
    two.server.hold_pushes(true);
    two.nodes[0].hold_stream(true);
    let inserts = begin((0..CALLS).map(|number| insert(&one, number)));
    until(|| two.server.records() as u64 == CALLS);
    let changes = begin((0..CALLS).map(|number| add(&one, format!("other {number}"))));
    two.nodes[0].lose();
    for insert in inserts {
        assert!(matches!(block_on(insert), Err(Error::Remote { cause, .. }) if cause.may_be_applied()));
    }
    assert!(changes.into_iter().all(|change| block_on(change).is_err()));
    assert!(block_on(insert(&one, 7)).is_err(), "there is no connection");
    assert_eq!(two.server.records() as u64, CALLS);
}

/// Begins `CALLS` changes, drops their futures, and returns after the changes have been made.
fn drop_and_finish<T>(two: &TwoNodes, changes: impl Iterator<Item = Call<T>>) {
    drop(begin(changes));
    until(|| two.nodes[0].is_sending());
    let closing = two.caches[0].clone();
    let close = std::thread::spawn(move || closing.close());
    two.nodes[0].hold_requests(false);
    close.join().unwrap().unwrap();
}

#[test]
fn changes_whose_tasks_have_left_before_their_first_request_are_made_and_a_close_waits_for_them() {
    let two = two_nodes();
    let [one, other] = two.prices();
    two.nodes[0].hold_requests(true);
    let inserts = (0..CALLS).map(|number| insert(&one, number));
    drop_and_finish(&two, inserts);
    assert_eq!(two.server.records() as u64, CALLS);
    drop(one);
    two.nodes[1].hold_requests(true);
    drop(begin((0..CALLS).map(|number| add(&other, name(number)))));
    two.nodes[1].hold_requests(false);
    two.caches[1].close().unwrap();
    let third = Cache::builder().clock(two.clock.clone()).remote(two.server.node()).open().unwrap();
    let prices = third.keyspace(PRICES).unwrap();
    assert!((0..CALLS).all(|number| prices.get(&name(number)).as_deref() == Some(&(number + 1))));
}

#[test]
fn changes_whose_tasks_have_left_between_their_requests_are_made_and_leave_no_lease() {
    let two = two_nodes();
    let [one, other] = two.prices();
    two.nodes[0].hold_stream(true);
    let asked = two.server.requests();
    let changes = begin((0..CALLS).map(|number| add(&one, name(number))));
    until(|| two.server.requests() - asked == CALLS);
    two.answer_and_hold();
    until(|| two.server.requests() - asked == 2 * CALLS);
    drop(changes);
    two.nodes[0].hold_stream(false);
    two.caches[0].shared().changes.wait();
    assert!(!two.caches[0].shared().tiers.memory.has_leases());
    assert!((0..CALLS).all(|number| other.get(&name(number)).as_deref() == Some(&1)));
}

/// The change needs a worker thread after its answer. So the closes must not occupy all of them.
#[test]
fn more_closes_than_worker_threads_wait_for_a_change() {
    let two = two_nodes();
    let [one, _] = two.prices();
    two.nodes[0].hold_stream(true);
    let insert = begin([insert(&one, 7)].into_iter());
    until(|| two.server.records() == 1);
    let closes = begin((0..CALLS).map(|_| {
        let cache = two.caches[0].clone();
        Box::pin(async move { cache.close_async().await }) as Insert
    }));
    two.nodes[0].hold_stream(false);
    for call in insert.into_iter().chain(closes) {
        ends(move || block_on(call)).unwrap();
    }
}

#[test]
fn a_change_of_a_dropped_future_voids_the_near_copy_that_was_filled_meanwhile() {
    let two = two_nodes();
    let [one, _] = two.prices();
    two.server.hold_pushes(true);
    one.insert("MTNVTU", 100).unwrap();
    let reading = one.clone();
    // The change has dropped the near copy and sent its request. A lookup is answered before the request.
    two.nodes[0].before_set(move || assert_eq!(reading.get("MTNVTU").as_deref(), Some(&100)));
    let mut change = add(&one, "MTNVTU".to_owned());
    // It may have ended already.
    _ = change.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    drop(change);
    two.caches[0].shared().changes.wait();
    assert_eq!(one.get("MTNVTU").as_deref(), Some(&101));
}

#[test]
fn a_closure_that_panics_in_a_task_changes_nothing_and_leaves_the_key_free() {
    let two = two_nodes();
    let [one, _] = two.prices();
    let panics = |_: Option<&u64>, _| std::panic::resume_unwind(Box::new(7));
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        block_on(one.modify_async("MTNVTU", panics)).map(drop)
    }));
    assert_eq!(caught.unwrap_err().downcast_ref(), Some(&7));
    assert_eq!(block_on(add(&one, "MTNVTU".to_owned())).unwrap().new_value(), Some(&1));
    two.caches[0].close().unwrap();
}
