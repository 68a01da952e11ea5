//! Tests of loads of several keys on one machine beside a removal on another one. A server gets the requests
//! of these keys together, and their answers arrive together.

use std::convert::Infallible;

use larder::Keyspace;

use crate::explorer::contest;
use crate::remote::{BOUND, Machines, delay, get};
use crate::source::Source;

/// Loads keys 1 and 2 with one call.
fn load_both(source: &Source, versions: &Keyspace<u64, u64>) {
    source.look("loaded", || {
        let loaded = versions.get_or_load_many([1, 2], |missing: &[u64]| {
            Ok::<_, Infallible>(missing.iter().map(|key| (*key, source.number())).collect::<Vec<_>>())
        });
        loaded.ok()?.first()?.as_deref().copied()
    });
}

/// `begin` runs before the contest.
fn loads_beside_a_removal(begin: impl FnOnce(&Source, &Keyspace<u64, u64>)) {
    let (machines, source) = (Machines::new(), Source::new());
    let [one, other] = machines.versions();
    let node = &machines.nodes[1];
    node.bound_validity(BOUND);
    node.ping();
    begin(&source, &one);
    contest([
        &|| machines.change_and_wait(&source, &one),
        &|| {
            load_both(&source, &other);
            get(&source, &other);
        },
        &|| {
            load_both(&source, &other);
            delay(node);
        },
    ]);
    node.ping();
    get(&source, &other);
    load_both(&source, &other);
    load_both(&source, &one);
    machines.end((one, other), &source);
}

pub(crate) fn a_load_of_several_keys_never_outlives_a_removal_on_another_machine() {
    loads_beside_a_removal(|_, _| ());
}

/// The server has the values of the keys when the other machine asks for leases.
pub(crate) fn a_value_found_for_several_keys_never_outlives_a_removal_on_another_machine() {
    loads_beside_a_removal(load_both);
}
