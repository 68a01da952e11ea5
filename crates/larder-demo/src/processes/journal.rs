//! The journals of several processes, and the check of their answers.
//!
//! Each process writes a journal of its removals and of its answers, with times of a clock that all
//! processes on the machine share. After the last process has ended, the check compares every answer with
//! the removals of all processes.
//!
//! A process takes these steps for a change: it begins an update, commits a revision in the database,
//! invalidates the stale entries, finishes the update, and then reads the clock. That time is the
//! *acknowledgement* of the revision. For a request, a process reads the clock, and then asks the service.
//!
//! An answer is *stale* if a newer revision was acknowledged before its request began, by at least the
//! bound.
//!
//! **No false alarms.** The clock of an acknowledgement is read after the removal has returned.
//!
//! **No missed stale answers.** The same answer is older for a later request than for an earlier one. So
//! for each subject and revision, the journal has the time of the last request only.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::shop::catalog::Subject;

/// A change whose removal from the cache was acknowledged.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AcknowledgedRemoval {
    pub(crate) subject: Subject,
    pub(crate) revision: u64,
    /// When the removal was acknowledged, as time since the machine started.
    pub(crate) at: Duration,
}

/// The last request that was answered with this revision of the subject.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LastAnswer {
    pub(crate) subject: Subject,
    pub(crate) revision: u64,
    /// When the request began, as time since the machine started.
    pub(crate) asked: Duration,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Journal {
    pub(crate) requests: u64,
    pub(crate) queries: u64,
    pub(crate) memory_hits: u64,
    pub(crate) remote_hits: u64,
    pub(crate) changes: u64,
    pub(crate) removals: Vec<AcknowledgedRemoval>,
    pub(crate) answers: Vec<LastAnswer>,
}

/// The removals of all processes.
#[derive(Debug, Default)]
pub(crate) struct Acknowledgements {
    /// The revisions of each subject, in ascending order. Each revision has the first time when it or a
    /// higher revision was acknowledged.
    subjects: HashMap<Subject, Vec<(u64, Duration)>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The longest time from the acknowledgement of a change to a request whose answer did not show it.
    pub(crate) oldest: Duration,
    /// Number of stale answers. Counts one answer for each subject and revision.
    pub(crate) stale: u64,
}

impl Acknowledgements {
    pub(crate) fn of(journals: &[Journal]) -> Self {
        let mut subjects: HashMap<_, Vec<_>> = HashMap::new();
        for removal in journals.iter().flat_map(|journal| &journal.removals) {
            subjects.entry(removal.subject).or_default().push((removal.revision, removal.at));
        }
        for revisions in subjects.values_mut() {
            revisions.sort_unstable();
            let mut first = Duration::MAX;
            for (_, at) in revisions.iter_mut().rev() {
                first = first.min(*at);
                *at = first;
            }
        }
        Self { subjects }
    }

    /// Returns the first time when a higher revision of the subject was acknowledged.
    fn replaced(&self, subject: Subject, revision: u64) -> Option<Duration> {
        let revisions = self.subjects.get(&subject)?;
        let next = revisions.partition_point(|(other, _)| *other <= revision);
        revisions.get(next).map(|(_, at)| *at)
    }

    pub(crate) fn judge(&self, journal: &Journal, bound: Duration) -> Verdict {
        let mut verdict = Verdict::default();
        for answer in &journal.answers {
            let replaced = self.replaced(answer.subject, answer.revision).unwrap_or(answer.asked);
            let age = answer.asked.saturating_sub(replaced);
            verdict.oldest = verdict.oldest.max(age);
            verdict.stale += u64::from(age >= bound);
        }
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: Duration = Duration::from_millis(100);
    const SUBJECT: Subject = Subject::Product(7);

    fn removals(acknowledged: &[(u64, u64)]) -> Journal {
        let removals = acknowledged.iter().map(|(revision, at)| AcknowledgedRemoval {
            subject: SUBJECT,
            revision: *revision,
            at: Duration::from_millis(*at),
        });
        Journal { removals: removals.collect(), ..Journal::default() }
    }

    fn judge(journals: &[Journal], subject: Subject, revision: u64, asked: u64) -> (u64, u64) {
        let answers = vec![LastAnswer { subject, revision, asked: Duration::from_millis(asked) }];
        let journal = Journal { answers, ..Journal::default() };
        let Verdict { oldest, stale } = Acknowledgements::of(journals).judge(&journal, BOUND);
        (oldest.as_millis().try_into().unwrap(), stale)
    }

    #[test]
    fn an_answer_is_stale_from_the_bound_after_the_removal_on() {
        let journals = [removals(&[(5, 1000)])];
        assert_eq!(judge(&journals, SUBJECT, 4, 900), (0, 0));
        assert_eq!(judge(&journals, SUBJECT, 4, 1099), (99, 0));
        assert_eq!(judge(&journals, SUBJECT, 4, 1100), (100, 1));
        assert_eq!(judge(&journals, SUBJECT, 5, 9000), (0, 0));
        assert_eq!(judge(&journals, Subject::Product(8), 4, 9000), (0, 0));
    }

    #[test]
    fn the_removals_of_all_processes_count_and_the_first_acknowledged_decides() {
        // The processes acknowledge revision 7 before revision 6.
        let journals = [removals(&[(6, 2000), (8, 3000)]), removals(&[(7, 1000)])];
        assert_eq!(judge(&journals, SUBJECT, 5, 1200), (200, 1));
        assert_eq!(judge(&journals, SUBJECT, 6, 1200), (200, 1));
        assert_eq!(judge(&journals, SUBJECT, 7, 2900), (0, 0));
        assert_eq!(judge(&journals, SUBJECT, 7, 3150), (150, 1));
    }
}
