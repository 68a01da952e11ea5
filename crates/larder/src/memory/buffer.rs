//! The write buffer: how many bytes may be acknowledged and not yet committed.
//!
//! Room is reserved before a shard is locked, and belongs to the value it was reserved for: it is given back when the last
//! holder of the unsaved value (its slot, or the writer's batch) lets go, so it can't be given back twice, or too early.

use crate::sync::planted::{Fault, is_planted};
use crate::sync::{Arc, AtomicBool, AtomicU64, AtomicUsize, Condvar, Mutex, Ordering};

/// Bytes of unsaved values, bounded.
#[derive(Debug)]
pub(crate) struct WriteBuffer {
    capacity: u64,
    used: AtomicU64,
    waiting: AtomicUsize,
    closed: AtomicBool,
    gate: Mutex<()>,
    freed: Condvar,
}

impl WriteBuffer {
    pub(crate) fn new(capacity: u64) -> Arc<Self> {
        Arc::new(Self {
            capacity,
            used: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            gate: Mutex::new(()),
            freed: Condvar::new(),
        })
    }

    pub(crate) fn capacity(&self) -> u64 {
        self.capacity
    }

    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Reserves room, waiting for it if need be; `on_full` is called before each wait. `None` once the buffer is closed.
    ///
    /// The caller holds no lock, and asks for no more than the capacity.
    pub(crate) fn reserve(self: &Arc<Self>, bytes: u64, on_full: impl Fn()) -> Option<Room> {
        debug_assert!(bytes <= self.capacity, "a larger reservation would wait for ever");
        loop {
            if self.closed.load(Ordering::SeqCst) {
                return None;
            }
            if self.try_take(bytes) {
                return Some(Room { buffer: self.clone(), bytes });
            }
            // Announced before the last try. SeqCst: pairs with the load in `Room::drop`, so that either this try sees the
            // room that was freed, or the one who freed it sees somebody waiting. And announced before the writer is asked: pairs with the
            // load in `has_waiters`, so that whoever stores after the writer has looked asks it again.
            self.waiting.fetch_add(1, Ordering::SeqCst);
            on_full();
            let mut gate = self.gate.lock();
            let is_closed = self.closed.load(Ordering::SeqCst);
            if is_closed || self.try_take(bytes) {
                self.waiting.fetch_sub(1, Ordering::SeqCst);
                // Looked at once: room is taken if and only if it is given back, whether the buffer closes or opens meanwhile.
                return (!is_closed).then(|| Room { buffer: self.clone(), bytes });
            }
            self.freed.wait(&mut gate);
            self.waiting.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// Whether somebody waits for room. Asked after a value was stored, which the waiter's `on_full` may have come too early for.
    pub(crate) fn has_waiters(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0 && !is_planted(Fault::IgnoreWaiters)
    }

    /// Turns waiters and later callers away: nothing will be committed any more.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        let _gate = self.gate.lock();
        self.freed.notify_all();
    }

    /// Takes callers again after [`close`](WriteBuffer::close).
    pub(crate) fn open(&self) {
        self.closed.store(false, Ordering::SeqCst);
    }

    fn try_take(&self, bytes: u64) -> bool {
        let fits = |used: u64| used.checked_add(bytes).filter(|&sum| sum <= self.capacity);
        self.used.fetch_update(Ordering::SeqCst, Ordering::Relaxed, fits).is_ok()
    }
}

/// Room in the write buffer, given back on drop.
#[derive(Debug)]
pub(crate) struct Room {
    buffer: Arc<WriteBuffer>,
    bytes: u64,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.buffer.used.fetch_sub(self.bytes, Ordering::SeqCst);
        // SeqCst: pairs with the increment in `reserve`.
        if self.buffer.waiting.load(Ordering::SeqCst) > 0 {
            let _gate = self.buffer.gate.lock();
            self.buffer.freed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::thread;

    #[test]
    fn room_is_given_back_once_by_its_last_holder() {
        let buffer = WriteBuffer::new(100);
        let shared = Arc::new(buffer.reserve(60, || ()).unwrap());
        let other = shared.clone();
        drop(shared);
        assert_eq!(buffer.used(), 60);
        drop(other);
        assert_eq!(buffer.used(), 0);
    }

    #[test]
    fn a_full_buffer_makes_a_writer_wait_until_room_is_given_back() {
        let buffer = WriteBuffer::new(100);
        let first = buffer.reserve(60, || ()).unwrap();
        let (full, seen) = crate::sync::channel::bounded(8);
        thread::scope(|scope| {
            let waiter = scope.spawn(|| buffer.reserve(60, || full.send(()).unwrap()).map(|room| room.bytes));
            seen.recv().unwrap();
            assert_eq!(buffer.used(), 60);
            drop(first);
            assert_eq!(waiter.join().unwrap(), Some(60));
        });
    }

    #[test]
    fn closing_turns_waiters_away() {
        let buffer = WriteBuffer::new(100);
        let _first = buffer.reserve(100, || ()).unwrap();
        let (full, seen) = crate::sync::channel::bounded(8);
        thread::scope(|scope| {
            let waiter = scope.spawn(|| buffer.reserve(1, || full.send(()).unwrap()).is_none());
            seen.recv().unwrap();
            buffer.close();
            assert!(waiter.join().unwrap());
        });
        assert!(buffer.reserve(0, || ()).is_none());
    }
}
