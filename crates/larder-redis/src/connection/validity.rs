//! The time until which a value in memory may be answered without a request to the server.
//!
//! The bound: no answer from memory is older than an acknowledged change by more than `S`
//! ([`Timing::staleness`](crate::settings::Timing)), whatever the clocks of the machines say. It follows from
//! these steps, whose numbers are in the code. A PING is a request whose answer is awaited for this purpose
//! alone. In default mode it is a `HELLO`, whose answer also says whether the server is a master. In
//! broadcast mode a `PING` follows the `HELLO`, and the answer to the `PING` alone counts.
//!
//! 1. The driver reads the clock *before* it sends a PING. So a change that was acknowledged before this time
//!    was applied before the server reads the PING.
//! 2. The server pushes the changes of keys. In *default* mode it appends the push to this connection when
//!    it applies the change. So each push of a change that was acknowledged before the PING was sent stands
//!    in the stream before the answer to that PING. In *broadcast* mode the server appends the pushes at the
//!    end of its turn, behind the answers of that turn. The answer to a PING may then stand before a push of
//!    the same turn. But it stands before the turn in which the next PING is read, if the next PING is sent
//!    only after this answer has arrived. So the answer to a PING vouches for the PING *before* it.
//!
//!    A turn that runs a slow script lasts until the script ends. Past its `busy-reply-threshold`, the server
//!    reads requests and sends answers in the midst of that turn, and no pushes: a writer then gets its
//!    answer to a change of that turn. The server answers a `HELLO` there, so a row of those would vouch for
//!    each other while the push waits. It answers a `PING` with `-BUSY`. That vouches for nothing, and the
//!    next answer does not either: the row of PINGs begins anew. In default mode the push stands before the
//!    answer there, too.
//! 3. One PING is under way at a time. Two that are read in one turn would make (2) false.
//! 4. The driver handles pushes and answers in the order of the stream. So when it publishes a deadline,
//!    memory has lost every value that was changed before the vouched time.
//! 5. The deadline is the vouched send time plus `S`. Release: pairs with the Acquire of a reader.
//! 6. A reader takes the deadline *before* it reads the value, and compares it with the clock *after* it has
//!    read the value. If it took the deadline after the value, a reader that is paused in between could
//!    answer an old value under the present deadline. If it read the clock before the value, a pause in
//!    between would have the same effect.
//! 7. A lost connection sets the deadline to zero. A reader that has taken the earlier deadline may still use
//!    it, because (1) to (5) hold for this deadline.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The keys whose changes the server pushes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Tracking {
    /// The changes of all keys of the prefix, to every client. The server stores no data about the clients.
    Broadcast,
    /// The changes of the keys that this client has read. The server stores which client has read which key,
    /// up to its `tracking-table-max-keys`.
    #[default]
    PerKey,
}

/// The deadline that readers see, in nanoseconds of the boot clock. 0 if no value may be answered.
#[derive(Debug, Default)]
pub(crate) struct Deadline(AtomicU64);

impl Deadline {
    /// Returns the deadline. The caller reads its value after this call (step 6).
    pub(crate) fn load(&self) -> u64 {
        // Acquire: pairs with the Release in `publish`.
        self.0.load(Ordering::Acquire)
    }

    fn publish(&self, deadline: Duration) {
        // Release: pairs with the Acquire in `load` (step 5).
        self.0.store(u64::try_from(deadline.as_nanos()).unwrap_or(u64::MAX), Ordering::Release);
    }

    /// Clears the deadline, so that no value is answered (step 7).
    pub(crate) fn clear(&self) {
        self.0.store(0, Ordering::Release);
    }
}

/// The PINGs of one connection.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    tracking: Tracking,
    staleness: Duration,
    /// The time at which the open PING was sent.
    sent: Option<Duration>,
    /// The time at which the last answered PING was sent.
    answered: Option<Duration>,
    /// The time at which the next PING is due.
    due: Duration,
}

/// Number of PINGs in the time `S`. With four, the deadline does not pass if one answer is late.
const PINGS: u32 = 4;

impl Heartbeat {
    /// Creates the heartbeat of a new connection. Its first PING is due immediately.
    pub(crate) fn new(tracking: Tracking, staleness: Duration) -> Self {
        Self { tracking, staleness, sent: None, answered: None, due: Duration::ZERO }
    }

    /// Returns the time at which the next PING is due, or `None` while a PING is open (step 3).
    pub(crate) fn due(&self) -> Option<Duration> {
        self.sent.is_none().then_some(self.due)
    }

    /// Records that a PING will be sent at this time (step 1).
    pub(crate) fn sends(&mut self, now: Duration) {
        self.sent = Some(now);
        self.due = now + self.staleness / PINGS;
    }

    /// Returns whether a `PING` follows each `HELLO`, and vouches in its place (step 2).
    pub(crate) fn has_ping(&self) -> bool {
        self.tracking == Tracking::Broadcast
    }

    /// The PING was refused, because a script keeps the server. No PING before it vouches for anything any
    /// more (step 2).
    pub(crate) fn refused(&mut self) {
        (self.sent, self.answered) = (None, None);
    }

    /// The PING was answered, and every push before its answer was handled.
    pub(crate) fn answered(&mut self, deadline: &Deadline) {
        let Some(sent) = self.sent.take() else { return };
        let earlier = self.answered.replace(sent);
        let vouched = match self.tracking {
            Tracking::PerKey => Some(sent),
            Tracking::Broadcast => earlier,
        };
        match vouched {
            Some(vouched) => deadline.publish(vouched + self.staleness),
            // The first answer vouches for no PING. So the second PING is due immediately.
            None => self.due = Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn nanos(deadline: &Deadline) -> Duration {
        Duration::from_nanos(deadline.load())
    }

    #[test]
    fn the_deadline_counts_from_the_time_of_sending_not_of_the_answer() {
        let (deadline, mut heartbeat) = (Deadline::default(), Heartbeat::new(Tracking::PerKey, S));
        assert_eq!(heartbeat.due(), Some(Duration::ZERO));
        heartbeat.sends(ms(5000));
        assert_eq!((heartbeat.due(), nanos(&deadline)), (None, Duration::ZERO));
        // The answer takes 900 ms. Changes that were acknowledged during this time may not have been pushed
        // before it.
        heartbeat.answered(&deadline);
        assert_eq!(nanos(&deadline), ms(6000));
        assert_eq!(heartbeat.due(), Some(ms(5250)));
    }

    #[test]
    fn in_broadcast_mode_an_answer_vouches_for_the_ping_before_it() {
        let (deadline, mut heartbeat) = (Deadline::default(), Heartbeat::new(Tracking::Broadcast, S));
        heartbeat.sends(ms(5000));
        heartbeat.answered(&deadline);
        assert_eq!(nanos(&deadline), Duration::ZERO);
        assert_eq!(heartbeat.due(), Some(Duration::ZERO), "the second one follows at once");
        heartbeat.sends(ms(5010));
        heartbeat.answered(&deadline);
        assert_eq!(nanos(&deadline), ms(6000));
        heartbeat.sends(ms(5300));
        heartbeat.answered(&deadline);
        assert_eq!(nanos(&deadline), ms(6010));
    }

    #[test]
    fn a_ping_that_a_script_refuses_begins_the_row_anew() {
        let (deadline, mut heartbeat) = (Deadline::default(), Heartbeat::new(Tracking::Broadcast, S));
        for sent in [ms(5000), ms(5010)] {
            heartbeat.sends(sent);
            heartbeat.answered(&deadline);
        }
        heartbeat.sends(ms(5300));
        heartbeat.refused();
        assert_eq!((nanos(&deadline), heartbeat.due()), (ms(6000), Some(ms(5550))));
        // Neither the refused PING nor the one before it is vouched for.
        heartbeat.sends(ms(5550));
        heartbeat.answered(&deadline);
        assert_eq!((nanos(&deadline), heartbeat.due()), (ms(6000), Some(Duration::ZERO)));
        heartbeat.sends(ms(5560));
        heartbeat.answered(&deadline);
        assert_eq!(nanos(&deadline), ms(6550));
    }

    #[test]
    fn one_ping_is_under_way_at_a_time_and_a_stray_answer_vouches_for_nothing() {
        let (deadline, mut heartbeat) = (Deadline::default(), Heartbeat::new(Tracking::PerKey, S));
        heartbeat.answered(&deadline);
        assert_eq!(nanos(&deadline), Duration::ZERO);
        heartbeat.sends(ms(1));
        assert_eq!(heartbeat.due(), None);
        heartbeat.answered(&deadline);
        heartbeat.answered(&deadline);
        assert_eq!(nanos(&deadline), ms(1001));
        deadline.clear();
        assert_eq!(deadline.load(), 0);
    }
}
