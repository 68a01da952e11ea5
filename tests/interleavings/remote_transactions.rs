//! Tests of transactions of two caches that share a server. A transaction takes effect at one moment, for all
//! machines. A watch detects every change.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use larder::{Cache, Error, Keyspace};

use crate::explorer::contest;
use crate::remote::{Machines, delay};
use crate::transactions::transfer;

/// Returns the sum of two accounts, read in one transaction.
fn sum(cache: &Cache, versions: &Keyspace<u64, u64>) -> u64 {
    let both = cache.transaction(|tx| tx.get_many(versions, [2, 1]));
    let both = both.unwrap_or_else(|error: Error| panic!("{error}"));
    both.iter().flatten().map(|value| **value).sum()
}

/// Two machines change two keys in opposite order. Meanwhile, each machine also reads the sum in a
/// transaction.
pub(crate) fn a_transfer_of_two_machines_keeps_the_sum() {
    let machines = Machines::new();
    let [one, other] = machines.versions();
    let caches = &machines.caches;
    one.insert_many([(1, 10), (2, 10)]).unwrap();
    let wrong = Mutex::new(Vec::new());
    let check = |cache: &Cache, versions: &Keyspace<u64, u64>| {
        let sum = sum(cache, versions);
        if sum != 20 {
            wrong.lock().unwrap().push(sum);
        }
    };
    contest([
        &|| {
            transfer(&caches[0], &one, (1, 2), 3);
            check(&caches[0], &one);
        },
        &|| {
            transfer(&caches[1], &other, (2, 1), 5);
            delay(&machines.nodes[0]);
        },
        &|| {
            check(&caches[1], &other);
            delay(&machines.nodes[1]);
        },
    ]);
    check(&caches[0], &one);
    check(&caches[1], &other);
    let found = one.get_many([1, 2]);
    let found: Vec<_> = found.iter().map(|value| value.as_deref().copied()).collect();
    drop((one, other));
    machines.close();
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "the sum is wrong: {wrong:?}");
    assert_eq!(found, [Some(12), Some(8)], "a transfer is lost");
}

/// A machine watches a missing key, and then requires the watch. Meanwhile the other machine inserts the key
/// and removes it again.
pub(crate) fn a_watch_at_a_server_sees_what_came_and_went() {
    let machines = Machines::new();
    let [one, other] = machines.versions();
    let (has_begun, is_over) = (AtomicBool::new(false), AtomicBool::new(false));
    let missed = AtomicBool::new(false);
    contest([
        &|| {
            let watch = one.watch(&3).unwrap();
            let is_early = !has_begun.load(Ordering::SeqCst);
            let made = machines.caches[0].transaction(|tx| {
                let is_late = is_over.load(Ordering::SeqCst);
                tx.require(&watch)?;
                missed.fetch_or(is_early && is_late, Ordering::SeqCst);
                tx.insert(&one, &1, 11)
            });
            assert!(matches!(made, Ok(()) | Err(Error::Changed)), "{made:?}");
        },
        &|| {
            has_begun.store(true, Ordering::SeqCst);
            other.insert(&3, 30).unwrap();
            other.remove(&3).unwrap();
            is_over.store(true, Ordering::SeqCst);
        },
    ]);
    drop((one, other));
    machines.close();
    assert!(!missed.into_inner(), "the key has changed since it was watched");
}
