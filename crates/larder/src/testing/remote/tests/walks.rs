//! Tests of walks over the entries of a server, and of server answers that would make a call go on forever.

use std::cell::Cell;

use super::*;

thread_local! {
    /// Whether the `Drop` of each [`PanicsWhenDropped`] that this thread decodes panics.
    static ARMS_DECODED: Cell<bool> = const { Cell::new(false) };
}

#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct PanicsWhenDropped {
    number: u64,
    #[serde(skip, default = "arms_decoded")]
    is_armed: bool,
}

fn arms_decoded() -> bool {
    ARMS_DECODED.get()
}

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        assert!(!self.is_armed, "planned");
    }
}

/// A walk over keys decodes the values, and has their only handles.
#[test]
fn a_walk_over_keys_whose_values_panic_when_they_are_dropped_yields_all_keys() {
    const PANICKING: KeyspaceDefinition<u64, PanicsWhenDropped> = KeyspaceDefinition::new("panicking");
    let two = two_nodes();
    let [one, other] = [0, 1].map(|node| two.caches[node].keyspace(PANICKING).unwrap());
    one.insert_many((0..5).map(|number| (number, PanicsWhenDropped { number, is_armed: false }))).unwrap();
    ARMS_DECODED.set(true);
    assert_eq!(other.keys().count(), 5);
    assert_eq!(other.keys().next(), Some(0), "the others were read ahead");
    assert!(other.contains_key(&3));
    ARMS_DECODED.set(false);
}

#[test]
fn a_walk_reads_many_entries_with_one_request() {
    let two = two_nodes();
    let [one, other] = two.prices();
    let entries: Vec<_> = (0..40_u64).map(|number| (format!("K{number:02}"), number)).collect();
    for (key, number) in &entries {
        one.insert(key, *number).unwrap();
    }
    other.get("K01");
    for walk in [
        &(|| other.iter().map(|(key, value)| (key, *value)).collect::<Vec<_>>()) as &dyn Fn() -> Vec<_>,
        &|| other.keys().zip(0..).collect(),
    ] {
        let asked = two.server.requests();
        assert_eq!(walk(), entries);
        let pages = 40_u64.div_ceil(3);
        assert_eq!(two.server.requests() - asked, pages + 2, "32 entries, and 8");
    }
}

/// An update only prevents near copies of the key.
#[test]
fn an_update_of_a_key_costs_a_walk_no_further_request() {
    let two = two_nodes();
    let [one, other] = two.prices();
    let update = other.begin_update("K1").unwrap();
    one.insert_many((0..5_u64).map(|number| (format!("K{number}"), number))).unwrap();
    let asked = two.server.requests();
    assert_eq!(other.iter().map(|(_, value)| *value).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    assert_eq!(two.server.requests() - asked, 5_u64.div_ceil(3) + 1, "two pages, and one for the entries");
    update.finish();
}

#[test]
fn an_entry_that_was_read_ahead_is_not_yielded_after_a_change() {
    let two = two_nodes();
    let [one, other] = two.prices();
    let node = &two.nodes[1];
    node.bound_validity(SECOND);
    node.ping();
    other.insert_many((0..5_u64).map(|number| (format!("K{number}"), number))).unwrap();
    let mut walk = other.iter();
    let mut next = || walk.next().map(|(_, value)| *value);
    assert_eq!(next(), Some(0));
    other.insert("K1", 100).unwrap();
    assert_eq!(next(), Some(100), "a change of this process");
    _ = one.remove("K2").unwrap();
    assert_eq!(next(), Some(3), "a change of another one");
    node.hold_stream(true);
    one.insert("K4", 400).unwrap();
    two.clock.advance(SECOND);
    let reader = std::thread::spawn(move || walk.next().map(|(_, value)| *value));
    // The two items are the push of the change and the answer.
    until(|| node.held() == 2);
    node.hold_stream(false);
    assert_eq!(reader.join().unwrap(), Some(400), "the push is late, and memory is not valid");
}

#[test]
fn a_walk_that_the_server_does_not_end_is_incomplete() {
    let two = two_nodes();
    let [one, other] = two.prices();
    one.insert_many((0..7_u64).map(|number| (format!("K{number}"), number))).unwrap();
    two.nodes[1].walk_in_a_circle();
    let asked = two.server.requests();
    let mut keys = other.keys();
    assert_eq!((keys.by_ref().count(), keys.is_complete()), (7, false), "the pages begin again");
    assert!(two.server.requests() - asked < 10, "the first cursor that comes twice ends the walk");
    assert_eq!(two.caches[1].stats().remote.unwrap().failures, 1);
    assert!(one.keys().is_complete());
}

#[test]
fn an_atomic_change_that_the_server_refuses_again_and_again_is_an_error() {
    const KEPT: KeyspaceDefinition<String, u64> =
        KeyspaceDefinition::new("kept").ttl(SECOND).grace(Duration::from_mins(1));
    let two = two_nodes();
    let kept = two.caches[1].keyspace(KEPT).unwrap();
    kept.insert("MTNVTU", 100).unwrap();
    two.nodes[1].refuse_changes();
    for error in [kept.increment("MTNVTU", 1).unwrap_err(), kept.expire("MTNVTU").unwrap_err()] {
        assert!(matches!(error, Error::Remote { action: "change a key", .. }), "{error}");
    }
}
