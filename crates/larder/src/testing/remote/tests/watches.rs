//! Tests of watches at the server.

use super::transactions::{KEPT, TEXTS, in_rounds};
use super::*;

/// A change of a key by the second machine, or at the server.
type KeyChange = fn(&TwoNodes, &Keyspace<String, u64>);

#[test]
fn a_watch_breaks_with_every_change_of_its_key_by_any_machine() {
    let two = two_nodes();
    let [one, other] = two.prices();
    let package = two.caches[0].keyspace(PACKAGES).unwrap();
    let changes: [(bool, KeyChange); 7] = [
        (true, |_, other| other.insert("MTNVTU", 100).unwrap()),
        (true, |_, other| assert!(other.remove("MTNVTU").unwrap())),
        (true, |_, other| assert!(other.clear().unwrap() > 0)),
        (false, |_, other| other.insert("MTNVTU", 100).unwrap()),
        (false, |_, other| {
            other.insert("MTNVTU", 100).unwrap();
            assert!(other.remove("MTNVTU").unwrap());
        }),
        (false, |two, _| two.server.flush_all()),
        (false, |_, other| assert_eq!(*other.get_or_load("MTNVTU", || Ok::<_, Error>(1)).unwrap(), 1)),
    ];
    for (at, (is_stored, change)) in changes.into_iter().enumerate() {
        _ = one.remove("MTNVTU").unwrap();
        if is_stored {
            one.insert("MTNVTU", 100).unwrap();
        }
        let watches = [one.watch("MTNVTU").unwrap(), one.watch("MTNVTU").unwrap()];
        let change_if = |watch| {
            two.caches[0].transaction(|tx| {
                tx.require(watch)?;
                assert_eq!(tx.get(&one, "MTNVTU")?.is_some(), is_stored);
                tx.insert(&package, &("MTNDATA", "1GB"), 300)
            })
        };
        change_if(&watches[0]).unwrap();
        change_if(&watches[1]).unwrap();
        change(&two, &other);
        assert!(matches!(change_if(&watches[0]), Err(Error::Changed)), "change {at}");
        assert!(matches!(change_if(&watches[1]), Err(Error::Changed)), "change {at}");
    }
}

/// The key changes after the transaction has required its watch.
#[test]
fn a_watch_that_breaks_during_the_round_is_found() {
    let two = two_nodes();
    let [one, other] = two.prices();
    let watch = one.watch("MTNVTU").unwrap();
    let racing = other.clone();
    two.nodes[0].before_set(move || {
        racing.insert("MTNVTU", 100).unwrap();
        assert!(racing.remove("MTNVTU").unwrap());
    });
    let (broken, rounds) = in_rounds(&two.caches[0], |tx, _| {
        tx.require(&watch)?;
        tx.insert(&one, "GLO", 80)
    });
    assert!(matches!(broken, Err(Error::Changed)) && rounds == 2, "{broken:?} in {rounds} rounds");
    assert!(other.get("GLO").is_none());
    let other_error = two.caches[0].transaction(|tx| {
        _ = tx.require(&watch);
        Err::<(), _>(Error::Reentrant)
    });
    assert!(matches!(other_error, Err(Error::Reentrant)));
}

#[test]
fn a_watch_ends_with_the_life_of_its_entry_or_of_its_mark() {
    let two = two_nodes();
    let [one, _] = two.prices();
    let kept = two.caches[0].keyspace(KEPT).unwrap();
    kept.insert("MTNVTU", 100).unwrap();
    let watches = [kept.watch("MTNVTU").unwrap(), one.watch("MTNVTU").unwrap()];
    let holds = |at: usize| match two.caches[0].transaction(|tx| tx.require(&watches[at])) {
        Ok(()) => true,
        Err(error) => panic_unless_changed(&error),
    };
    let minute = Duration::from_mins(1);
    for (after, expected) in [(9 * SECOND, [true, true]), (SECOND, [false, true]), (10 * minute, [false; 2])]
    {
        two.clock.advance(after);
        assert_eq!([holds(0), holds(1)], expected);
    }
    assert!(one.get("MTNVTU").is_none(), "a mark is no value");
}

fn panic_unless_changed(error: &Error) -> bool {
    assert!(matches!(error, Error::Changed), "{error}");
    false
}

#[test]
fn a_watch_in_the_raw_format_is_refused() {
    let two = two_nodes();
    let texts = two.caches[0].keyspace(TEXTS).unwrap();
    assert!(matches!(texts.watch(&1), Err(Error::NotRemote { what: "a watch in the format raw", .. })));
    two.nodes[0].lose();
    assert!(matches!(two.prices()[0].watch("MTNVTU"), Err(Error::Remote { .. })));
}

/// A use is no change: it breaks no watch, and loses no round. A transaction uses the entries that it gets.
#[test]
fn a_transaction_uses_entries_with_a_time_to_idle() {
    const IDLE: KeyspaceDefinition<String, u64> =
        KeyspaceDefinition::new("idle").ttl(Duration::from_secs(100)).time_to_idle(Duration::from_secs(10));
    let two = two_nodes();
    let idle = [0, 1].map(|node| two.caches[node].keyspace(IDLE).unwrap());
    two.caches[0].transaction(|tx| tx.insert(&idle[0], "MTNVTU", 100)).unwrap();
    let watch = idle[0].watch("MTNVTU").unwrap();
    let used = |value: u64| {
        two.clock.advance(9 * SECOND);
        let (found, rounds) = in_rounds(&two.caches[0], |tx, _| tx.get(&idle[0], "MTNVTU"));
        assert_eq!((found.unwrap().as_deref(), rounds), (Some(&value), 1));
    };
    (0..5).for_each(|_| used(100));
    two.caches[0].transaction(|tx| tx.require(&watch)).unwrap();
    let keep = InsertOptions::new().ttl(Ttl::Keep);
    two.caches[0].transaction(|tx| tx.insert_with(&idle[0], "MTNVTU", 101, keep)).unwrap();
    (0..6).for_each(|_| used(101));
    two.clock.advance(SECOND);
    assert!(idle[1].get("MTNVTU").is_none(), "the hard limit was kept");
    two.caches[0].transaction(|tx| tx.insert(&idle[0], "MTNVTU", 102)).unwrap();
    two.clock.advance(12 * SECOND);
    assert!(idle[1].get("MTNVTU").is_none(), "it was not used");
}
