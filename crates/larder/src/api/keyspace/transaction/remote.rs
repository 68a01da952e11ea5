//! The steps of a transaction in remote keyspaces.
//!
//! 1. Call the closure. Read each key at the server, and not in memory: a near copy may be outdated. Keep
//!    the record of the slot as a condition, or the condition that the slot has no record. Encode each new
//!    value.
//! 2. Check that the changes are not too large for one request.
//! 3. Drop the near copies of the changed keys, and void their tokens, leases and flights, as for a single
//!    change ([`crate::api::keyspace::remote`]).
//! 4. Send all conditions and all changes in one request, and wait for the answer
//!    ([`RemoteTier::commit`](crate::remote::RemoteTier::commit)). At one moment, the server checks that each
//!    slot still has the content of (1), and then makes all changes, or none.
//! 5. Repeat (3), whatever the answer is. A lookup that began after (3) may have been answered before the
//!    server made the changes, and may have filled memory.
//! 6. If a condition does not hold, the round is lost, and the next round begins. After [`MAX_LOST`] lost
//!    rounds, the transaction is an error, because the server may be broken and answer so forever.
//!
//! With one request for the conditions and another one for the changes, a change by another machine in
//! between would be overwritten. With one request for each change, other machines could find a part of the
//! transaction. If the connection were lost in between, the other changes would never be made.
//!
//! A read is valid at the moment of (4) if the slot then has the same content. It does not matter whether the
//! slot has changed and changed back in the meantime: the transaction takes effect at that moment, and its
//! closure would read the same. So this also holds in the raw format, in which two records may have the same
//! bytes. There, only the remaining time of an entry may have changed. A lease marker counts as no record.
//! The changes void it. The changes ignore fences, like any other change that is not a load.
//!
//! A value that is live at (1) may expire before (4), while the server keeps its record for the grace. So the
//! server compares the remaining time with the grace, too.
//!
//! If the connection is lost after (4) was sent, it is unknown whether the server has made the changes
//! ([`RemoteError::may_be_applied`](crate::RemoteError::may_be_applied)). It has made all of them or none.
//!
//! An error of the closure, and a transaction without changes, also need reads that are valid at one moment.
//! So the conditions are sent without changes. A single condition is not sent, because a single read is of
//! one moment anyway.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::commit_wait::CommitWait;
use super::{KeyChange, KeyContent, KeyRead, RoundWaits, Transaction, TransactionKey};
use crate::api::keyspace::Keyspace;
use crate::engine::remote::link::RemoteLink;
use crate::engine::remote::lookup::is_plain;
use crate::error::Error;
use crate::error::remote_error::{RemoteError, RemoteErrorKind};
use crate::format::key::Key;
use crate::memory::entry::Value;
use crate::memory::evicted_values::EvictedValues;
use crate::memory::slot_key::SlotKey;
use crate::remote::tier::{CommitChange, CommitCondition, RemoteKey, RemoteRecord, WatchToken};
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};
use crate::units::{ByteSize, Timestamp};

/// The maximum length of all values that a request stores, and of all values that a transaction has read, if
/// there are several.
const MAX_LEN: ByteSize = ByteSize::mib(32);

/// Maximum number of rounds that a transaction loses at the server. If a hundred machines change the same key
/// all the time, and each wins one round of a hundred, four of 100,000 transactions lose so many rounds.
const MAX_LOST: u32 = 1_000;

type Conditions = Vec<(RemoteKey, CommitCondition)>;
type Changes = Vec<(RemoteKey, CommitChange)>;

impl TransactionKey {
    fn is_plain(&self) -> bool {
        self.keyspace.as_ref().is_some_and(|keyspace| is_plain(keyspace.kind.format))
    }

    /// Returns the record that was read.
    fn record(&self) -> Option<&[u8]> {
        self.conditions.iter().find_map(|condition| match condition {
            CommitCondition::Unchanged(record) | CommitCondition::Live(record) => Some(record.as_slice()),
            CommitCondition::Absent | CommitCondition::Watched(_) => None,
        })
    }
}

impl Transaction<'_> {
    pub(super) fn is_remote(&self) -> bool {
        self.keys.first().is_some_and(TransactionKey::is_remote)
    }

    /// Runs the reads of step 1 for remote keys that the transaction has neither read nor changed. For other
    /// keys, the reads come later, unless this round must not wait ([`Self::read_at_once`]).
    ///
    /// # Errors
    /// Returns an error if the server could not be read, if this round must not wait, or if the values that
    /// the transaction has read are too long.
    pub(super) fn fetch<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static>(
        &mut self,
        keyspace: &Keyspace<K, V>,
        places: &[usize],
    ) -> Result<(), Error> {
        let Some(link) = keyspace.link() else { return self.read_at_once(keyspace, places) };
        let is_unread =
            |at: &usize| self.keys.get(*at).is_some_and(|key| key.read.is_none() && key.change.is_none());
        let mut unread: Vec<_> = places.iter().copied().filter(is_unread).collect();
        unread.sort_unstable();
        unread.dedup();
        if unread.is_empty() {
            return Ok(());
        }
        if self.waits != RoundWaits::Allowed {
            self.waits = RoundWaits::Needed;
            // Ends the closure, which must not see a miss for a key that was not read. The round is discarded
            // with its error.
            return Err(Error::Changed);
        }
        let keys = unread.iter().filter_map(|at| self.keys.get(*at));
        let keys: Vec<RemoteKey> = keys.map(|key| (&*key.full).into()).collect();
        let asked_at = keyspace.now();
        let records = read(link, keys)?;
        let before = self.keys.iter().filter_map(TransactionKey::record).map(<[u8]>::len);
        let found = records.iter().flatten().map(|record| record.bytes.len());
        self.refuse_lens(before.chain(found), "of values that were read")?;
        for (at, record) in unread.into_iter().zip(records) {
            if let Some(key) = self.keys.get_mut(at) {
                key.note_record(keyspace, record, asked_at);
            }
        }
        Ok(())
    }

    /// Runs steps 2 to 5. Returns `None` if the round is lost, or would have to wait but must not.
    pub(super) fn publish_remote(&mut self) -> Result<Option<CommitWait>, Error> {
        let shared = self.shared;
        let Some(link) = shared.tiers.remote() else { return Err(Error::Closed) };
        if self.waits != RoundWaits::Allowed {
            self.waits = RoundWaits::Needed;
            return Ok(None);
        }
        // 2.
        let changes = self.take_changes();
        self.refuse_too_long(&changes)?;
        // Dropped with the values that the transaction has read, after the changes are made.
        let mut dropped = EvictedValues::default();
        let keys: Vec<RemoteKey> = changes.iter().map(|(key, _)| key.clone()).collect();
        let mut void = || {
            let memory = &shared.tiers.memory;
            for key in &keys {
                memory.forget(memory.key(key), shared.tiers.time.now(), &mut dropped);
            }
        };
        // 3.
        void();
        // 4.
        let answer = send(link, self.take_conditions(), changes);
        // 5.
        void();
        // 6.
        if !answer? {
            return Ok(None);
        }
        self.count();
        Ok(Some(self.commit_wait(false, 0, dropped)))
    }

    /// Returns an error if the transaction has lost too many rounds at the server (step 6).
    pub(super) fn refuse_endless_rounds(&self, lost: u32) -> Result<(), Error> {
        let is_endless = self.is_remote() && lost >= MAX_LOST;
        let Some(link) = self.shared.tiers.remote().filter(|_| is_endless) else { return Ok(()) };
        let cause = format!(
            "the server says after each of {lost} rounds that a key was changed meanwhile; use fewer keys in \
             one transaction, or change them less often"
        );
        Err(link.error("make a transaction", RemoteError::new(RemoteErrorKind::Refused, cause)))
    }

    /// Returns whether all conditions hold at the same moment.
    pub(super) fn conditions_hold(&mut self) -> Result<bool, Error> {
        self.refuse_too_long(&Changes::new())?;
        let conditions = self.take_conditions();
        let Some(link) = self.shared.tiers.remote().filter(|_| conditions.len() > 1) else {
            return Ok(true);
        };
        send(link, conditions, Vec::new())
    }

    /// Adds the condition that a watched slot has not changed. If it has changed, no later round can succeed,
    /// so the server is asked now.
    pub(super) fn require_at_server(&mut self, at: usize, token: &WatchToken) -> Result<(), Error> {
        let Some((link, key)) = self.shared.tiers.remote().zip(self.keys.get_mut(at)) else { return Ok(()) };
        let condition = CommitCondition::Watched(token.clone());
        if send(link, vec![((&*key.full).into(), condition.clone())], Vec::new())? {
            key.conditions.push(condition);
            return Ok(());
        }
        self.is_broken = true;
        Err(Error::Changed)
    }

    /// Takes the conditions, because a round sends them once.
    fn take_conditions(&mut self) -> Conditions {
        let mut conditions = Vec::new();
        for key in &mut self.keys {
            let of_key = std::mem::take(&mut key.conditions).into_iter();
            conditions.extend(of_key.map(|condition| ((&*key.full).into(), condition)));
        }
        conditions
    }

    fn take_changes(&mut self) -> Changes {
        let mut changes = Vec::new();
        for key in &mut self.keys {
            let entry = key.read.as_ref().and_then(KeyRead::found);
            let Some(mut change) = key.change.take() else { continue };
            let made = match &mut change {
                KeyChange::Put(put) => put.take_change(key.slot_key(), entry, key.record()),
                KeyChange::Remove => Some(CommitChange::Remove),
            };
            key.change = Some(change);
            changes.extend(made.map(|made| ((&*key.full).into(), made)));
        }
        changes
    }

    /// Refuses a transaction whose values are too long. In the raw format, the values that were read count,
    /// too, because the request contains them.
    fn refuse_too_long(&self, changes: &Changes) -> Result<(), Error> {
        let stored = changes.iter().filter_map(|(_, change)| match change {
            CommitChange::Set(record, _) => Some(record.len()),
            CommitChange::Remove => None,
        });
        let compared = self.keys.iter().filter(|key| key.is_plain()).filter_map(|key| key.record());
        self.refuse_lens(stored.chain(compared.map(<[u8]>::len)), "of values")
    }

    /// Refuses several values that are together too long. A single value may be as long as in an insert.
    fn refuse_lens(&self, lens: impl Iterator<Item = usize>, what: &str) -> Result<(), Error> {
        let (count, len) = lens.fold((0, 0), |(count, sum), len| (count + 1, sum + len as u64));
        if count < 2 || len <= MAX_LEN.as_u64() {
            return Ok(());
        }
        Err(Error::GroupTooLarge {
            keyspace: self.keys.last().map(TransactionKey::name).unwrap_or_default(),
            size: format!("{} {what}", ByteSize::bytes(len)),
            max: MAX_LEN.to_string(),
            remedy: "use fewer keys at once",
        })
    }
}

impl TransactionKey {
    /// Stores the result of a read, and its condition. A record without a live value is a miss.
    fn note_record<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static>(
        &mut self,
        keyspace: &Keyspace<K, V>,
        record: Option<RemoteRecord>,
        asked_at: Timestamp,
    ) {
        let slot_key = SlotKey { hash: self.hash, bytes: &self.full };
        let decoded = record.as_ref().and_then(|record| {
            let decoded = keyspace.shared.decode_remote::<V>(&keyspace.opened, slot_key, record, asked_at)?;
            Some((decoded.value.clone()?, decoded.entry(), decoded.extras))
        });
        self.conditions.push(match record {
            None => CommitCondition::Absent,
            Some(record) if decoded.is_some() => CommitCondition::Live(record.bytes),
            Some(record) => CommitCondition::Unchanged(record.bytes),
        });
        let (value, entry, extras) = match decoded {
            Some((value, entry, extras)) => (KeyContent::Value(value as Value), Some(entry), Some(extras)),
            None => (KeyContent::None, None, None),
        };
        let (lease, is_in_memory, is_unread) = (None, false, false);
        self.read = Some(KeyRead { lease, entry, value, extras, is_in_memory, is_unread });
    }
}

/// Reads the records of the keys, with one call of the tier.
fn read(link: &RemoteLink, mut keys: Vec<RemoteKey>) -> Result<Vec<Option<RemoteRecord>>, Error> {
    let records = match (keys.len(), keys.pop()) {
        (1, Some(key)) => link.ask(|tier, reply| tier.get(key, reply)).map(|record| vec![record]),
        (_, last) => {
            keys.extend(last);
            link.ask(|tier, reply| tier.get_many(keys, reply))
        }
    };
    records.map_err(|cause| link.error("read the keys of a transaction", cause))
}

/// Runs step 4. Returns whether all conditions hold.
fn send(link: &RemoteLink, conditions: Conditions, changes: Changes) -> Result<bool, Error> {
    let error = |cause| link.error("make a transaction", cause);
    let commit =
        |conditions, changes| link.ask(|tier, reply| tier.commit(conditions, changes, reply)).map_err(error);
    if failpoint_is_set(Failpoint::CommitUnchecked) {
        return commit(Vec::new(), changes);
    }
    if failpoint_is_set(Failpoint::CommitAfterCheck) {
        return Ok(commit(conditions, Vec::new())? && commit(Vec::new(), changes)?);
    }
    if failpoint_is_set(Failpoint::CommitOneByOne) {
        let mut changes = changes.into_iter();
        let first = changes.next().into_iter().collect();
        if !commit(conditions, first)? {
            return Ok(false);
        }
        for change in changes {
            commit(Vec::new(), vec![change])?;
        }
        return Ok(true);
    }
    commit(conditions, changes)
}
