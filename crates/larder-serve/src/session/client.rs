//! What other connections know about a connection: `CLIENT LIST` reports it, and `CLIENT KILL` ends the
//! connection.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use tokio::time::Instant;

use crate::protocol::reply::Version;

/// What other connections know about a connection. Other connections change this state only through
/// [`kill`](Self::kill).
#[derive(Debug)]
pub(crate) struct Client {
    /// Id of the connection, which is unique within this server.
    pub(crate) id: u64,
    /// Remote address and local address of the connection.
    pub(crate) peer: String,
    pub(crate) local: String,
    pub(crate) is_unix: bool,
    since: Instant,
    /// When the peer last sent a byte, in milliseconds after `since`.
    last_used_ms: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) db: AtomicUsize,
    is_resp3: AtomicBool,
    /// The counted bytes of the connection's buffers.
    buffered: AtomicUsize,
    is_killed: AtomicBool,
    /// The waker that [`kill`](Self::kill) wakes.
    waker: Mutex<Option<Waker>>,
    labels: Mutex<ClientLabels>,
}

#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) remote: String,
    pub(crate) local: String,
    pub(crate) is_unix: bool,
}

/// What a client says about itself, and its last command.
#[derive(Debug, Default)]
pub(crate) struct ClientLabels {
    pub(crate) name: String,
    pub(crate) library: String,
    pub(crate) library_version: String,
    pub(crate) command: &'static str,
}

impl Client {
    pub(crate) fn new(id: u64, peer: Peer) -> Self {
        let Peer { remote: peer, local, is_unix } = peer;
        Self {
            id,
            peer,
            local,
            is_unix,
            since: Instant::now(),
            last_used_ms: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            db: AtomicUsize::new(0),
            is_resp3: AtomicBool::new(false),
            buffered: AtomicUsize::new(0),
            is_killed: AtomicBool::new(false),
            waker: Mutex::default(),
            labels: Mutex::default(),
        }
    }

    pub(crate) fn labels(&self) -> MutexGuard<'_, ClientLabels> {
        self.labels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that the peer has sent bytes.
    pub(crate) fn note_use(&self, now: Instant) {
        let used = u64::try_from(now.duration_since(self.since).as_millis()).unwrap_or(u64::MAX);
        self.last_used_ms.store(used, Ordering::Relaxed);
    }

    pub(crate) fn age(&self) -> Duration {
        self.since.elapsed()
    }

    pub(crate) fn idle(&self) -> Duration {
        self.age().saturating_sub(Duration::from_millis(self.last_used_ms.load(Ordering::Relaxed)))
    }

    pub(crate) fn set_version(&self, version: Version) {
        self.is_resp3.store(version == Version::Resp3, Ordering::Relaxed);
    }

    pub(crate) fn version(&self) -> u8 {
        if self.is_resp3.load(Ordering::Relaxed) { 3 } else { 2 }
    }

    pub(crate) fn set_buffered(&self, bytes: usize) {
        if self.buffered.load(Ordering::Relaxed) != bytes {
            self.buffered.store(bytes, Ordering::Relaxed);
        }
    }

    /// Makes the connection end soon.
    pub(crate) fn kill(&self) {
        self.is_killed.store(true, Ordering::Release);
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn is_killed(&self) -> bool {
        self.is_killed.load(Ordering::Acquire)
    }

    pub(crate) fn wake_by_kill(&self, waker: &Waker) {
        let mut present = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
        if present.as_ref().is_none_or(|present| !present.will_wake(waker)) {
            *present = Some(waker.clone());
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Clients {
    by_id: Mutex<BTreeMap<u64, Arc<Client>>>,
    last_id: AtomicU64,
    /// Whether the server shuts down.
    is_stopping: AtomicBool,
}

/// A listed connection. Dropping this value removes the connection from the list.
#[derive(Debug)]
pub(crate) struct Listed(Arc<Clients>, Arc<Client>);

impl Clients {
    pub(crate) fn add(self: &Arc<Self>, peer: Peer) -> Listed {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let client = Arc::new(Client::new(id, peer));
        self.lock().insert(id, client.clone());
        Listed(self.clone(), client)
    }

    /// Returns the connections in the order of their ids, without killed ones.
    pub(crate) fn all(&self) -> Vec<Arc<Client>> {
        self.lock().values().filter(|client| !client.is_killed()).cloned().collect()
    }

    /// Ends connections whose buffers take more than `share` bytes, the largest first, until the buffers of
    /// the others take `max` bytes or less. Returns the number of ended connections.
    pub(crate) fn end_largest(&self, max: usize, share: usize) -> usize {
        let mut held: Vec<(usize, Arc<Client>)> =
            self.all().into_iter().map(|client| (client.buffered.load(Ordering::Relaxed), client)).collect();
        let mut total: usize = held.iter().map(|(bytes, _)| bytes).sum();
        held.retain(|(bytes, _)| *bytes > share);
        held.sort_unstable_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
        let mut ended = 0;
        for (bytes, client) in held {
            if total <= max {
                break;
            }
            client.kill();
            total -= bytes;
            ended += 1;
        }
        ended
    }

    /// Must be called before the connections are woken for a shutdown.
    pub(crate) fn note_stop(&self) {
        // Release: pairs with the Acquire in `is_stopping`.
        self.is_stopping.store(true, Ordering::Release);
    }

    /// Returns whether the server shuts down.
    pub(crate) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Acquire)
    }

    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Returns the number of connections since the server started.
    pub(crate) fn total(&self) -> u64 {
        self.last_id.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Client>>> {
        self.by_id.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listed {
    pub(crate) fn client(&self) -> &Arc<Client> {
        &self.1
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.0.lock().remove(&self.1.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ends the largest of connections with these counts, and returns the counts of the ended ones.
    fn ended(counts: &[usize], max: usize, share: usize) -> Vec<usize> {
        let clients: Arc<Clients> = Arc::default();
        let peer = Peer { remote: String::new(), local: String::new(), is_unix: true };
        let listed: Vec<Listed> = counts.iter().map(|_| clients.add(peer.clone())).collect();
        for (listed, count) in listed.iter().zip(counts) {
            listed.client().set_buffered(*count);
        }
        let number = clients.end_largest(max, share);
        let killed = listed.iter().zip(counts).filter(|(listed, _)| listed.client().is_killed());
        let killed: Vec<usize> = killed.map(|(_, count)| *count).collect();
        assert_eq!(killed.len(), number);
        killed
    }

    #[test]
    fn the_largest_connections_end_and_no_more_of_them_than_needed() {
        assert_eq!(ended(&[300, 400, 350, 0], 1000, 250), [400]);
        assert_eq!(ended(&[300, 400, 350, 0], 700, 175), [400]);
        assert_eq!(ended(&[300, 400, 350, 0], 600, 150), [400, 350]);
        assert_eq!(ended(&[300, 400, 350, 0], 1050, 262), [0; 0]);
    }

    /// The share and the counts are read at different times, so the sum can exceed the bound although no
    /// connection exceeds its share.
    #[test]
    fn a_connection_with_an_equal_share_never_ends() {
        assert_eq!(ended(&[60, 61, 60], 100, 60), [61]);
        assert_eq!(ended(&[60, 60, 60], 100, 60), [0; 0]);
    }
}
