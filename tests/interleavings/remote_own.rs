//! Tests of a machine that looks up a key which it changes itself.
//!
//! Two guards bound the age of its near copies, and each of them is enough: the cache voids its tokens again
//! after the answer to the change, and the server pushes the change to its own client, too. So a server with
//! `NOLOOP` alone shows no stale value, and neither does a cache that voids its tokens only before the
//! change. The cache needs its own guard for a stronger promise: the thread that made the change finds no
//! older value at once.

use larder::model::{Failpoint, set_failpoint};

use crate::explorer::contest;
use crate::harness::run;
use crate::remote::{BOUND, Machines, delay, get};
use crate::source::Source;

/// Number of schedules that must not show a fault. The scenarios find the fault with both guards missing
/// within a hundredth of them.
const SCHEDULES: u64 = 1_000;

/// A machine removes a key that another machine has stored, while it looks the key up.
pub(crate) fn no_answer_is_stale_beyond_the_bound_of_an_own_removal() {
    let (machines, source) = (Machines::new(), Source::new());
    let [one, other] = machines.versions();
    let node = &machines.nodes[0];
    node.bound_validity(BOUND);
    node.ping();
    source.load(&other, &1);
    contest([
        &|| machines.change_and_wait(&source, &one),
        &|| {
            get(&source, &one);
            get(&source, &one);
        },
        &|| delay(node),
    ]);
    node.ping();
    get(&source, &one);
    source.load(&one, &1);
    machines.end((one, other), &source);
}

/// A thread of a machine removes a key, and finds no older value after that, although the pushes and answers
/// of the server are late.
pub(crate) fn an_own_removal_is_seen_at_once_beside_late_pushes() {
    let (machines, source) = (Machines::new(), Source::new());
    let [one, other] = machines.versions();
    source.load(&other, &1);
    contest([
        &|| {
            source.change(|| _ = one.remove(&1).unwrap());
            source.get(&one, &1);
        },
        &|| {
            source.get(&one, &1);
            source.get(&one, &1);
        },
        &|| delay(&machines.nodes[0]),
    ]);
    source.get(&one, &1);
    source.load(&one, &1);
    machines.end((one, other), &source);
}

fn assert_harmless(fault: Failpoint, scenario: fn()) {
    set_failpoint(Some(fault));
    let result = run(scenario, 0, SCHEDULES);
    set_failpoint(None);
    assert!(result.is_ok(), "{fault:?}: {:?}", result.err().map(|(seed, _)| seed));
}

#[test]
fn one_of_both_guards_bounds_the_age_of_an_answer() {
    let scenario = no_answer_is_stale_beyond_the_bound_of_an_own_removal;
    assert_harmless(Failpoint::NoLoop, scenario);
    assert_harmless(Failpoint::VoidOnlyBefore, scenario);
    assert_harmless(Failpoint::NoLoop, an_own_removal_is_seen_at_once_beside_late_pushes);
}
