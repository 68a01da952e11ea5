//! Room in the write buffer, for the calls that store values.

use super::tiers::Tiers;
use crate::memory::buffer::BufferRoom;
use crate::memory::evicted_values::EvictedValues;

impl Tiers {
    /// Wakes the writer, after a change was made that will be committed.
    pub(crate) fn wake_writer_for_room(&self) {
        if self.memory.buffer().has_waiters() {
            // Callers that asked for room before this value was stored may wait until this value gives its
            // room back. If the commit fails, these callers must not wait until the disk works again.
            self.writer.ask_for_room();
        } else {
            self.wake_writer();
        }
    }

    /// Reserves room for a value that will be committed, and waits until there is room. Returns `None` if the
    /// disk tier no longer saves values.
    pub(crate) fn reserve(&self, bytes: u64, evicted_values: &mut EvictedValues) -> Option<BufferRoom> {
        let room = self.memory.reserve_room(bytes, || self.writer.ask_for_room(), evicted_values)?;
        self.commit_when_half_full(bytes);
        Some(room)
    }

    /// Like [`reserve`](Self::reserve), but only if there is room now.
    pub(crate) fn reserve_at_once(&self, bytes: u64) -> Option<BufferRoom> {
        let room = self.memory.buffer().reserve_at_once(bytes)?;
        self.commit_when_half_full(bytes);
        Some(room)
    }

    /// Begins a commit if the last reservation, of `bytes` bytes, has filled the buffer to more than a half.
    fn commit_when_half_full(&self, bytes: u64) {
        // When the buffer becomes half full, a commit begins. Meanwhile the empty half receives further
        // writes. This happens once each time that the used bytes pass the middle.
        let buffer = self.memory.buffer();
        let (used, middle) = (buffer.used(), buffer.capacity() / 2);
        if used >= middle && used.saturating_sub(bytes) < middle {
            self.writer.hurry();
        }
    }
}
