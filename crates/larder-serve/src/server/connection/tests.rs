use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use larder::Cache;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::yield_now;
use tokio::time::Instant;

use super::super::peer::{PeerState, PeerStream};
use super::{Connection, MAX_TURN_REQUESTS, Timeouts};
use crate::commands::table::COMMANDS;
use crate::protocol::limits::RequestLimits;
use crate::session::Session;
use crate::session::buffers::{BufferMemory, DEFAULT_BUFFER_MEMORY};
use crate::session::client::Peer;
use crate::session::cursors::Cursors;
use crate::session::databases::{DatabaseModes, Databases};
use crate::session::latency::Latencies;
use crate::session::output::OutputLimits;
use crate::session::served::{Baseline, Served, ServerCounters};
use crate::session::slow_log::SlowLog;

/// A peer for which the server never waits. It has sent all its requests, and reads all replies.
struct EagerPeer {
    requests: Vec<u8>,
    taken: usize,
}

impl AsyncRead for EagerPeer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let len = into.remaining().min(self.requests.len() - self.taken);
        into.put_slice(&self.requests[self.taken..][..len]);
        self.taken += len;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for EagerPeer {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl PeerStream for EagerPeer {
    fn peer_state(&self, _context: &mut Context<'_>) -> PeerState {
        PeerState::Open
    }
}

/// A peer that sends one request, and reads no reply.
struct DeafPeer(Option<&'static [u8]>);

impl AsyncRead for DeafPeer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(request) = self.0.take() else { return Poll::Pending };
        into.put_slice(request);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for DeafPeer {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl PeerStream for DeafPeer {
    fn peer_state(&self, _context: &mut Context<'_>) -> PeerState {
        PeerState::Open
    }
}

const TIMEOUTS: Timeouts =
    Timeouts { idle: None, write: Duration::from_secs(10), auth: Duration::from_secs(10) };

fn served() -> Arc<Served> {
    served_with(DEFAULT_BUFFER_MEMORY)
}

fn served_with(buffer_memory: usize) -> Arc<Served> {
    let cache = Cache::builder().open().unwrap();
    Arc::new(Served {
        databases: Databases::open(&cache, &[DatabaseModes::default()], Vec::new()).unwrap(),
        has_file: cache.stats().disk.is_some(),
        cache,
        password: None,
        is_read_only: false,
        limits: RequestLimits::default(),
        output_limits: OutputLimits::default(),
        buffers: BufferMemory::new(buffer_memory),
        max_connections: 1,
        clients: Arc::default(),
        counters: ServerCounters::default(),
        cursors: Cursors::default(),
        slow_log: SlowLog::default(),
        latencies: Latencies::default(),
        monitors: Arc::default(),
        baseline: Baseline::default(),
        since: Instant::now(),
        is_cut_off: Arc::default(),
    })
}

#[test]
fn a_connection_that_always_has_requests_lets_others_go_on() {
    const REQUESTS: u32 = 20_000;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let served = served();
        let listed = served.clients.add(Peer { remote: String::new(), local: String::new(), is_unix: true });
        let session = Session::new(served.clone(), Arc::default(), &COMMANDS, listed.client().clone());
        let requests = b"PING\r\n".repeat(usize::try_from(REQUESTS).unwrap());
        let peer = EagerPeer { requests, taken: 0 };
        let connection = Connection::new((), peer, session, TIMEOUTS);
        let turns = Cell::new(0);
        let others = async {
            loop {
                yield_now().await;
                turns.set(turns.get() + 1);
            }
        };
        tokio::select! {
            biased;
            () = others => {}
            () = connection.serve(pending()) => {}
        }
        assert_eq!(served.counters.requests.load(super::Ordering::Relaxed), u64::from(REQUESTS));
        let least = REQUESTS / MAX_TURN_REQUESTS;
        assert!(turns.get() >= least, "{} of at least {least}", turns.get());
    });
}

/// The lines for the monitor exceed the bound on all buffers, and the monitor's peer is silent. So the
/// connection must count its buffers while it waits.
#[test]
fn a_monitor_whose_lines_exceed_the_bound_ends_when_it_takes_them() {
    const BOUND: usize = 1 << 20;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let served = served_with(BOUND);
        let listed = served.clients.add(Peer { remote: String::new(), local: String::new(), is_unix: true });
        let session = Session::new(served.clone(), Arc::default(), &COMMANDS, listed.client().clone());
        let connection = Connection::new((), DeafPeer(Some(b"MONITOR\r\n")), session, TIMEOUTS);
        let mut served_connection = pin!(connection.serve(pending()));
        let mut poll =
            async || poll_fn(|context| Poll::Ready(served_connection.as_mut().poll(context))).await;
        assert!(poll().await.is_pending());
        assert!(served.monitors.is_watched(), "the connection is a monitor");
        served.monitors.show(&vec![b'x'; BOUND]);
        assert!(poll().await.is_ready(), "the connection has ended");
        assert_eq!(served.counters.cut_off.load(super::Ordering::Relaxed), 1);
    });
}
