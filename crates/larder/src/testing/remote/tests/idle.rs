//! Tests of entries with a time to idle that two machines share: which uses extend their lives, and for how
//! long.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::api::keyspace::load::Load;
use crate::api::keyspace::loading::policy::LoadPolicy;
use crate::api::keyspace::lookup::LookupOutcome;
use crate::format::codec::format::Format;

pub(super) const MINUTE: Duration = Duration::from_mins(1);
pub(super) const MILLI: Duration = Duration::from_millis(1);
pub(super) const IDLE: Duration = Duration::from_mins(8);
/// Maximum time between the last use of an entry and its expiry.
pub(super) const LIFE: Duration = Duration::from_mins(9);
const HOUR: Duration = Duration::from_hours(1);

const FIXED: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("user").ttl(HOUR);
pub(super) const USERS: KeyspaceDefinition<u64, u64> = FIXED.time_to_idle(IDLE);
const GRACED: KeyspaceDefinition<u64, u64> = USERS.grace(HOUR).cool_down(MILLI);

pub(super) type Users = Keyspace<u64, u64>;

pub(super) fn open(two: &TwoNodes, definition: KeyspaceDefinition<u64, u64>) -> [Users; 2] {
    [0, 1].map(|node| two.caches[node].keyspace(definition).unwrap())
}

/// Returns the remaining time of the entry: of the near copy if there is one, and otherwise at the server.
pub(super) fn left(users: &Users) -> Option<Duration> {
    users.ttl(&1).and_then(Remaining::duration)
}

#[test]
fn a_use_in_the_memory_of_one_machine_keeps_the_entry_for_the_other() {
    let two = two_nodes();
    let [one, other] = open(&two, USERS);
    one.insert(&1, 10).unwrap();
    assert!(one.get(&1).is_some(), "a near copy");
    for minutes in (7..=56).step_by(7) {
        two.clock.advance(7 * MINUTE);
        let asked = two.server.requests();
        for _ in 0..2 {
            assert!(one.get(&1).is_some(), "after {minutes} minutes");
        }
        assert_eq!(two.server.requests(), asked + 2, "one use, and one lookup after its push");
        for _ in 0..3 {
            assert!(one.get(&1).is_some());
        }
        assert_eq!(two.server.requests(), asked + 2, "the new copy is not due");
        let until_limit = HOUR.saturating_sub(minutes * MINUTE);
        assert_eq!(left(&other), Some(LIFE.min(until_limit)), "after {minutes} minutes");
    }
    two.clock.advance((4 * MINUTE).saturating_sub(MILLI));
    let asked = two.server.requests();
    assert!(one.get(&1).is_some(), "its TTL is not over");
    assert_eq!(two.server.requests(), asked, "no use can extend its life");
    assert!(other.get(&1).is_some());
    two.clock.advance(MILLI);
    assert!(one.get(&1).is_none() && other.get(&1).is_none(), "its TTL is over");
    assert_eq!(two.caches[0].stats().remote.unwrap().unsent_uses, 0);
}

#[test]
fn every_kind_of_hit_is_a_use_in_memory_and_at_the_server() {
    type Use = fn(&Users) -> bool;
    let uses: [Use; 7] = [
        |users| matches!(users.find(&1), Found::Value(_)),
        |users| users.get(&1).is_some(),
        |users| users.get_many([1, 2])[0].is_some(),
        |users| users.get_or_load(&1, || Err::<u64, _>(())).is_ok(),
        |users| users.get_or_load_many([1], |_| Err::<[(u64, u64); 0], _>(())).is_ok(),
        |users| matches!(users.lookup(&1), Ok(LookupOutcome::Hit { .. })),
        #[cfg(feature = "async")]
        |users| pollster::block_on(users.get_async(&1)).is_some(),
        #[cfg(not(feature = "async"))]
        |users| users.get(&1).is_some(),
    ];
    let two = two_nodes();
    let [one, other] = open(&two, USERS);
    for (number, used) in uses.iter().enumerate() {
        one.insert(&1, 10).unwrap();
        two.clock.advance(7 * MINUTE);
        assert!(used(&other), "at the server, use {number}");
        assert_eq!(left(&one), Some(LIFE), "at the server, use {number}");
        other.get(&1);
        let hits = other.stats().memory_hits;
        two.clock.advance(7 * MINUTE);
        assert!(used(&other) && other.stats().memory_hits == hits + 1, "in memory, use {number}");
        assert_eq!(left(&one), Some(LIFE), "in memory, use {number}");
    }
}

#[test]
fn what_only_looks_at_an_entry_is_no_use() {
    type Look = fn(&Users);
    let looks: [Look; 8] = [
        |users| assert!(users.peek(&1).is_some()),
        |users| assert!(users.peek(&1).is_some()),
        |users| assert!(users.contains_key(&1)),
        |users| assert!(users.contains_key(&1)),
        |users| assert!(users.ttl(&1).is_some()),
        |users| assert_eq!(users.count(), 1),
        |users| assert_eq!(users.iter().count(), 1),
        |users| assert!(matches!(users.modify(&1, |_, _| Change::Keep), Ok(done) if !done.is_changed())),
    ];
    let two = two_nodes();
    let [one, other] = open(&two, USERS);
    for (number, look) in looks.into_iter().enumerate() {
        one.insert(&1, 10).unwrap();
        if number % 2 == 0 {
            other.get(&1);
        }
        for minutes in [2, 4, 6, 8] {
            two.clock.advance(2 * MINUTE);
            look(&other);
            assert_eq!(left(&one), Some(LIFE.saturating_sub(minutes * MINUTE)));
        }
        two.clock.advance(MINUTE);
        assert!(one.get(&1).is_none() && other.get(&1).is_none());
    }
}

#[test]
fn a_hit_waits_for_no_answer_and_a_use_that_is_lost_is_repeated() {
    let two = two_nodes();
    let ([one, other], node) = (open(&two, USERS), &two.nodes[0]);
    one.insert(&1, 10).unwrap();
    one.get(&1);
    two.clock.advance(7 * MINUTE);
    node.hold_requests(true);
    for _ in 0..3 {
        assert!(one.get(&1).is_some(), "from memory, while the use is on its way");
    }
    assert!(node.is_sending());
    let asked = two.server.requests();
    node.hold_requests(false);
    assert_eq!(two.server.requests(), asked + 1, "three hits, and one request");
    assert_eq!(left(&other), Some(LIFE));
    // The connection is lost with the use.
    one.get(&1);
    two.clock.advance(7 * MINUTE);
    node.hold_requests(true);
    assert!(one.get(&1).is_some());
    node.lose();
    node.hold_requests(false);
    node.connect();
    assert_eq!(left(&other), Some(2 * MINUTE));
    assert!(one.get(&1).is_some(), "at the server");
    assert_eq!(left(&other), Some(LIFE));
}

#[test]
fn a_use_changes_no_other_record_than_that_which_was_used() {
    let two = two_nodes();
    let ([one, other], node) = (open(&two, USERS), &two.nodes[0]);
    one.insert(&1, 10).unwrap();
    one.get(&1);
    two.clock.advance(7 * MINUTE);
    node.hold_requests(true);
    assert_eq!(one.get(&1).as_deref(), Some(&10));
    assert!(other.remove(&1).unwrap());
    other.insert(&1, 11).unwrap();
    two.clock.advance(2 * MINUTE);
    node.hold_requests(false);
    assert_eq!(left(&other), Some(7 * MINUTE), "the use of the removed record");
    assert_eq!(one.get(&1).as_deref(), Some(&11));
    assert_eq!(left(&other), Some(LIFE));
    one.get(&1);
    two.clock.advance(7 * MINUTE);
    node.hold_requests(true);
    assert!(one.get(&1).is_some() && other.remove(&1).unwrap());
    node.hold_requests(false);
    assert!(one.get(&1).is_none() && other.get(&1).is_none());
}

#[test]
fn a_use_that_comes_after_the_expiry_brings_nothing_back() {
    for definition in [USERS, GRACED] {
        let two = two_nodes();
        let ([one, other], node) = (open(&two, definition), &two.nodes[0]);
        one.insert(&1, 10).unwrap();
        one.get(&1);
        two.clock.advance(LIFE.saturating_sub(MILLI));
        node.hold_requests(true);
        assert!(one.get(&1).is_some());
        two.clock.advance(MILLI);
        assert!(other.get(&1).is_none());
        node.hold_requests(false);
        assert!(other.get(&1).is_none() && one.get(&1).is_none());
        let stale = other.get_or_load(&1, || Err::<u64, _>(()));
        assert_eq!(stale.is_ok(), definition.stale_for() == HOUR);
        assert!(!other.remove(&1).unwrap(), "it is not live");
    }
}

#[test]
fn a_grace_begins_when_an_entry_was_not_used() {
    let two = two_nodes();
    let [one, other] = open(&two, GRACED);
    one.insert(&1, 10).unwrap();
    one.get(&1);
    two.clock.advance(7 * MINUTE);
    one.get(&1);
    let stale = |users: &Users| users.get_or_load(&1, || Err::<u64, _>(())).ok().as_deref().copied();
    two.clock.advance(LIFE);
    assert!(one.get(&1).is_none());
    two.clock.advance(HOUR.saturating_sub(MILLI));
    assert_eq!((stale(&one), stale(&other)), (Some(10), Some(10)));
    two.clock.advance(MILLI);
    assert_eq!((stale(&one), two.server.records()), (None, 0));
    one.insert(&1, 11).unwrap();
    one.get(&1);
    two.clock.advance(7 * MINUTE);
    two.nodes[0].hold_requests(true);
    assert!(one.get(&1).is_some(), "its use comes after the end");
    assert!(other.expire(&1).unwrap());
    two.nodes[0].hold_requests(false);
    assert!(one.get(&1).is_none() && other.get(&1).is_none());
    assert_eq!(stale(&other), Some(11));
}

#[test]
fn a_write_or_a_touch_begins_a_new_time_and_sets_the_limit() {
    let two = two_nodes();
    let [one, other] = open(&two, USERS);
    one.insert(&1, 10).unwrap();
    two.clock.advance(5 * MINUTE);
    assert!(other.touch(&1).unwrap());
    assert_eq!(left(&one), Some(LIFE));
    two.clock.advance(5 * MINUTE);
    // Each of these requests is on its way for three seconds, which must not be added to the limit.
    for (node, users) in [(0, &one), (1, &other)] {
        let clock = two.clock.clone();
        two.nodes[node].before_set(move || clock.advance(3 * SECOND));
        users.increment(&1, 1).unwrap();
        assert_eq!(left(users), Some(LIFE));
    }
    let mut seen = Ttl::Default;
    _ = one.modify(&1, |_, ttl| {
        seen = ttl;
        Change::Keep
    });
    assert_eq!(seen, Duration::from_secs(55 * 60 - 6));
    for _ in 0..54 {
        two.clock.advance(MINUTE);
        assert!(other.get(&1).is_some());
    }
    two.clock.advance((54 * SECOND).saturating_sub(MILLI));
    assert!(one.get(&1).is_some());
    two.clock.advance(MILLI);
    assert!(one.get(&1).is_none() && other.get(&1).is_none(), "an hour after the touch");
    one.insert_with(&1, 10, InsertOptions::new().ttl(2 * MINUTE)).unwrap();
    assert_eq!(left(&other), Some(2 * MINUTE), "the nearer of both");
    assert!(other.persist(&1).unwrap());
    for _ in 0..20 {
        two.clock.advance(IDLE);
        assert!(one.get(&1).is_some());
    }
    two.clock.advance(LIFE);
    assert!(one.get(&1).is_none() && two.server.records() == 0);
}

#[test]
fn a_load_gives_an_entry_a_time_to_idle_and_an_absence_none() {
    let two = two_nodes();
    let [one, other] = open(&two, USERS.absent_ttl(2 * LIFE));
    assert_eq!(*one.get_or_load(&1, || Ok::<_, Error>(10_u64)).unwrap(), 10);
    assert_eq!(left(&other), Some(LIFE));
    two.clock.advance(7 * MINUTE);
    assert!(one.get(&1).is_some());
    assert_eq!(left(&other), Some(LIFE));
    two.clock.advance(LIFE);
    let absent = |users: &Users| users.get_or_load_optional(&1, || Ok::<_, Error>(None::<u64>)).unwrap();
    assert!(absent(&one).is_none());
    two.clock.advance((2 * LIFE).saturating_sub(MILLI));
    assert_eq!(other.find(&1), Found::Absent);
    two.clock.advance(MILLI);
    assert_eq!((other.find(&1), one.find(&1)), (Found::Unknown, Found::Unknown));
}

#[test]
fn a_refresh_goes_by_the_age_of_a_value_and_a_use_meanwhile_does_not_void_it() {
    let two = two_nodes();
    let [one, other] = open(&two, USERS);
    let loads = Arc::new(AtomicU64::new(0));
    let counted = loads.clone();
    let load = move |_: &u64, _| {
        Ok::<_, &'static str>(Load::Cache(Arc::new(10 + counted.fetch_add(1, Ordering::SeqCst))))
    };
    let refreshed = one.with_loader(LoadPolicy::new().refresh_after(20 * MINUTE), load).unwrap();
    other.insert(&1, 9).unwrap();
    for minutes in [7, 14] {
        two.clock.advance(7 * MINUTE);
        assert_eq!(refreshed.get(&1).unwrap().value.as_deref(), Some(&9), "after {minutes} minutes");
        assert_eq!(refreshed.get(&1).unwrap().value.as_deref(), Some(&9), "a near copy");
    }
    two.clock.advance(7 * MINUTE);
    let (using, clock) = (other.clone(), two.clock.clone());
    // This function runs after the refresh has read the record, and before the new record is set. Its use
    // extends the life of the record.
    let (used, is_used) = std::sync::mpsc::channel();
    two.nodes[0].before_set(move || {
        assert_eq!(using.get(&1).as_deref(), Some(&9), "a near copy, which is not due");
        clock.advance(2 * MINUTE);
        assert_eq!(left(&using), Some(LIFE.saturating_sub(2 * MINUTE)));
        assert_eq!(using.get(&1).as_deref(), Some(&9));
        used.send(left(&using)).unwrap();
    });
    // In the simulation, the push of a use arrives at once, and drops the copy that a refresh would begin
    // with.
    until(|| refreshed.get(&1).unwrap().value.is_some() && one.stats().refreshes == 1);
    // The refresh has begun. Until the use above is over, this thread must not use the entry. Otherwise a
    // request of this thread would be on its way, and the use above would send none.
    assert_eq!(is_used.recv_timeout(20 * SECOND), Ok(Some(LIFE)));
    until(|| other.get(&1).as_deref() == Some(&10));
    assert_eq!(loads.load(Ordering::SeqCst), 1);
    assert_eq!(left(&other), Some(LIFE));
}

#[test]
fn a_handle_without_a_time_to_idle_extends_nothing_and_keeps_the_limit() {
    let two = two_nodes();
    let (idle, fixed) = (two.caches[0].keyspace(USERS).unwrap(), two.caches[1].keyspace(FIXED).unwrap());
    idle.insert(&1, 10).unwrap();
    two.clock.advance(5 * MINUTE);
    assert!(fixed.get(&1).is_some());
    assert_eq!(left(&fixed), Some(4 * MINUTE));
    fixed.increment(&1, 1).unwrap();
    assert_eq!(left(&idle), Some(55 * MINUTE), "the TTL of the record that it replaces");
    two.clock.advance(50 * MINUTE);
    assert!(idle.get(&1).is_some());
    assert_eq!(left(&fixed), Some(5 * MINUTE), "the record was written without a time to idle");
    idle.increment(&1, 1).unwrap();
    two.clock.advance((5 * MINUTE).saturating_sub(MILLI));
    assert!(idle.get(&1).is_some());
    two.clock.advance(MILLI);
    assert!(idle.get(&1).is_none() && fixed.get(&1).is_none());
}

#[test]
fn values_of_other_programs_have_no_time_to_idle() {
    const RAW: KeyspaceDefinition<u64, String> =
        KeyspaceDefinition::new("raw").ttl(HOUR).format(Format::Raw).time_to_idle(IDLE);
    let two = two_nodes();
    let Err(error) = two.caches[0].keyspace(RAW) else { panic!("it has no room for the limit") };
    assert!(matches!(error, Error::NotRemote { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("time_to_idle") && text.contains("Format::Raw"), "{text}");
    assert!(two.caches[0].keyspace(RAW.memory_only()).is_ok());
}
