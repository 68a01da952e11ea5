//! Checks that the harness finds faults. A planted fault changes a step of the server or of the cache, and
//! the judge must name the broken promise.

use std::time::Duration;

use super::judge::Promise;

/// Maximum time to find a planted fault. A few kills are usually enough.
const ENOUGH: Duration = Duration::from_mins(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The server replies to `DEL` before its commit.
    AcknowledgeBeforeCommit,
    /// The writer commits the values of a group in separate transactions.
    SplitGroup,
    /// `WATCH` of a missing key compares its sequence instead of its epoch.
    WatchBySequence,
    /// A call of `SCAN` skips a key.
    SkipAtCursor,
}

impl Fault {
    const ALL: [Self; 4] =
        [Self::AcknowledgeBeforeCommit, Self::SplitGroup, Self::WatchBySequence, Self::SkipAtCursor];

    pub(super) fn name(self) -> String {
        format!("{self:?}")
    }

    pub(super) fn of(name: &str) -> Self {
        Self::ALL.into_iter().find(|fault| fault.name() == name).unwrap()
    }

    pub(super) fn plant(self) {
        let serve = |failpoint| larder_serve::testing::set_failpoint(Some(failpoint));
        let core = |failpoint| larder::testing::set_failpoint(Some(failpoint));
        match self {
            Self::AcknowledgeBeforeCommit => serve(larder_serve::testing::Failpoint::AcknowledgeBeforeCommit),
            Self::SkipAtCursor => serve(larder_serve::testing::Failpoint::SkipAtCursor),
            Self::SplitGroup => core(larder::testing::Failpoint::SplitGroup),
            Self::WatchBySequence => core(larder::testing::Failpoint::WatchBySequence),
        }
    }
}

fn assert_found(fault: Fault, promise: Promise) {
    let found = super::run(1, ENOUGH, Some(fault));
    let finding = found.expect_err("the harness has not found it");
    println!("{fault:?} is found: {finding}");
    assert_eq!(finding.promise, promise, "{finding}");
}

#[test]
fn a_removal_acknowledged_before_its_commit_is_found() {
    assert_found(Fault::AcknowledgeBeforeCommit, Promise::NothingStale);
}

#[test]
fn a_group_committed_in_parts_is_found() {
    assert_found(Fault::SplitGroup, Promise::WholeGroups);
}

#[test]
fn a_watch_by_sequence_is_found() {
    assert_found(Fault::WatchBySequence, Promise::NothingStale);
}

#[test]
fn a_cursor_that_skips_is_found() {
    assert_found(Fault::SkipAtCursor, Promise::CompleteWalks);
}
