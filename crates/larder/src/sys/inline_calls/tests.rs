use super::*;
use crate::sys::clock::ManualClock;

fn clock() -> (Arc<ManualClock>, InlineCalls) {
    let clock = Arc::new(ManualClock::new());
    let calls = InlineCalls::begin(clock.clone());
    (clock, calls)
}

/// Makes a lookup that reads the file for this time.
fn look_for(clock: &ManualClock, took: Duration) {
    look(|| read(|| clock.advance(took)));
}

fn look_on_worker(clock: &ManualClock, took: Duration) {
    WorkerLookup::new(true).look(|| read(|| clock.advance(took)));
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
fn a_pause_is_twenty_times_as_long_as_the_read() {
    let (clock, _calls) = clock();
    look_for(&clock, Duration::from_millis(30));
    look_on_worker(&clock, Duration::ZERO);
    clock.advance(Duration::from_millis(599));
    assert!(!may_look());
    clock.advance(Duration::from_millis(1));
    assert!(may_look());
    // The mean starts at half of the limit now, so a shorter read is enough.
    look_for(&clock, Duration::from_millis(4));
    look_on_worker(&clock, Duration::ZERO);
    clock.advance(Duration::from_millis(99));
    assert!(!may_look(), "20 × 4 ms is less than the least pause");
    clock.advance(Duration::from_millis(1));
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

#[test]
fn a_worker_is_measured_and_makes_no_calls_itself() {
    let (clock, _calls) = clock();
    look_for(&clock, Duration::from_millis(30));
    clock.advance(MAX_PAUSE);
    // A call that does not look on disk is not measured.
    WorkerLookup::new(false).look(|| clock.advance(Duration::ZERO));
    assert!(!may_look());
    // A call that waits, and then reads for a short time, shows that the disk is quick.
    WorkerLookup::new(true).look(|| {
        assert!(!are_allowed() && !may_look());
        clock.advance(Duration::from_secs(5));
        read(|| clock.advance(Duration::from_millis(1)));
    });
    assert!(may_look());
}

#[test]
fn a_lookup_that_panics_leaves_the_measure_right() {
    let (clock, _calls) = clock();
    let looked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        look(|| {
            read(|| clock.advance(Duration::from_millis(30)));
            std::panic::resume_unwind(Box::new("it does not decode"))
        })
    }));
    assert!(looked.is_err() && may_look());
    look_for(&clock, Duration::from_millis(30));
    assert!(!may_look());
}
