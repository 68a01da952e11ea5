//! FIFO queues of slots, linked by one node for each slot.

use crate::memory::policy::slot_id::SlotId;
use crate::memory::segments::Segments;
use crate::memory::weight::Weight;

pub(super) const NONE: SlotId = SlotId::MAX;

/// The data of an entry except its flags: 16 bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct QueueNode {
    pub(super) newer: SlotId,
    pub(super) older: SlotId,
    pub(super) weight: Weight,
    pub(super) hash: u32,
}

impl QueueNode {
    pub(super) const VACANT: Self = Self { newer: NONE, older: NONE, weight: Weight::ZERO, hash: 0 };
}

#[derive(Debug)]
pub(super) struct Queue {
    pub(super) newest: SlotId,
    pub(super) oldest: SlotId,
    pub(super) weight: u64,
    pub(super) len: usize,
}

impl Queue {
    pub(super) const fn new() -> Self {
        Self { newest: NONE, oldest: NONE, weight: 0, len: 0 }
    }

    /// Adds a slot as the newest of this queue. The slot must not be in any queue.
    pub(super) fn push(&mut self, nodes: &mut Segments<QueueNode>, id: SlotId) {
        if let Some(&QueueNode { weight, hash, .. }) = nodes.get(id as usize) {
            self.push_new(nodes, id, hash, weight);
        }
    }

    /// Sets the data of a slot, and adds the slot as the newest of this queue. The slot must not be in any
    /// queue.
    #[inline]
    pub(super) fn push_new(
        &mut self,
        nodes: &mut Segments<QueueNode>,
        id: SlotId,
        hash: u32,
        weight: Weight,
    ) {
        let older = self.newest;
        let Some(node) = nodes.get_mut(id as usize) else {
            return;
        };
        *node = QueueNode { newer: NONE, older, weight, hash };
        self.weight += weight.bytes();
        self.len += 1;
        self.newest = id;
        match nodes.get_mut(older as usize) {
            Some(node) => node.newer = id,
            None => self.oldest = id,
        }
    }

    /// Removes a slot, which must be in this queue.
    pub(super) fn remove(&mut self, nodes: &mut Segments<QueueNode>, id: SlotId) {
        let Some(&QueueNode { newer, older, weight, .. }) = nodes.get(id as usize) else {
            return;
        };
        self.weight -= weight.bytes();
        self.len -= 1;
        match nodes.get_mut(older as usize) {
            Some(node) => node.newer = newer,
            None => self.oldest = newer,
        }
        match nodes.get_mut(newer as usize) {
            Some(node) => node.older = older,
            None => self.newest = older,
        }
    }
}
