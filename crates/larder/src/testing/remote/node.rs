//! The connection of one cache to the server.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::Weak;
use std::time::Duration;

use super::ranges::{RangeShape, is_range};
use super::server::{PushTarget, RemoteServer, ServerState};
use super::stored::SlotName;
use crate::format::keyspace_id::KeyspaceId;
use crate::remote::near::NearTier;
use crate::remote::reply::{RemoteReply, RemoteResult};
use crate::remote::validity::Validity;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};
use crate::sys::sync::{Arc, AtomicU64, Mutex, Ordering};

type Outgoing = Box<dyn FnOnce(&RemoteNode) + Send>;

enum StreamItem {
    Answer(Box<dyn FnOnce() + Send>),
    Push(Vec<SlotName>),
    PushOfAll,
    /// The answer to a PING that was sent at this time.
    Pong(Duration),
}

/// The connection of one cache to a [`RemoteServer`].
pub struct RemoteNode {
    pub(super) server: Arc<RemoteServer>,
    pub(super) near: Mutex<Option<Weak<dyn NearTier>>>,
    pub(super) state: Mutex<NodeState>,
    /// Held while an item of the stream is handled, so that items are handled in order.
    reader: Mutex<()>,
    pub(super) generation: AtomicU64,
    /// Ended while the connection is lost. It never passes if the node is connected, and the validity does
    /// not depend on PINGs.
    pub(super) validity: Arc<Validity>,
}

#[derive(Default)]
pub(super) struct NodeState {
    is_lost: bool,
    holds_requests: bool,
    holds_stream: bool,
    pub(super) faults: ServerFaults,
    outgoing: VecDeque<Outgoing>,
    stream: VecDeque<StreamItem>,
    pub(super) keyspaces: HashMap<u32, (String, u32)>,
    /// The numbers of the keyspaces in the raw format.
    pub(super) plain: HashSet<u32>,
    /// How the keys belong to ranges, for the keyspaces that have ranges.
    pub(super) ranges: HashMap<(String, u32), RangeShape>,
    pub(super) before_fill: Option<Box<dyn FnOnce() + Send>>,
    pub(super) before_set: Option<Box<dyn FnOnce() + Send>>,
    pub(super) after_release: Option<Box<dyn FnOnce() + Send>>,
    /// How long values in memory stay valid after the sending of a PING. `None` if the validity does not
    /// depend on PINGs.
    bound: Option<Duration>,
    vouched: VouchedPing,
}

/// The faults of the server towards this node.
#[derive(Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each fault is independent of the others")]
pub(super) struct ServerFaults {
    pub(super) walks_in_a_circle: bool,
    pub(super) refuses_changes: bool,
    pub(super) refuses_fills: bool,
    pub(super) is_full: bool,
}

/// The PING from whose send time the validity of values in memory is counted, when a PING is answered.
#[derive(Default)]
enum VouchedPing {
    #[default]
    Answered,
    /// The PING before the answered one. Contains the send time of the last answered PING, if there is one.
    Before(Option<Duration>),
}

impl fmt::Debug for RemoteNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteNode").finish_non_exhaustive()
    }
}

impl RemoteServer {
    /// Connects a new node.
    #[must_use]
    pub fn node(self: &Arc<Self>) -> Arc<RemoteNode> {
        let node = RemoteNode::new(self.clone());
        let target: Weak<RemoteNode> = Arc::downgrade(&node);
        self.add(target);
        node
    }
}

impl RemoteNode {
    fn new(server: Arc<RemoteServer>) -> Arc<Self> {
        let validity = Arc::new(Validity::with_clock(server.clock().clone()));
        validity.extend_to(Duration::MAX);
        Arc::new(Self {
            server,
            near: Mutex::new(None),
            state: Mutex::default(),
            reader: Mutex::new(()),
            generation: AtomicU64::new(1),
            validity,
        })
    }

    /// If `holds` is true, holds back requests from now on. If false, delivers the held requests, and later
    /// ones immediately.
    pub fn hold_requests(&self, holds: bool) {
        self.state.lock().holds_requests = holds;
        self.pump_requests();
    }

    /// Returns whether a held request is on its way to the server.
    #[must_use]
    pub fn is_sending(&self) -> bool {
        !self.state.lock().outgoing.is_empty()
    }

    /// If `holds` is true, holds back answers and pushes from now on. If false, delivers the held ones, and
    /// later ones immediately.
    pub fn hold_stream(&self, holds: bool) {
        self.state.lock().holds_stream = holds;
        self.pump_stream();
    }

    /// Delivers the next item of a held stream. Returns whether there was an item.
    pub fn deliver_one(&self) -> bool {
        let _reader = self.reader.lock();
        let item = self.state.lock().stream.pop_front();
        item.map(|item| self.handle(item)).is_some()
    }

    /// Returns the number of items that a held stream has not delivered.
    #[must_use]
    pub fn held(&self) -> usize {
        self.state.lock().stream.len()
    }

    /// From now on, the last page of a walk names the first page as the next one.
    pub fn walk_in_a_circle(&self) {
        self.state.lock().faults.walks_in_a_circle = true;
    }

    /// From now on, the server refuses each record that this node sets, as if the record to replace had
    /// changed.
    pub fn refuse_changes(&self) {
        self.state.lock().faults.refuses_changes = true;
    }

    /// From now on, the fills of this node are refused before they are sent, as if too many bytes of requests
    /// waited for their answers.
    pub fn refuse_fills(&self) {
        self.state.lock().faults.refuses_fills = true;
    }

    /// If `is_full` is true, the server refuses each record that this node sets from now on, as if the server
    /// were full.
    pub fn fill_server(&self, is_full: bool) {
        self.state.lock().faults.is_full = is_full;
    }

    /// Runs a function before the next fill is sent.
    pub fn before_fill(&self, run: impl FnOnce() + Send + 'static) {
        self.state.lock().before_fill = Some(Box::new(run));
    }

    /// Runs a function before the next record is set, or the next transaction with changes is sent.
    pub fn before_set(&self, run: impl FnOnce() + Send + 'static) {
        self.state.lock().before_set = Some(Box::new(run));
    }

    /// Runs a function after the server has taken back the next lease, and before the cache gets the answer.
    pub fn after_release(&self, run: impl FnOnce() + Send + 'static) {
        self.state.lock().after_release = Some(Box::new(run));
    }

    /// Limits the validity of values in memory to this time after the send time of the last answered PING.
    pub fn bound_validity(&self, bound: Duration) {
        self.state.lock().bound = Some(bound);
        self.validity.end();
    }

    /// After this call, the answer to a PING starts the validity at the PING before it. Use this for a server
    /// that sends its pushes at the end of a turn ([`RemoteServer::hold_pushes`]). Send each PING in a later
    /// turn than the answer to the PING before it.
    pub fn vouch_for_the_ping_before(&self) {
        self.state.lock().vouched = VouchedPing::Before(None);
    }

    /// Sends a PING.
    pub fn ping(&self) {
        let pings = if failpoint_is_set(Failpoint::TwoPingsInOneTurn) { 2 } else { 1 };
        for _ in 0..pings {
            let sent = self.server.now();
            self.send(Box::new(move |node| {
                node.server.apply(node, |_, _, _| (), |()| node.queue(StreamItem::Pong(sent)));
            }));
        }
    }

    /// Loses the connection, with all requests, answers and pushes that have not arrived yet.
    pub fn lose(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.validity.end();
        let reader = self.reader.lock();
        let mut state = self.state.lock();
        state.is_lost = true;
        if let VouchedPing::Before(sent) = &mut state.vouched {
            *sent = None;
        }
        let lost = (std::mem::take(&mut state.outgoing), std::mem::take(&mut state.stream));
        drop(state);
        if let Some(near) = self.near() {
            near.invalidate_all();
        }
        drop(reader);
        // Dropping a reply sends an error to its caller.
        drop(lost);
    }

    /// Connects again.
    pub fn connect(&self) {
        let mut state = self.state.lock();
        state.is_lost = false;
        let is_bound = state.bound.is_some();
        drop(state);
        if is_bound {
            self.validity.end();
        } else {
            self.validity.extend_to(Duration::MAX);
        }
    }

    fn near(&self) -> Option<Arc<dyn NearTier>> {
        self.near.lock().as_ref()?.upgrade()
    }

    pub(super) fn name_of(&self, key: &[u8]) -> SlotName {
        let number = KeyspaceId::of(key).number();
        let (name, version) = self.state.lock().keyspaces.get(&number).cloned().unwrap_or_default();
        (name, version, key.get(KeyspaceId::LEN..).unwrap_or_default().to_vec())
    }

    pub(super) fn is_plain(&self, key: &[u8]) -> bool {
        self.state.lock().plain.contains(&KeyspaceId::of(key).number())
    }

    fn key(&self, (name, version, encoded): &SlotName) -> Option<Vec<u8>> {
        let state = self.state.lock();
        let is_it = |(_, known): &(&u32, &(String, u32))| known.0 == *name && known.1 == *version;
        let (number, _) = state.keyspaces.iter().filter(is_it).max_by_key(|(number, _)| **number)?;
        Some([&number.to_be_bytes(), encoded.as_slice()].concat())
    }

    fn is_range(&self, (name, version, encoded): &SlotName) -> bool {
        let state = self.state.lock();
        state.ranges.get(&(name.clone(), *version)).is_some_and(|shape| is_range(shape, encoded))
    }

    fn queue(&self, item: StreamItem) {
        let mut state = self.state.lock();
        if !state.is_lost {
            state.stream.push_back(item);
        }
    }

    fn send(&self, request: Outgoing) {
        let mut state = self.state.lock();
        if state.is_lost {
            return;
        }
        state.outgoing.push_back(request);
        drop(state);
        self.pump_requests();
    }

    fn pump_requests(&self) {
        loop {
            let mut state = self.state.lock();
            let next = if state.holds_requests { None } else { state.outgoing.pop_front() };
            drop(state);
            let Some(request) = next else { break };
            request(self);
        }
        self.pump_stream();
    }

    fn handle(&self, item: StreamItem) {
        match item {
            StreamItem::Answer(send) => send(),
            StreamItem::Push(names) => {
                let (ranges, keys): (Vec<_>, Vec<_>) = names.iter().partition(|name| self.is_range(name));
                let keys: Vec<_> = keys.into_iter().filter_map(|name| self.key(name)).collect();
                if let Some(near) = self.near() {
                    near.invalidate(&keys.iter().map(Vec::as_slice).collect::<Vec<_>>());
                    let ranges = ranges.into_iter().filter_map(|name| self.key(name));
                    for range in ranges.filter(|_| !failpoint_is_set(Failpoint::RangePushIgnored)) {
                        near.invalidate_range(&range);
                    }
                }
            }
            StreamItem::PushOfAll => {
                if let Some(near) = self.near() {
                    near.invalidate_all();
                }
            }
            StreamItem::Pong(sent) => {
                let mut state = self.state.lock();
                let Some(bound) = state.bound else { return };
                let vouched = match &mut state.vouched {
                    _ if failpoint_is_set(Failpoint::ValidityFromAnswer) => Some(self.server.now()),
                    VouchedPing::Answered => Some(sent),
                    VouchedPing::Before(before) => before.replace(sent),
                };
                drop(state);
                if let Some(vouched) = vouched {
                    self.validity.extend_to(vouched + bound);
                }
            }
        }
    }

    /// Sends a request. The server calls `apply` to compute the answer.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        reply: RemoteReply<T>,
        apply: impl FnOnce(&mut ServerState, Duration, &mut Vec<SlotName>) -> T + Send + 'static,
    ) {
        self.ask_fallible(reply, |server, now, changed| Ok(apply(server, now, changed)));
    }

    /// Sends a request that the server may refuse.
    pub(super) fn ask_fallible<T: Send + 'static>(
        &self,
        reply: RemoteReply<T>,
        apply: impl FnOnce(&mut ServerState, Duration, &mut Vec<SlotName>) -> RemoteResult<T> + Send + 'static,
    ) {
        self.send(Box::new(move |node| {
            let answer = |answer| node.queue(StreamItem::Answer(Box::new(move || reply.send(answer))));
            node.server.apply(node, apply, answer);
        }));
    }
}

impl PushTarget for RemoteNode {
    fn queue_push(&self, names: &[SlotName]) {
        self.queue(StreamItem::Push(names.to_vec()));
    }

    fn queue_push_of_all(&self) {
        self.queue(StreamItem::PushOfAll);
    }

    fn pump_stream(&self) {
        loop {
            let _reader = self.reader.lock();
            let mut state = self.state.lock();
            let next = if state.holds_stream { None } else { state.stream.pop_front() };
            drop(state);
            let Some(item) = next else { return };
            self.handle(item);
        }
    }
}
