//! Tests of the leases of loads at the server, and of their renewal.

use super::waits::{ends, lease, pending};
use super::*;

/// Advances the clock, and waits until the server has got a request.
fn advance_to_a_renewal(two: &TwoNodes, by: Duration) {
    let asked = two.server.requests();
    two.clock.advance(by);
    until(|| two.server.requests() > asked);
}

#[test]
fn the_lease_of_a_long_load_is_renewed_until_the_load_ends() {
    let two = two_nodes();
    let [one, other] = two.prices();
    let held = lease(&one, "MTNVTU");
    for _ in 0..10 {
        advance_to_a_renewal(&two, 5 * SECOND);
        drop(pending(&other, "MTNVTU"));
    }
    assert!(held.fill(100).unwrap(), "50 s after its begin");
    assert_eq!(other.get("MTNVTU").as_deref(), Some(&100));
}

#[test]
fn a_machine_that_dies_frees_its_key_within_ten_seconds() {
    let two = two_nodes();
    let [one, other] = two.prices();
    let _held = lease(&one, "MTNVTU");
    two.nodes[0].lose();
    two.clock.advance(10 * SECOND);
    assert!(lease(&other, "MTNVTU").fill(120).unwrap());
}

#[test]
fn a_paused_machine_loses_its_lease_and_fills_nothing() {
    let two = two_nodes();
    let [one, other] = two.prices();
    let held = lease(&one, "MTNVTU");
    two.nodes[0].hold_requests(true);
    two.clock.advance(11 * SECOND);
    until(|| two.nodes[0].is_sending());
    let taken = lease(&other, "MTNVTU");
    two.nodes[0].hold_requests(false);
    assert!(!held.fill(100).unwrap(), "the late renewal does not bring its lease back");
    assert_eq!(two.server.records(), 0);
    assert!(taken.fill(120).unwrap(), "the late renewal leaves the lease of the other load alone");
    assert_eq!(one.get("MTNVTU").as_deref(), Some(&120));
}

#[test]
fn a_lease_whose_answer_is_late_is_renewed_in_time() {
    let two = two_nodes();
    let [one, other] = two.prices();
    let node = &two.nodes[0];
    node.hold_stream(true);
    let asks = std::thread::spawn(move || lease(&one, "MTNVTU"));
    until(|| node.held() > 0);
    two.clock.advance(8 * SECOND);
    let asked = two.server.requests();
    node.hold_stream(false);
    let held = asks.join().unwrap();
    until(|| two.server.requests() > asked);
    two.clock.advance(9 * SECOND);
    drop(pending(&other, "MTNVTU"));
    assert!(held.fill(100).unwrap());
}

#[test]
fn a_caller_on_another_machine_waits_through_the_renewals() {
    let two = two_nodes();
    let [one, other] = two.prices();
    let held = lease(&one, "MTNVTU");
    let asked = two.server.requests();
    let waits = std::thread::spawn(move || *other.get_or_load("MTNVTU", || Ok::<_, Error>(200_u64)).unwrap());
    until(|| two.server.requests() > asked);
    // The waiting caller sends a request after each renewal, which may end a wait of this loop early. The
    // lease that was renewed at 4 s still lasts at 12 s.
    for _ in 0..3 {
        advance_to_a_renewal(&two, 4 * SECOND);
    }
    assert!(held.fill(100).unwrap());
    assert_eq!(ends(move || waits.join().unwrap()), 100);
}

#[test]
fn a_refused_value_gives_its_lease_back_and_is_shared() {
    let two = two_nodes();
    let [one, other] = two.prices();
    two.nodes[0].refuse_fills();
    let held = lease(&one, "MTNVTU");
    let waiting = pending(&one, "MTNVTU");
    assert!(!held.fill(100).unwrap());
    let shared = waiting.wait::<Error>().unwrap().value();
    assert_eq!(shared.as_deref(), Some(&100), "the server has confirmed that the key was not changed");
    assert!(lease(&other, "MTNVTU").fill(120).unwrap(), "the other machine need not wait");
    assert_eq!((one.stats().voided_fills, one.get("MTNVTU").as_deref()), (1, Some(&120)));
}

#[test]
fn a_refused_value_of_a_key_that_was_changed_is_not_shared() {
    let two = two_nodes();
    let [one, other] = two.prices();
    two.nodes[0].refuse_fills();
    two.nodes[0].before_fill(move || _ = other.remove("MTNVTU").unwrap());
    let held = lease(&one, "MTNVTU");
    let waiting = pending(&one, "MTNVTU");
    assert!(!held.fill(100).unwrap());
    assert!(waiting.wait::<Error>().unwrap().value().is_none(), "it may be older than the removal");
}
