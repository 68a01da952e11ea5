//! Transactions and watches at the server.

use std::time::Duration;

use super::server::ServerState;
use super::stored::SlotName;
use crate::remote::tier::{CommitChange, CommitCondition, WatchToken};
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};

/// First byte of a watch token: the kind of content that the slot has. It changes when the grace of a record
/// begins.
const LIVE: u8 = 0;
const ENDED: u8 = 1;
const LEASE: u8 = 2;
const MARK: u8 = 3;

impl ServerState {
    /// Makes all changes if every condition holds. Returns whether they hold.
    pub(super) fn commit(
        &mut self,
        conditions: &[(SlotName, CommitCondition)],
        changes: Vec<(SlotName, CommitChange)>,
        now: Duration,
        pushed: &mut Vec<SlotName>,
    ) -> bool {
        if !conditions.iter().all(|(name, condition)| self.holds_condition(name, condition, now)) {
            return false;
        }
        for (name, change) in changes {
            match change {
                CommitChange::Set(record, life) => self.put(&name, record, life, now, pushed),
                CommitChange::Remove => _ = self.remove(&name, now, pushed),
            }
        }
        true
    }

    fn holds_condition(&mut self, name: &SlotName, condition: &CommitCondition, now: Duration) -> bool {
        let is_plain = self.plain.contains(&(name.0.clone(), name.1));
        let found = self.get(name, now);
        match condition {
            CommitCondition::Absent => found.is_none(),
            CommitCondition::Unchanged(record) => found.is_some_and(|found| found.bytes == *record),
            CommitCondition::Live(record) => {
                found.is_some_and(|found| found.bytes == *record && (is_plain || found.is_live(now)))
            }
            CommitCondition::Watched(token) => self.content(name, now).as_ref() == Some(token),
        }
    }

    /// Returns the content of a slot, or `None` if the slot is empty.
    fn content(&mut self, name: &SlotName, now: Duration) -> Option<WatchToken> {
        let token = |kind: u8, bytes: &[u8]| Some(WatchToken([&[kind], bytes].concat().into()));
        if let Some(found) = self.get(name, now) {
            return token(if found.is_live(now) { LIVE } else { ENDED }, &found.bytes);
        }
        let slot = self.slot(name, now);
        match (slot.lease, slot.mark) {
            (Some((lease, _)), _) => token(LEASE, &lease.to_be_bytes()),
            (None, Some((mark, _))) => token(MARK, &mark.to_be_bytes()),
            (None, None) if failpoint_is_set(Failpoint::WatchWithoutMark) => token(MARK, &[]),
            (None, None) => None,
        }
    }

    /// Marks the slot if it is empty, or extends its mark. Returns the content of the slot.
    pub(super) fn watch(
        &mut self,
        name: &SlotName,
        until: Duration,
        now: Duration,
        changed: &mut Vec<SlotName>,
    ) -> WatchToken {
        if self.content(name, now).is_none() {
            self.last_token += 1;
            let mark = Some((self.last_token, until));
            self.slot(name, now).mark = mark;
            self.stamp(name);
            changed.push(name.clone());
        }
        let slot = self.slot(name, now);
        if let Some((_, end)) = &mut slot.mark {
            *end = until.max(*end);
        }
        self.content(name, now).unwrap_or_default()
    }
}
