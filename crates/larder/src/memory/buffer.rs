//! The write buffer: the limit on the bytes of values that are acknowledged and not yet committed.
//!
//! Room is reserved before a shard is locked, and belongs to one value. The slot and the writer's batch may
//! both hold an unsaved value. The room is released when the last holder drops the value, so it is never
//! released twice or too early.
//!
//! A value that needs more than the whole buffer is *large*. It gets its room only when the buffer is empty.
//! From then on the buffer is over capacity, so no other value finds room. The bytes beyond the buffer's
//! capacity are reserved in the memory budget ([`Memory::reserve_room`](super::Memory::reserve_room)).
//!
//! A caller that needs room follows these steps:
//!
//! 1. It tries to reserve the room immediately. A small value succeeds if it fits and no large value is
//!    queued. A large value succeeds if the buffer is empty and the queue is empty.
//! 2. Otherwise the caller enters the queue, and is counted as waiting before (3) and (4). So a thread that
//!    releases room sees the waiting caller, or (4) sees the room. A thread that stores a value also sees
//!    the waiting caller.
//! 3. It wakes the writer to commit. The caller holds no lock here.
//! 4. Under the gate, it announces that it may sleep, and then tries again. A small value gets room if it
//!    fits and no large value precedes it in the queue. A large value gets room if it is first in the queue
//!    and the buffer is empty. Otherwise the caller sleeps until it is woken, and repeats (3).
//! 5. It leaves the queue before it releases the gate. The caller now has room, unless the buffer was
//!    closed.
//!
//! A thread that releases room wakes all sleeping callers at once, under the gate, and takes back the
//! announcement. So it sees the announcement of a caller whose attempt in (4) came before the release, unless
//! another thread has taken it back and will wake this caller. Releases before the next announcement wake no
//! one. Otherwise the writer thread would make a system call for each value of a commit.
//!
//! A release wakes callers only if it leaves at least a sixteenth of the buffer free ([`WAKE_SHARE`]).
//! Otherwise the callers would run once for each released value. If less is free, the writer usually has more
//! values to commit. But the file may have no room for these values. So the end of each step of the writer
//! wakes the callers too, if room was released ([`WriteBuffer::wake_after_step`]).
//!
//! A large value does not starve: once it is queued, later values wait behind it, so the buffer drains. No
//! large value overtakes an earlier small value, so in the queue a small value waits only for the large
//! values before it. A caller that leaves the queue need not wake the others. If it got room, releasing that
//! room wakes them. If the buffer was closed, `close` wakes them. Until its value is stored, a caller that
//! has room waits only for locks and, with a large value, for weight in the budget. So the writer can always
//! commit the values that fill the buffer.

use std::collections::VecDeque;

use super::budget::Reservation;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};
use crate::sys::sync::{Arc, AtomicBool, AtomicU64, AtomicUsize, Condvar, Mutex, Ordering};

/// The capacity divided by this number must be free before callers that wait for room are woken.
const WAKE_SHARE: u64 = 16;

#[derive(Debug)]
pub(crate) struct WriteBuffer {
    capacity: u64,
    /// The reserved bytes. They exceed the capacity while a large value holds its room.
    used: AtomicU64,
    /// Number of values in the queue.
    waiting: AtomicUsize,
    /// Number of large values in the queue.
    large: AtomicUsize,
    /// Whether callers may sleep that no thread has begun to wake yet.
    has_sleepers: AtomicBool,
    /// Whether room was released that has woken no caller.
    has_released: AtomicBool,
    closed: AtomicBool,
    gate: Mutex<WaitQueue>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct WaitQueue {
    last_number: u64,
    places: VecDeque<QueuePlace>,
}

#[derive(Debug, Clone, Copy)]
struct QueuePlace {
    number: u64,
    is_large: bool,
}

impl WaitQueue {
    fn enter(&mut self, is_large: bool) -> QueuePlace {
        self.last_number += 1;
        let place = QueuePlace { number: self.last_number, is_large };
        self.places.push_back(place);
        place
    }

    fn leave(&mut self, place: QueuePlace) {
        self.places.retain(|other| other.number != place.number);
    }

    /// Returns whether the value need not wait for any earlier value in the queue.
    fn is_next(&self, place: QueuePlace) -> bool {
        let mut before = self.places.iter().take_while(|other| other.number < place.number);
        if place.is_large { before.next().is_none() } else { !before.any(|other| other.is_large) }
    }
}

impl WriteBuffer {
    pub(crate) fn new(capacity: u64) -> Arc<Self> {
        Arc::new(Self {
            capacity,
            used: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
            large: AtomicUsize::new(0),
            has_sleepers: AtomicBool::new(false),
            has_released: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            gate: Mutex::default(),
            freed: Condvar::new(),
        })
    }

    pub(crate) fn capacity(&self) -> u64 {
        self.capacity
    }

    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Reserves room, waiting if necessary. Calls `on_full` before each wait. Returns `None` once the buffer
    /// is closed.
    ///
    /// The caller must not hold a lock. The numbers in the code refer to the steps in the module
    /// documentation.
    pub(crate) fn reserve(self: &Arc<Self>, bytes: u64, on_full: impl Fn()) -> Option<BufferRoom> {
        if self.closed.load(Ordering::SeqCst) {
            return None;
        }
        // 1.
        let is_large = bytes > self.capacity;
        let queued = if is_large { &self.waiting } else { &self.large };
        if queued.load(Ordering::SeqCst) == 0 && self.try_take(bytes) {
            return Some(self.room(bytes));
        }
        // 2. SeqCst: the increment of `waiting` pairs with the load in `has_waiters`. A thread that stores a
        //    value after the writer's last drain wakes the writer again.
        let place = self.gate.lock().enter(is_large);
        self.large.fetch_add(usize::from(is_large), Ordering::SeqCst);
        self.waiting.fetch_add(1, Ordering::SeqCst);
        loop {
            // 3.
            on_full();
            // 4.
            let mut gate = self.gate.lock();
            // SeqCst: pairs with the load in `release`. Either the attempt sees the released room, or the
            // thread that released it sees the announcement.
            let is_late = failpoint_is_set(Failpoint::AnnounceSleepLate);
            if !is_late {
                self.has_sleepers.store(true, Ordering::SeqCst);
            }
            let is_closed = self.closed.load(Ordering::SeqCst);
            if is_closed || (gate.is_next(place) && self.try_take(bytes)) {
                // 5.
                gate.leave(place);
                self.waiting.fetch_sub(1, Ordering::SeqCst);
                self.large.fetch_sub(usize::from(is_large), Ordering::SeqCst);
                // `is_closed` is read only once, in case the buffer is closed or opened concurrently. So
                // this call returns room if and only if `try_take` reserved it.
                return (!is_closed).then(|| self.room(bytes));
            }
            if is_late {
                self.has_sleepers.store(true, Ordering::SeqCst);
            }
            self.freed.wait(&mut gate);
        }
    }

    /// Releases room, and wakes the callers that wait for room if enough is free now.
    fn release(&self, bytes: u64) {
        let left = self.used.fetch_sub(bytes, Ordering::SeqCst) - bytes;
        if left > self.capacity - self.capacity / WAKE_SHARE {
            self.has_released.store(true, Ordering::SeqCst);
            return;
        }
        self.wake();
    }

    /// Wakes the callers that wait for room, if any was released since the last call. The writer calls this
    /// at the end of each step. If a step without a release woke them, they would ask for another step.
    pub(crate) fn wake_after_step(&self) {
        if self.has_released.swap(false, Ordering::SeqCst) {
            self.wake();
        }
    }

    fn wake(&self) {
        // The load keeps the cache line shared while no caller sleeps.
        if self.has_sleepers.load(Ordering::SeqCst) && self.has_sleepers.swap(false, Ordering::SeqCst) {
            let _gate = self.gate.lock();
            self.freed.notify_all();
        }
    }

    /// Runs only step 1: reserves room for a small value, if the value fits and no large value is queued.
    pub(crate) fn reserve_at_once(self: &Arc<Self>, bytes: u64) -> Option<BufferRoom> {
        let may_take = bytes <= self.capacity
            && !self.closed.load(Ordering::SeqCst)
            && self.large.load(Ordering::SeqCst) == 0;
        (may_take && self.try_take(bytes)).then(|| self.room(bytes))
    }

    fn room(self: &Arc<Self>, bytes: u64) -> BufferRoom {
        BufferRoom { buffer: self.clone(), bytes, beyond: None }
    }

    /// Returns whether a caller waits for room. A thread calls this after storing a value, because the
    /// waiting caller may have called `on_full` before the value was stored.
    pub(crate) fn has_waiters(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0 && !failpoint_is_set(Failpoint::IgnoreWaiters)
    }

    /// Rejects waiting and later callers until [`open`](Self::open) is called. In the meantime, the writer
    /// commits no values.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        let _gate = self.gate.lock();
        self.freed.notify_all();
    }

    pub(crate) fn open(&self) {
        self.closed.store(false, Ordering::SeqCst);
    }

    fn try_take(&self, bytes: u64) -> bool {
        let fits = |used: u64| {
            let sum = used.checked_add(bytes)?;
            (used == 0 || sum <= self.capacity).then_some(sum)
        };
        // SeqCst also for a failed attempt, which pairs with a release: see step 4 of `reserve`.
        self.used.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fits).is_ok()
    }
}

/// Room in the write buffer, released on drop.
#[derive(Debug)]
pub(crate) struct BufferRoom {
    buffer: Arc<WriteBuffer>,
    bytes: u64,
    /// For a large value, the budget weight that is reserved for its excess over the buffer. Boxed, because
    /// few values are large.
    beyond: Option<Box<Reservation>>,
}

impl BufferRoom {
    /// Returns by how many bytes this room exceeds the buffer's capacity.
    pub(super) fn excess(&self) -> u64 {
        self.bytes.saturating_sub(self.buffer.capacity)
    }

    /// Splits off room for one value of a group. A group is never larger than the buffer, so its room has no
    /// excess.
    pub(crate) fn split_off(&mut self, bytes: u64) -> Self {
        debug_assert!(self.beyond.is_none(), "the part would not hold the weight of the excess");
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.buffer.room(bytes)
    }

    /// Holds `beyond` for as long as this room exists.
    pub(super) fn keep(&mut self, beyond: Reservation) {
        self.beyond = Some(Box::new(beyond));
    }

    /// Transfers up to `most` bytes of the budget weight to the value's clean entry. Returns the transferred
    /// weight.
    pub(super) fn pass_on(&self, most: u64) -> u64 {
        self.beyond.as_ref().map_or(0, |beyond| beyond.pass_on(most))
    }

    #[cfg(any(test, feature = "test-util"))]
    pub(super) fn beyond(&self) -> u64 {
        self.beyond.as_ref().map_or(0, |beyond| beyond.held())
    }
}

impl Drop for BufferRoom {
    fn drop(&mut self) {
        // The reservation is released before the buffer becomes empty, so that the next large value finds
        // this weight free in the budget.
        drop(self.beyond.take());
        self.buffer.release(self.bytes);
    }
}

#[cfg(test)]
mod tests;
