//! Reserves room in the write buffer, for the calls that store values.

use super::tiers::Tiers;
use crate::memory::buffer::BufferRoom;
use crate::memory::evicted_values::EvictedValues;

impl Tiers {
    /// Wakes the writer thread after a change that must be committed.
    pub(crate) fn wake_writer_for_room(&self) {
        if self.memory.buffer().has_waiters() {
            // Other callers may be waiting for the room that this change occupies. If the commit fails, they
            // must not wait until the disk works again.
            self.writer.ask_for_room();
        } else {
            self.wake_writer();
        }
    }

    /// Waits for room for a value, and reserves it. Returns `None` if the disk tier no longer saves values.
    pub(crate) fn reserve(&self, bytes: u64, evicted_values: &mut EvictedValues) -> Option<BufferRoom> {
        let room = self.memory.reserve_room(bytes, || self.writer.ask_for_room(), evicted_values)?;
        self.commit_when_half_full(bytes);
        Some(room)
    }

    /// Like [`reserve`](Self::reserve), but returns `None` instead of waiting.
    pub(crate) fn reserve_at_once(&self, bytes: u64) -> Option<BufferRoom> {
        let room = self.memory.buffer().reserve_at_once(bytes)?;
        self.commit_when_half_full(bytes);
        Some(room)
    }

    /// Begins a commit if the last reservation, of `bytes` bytes, has passed the middle of the buffer.
    fn commit_when_half_full(&self, bytes: u64) {
        // The commit begins at one half, so that the other half can receive writes during the commit. Only
        // the reservation that passes the middle begins it.
        let buffer = self.memory.buffer();
        let (used, middle) = (buffer.used(), buffer.capacity() / 2);
        if used >= middle && used.saturating_sub(bytes) < middle {
            self.writer.hurry();
        }
    }
}
