//! Makes disk operations of three workloads fail, beginning with another operation in each run. Either one
//! operation fails, or all operations fail until the disk is healed.
//!
//! After any failure, no call panics or waits forever. A lookup returns the written value or a miss. An
//! acknowledged removal holds through the failure and through a later crash. A healed disk stores entries
//! again.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use larder::testing::{DiskOperation, Failure, Loss};

use crate::faults::workload::{BROKEN_PROMISE, Call, WorkloadRun, calls, check};
use crate::support::harness::Harness;
use crate::support::panics_with;
use crate::support::simulated::SimulatedPlace;

/// Maximum number of operations of a workload that are tested, because each one needs runs of its own.
const MAX_OPERATIONS: usize = 600;

/// How the disk fails at the chosen operation.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Once(Failure),
    Lasting(Failure),
}

fn faults(operation: DiskOperation) -> Vec<Fault> {
    let mut failures = vec![Failure::Io];
    match operation {
        DiskOperation::Write => failures.extend([Failure::Full, Failure::ShortWrite]),
        DiskOperation::SetLen | DiskOperation::Open => failures.push(Failure::Full),
        _ => {}
    }
    failures.iter().flat_map(|&failure| [Fault::Once(failure), Fault::Lasting(failure)]).collect()
}

/// Returns three workloads: small changes, large values with restarts, and random calls.
fn workloads(seed: u64) -> [Vec<Call>; 3] {
    let (one, two, three) = ((0, 0), (1, 1), (2, 2));
    let changes = vec![
        Call::Insert(one, 10),
        Call::Flush,
        Call::Insert(one, 300),
        Call::InsertNow(two, 10),
        Call::Remove(one),
        Call::Load(one),
        Call::NextVersion(10),
        Call::Flush,
        Call::RemoveGroup(0),
        Call::Update(two, 10),
        Call::NextVersion(10),
        Call::NextVersion(300),
        Call::Flush,
        Call::Clear,
        Call::Insert(one, 10),
    ];
    let restarts = vec![
        // The writer's step for these two inserts has several parts.
        Call::Insert(one, 40_000),
        Call::Insert(three, 40_000),
        Call::NextVersion(6_000),
        Call::InsertFor(two, std::time::Duration::from_secs(5)),
        Call::Reopen,
        Call::Get(one),
        Call::Insert(one, 6_000),
        Call::Advance(std::time::Duration::from_secs(6)),
        Call::Sweep,
        Call::RemoveMany(vec![one, two]),
        Call::Damage,
        Call::Insert(two, 1_500),
        Call::Reopen,
    ];
    [changes, restarts, calls(seed, 14)]
}

/// Runs a workload on a disk that fails at the operation `number`. Returns whether an operation failed.
fn fail_at(calls: &[Call], number: u64, fault: Fault) -> bool {
    let place = SimulatedPlace::new();
    match fault {
        Fault::Once(failure) => place.disk.fail_once(number, failure),
        Fault::Lasting(failure) => place.disk.fail_from(number, failure),
    }
    let mut run = WorkloadRun::new(place.clone(), true);
    for call in calls {
        run.make(call);
    }
    // Checks a crash before the disk is healed.
    let changes = place.disk.changes();
    for loss in [Loss::Everything, Loss::Torn] {
        let left = place.moved_to(place.disk.after_power_loss(changes, loss, number));
        check(&left, &run.history, changes, true);
    }
    let failed = place.disk.failed() > 0;
    run.heal();
    run.close();
    check(&place.moved_to(place.disk.copy()), &run.history, place.disk.changes(), true);
    failed
}

/// Returns the disk operations of a workload without failures.
fn operations(calls: &[Call]) -> Vec<DiskOperation> {
    let place = SimulatedPlace::new();
    let mut run = WorkloadRun::new(place.clone(), false);
    for call in calls {
        run.make(call);
    }
    run.close();
    place.disk.operations()
}

/// Runs the workloads with a failure at one operation in `one_in`, once for each kind of failure. Returns the
/// number of runs in which an operation failed.
fn fail_everywhere(seed: u64, one_in: usize) -> u64 {
    let failed = AtomicU64::new(0);
    for (at, calls) in workloads(seed).iter().enumerate() {
        let mut operations = operations(calls);
        operations.truncate(MAX_OPERATIONS);
        let numbered =
            operations.iter().enumerate().skip(usize::try_from(seed).unwrap() % one_in).step_by(one_in);
        let work: Vec<_> = numbered
            .flat_map(|(number, &operation)| {
                faults(operation).into_iter().map(move |fault| (number, operation, fault))
            })
            .collect();
        let next = AtomicUsize::new(0);
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        std::thread::scope(|scope| {
            for _ in 0..cores {
                scope.spawn(|| {
                    while let Some((number, operation, fault)) =
                        work.get(next.fetch_add(1, Ordering::Relaxed))
                    {
                        let run = AssertUnwindSafe(|| fail_at(calls, *number as u64, *fault));
                        let has_failed = catch_unwind(run).unwrap_or_else(|panic| {
                            eprintln!(
                                "workload {at}: {fault:?} at operation {number}, {operation:?}: {calls:?}"
                            );
                            resume_unwind(panic)
                        });
                        failed.fetch_add(u64::from(has_failed), Ordering::Relaxed);
                    }
                });
            }
        });
        eprintln!("workload {at}: {} operations, {} ways to fail one", operations.len(), work.len());
    }
    let failed = failed.into_inner();
    assert!(failed > 0, "no operation failed");
    failed
}

#[test]
fn an_error_at_any_operation_breaks_no_promise() {
    // By default, this tests one operation in 16, for one seed.
    let harness = Harness::new("an_error_at_any_operation", "LARDER_IO_ERRORS", 0).with_long_rounds();
    match harness.rounds() {
        0 => {
            harness.sample(|seed| fail_everywhere(seed, 16));
        }
        _ => harness.run(|seed| eprintln!("{} failures", fail_everywhere(seed, 1))),
    }
}

#[test]
fn an_error_that_is_taken_for_success_is_noticed() {
    let calls = &workloads(0)[0];
    let noticed = operations(calls).iter().enumerate().any(|(number, _)| {
        let place = SimulatedPlace::new();
        place.disk.fail_from(number as u64, Failure::Io);
        let mut run = WorkloadRun::new(place.clone(), true);
        for call in calls {
            run.make(call);
        }
        // The planted history claims that the removal of every key was acknowledged.
        let changes = place.disk.changes();
        run.history.plant_removal(changes);
        let left = place.moved_to(place.disk.copy());
        panics_with(BROKEN_PROMISE, || check(&left, &run.history, changes, true))
    });
    assert!(noticed, "a removal that failed and was acknowledged went unnoticed");
}
