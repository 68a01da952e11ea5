//! Loses power at every change of the disk in a workload of cache calls. The workload also creates the file,
//! moves a damaged file aside, and reopens the cache. The disk keeps any part of the unsynced changes, and
//! the remaining content must satisfy the contract.

use larder::testing::Loss;

use crate::faults::workload::{BROKEN_PROMISE, Call, WorkloadRun, calls, check};
use crate::support::harness::Harness;
use crate::support::panics_with;
use crate::support::simulated::SimulatedPlace;

const CALLS: usize = 40;

/// Runs one workload, and loses power at each change of the disk. Returns the number of disk states that were
/// checked.
fn lose_power_everywhere(seed: u64) -> u64 {
    let place = SimulatedPlace::new();
    let mut run = WorkloadRun::new(place.clone(), false);
    for call in calls(seed, CALLS) {
        run.make(&call);
    }
    run.close();
    let mut images = 0;
    for changes in 0..=place.disk.changes() {
        for loss in Loss::ALL {
            let left = place.moved_to(place.disk.after_power_loss(changes, loss, seed ^ images));
            check(&left, &run.history, changes, false);
            images += 1;
        }
    }
    images
}

#[test]
fn power_loss_at_every_change_leaves_what_was_promised() {
    let harness = Harness::new("power_loss_at_every_change", "LARDER_POWER_LOSSES", 500);
    harness.run_until(lose_power_everywhere);
}

#[test]
fn power_loss_on_a_disk_that_lies_about_its_syncs_is_noticed() {
    let place = SimulatedPlace::new();
    place.disk.lose_syncs(true);
    let mut run = WorkloadRun::new(place.clone(), false);
    for call in calls(7, CALLS) {
        run.make(&call);
    }
    run.close();
    let noticed = (0..=place.disk.changes()).any(|changes| {
        let left = place.moved_to(place.disk.after_power_loss(changes, Loss::Some, 7));
        panics_with(BROKEN_PROMISE, || check(&left, &run.history, changes, false))
    });
    assert!(noticed, "a skipped sync was not noticed");
}

#[test]
fn power_loss_after_a_removal_that_was_dropped_is_noticed() {
    let place = SimulatedPlace::new();
    let mut run = WorkloadRun::new(place.clone(), false);
    // The last insert ensures that at least one entry is left.
    for call in calls(7, CALLS).iter().chain([&Call::InsertNow((0, 0), 10)]) {
        run.make(call);
    }
    run.close();
    let changes = place.disk.changes();
    check(&place.moved_to(place.disk.copy()), &run.history, changes, false);
    run.history.plant_removal(changes);
    let left = place.moved_to(place.disk.copy());
    let is_noticed = panics_with(BROKEN_PROMISE, || check(&left, &run.history, changes, true));
    assert!(is_noticed, "a removal that was acknowledged and not made was not noticed");
}
