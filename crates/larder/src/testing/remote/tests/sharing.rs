//! Tests which callers get the value of a load that stores nothing: during an outage, with a released
//! lease, and during an update.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// Loads a key on one machine. During the load, calls `change`, then starts a second caller. Returns the
/// values that the two callers get.
fn load_and_join(one: &Keyspace<String, u64>, change: impl FnOnce()) -> [u64; 2] {
    std::thread::scope(|threads| {
        let mut joiner = None;
        let loaded = one.get_or_load("MTNVTU", || {
            change();
            let misses = one.stats().misses;
            joiner =
                Some(threads.spawn(move || *one.get_or_load("MTNVTU", || Ok::<_, Error>(200_u64)).unwrap()));
            until(|| one.stats().misses > misses);
            Ok::<_, Error>(100_u64)
        });
        [*loaded.unwrap(), joiner.unwrap().join().unwrap()]
    })
}

#[test]
fn a_load_of_an_outage_is_shared_while_the_outage_lasts() {
    let two = two_nodes();
    let [one, other] = two.prices();
    two.nodes[0].lose();
    assert_eq!(load_and_join(&one, || ()), [100, 100], "one load for the machine");
    let got = load_and_join(&one, || {
        two.nodes[0].connect();
        other.insert("MTNVTU", 200).unwrap();
    });
    assert_eq!(got, [100, 200], "the outage is over");
    two.nodes[0].lose();
    let got = load_and_join(&one, || {
        two.nodes[0].connect();
        _ = other.remove("MTNVTU").unwrap();
        two.nodes[0].lose();
    });
    assert_eq!(got, [100, 200], "it is another outage");
}

/// Between the release at the server and its answer, another machine removes the key. Then another caller
/// requests the key.
#[test]
fn a_caller_that_comes_while_a_lease_is_given_back_does_not_join_the_load() {
    let two = two_nodes();
    let [one, other] = two.prices();
    let (send, joiner) = std::sync::mpsc::channel();
    let here = one.clone();
    two.nodes[0].after_release(move || {
        _ = other.remove("MTNVTU").unwrap();
        let misses = here.stats().misses;
        let caller = here.clone();
        let load = move || {
            let value = caller.get_or_load_optional("MTNVTU", || Ok::<_, Error>(Some(200_u64)));
            value.unwrap().as_deref().copied()
        };
        send.send(std::thread::spawn(load)).unwrap();
        until(|| here.stats().misses > misses);
    });
    let loaded = one.get_or_load_optional("MTNVTU", || Ok::<_, Error>(None::<u64>)).unwrap();
    assert_eq!((loaded, joiner.recv().unwrap().join().unwrap()), (None, Some(200)));
}

#[test]
fn callers_that_get_no_shared_value_do_not_load_one_after_another() {
    let two = two_nodes();
    let [one, _] = two.prices();
    let update = one.begin_update("MTNVTU").unwrap();
    let loading = AtomicUsize::new(0);
    std::thread::scope(|threads| {
        let (one, loading) = (&one, &loading);
        one.get_or_load("MTNVTU", || {
            for _ in 0..3 {
                threads.spawn(move || {
                    let load = || {
                        loading.fetch_add(1, Ordering::SeqCst);
                        until(|| loading.load(Ordering::SeqCst) == 3);
                        Ok::<_, Error>(200_u64)
                    };
                    one.get_or_load("MTNVTU", load).unwrap();
                });
            }
            until(|| one.stats().misses == 4);
            Ok::<_, Error>(100_u64)
        })
        .unwrap();
    });
    update.finish();
}
