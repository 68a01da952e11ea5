//! The memory of the buffers of all connections: received requests, the requests of a `MULTI`, and unsent
//! replies.
//!
//! The limits of one connection do not bound the memory of all of them. So the connections share one bound.
//! A connection counts its buffers when it has executed requests. If all buffers together exceed the bound
//! then, and the connection holds more than its equal share of the bound, the server closes it. Some
//! connection holds more than its share whenever the bound is exceeded, and connections with less memory are
//! never closed for the memory of others.
//!
//! Buffers up to [`UNCOUNTED`] are not counted, so most connections never change the shared count.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Maximum number of bytes of a connection that are not counted.
const UNCOUNTED: usize = 32 << 10;

/// The default bound.
pub(crate) const DEFAULT_BUFFER_MEMORY: usize = 1 << 30;

/// The bound, and the bytes that count against it.
#[derive(Debug)]
pub(crate) struct BufferMemory {
    max: usize,
    /// Relaxed everywhere: the number publishes no other data.
    used: AtomicUsize,
    connections: AtomicUsize,
}

impl BufferMemory {
    pub(crate) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, used: AtomicUsize::new(0), connections: AtomicUsize::new(0) })
    }

    /// Returns the share of a new connection.
    pub(crate) fn connect(self: &Arc<Self>) -> BufferShare {
        self.connections.fetch_add(1, Ordering::Relaxed);
        BufferShare { memory: self.clone(), counted: 0 }
    }
}

/// The counted bytes of one connection. Dropping this value subtracts them.
#[derive(Debug)]
pub(crate) struct BufferShare {
    memory: Arc<BufferMemory>,
    counted: usize,
}

impl BufferShare {
    /// Counts the present bytes of the connection. Returns whether the connection may go on.
    pub(crate) fn count(&mut self, bytes: usize) -> bool {
        let bytes = if bytes <= UNCOUNTED { 0 } else { bytes };
        if bytes == 0 && self.counted == 0 {
            return true;
        }
        let (used, before) = (&self.memory.used, self.counted);
        self.counted = bytes;
        let used = if bytes >= before {
            used.fetch_add(bytes - before, Ordering::Relaxed) + (bytes - before)
        } else {
            used.fetch_sub(before - bytes, Ordering::Relaxed) - (before - bytes)
        };
        let share = self.memory.max / self.memory.connections.load(Ordering::Relaxed).max(1);
        used <= self.memory.max || bytes <= share
    }
}

impl Drop for BufferShare {
    fn drop(&mut self) {
        self.memory.used.fetch_sub(self.counted, Ordering::Relaxed);
        self.memory.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_connection_with_more_than_its_share_ends_when_the_bound_is_exceeded() {
        let memory = BufferMemory::new(1 << 20);
        let (mut large, mut small, mut idle) = (memory.connect(), memory.connect(), memory.connect());
        assert!(large.count(900 << 10), "the bound is not exceeded");
        assert!(small.count(200 << 10), "it has less than a third");
        assert!(!large.count(900 << 10));
        assert!(idle.count(UNCOUNTED) && small.count(300 << 10) && !small.count(400 << 10));
        drop(large);
        assert!(small.count(900 << 10), "the other bytes were given back");
        drop((small, idle));
        assert_eq!((memory.used.load(Ordering::Relaxed), memory.connections.load(Ordering::Relaxed)), (0, 0));
    }
}
