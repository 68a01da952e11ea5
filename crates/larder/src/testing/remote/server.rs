//! The server: slots with records, leases, watch marks and fences. It applies each request atomically.

use std::collections::{BTreeMap, HashSet};
use std::sync::Weak;
use std::time::Duration;

use super::ranges::ServerRanges;
use super::stored::{ServerRecord, SlotName};
use crate::remote::tier::{FillReply, LeaseReply, LeaseToken, Life, RecordUse, SetCondition};
use crate::sys::clock::Clock;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};
use crate::sys::sync::{Arc, Mutex};

/// A node, as the server sees it.
pub(super) trait PushTarget: std::fmt::Debug + Send + Sync {
    /// Adds a push of these names to the stream.
    fn queue_push(&self, names: &[SlotName]);
    /// Adds a push of all names to the stream.
    fn queue_push_of_all(&self);
    /// Delivers the items of the stream, unless the stream is held.
    fn pump_stream(&self);
}

/// A server that several nodes share.
#[derive(Debug)]
pub struct RemoteServer {
    clock: Arc<dyn Clock>,
    pub(super) state: Mutex<ServerState>,
}

#[derive(Debug, Default)]
pub(super) struct ServerState {
    pub(super) slots: BTreeMap<SlotName, ServerSlot>,
    pub(super) ranges: ServerRanges,
    pub(super) last_token: u64,
    nodes: Vec<Weak<dyn PushTarget>>,
    requests: u64,
    /// The names and versions of the keyspaces in the raw format.
    pub(super) plain: HashSet<(String, u32)>,
    /// The pushes of a turn that has not ended. `None` if each push is sent with its change.
    held_pushes: Option<Vec<SlotName>>,
}

#[derive(Debug, Default)]
pub(super) struct ServerSlot {
    pub(super) record: Option<ServerRecord>,
    /// The token, and the time at which the lease ends.
    pub(super) lease: Option<(u64, Duration)>,
    /// The token of a watch mark, and the time at which the mark ends.
    pub(super) mark: Option<(u64, Duration)>,
    /// The generation that the range of the slot had when its content was stored.
    pub(super) generation: Option<u64>,
    fences: Vec<(u128, Duration)>,
}

impl RemoteServer {
    /// Creates an empty server that uses `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { clock, state: Mutex::default() })
    }

    pub(super) fn add(&self, node: Weak<dyn PushTarget>) {
        self.state.lock().nodes.push(node);
    }

    /// Returns the number of requests that the server has applied.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.state.lock().requests
    }

    /// Returns the number of records. An expired record counts until a request reads or changes its slot.
    #[must_use]
    pub fn records(&self) -> usize {
        self.state.lock().slots.values().filter(|slot| slot.record.is_some()).count()
    }

    /// If `holds` is true, holds pushes back, as a server in broadcast mode does until the end of a turn. If
    /// false, sends the held pushes. The answers of the turn are sent before its pushes.
    pub fn hold_pushes(&self, holds: bool) {
        let mut state = self.state.lock();
        let held = std::mem::replace(&mut state.held_pushes, holds.then(Vec::new)).unwrap_or_default();
        let nodes = if held.is_empty() { Vec::new() } else { state.nodes() };
        for node in &nodes {
            node.queue_push(&held);
        }
        drop(state);
        for node in &nodes {
            node.pump_stream();
        }
    }

    /// Removes everything, like `FLUSHALL` of another client.
    pub fn flush_all(&self) {
        let mut state = self.state.lock();
        state.slots.clear();
        let nodes = state.nodes();
        for node in &nodes {
            node.queue_push_of_all();
        }
        drop(state);
        for node in &nodes {
            node.pump_stream();
        }
    }

    pub(super) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    pub(super) fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    /// Applies a request of `client`. Calls `send` with the answer, then queues the pushes of the changes.
    pub(super) fn apply<T>(
        &self,
        client: &dyn PushTarget,
        request: impl FnOnce(&mut ServerState, Duration, &mut Vec<SlotName>) -> T,
        send: impl FnOnce(T),
    ) {
        let mut changed = Vec::new();
        let mut state = self.state.lock();
        state.requests += 1;
        let answer = request(&mut state, self.now(), &mut changed);
        send(answer);
        if let Some(held) = &mut state.held_pushes {
            held.append(&mut changed);
        }
        let nodes = if changed.is_empty() { Vec::new() } else { state.nodes() };
        let has_noloop =
            failpoint_is_set(Failpoint::NoLoop) || failpoint_is_set(Failpoint::VoidOnlyBeforeWithNoLoop);
        for node in &nodes {
            if !(has_noloop && std::ptr::addr_eq(Arc::as_ptr(node), client)) {
                node.queue_push(&changed);
            }
        }
        drop(state);
        for node in &nodes {
            node.pump_stream();
        }
    }
}

impl ServerState {
    fn nodes(&self) -> Vec<Arc<dyn PushTarget>> {
        self.nodes.iter().filter_map(Weak::upgrade).collect()
    }

    /// Returns the slot of a name. First removes an expired record, lease and mark from it, expired fences,
    /// and content of another generation than that of its range.
    pub(super) fn slot(&mut self, name: &SlotName, now: Duration) -> &mut ServerSlot {
        let slot = self.slots.entry(name.clone()).or_default();
        if self.ranges.is_void(name, slot.generation) {
            (slot.record, slot.mark) = (None, None);
            if !failpoint_is_set(Failpoint::RangeUncheckedAtFill) {
                slot.lease = None;
            }
        }
        slot.record.take_if(|record| record.has_ended(now));
        slot.lease.take_if(|(_, until)| *until <= now);
        slot.mark.take_if(|(_, until)| *until <= now);
        slot.fences.retain(|(_, until)| *until > now);
        slot
    }

    pub(super) fn get(&mut self, name: &SlotName, now: Duration) -> Option<&ServerRecord> {
        self.slot(name, now).record.as_ref()
    }

    /// Returns the record if there is one. Otherwise takes the lease, unless the slot has a fence or another
    /// lease. A lease changes the slot, so it is pushed like other changes.
    pub(super) fn lease(
        &mut self,
        name: &SlotName,
        length: Duration,
        now: Duration,
        changed: &mut Vec<SlotName>,
    ) -> Result<ServerRecord, LeaseReply> {
        if let Some(record) = self.get(name, now) {
            return Ok(record.clone());
        }
        let token = self.last_token + 1;
        let slot = self.slot(name, now);
        if !slot.fences.is_empty() {
            return Err(LeaseReply::Fenced);
        }
        if let Some((_, until)) = slot.lease {
            return Err(LeaseReply::Busy(until.saturating_sub(now)));
        }
        (slot.lease, slot.mark) = (Some((token, now + length)), None);
        self.last_token = token;
        self.stamp(name);
        changed.push(name.clone());
        Err(LeaseReply::Leased(LeaseToken(Box::new(token.to_be_bytes()))))
    }

    fn holds(&mut self, name: &SlotName, token: &LeaseToken, now: Duration) -> bool {
        let held = self.slot(name, now).lease;
        held.is_some_and(|(held, _)| *token.0 == held.to_be_bytes())
    }

    pub(super) fn fill(
        &mut self,
        name: &SlotName,
        (token, record, life): (&LeaseToken, Vec<u8>, Life),
        now: Duration,
        changed: &mut Vec<SlotName>,
        generation: u64,
    ) -> FillReply {
        if !self.holds(name, token, now) {
            return FillReply::Void;
        }
        self.put(name, record, life, now, changed);
        FillReply::Stored { generation, is_tracked: true }
    }

    pub(super) fn put(
        &mut self,
        name: &SlotName,
        record: Vec<u8>,
        life: Life,
        now: Duration,
        changed: &mut Vec<SlotName>,
    ) {
        let slot = self.slot(name, now);
        slot.record = Some(ServerRecord::new(record, life, slot.record.as_ref(), now));
        (slot.lease, slot.mark) = (None, None);
        self.stamp(name);
        changed.push(name.clone());
    }

    pub(super) fn set(
        &mut self,
        name: &SlotName,
        (record, life, condition): (Vec<u8>, Life, SetCondition),
        now: Duration,
        changed: &mut Vec<SlotName>,
    ) -> bool {
        let slot = self.slot(name, now);
        let is_fenced = !slot.fences.is_empty() && !failpoint_is_set(Failpoint::SetIgnoresFence);
        let there = slot.record.as_ref();
        let holds = match condition {
            SetCondition::Always => true,
            SetCondition::Absent => there.is_none(),
            SetCondition::Present => there.is_some(),
            SetCondition::UnchangedUnfenced(_) if is_fenced => false,
            SetCondition::Unchanged(bytes) | SetCondition::UnchangedUnfenced(bytes) => {
                there.is_some_and(|there| there.bytes == bytes)
            }
        };
        if holds {
            self.put(name, record, life, now, changed);
        }
        holds
    }

    pub(super) fn renew(
        &mut self,
        name: &SlotName,
        token: &LeaseToken,
        until: Duration,
        now: Duration,
        changed: &mut Vec<SlotName>,
    ) -> bool {
        let holds = self.holds(name, token, now);
        let slot = self.slot(name, now);
        if let (true, Some((_, end))) = (holds, &mut slot.lease) {
            *end = until;
            changed.push(name.clone());
        }
        if failpoint_is_set(Failpoint::RenewVoidedLease) && slot.lease.is_none() && slot.record.is_none() {
            slot.lease = token.0.first_chunk().map(|token| (u64::from_be_bytes(*token), until));
        }
        holds
    }

    pub(super) fn release(
        &mut self,
        name: &SlotName,
        token: &LeaseToken,
        now: Duration,
        changed: &mut Vec<SlotName>,
    ) -> bool {
        let holds = self.holds(name, token, now);
        if holds {
            self.slot(name, now).lease = None;
            changed.push(name.clone());
        }
        holds
    }

    pub(super) fn remove_unchanged(
        &mut self,
        name: &SlotName,
        record: &[u8],
        now: Duration,
        changed: &mut Vec<SlotName>,
    ) -> bool {
        let is_it = self.slot(name, now).record.as_ref().is_some_and(|there| there.bytes == record);
        if is_it {
            self.remove(name, now, changed);
        }
        is_it
    }

    /// Removes the record, the lease and the mark of a slot, but not its fences. Returns whether there was
    /// a live value.
    pub(super) fn remove(&mut self, name: &SlotName, now: Duration, changed: &mut Vec<SlotName>) -> bool {
        let is_plain = self.plain.contains(&(name.0.clone(), name.1));
        let is_live = self.get(name, now).is_some_and(|record| is_plain || record.is_live(now));
        let slot = self.slot(name, now);
        let (record, lease, mark) = (slot.record.take(), slot.lease.take(), slot.mark.take());
        if record.is_some() || lease.is_some() || mark.is_some() {
            changed.push(name.clone());
        }
        is_live
    }

    pub(super) fn remove_range(
        &mut self,
        covers: impl Fn(&SlotName) -> bool,
        now: Duration,
        changed: &mut Vec<SlotName>,
    ) -> u64 {
        let names: Vec<_> = self.slots.keys().filter(|name| covers(name)).cloned().collect();
        names.iter().map(|name| u64::from(self.remove(name, now, changed))).sum()
    }

    pub(super) fn extend(
        &mut self,
        name: &SlotName,
        record_use: RecordUse,
        now: Duration,
        changed: &mut Vec<SlotName>,
    ) -> bool {
        let record = self.slot(name, now).record.as_mut();
        let is_extended = record.is_some_and(|record| record.extend(record_use, now));
        if is_extended {
            changed.push(name.clone());
        }
        is_extended
    }

    pub(super) fn expire(&mut self, name: &SlotName, life: Life, now: Duration) -> bool {
        let record = self.slot(name, now).record.as_mut();
        record.map(|record| record.expire(life, now)).is_some()
    }

    pub(super) fn names(&self, covers: impl Fn(&SlotName) -> bool) -> Vec<SlotName> {
        let is_live = |name: &SlotName, slot: &ServerSlot| {
            slot.record.is_some() && !self.ranges.is_void(name, slot.generation)
        };
        let live = self.slots.iter().filter(|(name, slot)| is_live(name, slot) && covers(name));
        live.map(|(name, _)| name.clone()).collect()
    }

    pub(super) fn fence(
        &mut self,
        name: &SlotName,
        token: u128,
        until: Duration,
        now: Duration,
        changed: &mut Vec<SlotName>,
    ) {
        let slot = self.slot(name, now);
        let has_held = slot.fences.iter().any(|(fence, _)| *fence == token);
        slot.fences.retain(|(fence, _)| *fence != token);
        slot.fences.push((token, until));
        if !has_held {
            self.remove(name, now, changed);
        }
    }

    pub(super) fn unfence(
        &mut self,
        name: &SlotName,
        token: u128,
        now: Duration,
        changed: &mut Vec<SlotName>,
    ) {
        self.remove(name, now, changed);
        self.slot(name, now).fences.retain(|(fence, _)| *fence != token);
    }
}
