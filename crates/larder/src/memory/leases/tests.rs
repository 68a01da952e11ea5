use super::*;
use crate::sys::sync::Arc;

const KEY: SlotKey<'static> = SlotKey { hash: 7, bytes: b"key" };
const OTHER: SlotKey<'static> = SlotKey { hash: 7, bytes: b"other" };

/// Returns a deadline that no test reaches.
fn later() -> Deadline {
    Deadline::after(Duration::from_hours(1))
}

fn attached(lease: LeaseId, flight: Value, deadline: Deadline) -> AttachedFlight {
    AttachedFlight { lease, flight, deadline, may_be_absent: false }
}

#[test]
fn revoking_a_key_leaves_other_keys_of_the_same_hash_alone() {
    let mut leases = Leases::default();
    let (one, two, other) =
        (leases.take(KEY, later()), leases.take(KEY, later()), leases.take(OTHER, later()));
    leases.revoke(KEY, &mut DeferredDrops::default());
    assert!(!leases.holds(KEY, one) && !leases.holds(KEY, two));
    assert!(leases.holds(OTHER, other));
    leases.raise_barrier(&Scope::prefix(*b"ot"), &mut DeferredDrops::default());
    let behind = leases.take(OTHER, later());
    assert!(!leases.holds(OTHER, behind), "a lease taken behind a barrier never holds");
    leases.lower_barrier(&Scope::prefix(*b"ot"), &mut DeferredDrops::default());
    assert!(!leases.holds(OTHER, behind) && leases.is_empty());
}

#[test]
fn revoking_detaches_the_flight_and_a_late_release_does_not_touch_the_next() {
    let mut leases = Leases::default();
    let old = leases.take(KEY, later());
    leases.attach(KEY, attached(old, Arc::new("old flight"), later()));
    leases.revoke(KEY, &mut DeferredDrops::default());
    assert!(leases.flight(KEY, &mut DeferredDrops::default()).is_none());
    let new = leases.take(KEY, later());
    leases.attach(KEY, attached(new, Arc::new("new flight"), later()));
    leases.release(KEY, old, &mut DeferredDrops::default());
    assert!(leases.flight(KEY, &mut DeferredDrops::default()).is_some() && leases.holds(KEY, new));
}

#[test]
fn a_lease_past_its_deadline_holds_no_more_and_leaves_nothing() {
    let (mut leases, deferred) = (Leases::default(), &mut DeferredDrops::default());
    let over = Deadline::after(Duration::ZERO);
    let (late, beside) = (leases.take(KEY, over), leases.take(KEY, later()));
    leases.attach(KEY, attached(late, Arc::new("late flight"), over));
    assert!(!leases.holds(KEY, late) && leases.holds(KEY, beside), "only the late lease ends");
    assert!(leases.flight(KEY, deferred).is_none());
    let new = leases.take(KEY, later());
    leases.attach(KEY, attached(new, Arc::new("new flight"), later()));
    leases.drop_overdue(deferred);
    leases.release(KEY, late, deferred);
    assert!(leases.holds(KEY, new) && leases.flight(KEY, deferred).is_some());
    leases.release(KEY, new, deferred);
    leases.release(KEY, beside, deferred);
    assert!(leases.is_empty());
    let forgotten = leases.take(OTHER, over);
    leases.attach(OTHER, attached(forgotten, Arc::new("forgotten flight"), over));
    assert!(!leases.holds(KEY, leases.last_id) && leases.take(KEY, over) > 0, "forgotten without a flight");
    leases.drop_overdue(deferred);
    assert!(leases.is_empty(), "a forgotten lease must not stay for ever");
}

#[test]
fn a_pass_ends_with_a_change_of_the_key() {
    let (mut leases, deferred) = (Leases::default(), &mut DeferredDrops::default());
    let lease = leases.take(KEY, later());
    leases.give_pass(KEY, lease);
    leases.release(KEY, lease, deferred);
    assert!(leases.has_pass(KEY) && !leases.has_pass(OTHER));
    leases.drop_overdue(deferred);
    assert!(leases.has_pass(KEY), "it has not ended yet");
    leases.revoke(KEY, deferred);
    leases.give_pass(KEY, lease);
    assert!(!leases.has_pass(KEY) && leases.is_empty(), "the lease was revoked");
}

#[test]
fn a_lease_taken_behind_a_fence_never_holds() {
    let mut leases = Leases::default();
    leases.raise_fence(KEY, &mut DeferredDrops::default());
    leases.raise_fence(KEY, &mut DeferredDrops::default());
    let behind = leases.take(KEY, later());
    let over = leases.take_over(KEY);
    assert!(leases.holds(KEY, over), "what is there may be written again");
    leases.lower_fence(KEY, &mut DeferredDrops::default());
    let still_behind = leases.take(KEY, later());
    leases.lower_fence(KEY, &mut DeferredDrops::default());
    assert!(!leases.holds(KEY, behind) && !leases.holds(KEY, still_behind));
    let after = leases.take(KEY, later());
    assert!(leases.holds(KEY, after));
    leases.release(KEY, after, &mut DeferredDrops::default());
    assert!(leases.is_empty());
}

#[test]
fn an_epoch_token_does_not_outlast_a_fence_or_a_barrier() {
    let mut leases = Leases::default();
    let permits = |leases: &Leases, epoch_token| leases.permits(KEY, Permit::EpochToken(epoch_token));
    let before = leases.epoch_token(KEY);
    assert!(permits(&leases, before));
    leases.raise_fence(KEY, &mut DeferredDrops::default());
    let behind = leases.epoch_token(KEY);
    assert!(!permits(&leases, before) && !permits(&leases, behind));
    leases.lower_fence(KEY, &mut DeferredDrops::default());
    assert!(!permits(&leases, behind));
    let before = leases.epoch_token(KEY);
    leases.raise_barrier(&Scope::prefix(*b"k"), &mut DeferredDrops::default());
    let behind = leases.epoch_token(KEY);
    assert!(!permits(&leases, before) && !permits(&leases, behind));
    leases.lower_barrier(&Scope::prefix(*b"k"), &mut DeferredDrops::default());
    assert!(!permits(&leases, behind));
    let after = leases.epoch_token(KEY);
    assert!(permits(&leases, after));
    leases.revoke(OTHER, &mut DeferredDrops::default());
    leases.revoke(KEY, &mut DeferredDrops::default());
    assert!(!permits(&leases, after));
}

#[test]
fn only_the_flight_of_a_load_that_may_find_nothing_is_detached_for_a_caller_that_insists() {
    let (mut leases, deferred) = (Leases::default(), &mut DeferredDrops::default());
    for may_be_absent in [false, true] {
        let lease = leases.take(KEY, later());
        leases.attach(KEY, AttachedFlight { may_be_absent, ..attached(lease, Arc::new(7), later()) });
        leases.detach_optional(KEY, deferred);
        assert_eq!(leases.flight(KEY, deferred).is_none(), may_be_absent);
        assert_eq!(leases.holds(KEY, lease), !may_be_absent, "its absence would replace the value");
        leases.release(KEY, lease, deferred);
        assert!(leases.is_empty());
    }
}
