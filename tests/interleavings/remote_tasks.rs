//! Tests of tasks on two machines that share a server. Worker threads decode the answers and fill memory.

use larder::Keyspace;
use shuttle::future::block_on;

use crate::explorer::contest;
use crate::place::let_others_go_on;
use crate::remote::{Machines, lookups_beside_a_removal};
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
