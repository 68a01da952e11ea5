//! Tests of answers that arrive late. The life of a record is counted from before the request.

use super::*;
use crate::api::keyspace::load::Load;

const LATE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("late");
const LATE_KEPT: KeyspaceDefinition<String, u64> =
    KeyspaceDefinition::new("late_kept").ttl(Duration::from_secs(1)).grace(Duration::from_secs(9));
const KEYS: [&str; 2] = ["AIRTEL", "MTNVTU"];

/// Inserts two records, and advances the clock until the server keeps each of them for only 2 s more. Then
/// calls `ask` on the other machine. The first `timely` items of the stream arrive at once. The later items
/// arrive after 5 s.
fn ask_late<R: Send>(
    definition: KeyspaceDefinition<String, u64>,
    timely: usize,
    ask: impl FnOnce(&Keyspace<String, u64>) -> R + Send,
) -> R {
    let two = two_nodes();
    let [one, other] = [0, 1].map(|node| two.caches[node].keyspace(definition).unwrap());
    one.insert_many(KEYS.map(|key| (key, 100))).unwrap();
    two.clock.advance(8 * SECOND);
    let node = &two.nodes[1];
    node.hold_stream(true);
    std::thread::scope(|threads| {
        let other = &other;
        let asking = threads.spawn(move || ask(other));
        for _ in 0..timely {
            until(|| node.deliver_one());
        }
        until(|| node.held() > 0);
        two.clock.advance(5 * SECOND);
        node.hold_stream(false);
        asking.join().unwrap()
    })
}

#[test]
fn a_load_returns_no_value_that_has_expired_on_the_way() {
    let loaded = ask_late(LATE.ttl(10 * SECOND), 0, |other| {
        *other.get_or_load("MTNVTU", || Ok::<_, Error>(200_u64)).unwrap()
    });
    assert_eq!(loaded, 200);
}

#[test]
fn a_walk_yields_no_value_that_has_expired_on_the_way() {
    // The keys of the walk arrive at once.
    let walked = ask_late(LATE.ttl(10 * SECOND), 1, |other| other.iter().count());
    assert_eq!(walked, 0);
}

#[test]
fn a_failed_load_returns_no_value_whose_grace_has_ended_on_the_way() {
    // The record that the load would replace arrives at once.
    let is_answered = ask_late(LATE_KEPT, 1, |other| {
        other.get_or_load_with("MTNVTU", |_| Err::<Load<u64>, _>("the source is away")).is_ok()
    });
    assert!(!is_answered);
}
