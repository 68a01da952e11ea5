//! Decides which callers get the value of a load: all callers that wait for its flight, or only the leader.
//!
//! A change by another machine does not detach the flight, so a caller may join the flight after that change.
//! The loaded value may be older than the change. So a load at a server ends with these steps:
//!
//! 1. Take the epoch token of the key, before sending the last request of the load.
//! 2. Detach the flight, so that no further caller joins it.
//! 3. If the token is still valid and memory is valid, pass the value to all waiting callers. Every change
//!    that was acknowledged before the start of the validity has been pushed by now, and would have voided
//!    the token. Otherwise the waiting callers look the key up again.
//!
//! If (3) came before (2), a caller could join after a change that the check did not cover.
//!
//! A load that stores nothing releases its lease. The server pushes the release like any other change, and
//! the push would void the token of (1). So the server's answer is used for the check instead:
//!
//! 1. Detach the flight, so that no further caller joins it.
//! 2. Release the lease. The server answers whether the lease was still valid.
//! 3. If it was, pass the value or the absence to all waiting callers: they joined before (1), and the key
//!    was not changed until (2). Otherwise, or without an answer, the waiting callers look the key up again.
//!
//! If (2) came before (1), a caller could join after the release, and after a later change.
//!
//! A load that replaces a record ([`super::replace`]) has no lease at the server. If it stores nothing, its
//! step (2) reads the record again instead. If the bytes are those of the record that the load has read, the
//! key was not changed until then.
//!
//! The caller that began the load always gets its value, because the call began before the load.
//!
//! At first, the setting is that only the leader gets the value. A panic in the encoding of the value or in
//! a weigher can end the load without (1), and then this setting applies. Except in the raw format, a load
//! that has no lease although the server answers keeps this setting. Either the key is being updated, or
//! the load has found too many unusable records.
//!
//! A load that began because the server did not answer has no lease, and gets no pushes. Its value is shared
//! only if the outage lasts until its end:
//!
//! 1. Read the generation of the connection, and then send the request. There is no answer.
//! 2. Run the loader, and then detach the flight.
//! 3. If the generation is still that of (1), and memory is not valid, pass the value to all waiting
//!    callers. Otherwise the connection worked for a time, and a caller may have joined after a change that
//!    this caller has seen. Then the waiting callers look the key up again.
//!
//! If the generation were read after the failed request, a new connection in between would not be detected.
//!
//! If the value is not shared, the key gets a pass before the waiting callers look it up again. Otherwise
//! they would load the key one after another, each waiting for the load before it.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::keyspace::Keyspace;
use crate::api::keyspace::load_lease::LoadLease;
use crate::engine::flights::FlightOutcome;
use crate::engine::remote::sharing::Sharing;
use crate::format::key::Key;
use crate::memory::epochs::EpochToken;
use crate::memory::leases::Permit;
use crate::memory::slot_key::SlotKey;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> LoadLease<K, V> {
    /// Runs step 1 of the first list.
    pub(super) fn share_if_unchanged(&mut self, keyspace: &Keyspace<K, V>, key: SlotKey<'_>) {
        if let Some(miss) = keyspace.shared.tiers.memory.near_token(key) {
            self.sharing = Sharing::IfUnchanged(miss.epoch_token);
        }
    }

    /// Runs step 3 of each list. The flight must already be detached. Without a keyspace, an outcome that
    /// needs a check is not shared.
    pub(in crate::api::keyspace) fn unshare_if_changed(&mut self, keyspace: Option<&Keyspace<K, V>>) {
        let shares = match self.sharing {
            Sharing::Always => true,
            Sharing::Never => false,
            Sharing::IfUnheard(generation) => {
                keyspace.is_some_and(|keyspace| keyspace.is_unheard(generation))
            }
            Sharing::IfUnchanged(token) => {
                failpoint_is_set(Failpoint::ShareUnchecked)
                    || keyspace.is_some_and(|keyspace| keyspace.is_unchanged(&self.key, token))
            }
        };
        if shares {
            return;
        }
        self.outcome = match self.outcome.take() {
            Some(FlightOutcome::Value(value)) => Some(FlightOutcome::Unshared(value)),
            Some(FlightOutcome::Absent) => Some(FlightOutcome::UnsharedAbsence),
            other => other,
        };
        if let (Some(keyspace), true) = (keyspace, self.flight.is_some()) {
            let memory = &keyspace.shared.tiers.memory;
            memory.give_pass_now(memory.key(&self.key));
        }
    }
}

impl<K: Key, V> Keyspace<K, V> {
    /// Returns whether the server is unreachable, and no new connection has been made since this generation
    /// was read.
    fn is_unheard(&self, generation: u64) -> bool {
        let Some(link) = self.link() else { return true };
        link.tier.generation() == generation && !link.validity.is_current(link.validity.until())
    }

    /// Returns whether the server is reachable, and has pushed no change since the token was taken.
    fn is_unchanged(&self, full: &[u8], token: EpochToken) -> bool {
        let Some(link) = self.link() else { return true };
        let memory = &self.shared.tiers.memory;
        // The validity is read before the token is checked: see `engine::remote::lookup`. During an update of
        // the key, the token is refused, although the value would be valid. The check is that of a near copy,
        // and it costs the waiting callers a request only if an update begins at the end of the load.
        let until = link.validity.until();
        memory.permits(memory.key(full), Permit::EpochToken(token)) && link.validity.is_current(until)
    }
}
