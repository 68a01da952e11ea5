//! Tests of atomic changes whose futures are dropped, at each of their waits: for their turn, for the lookup,
//! and for the change. The change is made, and its key and its values are given back.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use super::super::tasks::Call;
use super::super::*;
use crate::api::keyspace::change::Modified;
use crate::api::keyspace::modify_error::ModifyError;
use crate::engine::turns::MAX_LOST_ROUNDS;

const FRAGILE: KeyspaceDefinition<String, Fragile> = KeyspaceDefinition::new("fragile");

/// Whether the drop of a [`Fragile`] panics.
static PANICS: AtomicBool = AtomicBool::new(false);
static DROPPED: AtomicU64 = AtomicU64::new(0);
static DROPPED_DURING_PANIC: AtomicU64 = AtomicU64::new(0);

/// A value whose `Drop` panics, but not during another panic, because that would end the process.
#[derive(Debug, Serialize, Deserialize)]
struct Fragile(u64);

impl Drop for Fragile {
    fn drop(&mut self) {
        if PANICS.load(Ordering::SeqCst) {
            DROPPED.fetch_add(1, Ordering::SeqCst);
            if std::thread::panicking() {
                DROPPED_DURING_PANIC.fetch_add(1, Ordering::SeqCst);
            } else {
                std::panic::resume_unwind(Box::new("the drop of a value"));
            }
        }
    }
}

type Modify = Call<Result<Modified<Fragile>, ModifyError<Modified<Fragile>>>>;

fn add(fragile: &Keyspace<String, Fragile>) -> Modify {
    let fragile = fragile.clone();
    let add = |value: Option<&Fragile>, _| Change::insert(Fragile(value.map_or(1, |value| value.0 + 1)));
    Box::pin(async move { fragile.modify_async("MTNVTU", add).await })
}

fn poll(change: &mut Modify) {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(change.as_mut().poll(&mut context).is_pending(), "it waits");
}

#[test]
fn a_change_that_is_dropped_at_any_of_its_waits_is_made_and_gives_back_its_key_and_its_values() {
    for waits in 0..3 {
        let two = two_nodes();
        let [one, other] = [0, 1].map(|node| two.caches[node].keyspace(FRAGILE).unwrap());
        one.insert("MTNVTU", Fragile(1)).unwrap();
        let full = one.encode("MTNVTU").unwrap();
        let turns = &two.caches[0].shared().turns;
        let mut rounds = turns.rounds(full.as_slice());
        if waits == 0 {
            (0..=MAX_LOST_ROUNDS).for_each(|_| rounds.begin());
        }
        two.nodes[0].hold_stream(true);
        let asked = two.server.requests();
        let mut change = add(&one);
        poll(&mut change);
        if waits > 0 {
            until(|| two.server.requests() - asked == 1);
        }
        if waits > 1 {
            two.answer_and_hold();
            until(|| two.server.requests() - asked == 2);
        }
        drop(change);
        PANICS.store(true, Ordering::SeqCst);
        drop(rounds);
        two.nodes[0].hold_stream(false);
        two.caches[0].shared().changes.wait();
        // A task drops its values after it has ended its change.
        until(|| DROPPED.load(Ordering::SeqCst) >= 2);
        until(|| !two.caches[0].shared().tiers.memory.has_leases() && !turns.has_queue(full.as_slice()));
        PANICS.store(false, Ordering::SeqCst);
        assert_eq!(other.get("MTNVTU").map(|value| value.0), Some(2), "the change after {waits} answers");
        let dropped = DROPPED.swap(0, Ordering::SeqCst);
        let during_panic = DROPPED_DURING_PANIC.swap(0, Ordering::SeqCst);
        assert_eq!(during_panic, 0, "the old and the new value: {dropped}");
        let again = pollster::block_on(add(&one)).unwrap();
        assert_eq!(again.new_value().map(|value| value.0), Some(3), "the key is free");
    }
}
