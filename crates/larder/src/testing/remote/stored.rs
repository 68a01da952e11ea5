//! A record at the server: its bytes, and how long it lives.

use std::time::Duration;

use crate::format::record;
use crate::format::record::RecordKind;
use crate::remote::tier::{HardLimit, IdleLife, Life, RecordTimes, RecordUse, RemoteRecord};
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};
use crate::units::Remaining;

/// The name of a slot: the keyspace's name and version, and the encoded key. It is the same on every node.
pub(super) type SlotName = (String, u32, Vec<u8>);

/// The bytes of a record that identify it: the [mark](RecordUse::mark).
const MARK: std::ops::Range<usize> = 20..24;

/// A record, with times on the server's clock.
#[derive(Debug, Clone)]
pub(super) struct ServerRecord {
    pub(super) bytes: Vec<u8>,
    /// The end of the record, including its grace. `None` if it never expires.
    until: Option<Duration>,
    /// `None` if uses do not extend the record's life.
    times: Option<StoredTimes>,
}

#[derive(Debug, Clone, Copy)]
struct StoredTimes {
    stored_at: Duration,
    limit: Option<Duration>,
}

impl ServerRecord {
    /// Returns a record that is stored now in place of `before`.
    pub(super) fn new(bytes: Vec<u8>, life: Life, before: Option<&Self>, now: Duration) -> Self {
        let (until, times) = match life {
            Life::For(length) => (Some(now + length), None),
            Life::Never => (None, None),
            Life::Keep => (before.and_then(|before| before.until), None),
            Life::WhileUsed(IdleLife { left, limit, grace }) => {
                let limit = match limit {
                    HardLimit::For(length) => Some(now + length),
                    HardLimit::Never => None,
                    HardLimit::Keep => before.and_then(Self::limit),
                };
                let ends_at = limit.map_or(now + left, |limit| limit.min(now + left));
                (Some(ends_at + grace), Some(StoredTimes { stored_at: now, limit }))
            }
        };
        Self { bytes, until, times }
    }

    /// Returns the latest end of the record's life. `None` if there is no limit.
    fn limit(&self) -> Option<Duration> {
        match self.times {
            Some(times) => times.limit,
            None => self.until.map(|until| until.saturating_sub(self.grace())),
        }
    }

    fn grace(&self) -> Duration {
        let header = record::peek(&self.bytes);
        header.map_or(Duration::ZERO, |header| header.delete_after.since(header.expires_at))
    }

    pub(super) fn has_ended(&self, now: Duration) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    /// Returns whether the record has a live value: it is not an absence, and its grace has not begun.
    pub(super) fn is_live(&self, now: Duration) -> bool {
        let Some(header) = record::peek(&self.bytes) else { return true };
        let is_in_grace = self.until.is_some_and(|until| until.saturating_sub(self.grace()) <= now);
        header.kind == RecordKind::Value && !is_in_grace
    }

    /// Returns the record as an answer.
    pub(super) fn answer(&self, now: Duration, generation: u64) -> RemoteRecord {
        let left = |end: Option<Duration>| {
            end.map_or(Remaining::Never, |end| Remaining::For(end.saturating_sub(now)))
        };
        let times = self
            .times
            .map(|times| RecordTimes { age: now.saturating_sub(times.stored_at), limit: left(times.limit) });
        let (bytes, left) = (self.bytes.clone(), left(self.until));
        RemoteRecord { bytes, left, generation, is_tracked: true, times }
    }

    pub(super) fn expire(&mut self, life: Life, now: Duration) {
        let before = self.clone();
        self.until = Self::new(Vec::new(), life, Some(&before), now).until;
    }

    /// Extends the life of the record for a use. Returns whether it was extended.
    pub(super) fn extend(&mut self, record_use: RecordUse, now: Duration) -> bool {
        let (Some(StoredTimes { limit, .. }), Some(until)) = (self.times, self.until) else { return false };
        let is_it = self.bytes.get(MARK) == Some(&record_use.mark.to_be_bytes());
        if !is_it && !failpoint_is_set(Failpoint::ExtendAnyRecord) {
            return false;
        }
        let grace = self.grace();
        let expires_at = until.saturating_sub(grace);
        let is_dead = expires_at <= now && !failpoint_is_set(Failpoint::ExtendExpired);
        let new = limit.map_or(now + record_use.life, |limit| limit.min(now + record_use.life));
        if is_dead || expires_at.saturating_sub(now) >= record_use.below || new <= expires_at {
            return false;
        }
        self.until = Some(new + grace);
        true
    }
}
