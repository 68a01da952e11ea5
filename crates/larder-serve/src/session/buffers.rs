//! The memory of the buffers of all connections: received requests with the positions of their words, the
//! requests of a `MULTI`, watches, and unsent replies with the futures of late ones.
//!
//! The limits of one connection do not bound the memory of all connections. So the connections share one
//! bound:
//!
//! 1. A connection counts its buffers when it has executed requests, before it waits or lets others run.
//! 2. If all buffers together then exceed the bound, this connection ends the connections with the largest
//!    counts, until the counts of the others are within the bound. An ended connection no longer counts in
//!    this step, so a second thread that runs this step does not end more connections than needed.
//! 3. An ended connection is woken, and closes even if its peer is silent.
//!
//! A connection that holds an equal share of the bound or less is never ended. Whenever the bound is
//! exceeded, some connection holds more than its share, unless the counts change meanwhile.
//!
//! If the buffers of a connection take up to [`UNCOUNTED`] bytes, they are not counted. So most connections
//! never change the shared count.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::client::{Client, Clients};

/// Maximum number of bytes in the buffers of a connection that is not counted.
pub(crate) const UNCOUNTED: usize = 32 << 10;

/// The default bound, in bytes.
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
    /// Sets the count of this connection to `bytes`, the current size of its buffers, or to 0 if `bytes` is
    /// at most [`UNCOUNTED`]. Records the count in `client`. If all buffers then exceed the bound, ends the
    /// largest connections of `clients`. Returns the number of ended connections.
    pub(crate) fn count(&mut self, bytes: usize, client: &Client, clients: &Clients) -> usize {
        let bytes = if bytes <= UNCOUNTED { 0 } else { bytes };
        if bytes == 0 && self.counted == 0 {
            return 0;
        }
        let (used, before) = (&self.memory.used, self.counted);
        self.counted = bytes;
        client.set_buffered(bytes);
        let used = if bytes >= before {
            used.fetch_add(bytes - before, Ordering::Relaxed) + (bytes - before)
        } else {
            used.fetch_sub(before - bytes, Ordering::Relaxed) - (before - bytes)
        };
        if used <= self.memory.max {
            return 0;
        }
        let share = self.memory.max / self.memory.connections.load(Ordering::Relaxed).max(1);
        clients.end_largest(self.memory.max, share)
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
    use crate::session::client::{Listed, Peer};

    /// A connection of a peer that never sends or reads again.
    struct Silent {
        client: Listed,
        share: BufferShare,
    }

    impl Silent {
        fn connect(memory: &Arc<BufferMemory>, clients: &Arc<Clients>) -> Self {
            let peer = Peer { remote: String::new(), local: String::new(), is_unix: true };
            Self { client: clients.add(peer), share: memory.connect() }
        }

        fn count(&mut self, bytes: usize, clients: &Clients) {
            self.share.count(bytes, self.client.client(), clients);
        }

        fn has_ended(&self) -> bool {
            self.client.client().is_killed()
        }
    }

    #[test]
    fn only_the_largest_connections_end_when_the_bound_is_exceeded() {
        let (memory, clients) = (BufferMemory::new(1 << 20), Arc::new(Clients::default()));
        let mut peers = [(); 3].map(|()| Silent::connect(&memory, &clients));
        let [large, small, idle] = &mut peers;
        large.count(900 << 10, &clients);
        assert!(!large.has_ended(), "the bound is not exceeded");
        small.count(200 << 10, &clients);
        assert!(large.has_ended() && !small.has_ended(), "the larger one ends, though it was silent");
        idle.count(UNCOUNTED, &clients);
        small.count(300 << 10, &clients);
        assert!(!idle.has_ended() && !small.has_ended(), "the others are within the bound");
        drop(peers);
        assert_eq!((memory.used.load(Ordering::Relaxed), memory.connections.load(Ordering::Relaxed)), (0, 0));
    }

    /// Three of four connections exceed their share of 256 KiB. Only the second one must end, although the
    /// third one has made the sum exceed the bound.
    #[test]
    fn the_largest_of_several_connections_above_their_share_ends() {
        let (memory, clients) = (BufferMemory::new(1 << 20), Arc::new(Clients::default()));
        let mut peers = [(); 4].map(|()| Silent::connect(&memory, &clients));
        for (peer, kib) in peers.iter_mut().zip([300, 400, 350]) {
            peer.count(kib << 10, &clients);
        }
        assert_eq!(peers.each_ref().map(Silent::has_ended), [false, true, false, false]);
    }

    #[test]
    fn the_bound_holds_when_connections_fill_one_after_another() {
        const MAX: usize = 1 << 30;
        let (memory, clients) = (BufferMemory::new(MAX), Arc::new(Clients::default()));
        let mut held: Vec<Silent> = Vec::new();
        for count in 1..=1000 {
            let mut silent = Silent::connect(&memory, &clients);
            silent.count((256 << 20).min(MAX / count), &clients);
            held.push(silent);
            held.retain(|silent| !silent.has_ended());
            let used = memory.used.load(Ordering::Relaxed);
            assert!(used <= MAX, "{} connections hold {} MiB", held.len(), used >> 20);
        }
    }
}
