//! Lookups of keys in a remote tier: in memory first, then at the server.
//!
//! 1. Load the deadline of memory ([`Validity`](crate::remote::validity::Validity)), then look in memory.
//! 2. Read the clock of the deadline. If the deadline has not passed, return the result of (1). If the clock
//!    were read before the value, and the process were paused in between, the lookup could return a value
//!    that was removed long ago. A hit also checks the entry's expiry by this reading, so it reads no second
//!    clock. It loads the bound of the time in (1), so that nothing but comparisons follows the reading.
//! 3. Otherwise drop the entry of (1), and take the epoch token of the key. A push voids the token.
//! 4. Read the time, and send the request. The life of the entry is counted from this time. If the token were
//!    taken after the answer, a push in between would be missed. If the time were read after the answer, the
//!    entry would live too long by the delay of the answer.
//! 5. Decode the record, on a worker thread if a task looks the key up. Fill memory under the lock of the
//!    shard, if the token is still valid, the connection has not changed since the answer, and the server
//!    will push changes of the key. Otherwise return the value without keeping it.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::link::RemoteLink;
use crate::engine::keyspaces::open_keyspace::OpenKeyspace;
use crate::engine::promotion::{DecodedEntry, RemoteOrigin};
use crate::engine::shared::Shared;
use crate::engine::stored_record::StoredRecord;
use crate::engine::tiers::Tiers;
use crate::format::codec::format::Format;
use crate::format::key::unencoded::UnencodedKey;
use crate::format::keyspace_id::KeyspaceId;
use crate::format::record;
use crate::format::record::{Extension, FORMAT, Header, PayloadCompression, RecordKind};
use crate::memory::entry::Value;
use crate::memory::evicted_values::EvictedValues;
use crate::memory::extras::EntryExtras;
use crate::memory::lookup::Lookup;
use crate::memory::slot_key::SlotKey;
use crate::remote::reply::RemoteResult;
use crate::remote::tier::{RecordTimes, RemoteRecord};
use crate::sys::clock::boot::BootTime;
#[cfg(feature = "async")]
use crate::sys::offload::worker_task::on_worker;
use crate::sys::sync::Arc;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};
use crate::sys::user_code::{HeldValue, drop_caught};
use crate::units::{Remaining, Timestamp, millis};

pub(crate) struct RemoteRead<V> {
    /// The bytes of the record, even if it can't be decoded.
    pub(crate) record: Option<Vec<u8>>,
    pub(crate) decoded: Option<DecodedEntry<V>>,
}

impl Tiers {
    /// Runs steps 1 and 2 of a hit, for an unencoded key. Returns `None` if the validity and the cache's time
    /// have different clocks, as in some tests. Then the caller looks the key up with the exact time.
    #[expect(clippy::inline_always, reason = "of the path of a hit")]
    #[inline(always)]
    pub(crate) fn near_hit(&self, key: impl UnencodedKey) -> Option<(Value, Timestamp)> {
        let RemoteLink { validity, has_one_clock: true, .. } = self.remote()? else { return None };
        let (window, until) = (self.time.boot_window(), validity.until());
        let early = failpoint_is_set(Failpoint::ValidityBeforeRead).then(|| validity.now());
        // The memory tier returns an expired value, too. Step 2 refuses it.
        let (value, expires_at) = self.memory.hit(key, Timestamp::ZERO)?;
        let now = early.unwrap_or_else(|| validity.now());
        if until.is_after(now) && window.is_before(expires_at, now) {
            return Some((value, expires_at));
        }
        self.refuse_near_hit(value, now);
        None
    }

    /// Drops a value that may not be returned. The lookup may have been the first in its window.
    #[cold]
    fn refuse_near_hit(&self, value: Value, now: BootTime) {
        drop_caught(value);
        self.time.begin_boot_window(now);
    }

    /// Like [`near_hit`](Self::near_hit), and also returns the extras of the entry.
    pub(crate) fn near_hit_with_extras(
        &self,
        key: impl UnencodedKey,
    ) -> Option<(Value, Timestamp, Option<EntryExtras>)> {
        let remote = self.remote()?;
        let until = remote.validity.until();
        let found = HeldValue::new(self.memory.hit_with_extras(key, self.time.latest())?);
        remote.validity.is_current(until).then(|| found.into_inner())
    }

    /// Like [`near_hit_with_extras`](Self::near_hit_with_extras), for an encoded key.
    pub(crate) fn get_near_with_extras(
        &self,
        key: SlotKey<'_>,
    ) -> Option<(Value, Timestamp, Option<EntryExtras>)> {
        let remote = self.remote()?;
        let until = remote.validity.until();
        let (found, extras) = self.memory.get_with_extras(key, self.time.now());
        let Lookup::Value(value, expires_at) = found else { return None };
        let value = HeldValue::new(value);
        remote.validity.is_current(until).then(|| (value.into_inner(), expires_at, extras))
    }

    /// Runs steps 1 to 3. Returns a value or an absence only if memory is valid.
    pub(crate) fn look_near(&self, key: SlotKey<'_>, counts_use: bool) -> Lookup {
        let Some(remote) = self.remote() else { return Lookup::Negative };
        let mut until = remote.validity.until();
        let now = self.time.now();
        let found = if counts_use { self.memory.get(key, now) } else { self.memory.peek(key, now) };
        if failpoint_is_set(Failpoint::DeadlineAfterRead) {
            until = remote.validity.until();
        }
        match found {
            Lookup::Unknown(_) => found,
            Lookup::Value(..) | Lookup::Absent(_) if remote.validity.is_current(until) => found,
            outdated => {
                drop_caught(outdated);
                if !self.process.is_current() {
                    return Lookup::Negative;
                }
                let mut dropped = EvictedValues::default();
                Lookup::Unknown(self.memory.drop_near(key, &mut dropped))
            }
        }
    }

    /// Parses the server's record of a key. Returns `None` if the record is damaged.
    fn remote_record(
        &self,
        keyspace: &OpenKeyspace,
        key: SlotKey<'_>,
        record: &RemoteRecord,
        asked_at: Timestamp,
    ) -> Option<StoredRecord> {
        let ends_at = match record.left {
            Remaining::Never => Timestamp::NEVER,
            Remaining::For(left) => asked_at.expiry_after(left),
        };
        if is_plain(keyspace.kind.format) {
            let header = plain_header(keyspace.kind.version, asked_at, ends_at);
            return Some(StoredRecord::new(header, Extension::default(), record.bytes.clone(), 0));
        }
        let Ok((header, extension, payload)) = record::read(&checked_key(keyspace, key), &record.bytes)
        else {
            self.disk.count_damage();
            return None;
        };
        let payload_at = record.bytes.len() - payload.len();
        let (header, extension) = match (record.times, extension.ends_at) {
            (Some(times), Some(_)) => {
                let (header, limit) = moved_by_uses(header, asked_at, ends_at, times);
                (header, Extension { ends_at: Some(limit), ..extension })
            }
            _ => (moved_to(header, asked_at, ends_at), Extension { ends_at: None, ..extension }),
        };
        Some(StoredRecord::new(header, extension, record.bytes.clone(), payload_at))
    }
}

impl Shared {
    /// Runs step 4 and the first half of step 5, for one key.
    pub(crate) async fn read_remote<V: Serialize + DeserializeOwned + 'static>(
        &self,
        keyspace: &OpenKeyspace,
        key: SlotKey<'_>,
        link: &RemoteLink,
    ) -> RemoteResult<RemoteRead<V>> {
        let asked_at = self.tiers.time.now();
        let record = link.answer_to(|tier, reply| tier.get(key.bytes.into(), reply)).await?;
        #[cfg(feature = "async")]
        on_worker().await;
        let decoded = record.as_ref().and_then(|record| self.decode_remote(keyspace, key, record, asked_at));
        Ok(RemoteRead { record: record.map(|record| record.bytes), decoded })
    }

    /// Like [`read_remote`](Self::read_remote), and counts a failure of the request.
    pub(crate) async fn read_remote_entry<V: Serialize + DeserializeOwned + 'static>(
        &self,
        keyspace: &OpenKeyspace,
        key: SlotKey<'_>,
    ) -> Option<DecodedEntry<V>> {
        let link = self.tiers.remote()?;
        link.count(self.read_remote(keyspace, key, link).await)?.decoded
    }

    /// Returns the server's value of a key and its expiry, if the value is live or expired at most `grace`
    /// ago. Copies nothing into memory.
    pub(crate) async fn read_remote_stale<V: Serialize + DeserializeOwned + 'static>(
        &self,
        keyspace: &OpenKeyspace,
        key: SlotKey<'_>,
        grace: Duration,
    ) -> Option<(HeldValue<Arc<V>>, Timestamp)> {
        let (link, asked_at) = (self.tiers.remote()?, self.tiers.time.now());
        let answer = link.answer_to(|tier, reply| tier.get(key.bytes.into(), reply)).await;
        #[cfg(feature = "async")]
        on_worker().await;
        let record = link.count(answer)??;
        let decoded = self.decode_remote_in_grace(keyspace, key, &record, (asked_at, grace))?;
        Some((HeldValue::new(decoded.value.into_inner()?), decoded.expires_at))
    }

    /// Runs the first half of step 5.
    pub(crate) fn decode_remote<V: Serialize + DeserializeOwned + 'static>(
        &self,
        keyspace: &OpenKeyspace,
        key: SlotKey<'_>,
        record: &RemoteRecord,
        asked_at: Timestamp,
    ) -> Option<DecodedEntry<V>> {
        self.decode_remote_in_grace(keyspace, key, record, (asked_at, Duration::ZERO))
    }

    /// Like [`decode_remote`](Self::decode_remote), and also decodes an entry that expired up to `grace` ago.
    pub(crate) fn decode_remote_in_grace<V: Serialize + DeserializeOwned + 'static>(
        &self,
        keyspace: &OpenKeyspace,
        key: SlotKey<'_>,
        record: &RemoteRecord,
        (mut asked_at, grace): (Timestamp, Duration),
    ) -> Option<DecodedEntry<V>> {
        if failpoint_is_set(Failpoint::LifeFromAnswer) {
            asked_at = self.tiers.time.now();
        }
        let stored = self.tiers.remote_record(keyspace, key, record, asked_at)?;
        let decoded = self.decode_record(keyspace, key, &stored, grace)?;
        let origin = RemoteOrigin { generation: record.generation, is_tracked: record.is_tracked };
        Some(decoded.of_remote(origin))
    }
}

/// Returns whether a format stores values at the server without a record header, so that other programs can
/// read them.
pub(crate) const fn is_plain(format: Format) -> bool {
    matches!(format, Format::Raw)
}

/// Returns the bytes that seed the checksum of a key's record. They contain the name of the keyspace instead
/// of its number, because the number is different in each process. They also contain the shape of the keys:
/// two shapes may encode different keys as the same bytes, and a record of the other key must be a miss.
pub(crate) fn checked_key(keyspace: &OpenKeyspace, key: SlotKey<'_>) -> Vec<u8> {
    let encoded = key.bytes.get(KeyspaceId::LEN..).unwrap_or_default();
    [keyspace.name.as_bytes(), &[0], keyspace.shape.as_bytes(), &[0], encoded].concat()
}

/// Returns a header with the times of this machine. `ends_at` comes from the server, and is the end of the
/// record including its grace. The other times keep their distances to `ends_at`, because the clocks of two
/// machines may differ.
fn moved_to(header: Header, asked_at: Timestamp, ends_at: Timestamp) -> Header {
    if ends_at.is_never() || header.expires_at.is_never() {
        let written_at = header.written_at.min(asked_at);
        return Header { written_at, expires_at: ends_at, delete_after: ends_at, ..header };
    }
    let expires_at = earlier(ends_at, header.delete_after.since(header.expires_at));
    let written_at = earlier(expires_at, header.expires_at.since(header.written_at)).min(asked_at);
    Header { written_at, expires_at, delete_after: ends_at, ..header }
}

/// Like [`moved_to`], for a record whose life its uses extend. Also returns the hard limit. The server
/// sends the age of the record, and the time until its hard limit. The times in the header are those of the
/// write, because uses do not change them.
fn moved_by_uses(
    header: Header,
    asked_at: Timestamp,
    ends_at: Timestamp,
    times: RecordTimes,
) -> (Header, Timestamp) {
    let limit = match times.limit {
        Remaining::Never => Timestamp::NEVER,
        Remaining::For(left) => asked_at.expiry_after(left),
    };
    // The record has no end if another program has removed its expiry at the server.
    let grace = header.delete_after.since(header.expires_at);
    let expires_at = if ends_at.is_never() { limit } else { earlier(ends_at, grace).min(limit) };
    let written_at = earlier(asked_at, times.age);
    (Header { written_at, expires_at, delete_after: expires_at.after(grace), ..header }, limit)
}

fn earlier(time: Timestamp, by: Duration) -> Timestamp {
    Timestamp::from_millis(time.as_millis().saturating_sub(millis(by)))
}

/// Returns the header of a record that has none. The age of the record is counted from the time of the
/// request.
fn plain_header(version: u32, asked_at: Timestamp, expires_at: Timestamp) -> Header {
    Header {
        format: FORMAT,
        kind: RecordKind::Value,
        compression: PayloadCompression::None,
        version,
        sequence: 1,
        written_at: asked_at,
        expires_at,
        delete_after: expires_at,
    }
}
