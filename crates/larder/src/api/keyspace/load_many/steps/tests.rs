//! Tests of the waits of a load of several keys.

use super::*;
use crate::api::cache::Cache;
use crate::api::keyspace::definition::KeyspaceDefinition;
use crate::api::keyspace::lookup::LoadThread;
use crate::sys::at_once::at_once;

const NUMBERS: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("numbers");
const MAX: Duration = Duration::from_mins(1);

/// Looks up key 1, whose lease another caller holds, and returns the time left for the wait.
fn wait_for_other(load: &mut LoadOfMany<'_, u64, u64, u64, ()>) -> (PendingLoad<u64>, Duration) {
    let BulkStep::LookUp(missing) = load.next_step() else { panic!("memory lacks the key") };
    load.note_found(at_once(missing.look_up(load.keyspace, LoadThread::Caller, |_| {}, || true)));
    match load.next_step() {
        BulkStep::Wait { load, left: Some(left), .. } => (load, left),
        _ => panic!("another caller has the lease"),
    }
}

#[test]
fn the_waits_of_all_rounds_share_one_timeout() {
    let cache = Cache::builder().load_timeout(MAX).open().unwrap();
    let numbers = cache.keyspace(NUMBERS).unwrap();
    let mut load = LoadOfMany::begin(&numbers, [1_u64], RecordReader::Caller).unwrap();
    let mut last = MAX;
    for round in 0..3 {
        let lease = numbers.lookup(&1).unwrap();
        let (other, left) = wait_for_other(&mut load);
        assert!(if round == 0 { left == MAX } else { left < last }, "{round}: {left:?} of {last:?}");
        last = left;
        drop(lease);
        load.note_waited(0, other.outcome(Some(left)));
    }
}
