//! Tests of tasks on two machines that share a server. Worker threads decode the answers and fill memory.

use std::convert::Infallible;
use std::sync::Arc;

use larder::{Change, Keyspace};
use shuttle::future::block_on;

use crate::explorer::contest;
use crate::place::let_others_go_on;
use crate::remote::{BOUND, Machines, delay, lookups_beside_a_removal};
use crate::source::Source;

/// Looks up key 1 in a task.
fn get(source: &Source, versions: &Keyspace<u64, u64>) {
    let before = source.least();
    let seen = block_on(versions.get_async(&1)).map(|value| *value);
    source.judge("got", seen, before);
}

/// Like [`crate::remote::no_answer_is_stale_beyond_the_bound`], for lookups of tasks. The worker that fills
/// memory may be late, so the push of the removal may come between the answer and the fill.
pub(crate) fn no_lookup_of_a_task_is_stale_beyond_the_bound() {
    lookups_beside_a_removal(get, let_others_go_on);
}

/// Tasks of one machine load the key, while the other machine removes it. Worker threads store the values.
pub(crate) fn a_load_of_a_task_never_outlives_a_removal_on_another_machine() {
    let (machines, source) = (Machines::new(), Arc::new(Source::new()));
    let [one, other] = machines.versions();
    let node = &machines.nodes[1];
    node.bound_validity(BOUND);
    node.ping();
    let load = |versions: &Keyspace<u64, u64>| {
        let (loaded_from, before) = (source.clone(), source.least());
        let load = move || async move { Ok::<u64, Infallible>(loaded_from.number()) };
        let loaded = block_on(versions.get_or_load_async(&1, load));
        source.judge("loaded", loaded.ok().map(|value| *value), before);
    };
    contest([
        &|| machines.change_and_wait(&source, &one),
        &|| {
            load(&other);
            load(&other);
        },
        &|| {
            load(&other);
            delay(node);
        },
    ]);
    let_others_go_on();
    node.ping();
    load(&other);
    source.load(&one, &1);
    machines.end((one, other), &source);
}

/// After the removal of a task has returned, its machine finds no older value.
pub(crate) fn a_removal_of_a_task_is_seen_at_once_by_its_own_machine() {
    let (machines, source) = (Machines::new(), Source::new());
    let [one, other] = machines.versions();
    source.load(&other, &1);
    contest([
        &|| {
            source.change(|| _ = block_on(one.remove_async(&1)).unwrap());
            get(&source, &one);
        },
        &|| {
            get(&source, &one);
            source.load(&one, &1);
        },
    ]);
    let_others_go_on();
    get(&source, &one);
    source.get(&one, &1);
    machines.end((one, other), &source);
}

/// Tasks of two machines change a key atomically. With two lost rounds, a task waits for its turn.
pub(crate) fn no_change_of_a_task_is_lost() {
    let machines = Machines::new();
    let [one, other] = machines.versions();
    let add = |versions: &Keyspace<u64, u64>| {
        let add = |value: Option<&u64>, _| Change::insert(value.map_or(1, |value| value + 1));
        let sum = block_on(versions.modify_async(&1, add)).unwrap().new_value().copied();
        assert!(block_on(versions.get_async(&1)).map(|value| *value) >= sum, "its own machine finds it");
    };
    let add_twice = || (0..2).for_each(|_| add(&one));
    contest([&add_twice, &add_twice, &|| {
        add(&other);
        delay(&machines.nodes[0]);
    }]);
    let_others_go_on();
    let sums = [one.get(&1), other.get(&1)].map(|sum| sum.map(|sum| *sum));
    drop((one, other));
    machines.close();
    assert_eq!(sums, [Some(5), Some(5)]);
}

/// After the insert of a task has returned, its machine finds no older value, even if no push arrives.
pub(crate) fn an_insert_of_a_task_is_seen_at_once_by_its_own_machine() {
    let machines = Machines::new();
    let [one, other] = machines.versions();
    one.insert(&1, 1).unwrap();
    machines.server.hold_pushes(true);
    let seen = || one.get(&1).map(|value| *value);
    contest([
        &|| {
            block_on(one.insert_async(&1, 2)).unwrap();
            assert_eq!(seen(), Some(2));
        },
        &|| {
            drop(block_on(one.get_async(&1)));
            drop(one.get(&1));
        },
    ]);
    assert_eq!(seen(), Some(2));
    machines.server.hold_pushes(false);
    drop((one, other));
    machines.close();
}
