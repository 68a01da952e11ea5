//! Ends a load at the server: steps 5 and 6 of a load ([`super`]).

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::write::OutgoingRecord;
use crate::api::keyspace::Keyspace;
use crate::api::keyspace::load_lease::LoadLease;
use crate::api::keyspace::ttl::Ttl;
use crate::engine::promotion::RemoteOrigin;
use crate::engine::remote::batch_room::TakenRoom;
use crate::engine::remote::link::RemoteLink;
use crate::engine::remote::lookup::is_plain;
use crate::engine::remote::sharing::Sharing;
use crate::error::Error;
use crate::format::key::Key;
use crate::memory::entry::{IncomingEntry, Value};
use crate::memory::grace::Grace;
use crate::memory::key_leases::LeaseId;
use crate::memory::leases::Permit;
use crate::memory::slot_key::SlotKey;
use crate::memory::weight::Weight;
use crate::remote::tier::{FillReply, LeaseToken, RemoteTier, SetCondition};
use crate::stats::count::Count;
use crate::sys::sync::Arc;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};

/// Returns whether a token belongs to a keyspace in the raw format, which has no leases.
fn is_unleased(token: &LeaseToken) -> bool {
    token.0.is_empty()
}

/// The result of the request that stores a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FillOutcome {
    Stored,
    /// The server has not stored the record, because the lease was no longer valid.
    Void,
    /// The server has not stored the record for another reason, so it may still have the lease.
    Refused,
    /// The server may have stored the record.
    Unanswered,
}

impl FillOutcome {
    /// Returns whether the server has stored the record, as far as this is known.
    fn is_stored(self) -> Option<bool> {
        match self {
            Self::Stored => Some(true),
            Self::Void => Some(false),
            Self::Refused | Self::Unanswered => None,
        }
    }
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> LoadLease<K, V> {
    /// Stores a loaded value, or an absence, at the server. Returns whether the server has stored it. The
    /// caller must have set the outcome of the flight. If the server answers that the lease is no longer
    /// valid, the outcome is not shared.
    pub(in crate::api::keyspace) async fn fill_remote(
        &mut self,
        keyspace: &Keyspace<K, V>,
        value: Option<&Arc<V>>,
        ttl: Ttl,
    ) -> Result<bool, Error> {
        let Some(link) = keyspace.link() else { return Ok(false) };
        let memory = &keyspace.shared.tiers.memory;
        let stored_key = self.key.clone();
        let key = memory.key(&stored_key);
        if self.remote.is_none() && self.replaced.is_none() {
            return Ok(false);
        }
        let is_storable = value.is_some() || !is_plain(keyspace.opened.kind.format);
        if !is_storable || keyspace.shared.is_closed() || self.deadline.is_over() {
            self.give_back(keyspace, key).await;
            return Ok(false);
        }
        // A user's `Serialize` or weigher may panic here. Then the lease still has its token, and its
        // `Drop` releases the lease at the server. Except in the raw format, `sharing` is still `Never`.
        let (outgoing, _room) = match self.encode_fill(keyspace, key, value, ttl).await {
            Ok(Some(outgoing)) => outgoing,
            not_stored => {
                if let Err(error) = &not_stored {
                    keyspace.count_refused(key, error);
                }
                self.give_back(keyspace, key).await;
                return not_stored.map(|_| false);
            }
        };
        let weight = match value {
            Some(value) => keyspace.weigh(key, outgoing.encoded_len, value),
            None => keyspace.weigh_absence(key),
        };
        let filled = match (self.replaced.take(), self.take_token(link)) {
            (Some(replaced), _) => self.replace_remote(keyspace, key, outgoing, *replaced).await,
            (None, None) => return Ok(false),
            (None, Some(token)) if is_unleased(&token) => {
                self.fill_plain(keyspace, key, value, (outgoing, weight)).await
            }
            (None, Some(token)) => {
                self.share_if_unchanged(keyspace, key);
                let sent = keyspace.send_fill(link, key, token.clone(), value, (outgoing, weight)).await;
                if sent == FillOutcome::Refused {
                    self.release_slot(keyspace, key, token).await;
                }
                sent.is_stored()
            }
        };
        if filled == Some(false) {
            self.sharing = Sharing::Never;
        }
        if filled != Some(true) {
            keyspace.opened.counters.add(Count::VoidedFills);
        }
        Ok(filled == Some(true))
    }

    /// Encodes the record of a value or an absence. The value of a batch also waits for room. Returns `None`
    /// if the value is not to be stored.
    async fn encode_fill(
        &self,
        keyspace: &Keyspace<K, V>,
        key: SlotKey<'_>,
        value: Option<&Arc<V>>,
        ttl: Ttl,
    ) -> Result<Option<(OutgoingRecord, Option<TakenRoom>)>, Error> {
        let life = || {
            let (now, (_, ends_at)) = (keyspace.now(), keyspace.expiry_after_write(key, ttl, None));
            let is_stored = ends_at > now && !self.deadline.is_over();
            is_stored.then(|| keyspace.outgoing_life(value, (now, ends_at), self.took))
        };
        if life().is_none() {
            return Ok(None);
        }
        let batch = self.batch.as_ref();
        let Some((encoded, room)) = keyspace.encode_in_batch(value, batch).await? else { return Ok(None) };
        // Determined again, because the value may have waited for room.
        let outgoing = life().and_then(|life| keyspace.outgoing_encoded(key, encoded, life));
        Ok(outgoing.map(|outgoing| (outgoing, room)))
    }

    /// Takes the token of the server's lease. The lease is no longer renewed.
    fn take_token(&mut self, link: &RemoteLink) -> Option<LeaseToken> {
        self.remote.take().map(|lease| link.leases.forget(lease))
    }

    /// Stores a value in the raw format. The server has no leases for this format, so the local lease is used
    /// instead:
    ///
    /// 1. Check that the local lease is still valid: this process has not changed the key since the lease was
    ///    taken.
    /// 2. Send the value. The server stores it if the key has no value.
    /// 3. If the local lease is no longer valid, this process may have made a change between (1) and (2),
    ///    or may be making one. Then remove the value, if it is still there. A change that begins after (3)
    ///    reaches the server after the store of (2).
    ///
    /// Without (3), a removal between (1) and (2) would be undone. A removal by another machine before (2) is
    /// not detected: it leaves the slot without a value, as at the beginning of the load. So the waiting
    /// callers get the value only if no push has voided the token that was taken before the request.
    async fn fill_plain(
        &mut self,
        keyspace: &Keyspace<K, V>,
        key: SlotKey<'_>,
        value: Option<&Arc<V>>,
        outgoing: (OutgoingRecord, Weight),
    ) -> Option<bool> {
        let link = keyspace.link()?;
        let memory = &keyspace.shared.tiers.memory;
        let is_held = |id: Option<LeaseId>| id.is_some_and(|id| memory.permits(key, Permit::Lease(id)));
        // 1.
        if !is_held(self.id) {
            return Some(false);
        }
        // 2.
        let bytes = outgoing.0.bytes.clone();
        let filled = keyspace.send_fill(link, key, LeaseToken::default(), value, outgoing).await.is_stored();
        // 3.
        if is_held(self.id) {
            return filled;
        }
        if filled != Some(false) {
            drop(keyspace.remove_remote_unchanged(key, &bytes).await);
        }
        Some(false)
    }

    /// Stores an absence like [`fill_remote`](Self::fill_remote), if it is to be cached. Otherwise releases
    /// the lease.
    pub(in crate::api::keyspace) async fn fill_remote_absence(
        &mut self,
        keyspace: &Keyspace<K, V>,
        ttl: Option<Ttl>,
    ) -> bool {
        let stored_key = self.key.clone();
        let key = keyspace.shared.tiers.memory.key(&stored_key);
        let is_cached = !is_plain(keyspace.opened.kind.format);
        if let Some(ttl) = keyspace.wanted_absent_ttl(ttl).filter(|_| is_cached) {
            return self.fill_remote(keyspace, None, ttl).await.unwrap_or(false);
        }
        self.remove_replaced(keyspace, key).await;
        self.give_back_with_value().await;
        false
    }

    /// Releases the server's lease, and waits for the answer. If a change has voided the lease, the waiting
    /// callers look the key up again. [`super::sharing`] explains the order of the steps. A load that
    /// replaces a record has no lease at the server, and compares the record instead.
    async fn give_back(&mut self, keyspace: &Keyspace<K, V>, key: SlotKey<'_>) {
        if let Some(replaced) = self.replaced.take() {
            return self.keep_replaced(keyspace, key, &replaced).await;
        }
        let Some(link) = keyspace.link() else { return };
        let Some(token) = self.take_token(link) else { return };
        if !is_unleased(&token) {
            self.sharing = Sharing::Never;
            self.release_slot(keyspace, key, token).await;
        }
    }

    /// Detaches the flight, then releases the server's lease with this token. The answer decides who gets the
    /// value of the load. Without an answer, the setting does not change.
    async fn release_slot(&mut self, keyspace: &Keyspace<K, V>, key: SlotKey<'_>, token: LeaseToken) {
        let Some(link) = keyspace.link() else { return };
        if let Some(id) = self.id.take() {
            keyspace.shared.tiers.memory.release(key, id);
        }
        let held = link.answer_to(|tier, reply| tier.release(key.bytes.into(), token, reply)).await;
        match link.count(held) {
            Some(true) => self.sharing = Sharing::Always,
            Some(false) => self.sharing = Sharing::Never,
            None => {}
        }
    }

    /// Like [`give_back`](Self::give_back), for a value that the waiting callers get but that is not cached.
    pub(in crate::api::keyspace) async fn give_back_with_value(&mut self) {
        let Some(keyspace) = self.keyspace() else { return };
        let key = self.key.clone();
        self.give_back(&keyspace, keyspace.shared.tiers.memory.key(&key)).await;
    }

    /// Releases the lease at the server. Does not wait for the answer.
    pub(in crate::api::keyspace) fn drop_remote(&mut self, keyspace: &Keyspace<K, V>) {
        if let Some(link) = keyspace.link()
            && let Some(token) = self.take_token(link).filter(|token| !is_unleased(token))
        {
            drop(link.begin(|tier, reply| tier.release((&*self.key).into(), token, reply)));
        }
    }
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Runs steps 5 and 6. The lease must no longer be renewed.
    async fn send_fill(
        &self,
        link: &RemoteLink,
        key: SlotKey<'_>,
        lease: LeaseToken,
        value: Option<&Arc<V>>,
        (outgoing, weight): (OutgoingRecord, Weight),
    ) -> FillOutcome {
        let OutgoingRecord { bytes, life, expires_at, extras, .. } = outgoing;
        // 5.
        let Some(miss) = self.shared.tiers.memory.near_token(key) else { return FillOutcome::Unanswered };
        if failpoint_is_set(Failpoint::RemoteFillWithoutLease) {
            let condition = SetCondition::Always;
            let set =
                |tier: &dyn RemoteTier, reply| tier.set(key.bytes.into(), bytes, life, condition, reply);
            return match link.count(link.answer_to(set).await) {
                Some(true) => FillOutcome::Stored,
                Some(false) => FillOutcome::Void,
                None => FillOutcome::Unanswered,
            };
        }
        let filled =
            link.answer_to(|tier, reply| tier.fill(key.bytes.into(), lease, bytes, life, reply)).await;
        let is_refused = filled.as_ref().is_err_and(|error| !error.may_be_applied());
        let value = value.cloned().map(|value| value as Value);
        let extras = extras.filter(|_| value.is_some() && self.opened.keeps_extras());
        let entry = IncomingEntry { value, expires_at, grace: Grace::NONE, weight, unsaved: None, extras };
        // 6.
        match link.count(filled) {
            Some(FillReply::Stored { generation, is_tracked }) => {
                let origin = RemoteOrigin { generation, is_tracked };
                let late = failpoint_is_set(Failpoint::FillTokenAfterAnswer)
                    .then(|| self.shared.tiers.memory.near_token(key))
                    .flatten();
                let token = late.as_ref().unwrap_or(&miss).epoch_token;
                self.shared.fill_near(key, token, entry, origin);
                FillOutcome::Stored
            }
            Some(FillReply::Void) => {
                if failpoint_is_set(Failpoint::NearFillAlone) {
                    let generation = link.tier.generation();
                    let origin = RemoteOrigin { generation, is_tracked: true };
                    self.shared.fill_near(key, miss.epoch_token, entry, origin);
                }
                FillOutcome::Void
            }
            None if is_refused => FillOutcome::Refused,
            None => FillOutcome::Unanswered,
        }
    }
}
