//! Which callers get the value of a load: those that wait for its flight, or the leader alone.
//!
//! A change on another machine does not detach the flight, so a caller may join it after that change. The
//! value of the load may be older. So when a load at a server ends:
//!
//! 1. Before the last request of the load is sent, take the epoch token of the key.
//! 2. Detach the flight. No caller joins it any more.
//! 3. If the token still holds and memory is valid, give the value to all callers that wait: every change
//!    that was acknowledged before the bound has been pushed by now, and would have voided the token.
//!    Otherwise the callers look again.
//!
//! With (3) before (2), a caller could join after the check, and after a change.
//!
//! A load that stores nothing gives its lease back, and the server pushes that change like any other. The
//! push would void the token of (1). So the answer of the server is the check:
//!
//! 1. Detach the flight. No caller joins it any more.
//! 2. Give the lease back. The server says whether the lease held until then.
//! 3. If it did, give the value or the absence to all callers that wait: they joined before (1), and no
//!    change was made until (2). Otherwise, or without an answer, the callers look again.
//!
//! With (2) before (1), a caller could join after the lease was given back, and after a change.
//!
//! The caller that began the load gets its value in each case: it came before the load.

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
    /// Does step 1.
    pub(super) fn share_if_unchanged(&mut self, keyspace: &Keyspace<K, V>, key: SlotKey<'_>) {
        if let Some(miss) = keyspace.shared.tiers.memory.near_token(key) {
            self.sharing = Sharing::IfUnchanged(miss.epoch_token);
        }
    }

    /// Does step 3. The flight is detached already.
    pub(in crate::api::keyspace) fn unshare_if_changed(&mut self, keyspace: &Keyspace<K, V>) {
        let shares = match self.sharing {
            Sharing::Always => true,
            Sharing::Never => false,
            Sharing::IfUnchanged(token) => {
                failpoint_is_set(Failpoint::ShareUnchecked) || keyspace.is_unchanged(&self.key, token)
            }
        };
        if !shares {
            self.outcome = match self.outcome.take() {
                Some(FlightOutcome::Value(value)) => Some(FlightOutcome::Unshared(value)),
                Some(FlightOutcome::Absent) => Some(FlightOutcome::UnsharedAbsence),
                other => other,
            };
        }
    }
}

impl<K: Key, V> Keyspace<K, V> {
    /// Returns whether the server has told of no change since the token was taken, and is heard.
    fn is_unchanged(&self, full: &[u8], token: EpochToken) -> bool {
        let Some(link) = self.link() else { return true };
        let memory = &self.shared.tiers.memory;
        // The validity is read before the token is checked: see `engine::remote::lookup`.
        let validity = link.tier.validity();
        memory.permits(memory.key(full), Permit::EpochToken(token)) && link.tier.is_current(validity)
    }
}
