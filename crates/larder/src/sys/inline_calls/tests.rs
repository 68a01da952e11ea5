use super::*;
use crate::sys::clock::ManualClock;

fn clock() -> (Arc<ManualClock>, InlineCalls) {
    let clock = Arc::new(ManualClock::new());
    let calls = InlineCalls::begin(clock.clone());
    (clock, calls)
}

/// Makes a lookup whose reads of the file take this time.
fn look_for(clock: &ManualClock, took: Duration) {
    look(|| read(|| clock.advance(took)));
}

/// Makes a lookup of a worker that takes this time.
fn look_on_worker(clock: &ManualClock, took: Duration) {
    WorkerLookup::new().look(|| clock.advance(took));
}

#[test]
fn a_thread_without_permission_makes_no_call_itself() {
    assert!(!are_allowed() && !may_look());
    let (_clock, calls) = clock();
    assert!(are_allowed() && may_look());
    drop(calls);
    assert!(!are_allowed() && !may_look());
}

#[test]
fn one_slow_read_sends_the_lookups_to_workers() {
    let (clock, _calls) = clock();
    look_for(&clock, Duration::from_millis(6));
    assert!(may_look(), "the system may have run another thread");
    look_for(&clock, Duration::from_millis(6));
    assert!(!may_look());
}

#[test]
fn time_that_no_read_takes_is_not_counted() {
    let (clock, _calls) = clock();
    look(|| clock.advance(Duration::from_secs(5)));
    read(|| clock.advance(Duration::from_secs(5)));
    look_for(&clock, Duration::ZERO);
    assert!(may_look());
}

#[test]
fn a_read_inside_of_a_read_counts_once() {
    let (clock, _calls) = clock();
    look(|| read(|| read(|| clock.advance(Duration::from_millis(4)))));
    assert!(may_look(), "8 ms would be too long");
    look(|| {
        read(|| clock.advance(Duration::from_millis(2)));
        read(|| clock.advance(Duration::from_millis(2)));
    });
    assert!(!may_look(), "4 ms before, and twice 2 ms");
}

#[test]
fn a_pause_is_a_hundred_times_as_long_as_the_read() {
    let (clock, _calls) = clock();
    look_for(&clock, Duration::from_millis(30));
    look_on_worker(&clock, Duration::ZERO);
    clock.advance(Duration::from_millis(2_999));
    assert!(!may_look());
    clock.advance(Duration::from_millis(1));
    assert!(may_look());
    // The mean begins at half of the limit.
    look_for(&clock, Duration::from_millis(4));
    look_on_worker(&clock, Duration::ZERO);
    clock.advance(MIN_PAUSE.saturating_mul(3));
    assert!(!may_look(), "100 × 4 ms");
    clock.advance(MIN_PAUSE);
    assert!(may_look());
}

#[test]
fn a_disk_that_does_not_answer_is_asked_once() {
    let (clock, _calls) = clock();
    look_for(&clock, Duration::from_hours(1));
    clock.advance(MAX_PAUSE);
    assert!(!may_look(), "no worker has found it quick");
    look_on_worker(&clock, Duration::from_secs(10));
    assert!(!may_look());
    look_on_worker(&clock, Duration::from_millis(1));
    assert!(may_look());
}

#[test]
fn many_lookups_of_a_moderate_disk_go_to_workers_too() {
    let (clock, _calls) = clock();
    let lookups = (1..100).find(|_| {
        look_for(&clock, Duration::from_millis(1));
        !may_look()
    });
    assert_eq!(lookups, Some(7));
}
