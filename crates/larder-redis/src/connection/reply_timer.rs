//! Decides when a reply of the server is late, so that the connection counts as lost.
//!
//! 1. A reply is late when the time limit of its request is over.
//! 2. A large reply is not late while its bytes are still arriving. The replies after it have the whole time
//!    limit from then on.
//! 3. If the driver woke late, because the process was stopped or starved, the server has the whole time
//!    limit again. A server on the same machine may have been stopped too.
//! 4. A reply is late in any case when [`PATIENCE`] time limits have passed since its own deadline and since
//!    the reply before it. Otherwise (2) would let a broken server keep a caller forever, with pushes or with
//!    the bytes of one reply.

use std::time::Duration;

/// The maximum duration of one reply, in time limits of a request. By default, that is 200 s. A string in a
/// reply has at most 80 MiB.
const PATIENCE: u32 = 100;

#[derive(Debug)]
pub(super) struct ReplyTimer {
    limit: Duration,
    forgiven_until: Duration,
    /// The time of the last reply. Pushes are no replies.
    answered_at: Duration,
}

impl ReplyTimer {
    pub(super) fn new(limit: Duration, now: Duration) -> Self {
        Self { limit, forgiven_until: Duration::ZERO, answered_at: now }
    }

    pub(super) fn note_answer(&mut self, now: Duration) {
        self.answered_at = now;
    }

    /// Gives the server the whole time limit again (2 and 3).
    pub(super) fn forgive(&mut self, now: Duration) {
        self.forgiven_until = self.forgiven_until.max(now.saturating_add(self.limit));
    }

    /// Returns the time at which the next reply is late, if its request has the deadline `first`.
    pub(super) fn late_at(&self, first: Option<Duration>) -> Duration {
        first.map_or(Duration::MAX, |first| first.max(self.forgiven_until).min(self.last(first)))
    }

    /// Returns whether the next reply is late by rule 4.
    pub(super) fn is_hopeless(&self, first: Option<Duration>, now: Duration) -> bool {
        first.is_some_and(|first| self.last(first) <= now)
    }

    /// Returns the time limit that has ended when a reply is late.
    pub(super) fn limit(&self, first: Option<Duration>, now: Duration) -> Duration {
        if self.is_hopeless(first, now) { self.limit * PATIENCE } else { self.limit }
    }

    fn last(&self, first: Duration) -> Duration {
        first.max(self.answered_at).saturating_add(self.limit * PATIENCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    #[test]
    fn a_reply_is_late_after_its_limit_and_not_while_its_bytes_arrive() {
        let mut timer = ReplyTimer::new(s(2), s(10));
        assert_eq!((timer.late_at(None), timer.late_at(Some(s(12)))), (Duration::MAX, s(12)));
        timer.forgive(s(11));
        assert_eq!(timer.late_at(Some(s(12))), s(13));
        assert_eq!(timer.limit(Some(s(12)), s(13)), s(2));
    }

    #[test]
    fn a_reply_without_an_end_is_late_however_fast_its_bytes_arrive() {
        let mut timer = ReplyTimer::new(s(2), s(10));
        let first = Some(s(12));
        timer.forgive(s(211));
        assert_eq!((timer.late_at(first), timer.is_hopeless(first, s(211))), (s(212), false));
        assert!(timer.is_hopeless(first, s(212)) && !timer.is_hopeless(None, s(1000)));
        assert_eq!(timer.limit(first, s(212)), s(200));
        timer.note_answer(s(150));
        assert_eq!(timer.late_at(first), s(213), "many large replies may take longer than one");
    }
}
