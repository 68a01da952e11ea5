//! Tests of tasks on two machines that share a server. Worker threads decode the answers and fill memory.

use shuttle::future::block_on;

use crate::explorer::contest;
use crate::place::let_others_go_on;
use crate::remote::{BOUND, Machines, delay};
use crate::source::Source;

/// Like [`crate::remote::no_answer_is_stale_beyond_the_bound`], for lookups of tasks. The worker that fills
/// memory may be late, so the push of the removal may come between the answer and the fill.
pub(crate) fn no_lookup_of_a_task_is_stale_beyond_the_bound() {
    let (machines, source) = (Machines::new(), Source::new());
    let [one, other] = machines.versions();
    let node = &machines.nodes[1];
    node.bound_validity(BOUND);
    node.ping();
    source.load(&one, &1);
    let get = || {
        let before = source.least();
        let seen = block_on(other.get_async(&1)).map(|value| *value);
        source.judge("got", seen, before);
    };
    contest([
        &|| machines.change_and_wait(&source, &one),
        &|| {
            get();
            get();
        },
        &|| delay(node),
    ]);
    let_others_go_on();
    node.ping();
    get();
    source.get(&other, &1);
    drop((one, other));
    machines.close();
    source.check();
}

/// After the removal of a task has returned, its machine finds no older value.
pub(crate) fn a_removal_of_a_task_is_seen_at_once_by_its_own_machine() {
    let (machines, source) = (Machines::new(), Source::new());
    let [one, other] = machines.versions();
    source.load(&other, &1);
    let get = || {
        let before = source.least();
        let seen = block_on(one.get_async(&1)).map(|value| *value);
        source.judge("got", seen, before);
    };
    contest([
        &|| {
            source.change(|| _ = block_on(one.remove_async(&1)).unwrap());
            get();
        },
        &|| {
            get();
            source.load(&one, &1);
        },
    ]);
    let_others_go_on();
    get();
    source.get(&one, &1);
    drop((one, other));
    machines.close();
    source.check();
}
