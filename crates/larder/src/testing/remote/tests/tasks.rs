//! Tests of async calls: how many of them wait for the server at the same time, and how each of them ends.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Waker};

use pollster::block_on;
use smol::stream::StreamExt;

use super::*;
use crate::api::keyspace::asynchronous::stream::{EntryStream, KeyStream};
use crate::api::keyspace::transaction::watch::Watch;

/// More calls than worker threads.
pub(super) const CALLS: u64 = 200;

pub(super) type Call<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Polls each call once. None of them may end.
pub(super) fn begin<T>(calls: impl Iterator<Item = Call<T>>) -> Vec<Call<T>> {
    let mut context = Context::from_waker(Waker::noop());
    let mut calls: Vec<_> = calls.collect();
    for call in &mut calls {
        assert!(call.as_mut().poll(&mut context).is_pending(), "the server has not answered");
    }
    calls
}

impl TwoNodes {
    /// Lets the first machine have the answers so far, and holds back later ones. The requests that it sends
    /// meanwhile reach the server at the end of the call.
    pub(super) fn answer_and_hold(&self) {
        self.nodes[0].hold_requests(true);
        self.nodes[0].hold_stream(false);
        self.nodes[0].hold_stream(true);
        self.nodes[0].hold_requests(false);
    }
}

pub(super) fn name(number: u64) -> String {
    format!("product {number}")
}

/// Begins a lookup of each key on the second machine, whose stream is held back.
fn begin_lookups(two: &TwoNodes) -> Vec<Call<Option<Arc<u64>>>> {
    let [one, other] = two.prices();
    one.insert_many((0..CALLS).map(|number| (name(number), number))).unwrap();
    two.nodes[1].hold_stream(true);
    let asked = two.server.requests();
    let lookups = begin((0..CALLS).map(|number| {
        let other = other.clone();
        let lookup = async move { other.get_async(&name(number)).await };
        Box::pin(lookup) as Call<_>
    }));
    assert_eq!(two.server.requests() - asked, CALLS, "each lookup has sent its request");
    lookups
}

#[test]
fn any_number_of_lookups_wait_for_the_server_and_each_ends_with_its_answer() {
    let two = two_nodes();
    let lookups = begin_lookups(&two);
    let mut context = Context::from_waker(Waker::noop());
    let mut later = lookups.into_iter().enumerate().peekable();
    while let Some((number, lookup)) = later.next() {
        assert!(two.nodes[1].deliver_one());
        assert_eq!(block_on(lookup).as_deref(), Some(&(number as u64)));
        if let Some((_, next)) = later.peek_mut() {
            assert!(next.as_mut().poll(&mut context).is_pending(), "its answer is held back");
        }
    }
    let [_, other] = two.prices();
    let asked = two.server.requests();
    assert!((0..CALLS).all(|number| other.get(&name(number)).is_some()));
    assert_eq!(two.server.requests(), asked, "memory has all of them");
    let stats = other.stats();
    assert_eq!((stats.disk_hits, stats.memory_hits, stats.misses), (CALLS, CALLS, 0));
}

#[test]
fn lookups_of_several_keys_wait_without_a_thread_too() {
    let two = two_nodes();
    let [one, other] = two.prices();
    one.insert("MTNVTU", 100).unwrap();
    two.nodes[1].hold_stream(true);
    let asked = two.server.requests();
    let lookups = begin((0..CALLS).map(|number| {
        let other = other.clone();
        let lookup = async move { other.get_many_async(["MTNVTU".to_owned(), name(number)]).await };
        Box::pin(lookup) as Call<_>
    }));
    assert_eq!(two.server.requests() - asked, CALLS);
    two.nodes[1].hold_stream(false);
    for lookup in lookups {
        assert_eq!(block_on(lookup), [Some(Arc::new(100_u64)), None]);
    }
}

/// Returns two machines with two entries. The stream of the first machine is held back.
fn two_nodes_with_entries() -> TwoNodes {
    let two = two_nodes();
    let [one, _] = two.prices();
    one.insert_many([("GLO", 80), ("MTNVTU", 100)]).unwrap();
    two.nodes[0].hold_stream(true);
    two
}

#[test]
fn any_number_of_streams_wait_for_the_server_in_each_of_their_requests() {
    let two = two_nodes_with_entries();
    let ([one, _], asked) = (two.prices(), two.server.requests());
    let streams = begin((0..CALLS).map(|_| {
        let prices = one.clone();
        let read =
            async move { prices.iter_async().map(|(key, price)| (key, *price)).collect::<Vec<_>>().await };
        Box::pin(read) as Call<Vec<(String, u64)>>
    }));
    let keys = begin((0..CALLS).map(|_| {
        let prices = one.clone();
        Box::pin(async move { prices.keys_async().count().await }) as Call<usize>
    }));
    until(|| two.server.requests() - asked == 2 * CALLS);
    two.answer_and_hold();
    until(|| two.server.requests() - asked == 4 * CALLS);
    two.nodes[0].hold_stream(false);
    let entries = [("GLO".to_owned(), 80), ("MTNVTU".to_owned(), 100)];
    assert!(streams.into_iter().all(|stream| block_on(stream) == entries));
    assert!(keys.into_iter().all(|keys| block_on(keys) == 2));
    assert_eq!(two.server.requests() - asked, 4 * CALLS, "each of them has read its entries ahead");
}

#[test]
fn a_stream_whose_entries_have_changed_meanwhile_asks_for_them_without_a_thread() {
    let two = two_nodes_with_entries();
    let ([one, _], asked) = (two.prices(), two.server.requests());
    let streams = begin((0..CALLS).map(|_| {
        let prices = one.clone();
        let read = async move { prices.iter_async().map(|(_, price)| *price).collect::<Vec<_>>().await };
        Box::pin(read) as Call<Vec<u64>>
    }));
    until(|| two.server.requests() - asked == CALLS);
    two.answer_and_hold();
    until(|| two.server.requests() - asked == 2 * CALLS);
    let memory = &two.caches[0].shared().tiers.memory;
    for key in ["GLO", "MTNVTU"] {
        let full = one.encode(key).unwrap();
        // Like the push of a change.
        memory.forget(memory.key(full.as_slice()), two.caches[0].now(), &mut EvictedValues::default());
    }
    two.answer_and_hold();
    until(|| two.server.requests() - asked == 3 * CALLS);
    two.answer_and_hold();
    until(|| two.server.requests() - asked == 4 * CALLS);
    two.nodes[0].hold_stream(false);
    assert!(streams.into_iter().all(|stream| block_on(stream) == [80, 100]));
}

type StreamsOfBothKinds = (Vec<EntryStream<String, u64>>, Vec<KeyStream<String, u64>>);

/// Begins streams of both kinds on the first machine, whose stream is held back. Returns when each of them
/// has sent its first request.
fn begin_streams(two: &TwoNodes) -> StreamsOfBothKinds {
    let [one, _] = two.prices();
    two.nodes[0].hold_stream(true);
    let asked = two.server.requests();
    let (mut entries, mut keys): (Vec<_>, Vec<_>) =
        (0..CALLS).map(|_| (one.iter_async(), one.keys_async())).unzip();
    let mut context = Context::from_waker(Waker::noop());
    for (entries, keys) in entries.iter_mut().zip(&mut keys) {
        assert!(entries.poll_next(&mut context).is_pending() && keys.poll_next(&mut context).is_pending());
    }
    until(|| two.server.requests() - asked == 2 * CALLS);
    (entries, keys)
}

/// Returns the number of handles of the first cache. The task of a stream has some of them.
fn handles(two: &TwoNodes) -> usize {
    Arc::strong_count(two.caches[0].shared())
}

#[test]
fn a_dropped_stream_asks_for_no_further_page() {
    let two = two_nodes();
    let [one, _] = two.prices();
    one.insert_many((0..20).map(|number| (name(number), number))).unwrap();
    let (asked, idle) = (two.server.requests(), handles(&two));
    drop(begin_streams(&two));
    two.nodes[0].hold_stream(false);
    until(|| handles(&two) <= idle);
    assert_eq!(two.server.requests() - asked, 2 * CALLS);
}

#[test]
fn a_dropped_stream_does_not_look_up_its_keys() {
    let two = two_nodes();
    let [one, _] = two.prices();
    one.insert_many([("GLO", 80), ("MTNVTU", 100)]).unwrap();
    let (asked, idle) = (two.server.requests(), handles(&two));
    let streams = begin_streams(&two);
    two.answer_and_hold();
    until(|| two.server.requests() - asked == 4 * CALLS);
    drop(streams);
    // Like the push of a change. The entries that were read ahead may no longer be yielded.
    let memory = &two.caches[0].shared().tiers.memory;
    for key in ["GLO", "MTNVTU"] {
        let full = one.encode(key).unwrap();
        memory.forget(memory.key(full.as_slice()), two.caches[0].now(), &mut EvictedValues::default());
    }
    two.nodes[0].hold_stream(false);
    until(|| handles(&two) <= idle);
    assert_eq!(two.server.requests() - asked, 4 * CALLS);
}

#[test]
fn any_number_of_watches_wait_for_the_server() {
    let two = two_nodes();
    let [one, other] = two.prices();
    two.nodes[0].hold_stream(true);
    let asked = two.server.requests();
    let watches = begin((0..CALLS).map(|number| {
        let prices = one.clone();
        Box::pin(async move { prices.watch_async(&name(number)).await }) as Call<Result<Watch, Error>>
    }));
    assert_eq!(two.server.requests() - asked, CALLS);
    two.nodes[0].hold_stream(false);
    let watches: Vec<_> = watches.into_iter().map(|watch| block_on(watch).unwrap()).collect();
    other.insert(&name(7), 7).unwrap();
    let holds = |watch| two.caches[0].transaction(|tx| tx.require(watch)).is_ok();
    assert!(holds(&watches[6]) && !holds(&watches[7]));
}

#[test]
fn a_lost_connection_ends_all_lookups_as_misses() {
    let two = two_nodes();
    let lookups = begin_lookups(&two);
    two.nodes[1].lose();
    for lookup in lookups {
        assert_eq!(block_on(lookup), None);
    }
    let [_, other] = two.prices();
    assert_eq!(other.get(&name(0)), None, "a thread gets the same");
    assert_eq!(two.caches[1].stats().remote.unwrap().failures, CALLS + 1);
}

#[test]
fn a_lookup_whose_task_has_left_ends_and_keeps_nothing_open() {
    let two = two_nodes();
    let lookups = begin_lookups(&two);
    drop(lookups);
    two.nodes[1].hold_stream(false);
    let [_, other] = two.prices();
    until(|| other.stats().disk_hits == CALLS);
    let asked = two.server.requests();
    assert_eq!(other.get(&name(7)).as_deref(), Some(&7));
    assert_eq!(two.server.requests(), asked, "the lookup that was begun has filled memory");
    two.caches[1].close().unwrap();
}

#[test]
fn a_change_behind_the_answer_of_a_lookup_drops_its_copy() {
    let two = two_nodes();
    let lookups = begin_lookups(&two);
    let [one, other] = two.prices();
    one.insert(&name(0), 1_000).unwrap();
    two.nodes[1].hold_stream(false);
    let found: Vec<_> = lookups.into_iter().map(block_on).collect();
    assert_eq!(found[0].as_deref(), Some(&0), "the lookup was answered before the change");
    assert_eq!(block_on(other.get_async(&name(0))).as_deref(), Some(&1_000));
}

#[test]
fn a_lookup_before_the_connection_is_an_immediate_miss() {
    let two = two_nodes();
    two.nodes[1].lose();
    let [_, other] = two.prices();
    assert_eq!(block_on(other.get_async("MTNVTU")), None);
    assert_eq!(block_on(other.get_many_async(["MTNVTU", "GLO"])), [None, None]);
}

/// Begins a removal of each key on the second machine, whose stream is held back. Returns when the server has
/// applied all of them.
fn begin_removals(two: &TwoNodes) -> Vec<Call<Result<bool, Error>>> {
    let [one, other] = two.prices();
    one.insert_many((0..CALLS).map(|number| (name(number), number))).unwrap();
    two.nodes[1].hold_stream(true);
    let asked = two.server.requests();
    let removals = begin((0..CALLS).map(|number| {
        let other = other.clone();
        let removal = async move { other.remove_async(&name(number)).await };
        Box::pin(removal) as Call<_>
    }));
    until(|| two.server.requests() - asked == CALLS);
    removals
}

#[test]
fn any_number_of_removals_wait_for_the_server() {
    let two = two_nodes();
    let removals = begin_removals(&two);
    assert_eq!(two.server.records(), 0);
    two.nodes[1].hold_stream(false);
    assert!(removals.into_iter().all(|removal| block_on(removal).unwrap()));
}

#[test]
fn a_lost_connection_ends_all_removals_with_an_error() {
    let two = two_nodes();
    let removals = begin_removals(&two);
    two.nodes[1].lose();
    for removal in removals {
        assert!(matches!(block_on(removal), Err(Error::Remote { cause, .. }) if cause.may_be_applied()));
    }
    assert!(block_on(two.caches[1].clear_async()).is_err(), "there is no connection");
}

#[test]
fn a_removal_whose_task_has_left_is_made_and_a_close_waits_for_it() {
    let two = two_nodes();
    let [one, other] = two.prices();
    one.insert("MTNVTU", 100).unwrap();
    two.nodes[1].hold_requests(true);
    drop(begin(std::iter::once(Box::pin(async move { other.remove_async("MTNVTU").await }) as Call<_>)));
    let removing = two.nodes[1].clone();
    until(|| removing.is_sending());
    let closing = two.caches[1].clone();
    let close = std::thread::spawn(move || closing.close());
    two.nodes[1].hold_requests(false);
    close.join().unwrap().unwrap();
    assert_eq!(two.server.records(), 0);
}
