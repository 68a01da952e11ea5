//! The deadline until which a value in memory may be returned without a request to the server.
//!
//! The guarantee: no value from memory is older than an acknowledged change by more than `S`
//! ([`Timing::staleness`](crate::settings::Timing)), whatever the clocks of other machines show. It follows
//! from these steps, whose numbers are repeated in the code. A *PING* is a request that is sent only for this
//! purpose. In default mode it is a `HELLO`, whose reply also shows whether the server is a master. In
//! broadcast mode, a `PING` follows each `HELLO`, and only the reply to the `PING` counts.
//!
//! 1. The driver reads the clock *before* it sends a PING. So a change that was acknowledged before this time
//!    was applied before the server reads the PING.
//! 2. The server pushes each change of a key. In *default* mode, it appends the push to this connection when
//!    it applies the change. So the push of each change that was acknowledged before the PING was sent comes
//!    before the reply to that PING. In *broadcast* mode, the server appends the pushes at the end of each
//!    turn of its event loop, after the replies of that turn. So the reply to a PING may come before a push
//!    of the same turn. But all pushes of that turn come before the reply to the next PING, if that PING is
//!    sent only after the reply to this one. So the reply to a PING *vouches* for the previous PING: all
//!    changes that were acknowledged before that PING was sent have been pushed.
//!
//!    A turn with a slow script lasts until the script ends. After its `busy-reply-threshold`, the server
//!    reads requests and sends replies within that turn, but no pushes. So a writer may get the reply to a
//!    change of that turn. The server replies to a `HELLO` within the turn, so successive `HELLO`s would
//!    vouch for each other while the push still waits. It replies to a `PING` with `-BUSY`. Such a reply
//!    vouches for nothing, and the first reply after it vouches for nothing either. In default mode, the push
//!    comes before the reply in this case too.
//! 3. At most one PING is open at a time. If two were read in one turn, (2) would be wrong.
//! 4. The driver handles pushes and replies in the order of the stream. So when it publishes a deadline,
//!    memory no longer contains any value that was changed before the vouched time.
//! 5. The deadline is the send time of the vouched PING plus `S`. If Sentinels have named the server, the
//!    earlier of two times counts: the send time, or the time `V` for which the Sentinels vouch
//!    ([`votes`](super::votes), steps 4 and 6).
//! 6. A reader loads the deadline *before* it reads the value, and reads the clock *after* that
//!    ([`Validity`]).
//! 7. When a connection is lost, the deadline is set to zero. A reader that has loaded the earlier deadline
//!    may still use it, because (1) to (5) hold for it.

use std::time::Duration;

use larder::remote::Validity;

/// Which changes of keys the server pushes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Tracking {
    /// Changes of all keys with the prefix, to every client. The server does not store which keys a client
    /// has read.
    Broadcast,
    /// Changes of keys that this client has read. The server stores which client has read which key, for up
    /// to `tracking-table-max-keys` keys.
    #[default]
    PerKey,
}

/// The PINGs of one connection.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    tracking: Tracking,
    staleness: Duration,
    /// When the open PING was sent. `None` if no PING is open.
    sent: Option<Duration>,
    /// When the last PING with a reply was sent. `None` before the first reply and after a refusal.
    answered: Option<Duration>,
    due: Duration,
}

/// Number of PINGs per `S`. With four, the deadline does not pass if a single reply is late.
const PINGS: u32 = 4;

impl Heartbeat {
    /// Returns the heartbeat of a new connection, whose first PING is due immediately.
    pub(crate) fn new(tracking: Tracking, staleness: Duration) -> Self {
        Self { tracking, staleness, sent: None, answered: None, due: Duration::ZERO }
    }

    /// Returns when the next PING is due, or `None` while a PING is open (step 3).
    pub(crate) fn due(&self) -> Option<Duration> {
        self.sent.is_none().then_some(self.due)
    }

    /// Records that a PING is about to be sent (step 1).
    pub(crate) fn sends(&mut self, now: Duration) {
        self.sent = Some(now);
        self.due = now + self.staleness / PINGS;
    }

    /// Returns whether a `PING` follows each `HELLO` and vouches in its place (step 2).
    pub(crate) fn has_ping(&self) -> bool {
        self.tracking == Tracking::Broadcast
    }

    /// Records that the server refused the PING, for example because a script is running. No later reply
    /// vouches for an earlier PING any more (step 2).
    pub(crate) fn refused(&mut self) {
        (self.sent, self.answered) = (None, None);
    }

    /// Records that the PING got its reply. The caller has handled all pushes before that reply. `limit` is
    /// the time that Sentinels vouch for, if they have named the server ([`votes`](super::votes), step 6).
    pub(crate) fn answered(&mut self, validity: &Validity, limit: Option<Duration>) {
        let Some(sent) = self.sent.take() else { return };
        let earlier = self.answered.replace(sent);
        let vouched = match self.tracking {
            Tracking::PerKey => Some(sent),
            Tracking::Broadcast => earlier,
        };
        match vouched {
            Some(vouched) => {
                let vouched = limit.map_or(vouched, |limit| vouched.min(limit));
                validity.extend_to(vouched + self.staleness);
            }
            // The first reply vouches for no PING, so the second PING is due immediately.
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

    fn until(validity: &Validity) -> Duration {
        validity.until().time()
    }

    #[test]
    fn the_deadline_counts_from_the_time_of_sending_not_of_the_answer() {
        let (validity, mut heartbeat) = (Validity::new(), Heartbeat::new(Tracking::PerKey, S));
        assert_eq!(heartbeat.due(), Some(Duration::ZERO));
        heartbeat.sends(ms(5000));
        assert_eq!((heartbeat.due(), until(&validity)), (None, Duration::ZERO));
        // While the reply is on its way, the server may acknowledge changes that it has not pushed yet.
        heartbeat.answered(&validity, None);
        assert_eq!(until(&validity), ms(6000));
        assert_eq!(heartbeat.due(), Some(ms(5250)));
    }

    #[test]
    fn the_deadline_counts_from_the_votes_of_the_sentinels_if_these_are_older() {
        let (validity, mut heartbeat) = (Validity::new(), Heartbeat::new(Tracking::PerKey, S));
        for (sent, vouched, expected) in [(5000, 4700, 5700), (5300, 5400, 6300), (5600, 5400, 6400)] {
            heartbeat.sends(ms(sent));
            heartbeat.answered(&validity, Some(ms(vouched)));
            assert_eq!(until(&validity), ms(expected));
        }
    }

    #[test]
    fn in_broadcast_mode_an_answer_vouches_for_the_ping_before_it() {
        let (validity, mut heartbeat) = (Validity::new(), Heartbeat::new(Tracking::Broadcast, S));
        heartbeat.sends(ms(5000));
        heartbeat.answered(&validity, None);
        assert_eq!(until(&validity), Duration::ZERO);
        assert_eq!(heartbeat.due(), Some(Duration::ZERO), "the second one follows at once");
        heartbeat.sends(ms(5010));
        heartbeat.answered(&validity, None);
        assert_eq!(until(&validity), ms(6000));
        heartbeat.sends(ms(5300));
        heartbeat.answered(&validity, None);
        assert_eq!(until(&validity), ms(6010));
    }

    #[test]
    fn a_ping_that_a_script_refuses_begins_the_row_anew() {
        let (validity, mut heartbeat) = (Validity::new(), Heartbeat::new(Tracking::Broadcast, S));
        for sent in [ms(5000), ms(5010)] {
            heartbeat.sends(sent);
            heartbeat.answered(&validity, None);
        }
        heartbeat.sends(ms(5300));
        heartbeat.refused();
        assert_eq!((until(&validity), heartbeat.due()), (ms(6000), Some(ms(5550))));
        // No later reply vouches for the refused PING, or for the PING before it.
        heartbeat.sends(ms(5550));
        heartbeat.answered(&validity, None);
        assert_eq!((until(&validity), heartbeat.due()), (ms(6000), Some(Duration::ZERO)));
        heartbeat.sends(ms(5560));
        heartbeat.answered(&validity, None);
        assert_eq!(until(&validity), ms(6550));
    }

    #[test]
    fn one_ping_is_under_way_at_a_time_and_a_stray_answer_vouches_for_nothing() {
        let (validity, mut heartbeat) = (Validity::new(), Heartbeat::new(Tracking::PerKey, S));
        heartbeat.answered(&validity, None);
        assert_eq!(until(&validity), Duration::ZERO);
        heartbeat.sends(ms(1));
        assert_eq!(heartbeat.due(), None);
        heartbeat.answered(&validity, None);
        heartbeat.answered(&validity, None);
        assert_eq!(until(&validity), ms(1001));
        validity.end();
        assert_eq!(until(&validity), Duration::ZERO);
    }
}
