//! Tests of walks over the entries of a server.

use super::*;

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
    // The answer is the first thing that the server sends after the push of the change.
    until(|| node.held() == 2);
    node.hold_stream(false);
    assert_eq!(reader.join().unwrap(), Some(400), "the push is late, and memory is not valid");
}
