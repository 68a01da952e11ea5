//! The leases of this cache's loads in slots at the server. They are renewed while the loads last.
//!
//! A lease at the server ends by itself after at most [`MAX_LENGTH`]. So a process that dies does not block a
//! key for longer, although a load may take as long as the cache's `lease_timeout`.
//!
//! 1. Read the clock, ask the server for the lease, then note it. Its renewals are counted from the reading.
//!    If they were counted from the answer, the lease could end before its first renewal.
//! 2. The sweeper renews each lease when a third of [`MAX_LENGTH`] has passed, for `MAX_LENGTH` more, but not
//!    beyond the deadline of the load. It does not wait for the answer. A renewal that is lost is repeated by
//!    the next one, before the lease ends. The last renewal lasts until the deadline. It is not repeated,
//!    because the lease is forgotten after it.
//! 3. At its end, a load forgets its lease, then sends the value, or releases the lease.
//! 4. A renewal that reaches the server after the end of its lease changes nothing: the server compares the
//!    token. So, unlike a fence, a lease needs nothing more after (3).
//!
//! A process that is paused for longer than `MAX_LENGTH`, or cut off from the server, loses its leases.
//! Another machine may then load the key. The server refuses the value of the first load, because the slot no
//! longer has its token. A process also loses its leases if a callback on the sweeper's thread takes that
//! long.
//!
//! The server pushes a renewal like any other change of the slot. So the machines that wait for the load ask
//! again, and then wait for the renewed lease.

use std::collections::HashMap;
use std::time::Duration;

use crate::remote::tier::{LeaseToken, RemoteKey};
use crate::sys::clock::Deadline;
use crate::sys::sync::Mutex;

/// The maximum time for which a lease is taken or renewed.
const MAX_LENGTH: Duration = Duration::from_secs(10);

/// The time between two renewals.
const INTERVAL: Duration = Duration::from_millis(3_333);

#[derive(Debug, Default)]
pub(crate) struct SlotLeases(Mutex<RenewedLeases>);

#[derive(Debug, Default)]
struct RenewedLeases {
    by_number: HashMap<u64, RenewedLease>,
    last_number: u64,
    /// The time at which the sweeper will renew leases again, if it has planned to. A load wakes the sweeper
    /// only if its lease must be renewed earlier. Otherwise each load would wake it.
    planned: Option<Duration>,
}

#[derive(Debug)]
struct RenewedLease {
    key: RemoteKey,
    token: LeaseToken,
    /// The deadline of the load.
    deadline: Deadline,
    /// The time of the next renewal, on the cache's monotonic clock.
    renew_at: Duration,
}

/// The lease of a load.
#[derive(Debug)]
pub(crate) struct SlotLease {
    token: LeaseToken,
    /// The number of the lease in the list of renewed leases. `None` if the lease needs no renewal.
    number: Option<u64>,
}

impl SlotLease {
    /// Returns the lease of a load in the raw format, for which the server has no lease.
    pub(crate) fn none() -> Self {
        Self { token: LeaseToken::default(), number: None }
    }
}

/// Returns the time for which a lease is taken or renewed.
pub(crate) fn length(deadline: Deadline) -> Duration {
    deadline.left().min(MAX_LENGTH)
}

impl SlotLeases {
    /// Runs the last part of step 1, for a lease that was asked for at `asked_at`, for the time `taken_for`.
    /// Returns the lease, and whether the sweeper must be woken.
    pub(crate) fn note(
        &self,
        key: &[u8],
        token: LeaseToken,
        deadline: Deadline,
        (asked_at, taken_for): (Duration, Duration),
    ) -> (SlotLease, bool) {
        if taken_for < MAX_LENGTH {
            // The lease was taken until the deadline, in whole milliseconds from a later moment.
            return (SlotLease { token, number: None }, false);
        }
        let renew_at = asked_at + INTERVAL;
        let lease = RenewedLease { key: key.into(), token: token.clone(), deadline, renew_at };
        let mut renewed = self.0.lock();
        renewed.last_number += 1;
        let number = renewed.last_number;
        renewed.by_number.insert(number, lease);
        let is_earliest = renewed.planned.is_none_or(|planned| renew_at < planned);
        if is_earliest {
            renewed.planned = Some(renew_at);
        }
        (SlotLease { token, number: Some(number) }, is_earliest)
    }

    /// Runs the first half of step 3. Returns the token of the lease.
    pub(crate) fn forget(&self, lease: SlotLease) -> LeaseToken {
        if let Some(number) = lease.number {
            self.0.lock().by_number.remove(&number);
        }
        lease.token
    }

    /// Returns the time until the next renewal, and records it as planned. Returns `None` if there is nothing
    /// to renew.
    pub(super) fn until_renewal(&self, now: Duration) -> Option<Duration> {
        let mut renewed = self.0.lock();
        renewed.planned = renewed.by_number.values().map(|lease| lease.renew_at).min();
        renewed.planned.map(|planned| planned.saturating_sub(now))
    }

    /// Runs step 2: returns the leases that are due, with the lengths of their renewals, and plans the next
    /// renewals. Forgets the leases that need no further renewal.
    pub(super) fn take_due(&self, now: Duration) -> Vec<(RemoteKey, LeaseToken, Duration)> {
        let mut renewed = self.0.lock();
        let mut due = Vec::new();
        renewed.by_number.retain(|_, lease| {
            if lease.renew_at > now {
                return true;
            }
            lease.renew_at = now + INTERVAL;
            let length = length(lease.deadline);
            if !length.is_zero() {
                due.push((lease.key.clone(), lease.token.clone(), length));
            }
            // A shorter renewal lasts until the deadline, so it is the last one.
            length == MAX_LENGTH
        });
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn token(number: u8) -> LeaseToken {
        LeaseToken(Box::new([number]))
    }

    /// Notes the lease of a load that had this deadline when it asked.
    fn note(leases: &SlotLeases, number: u8, deadline: Deadline, asked_at: Duration) -> (SlotLease, bool) {
        leases.note(b"k", token(number), deadline, (asked_at, length(deadline)))
    }

    #[test]
    fn a_lease_is_renewed_until_its_load_ends() {
        let leases = SlotLeases::default();
        let (lease, _) = note(&leases, 1, Deadline::after(MINUTE), ms(500));
        assert_eq!(leases.until_renewal(ms(1_000)), Some(ms(2_833)), "counted from the question");
        assert!(leases.take_due(ms(3_832)).is_empty());
        assert_eq!(leases.take_due(ms(3_833)), [(RemoteKey::from(*b"k"), token(1), MAX_LENGTH)]);
        assert_eq!(leases.until_renewal(ms(3_833)), Some(INTERVAL));
        assert_eq!(leases.forget(lease), token(1));
        assert_eq!((leases.take_due(MINUTE), leases.until_renewal(MINUTE)), (Vec::new(), None));
    }

    #[test]
    fn a_lease_is_renewed_no_longer_than_its_load_may_take() {
        let leases = SlotLeases::default();
        let near = Deadline::after(MAX_LENGTH / 2);
        assert_eq!(note(&leases, 1, near, ms(0)).0.number, None, "it needs no renewal");
        assert!(length(near) <= MAX_LENGTH && length(Deadline::after(MINUTE)) == MAX_LENGTH);
        note(&leases, 2, Deadline::after(MINUTE), ms(0));
        for lease in leases.0.lock().by_number.values_mut() {
            lease.deadline = near;
        }
        let due = leases.take_due(ms(3_333));
        assert!(due.len() == 1 && due[0].2 < MAX_LENGTH, "{due:?}");
        assert_eq!(leases.until_renewal(ms(3_333)), None, "that was the last renewal");
        note(&leases, 3, Deadline::after(MINUTE), ms(0));
        for lease in leases.0.lock().by_number.values_mut() {
            lease.deadline = Deadline::after(Duration::ZERO);
        }
        assert!(leases.take_due(MINUTE).is_empty() && leases.until_renewal(MINUTE).is_none());
    }

    #[test]
    fn a_lease_that_would_end_before_its_load_is_renewed_after_a_late_answer() {
        let leases = SlotLeases::default();
        // When the load asked, it had more time left than the longest lease.
        let deadline = Deadline::after(MAX_LENGTH * 9 / 10);
        let (lease, _) = leases.note(b"k", token(1), deadline, (ms(0), MAX_LENGTH));
        assert!(lease.number.is_some());
        let due = leases.take_due(ms(3_333));
        assert!(due.len() == 1 && due[0].2 < MAX_LENGTH, "{due:?}");
    }

    #[test]
    fn a_load_wakes_the_sweeper_only_for_an_earlier_renewal() {
        let leases = SlotLeases::default();
        let wakes = |asked_at| {
            let (lease, wakes) = note(&leases, 1, Deadline::after(MINUTE), asked_at);
            leases.forget(lease);
            wakes
        };
        assert!(wakes(ms(500)), "the sweeper has planned nothing");
        assert!(!wakes(ms(600)) && !wakes(ms(500)), "it will look early enough");
        assert!(wakes(ms(400)), "a question whose answer was late");
        assert_eq!(leases.until_renewal(ms(3_733)), None);
        assert!(wakes(ms(3_800)), "it has looked, and planned nothing");
    }
}
