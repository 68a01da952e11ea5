mod peers;
mod timeouts;
mod waits;

use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use larder::Cache;
use tokio::sync::oneshot;
use tokio::task::{LocalSet, spawn_local, yield_now};
use tokio::time::{Instant, sleep, timeout};

use self::peers::{CountingPeer, DeafPeer, EagerPeer, ToldPeer};
use super::{Connection, Timeouts, UNCOUNTED, let_others_execute};
use crate::commands::table::COMMANDS;
use crate::protocol::limits::RequestLimits;
use crate::server::peer::PeerStream;
use crate::server::turn::MAX_REQUESTS;
use crate::session::Session;
use crate::session::buffers::{BufferMemory, DEFAULT_BUFFER_MEMORY};
use crate::session::client::{Listed, Peer};
use crate::session::cursors::Cursors;
use crate::session::databases::{DatabaseModes, Databases};
use crate::session::latency::Latencies;
use crate::session::output::{LateReply, OutputLimits};
use crate::session::served::{Baseline, Served, ServerCounters};
use crate::session::slow_log::SlowLog;

const TIMEOUTS: Timeouts =
    Timeouts { idle: None, write: Duration::from_secs(10), auth: Duration::from_secs(10) };

fn served() -> Arc<Served> {
    served_with(DEFAULT_BUFFER_MEMORY)
}

fn served_with(buffer_memory: usize) -> Arc<Served> {
    Arc::new(served_state(buffer_memory))
}

fn served_state(buffer_memory: usize) -> Served {
    let cache = Cache::builder().open().unwrap();
    Served {
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
    }
}

/// Runs a test with a clock that stands still.
fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(test);
}

/// Returns a connection of this peer.
fn connect<S: PeerStream>(served: &Arc<Served>, peer: S) -> Connection<S, Listed> {
    let listed = served.clients.add(Peer { remote: String::new(), local: String::new(), is_unix: true });
    let session = Session::new(served.clone(), Arc::default(), &COMMANDS, listed.client().clone());
    Connection::new(listed, peer, session, TIMEOUTS)
}

/// The clock stands still, so only the number of requests ends a turn.
#[test]
fn a_connection_that_always_has_requests_lets_others_go_on_after_each_turn() {
    const TURNS: usize = 300;
    // An empty request is not executed, but it takes its time.
    for (request, is_executed) in [("PING\r\n", true), ("\r\n", false), ("*0\r\n", false)] {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(async {
            let served = served();
            let peer = Peer { remote: String::new(), local: String::new(), is_unix: true };
            let listed = served.clients.add(peer);
            let session = Session::new(served.clone(), Arc::default(), &COMMANDS, listed.client().clone());
            // From now on, the connection is alone on its thread, so it does not also yield before it
            // replies.
            let_others_execute(listed.client().id).await;
            let requests = request.repeat(TURNS * MAX_REQUESTS).into_bytes();
            let connection = Connection::new((), EagerPeer { requests, taken: 0 }, session, TIMEOUTS);
            let turns = Cell::new(0);
            let others = async {
                loop {
                    turns.set(turns.get() + 1);
                    yield_now().await;
                }
            };
            tokio::select! {
                biased;
                () = others => {}
                () = connection.serve(pending()) => {}
            }
            let executed = served.counters.requests.load(Relaxed);
            let expected = if is_executed { TURNS * MAX_REQUESTS } else { 0 };
            assert_eq!((turns.get(), executed), (TURNS, expected as u64), "{request:?}");
        });
    }
}

/// The commands of the transaction use no entries, so they run on the thread of the connection.
#[test]
fn a_transaction_of_many_requests_lets_others_go_on() {
    const REQUESTS: usize = 160;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let served = served();
        let listed = served.clients.add(Peer { remote: String::new(), local: String::new(), is_unix: true });
        let session = Session::new(served.clone(), Arc::default(), &COMMANDS, listed.client().clone());
        assert!(let_others_execute(listed.client().id).await);
        let requests = format!("MULTI\r\n{}EXEC\r\n", "INFO\r\n".repeat(REQUESTS)).into_bytes();
        const { assert!(REQUESTS + 2 < MAX_REQUESTS, "the turn is not over before") };
        let connection = Connection::new((), EagerPeer { requests, taken: 0 }, session, TIMEOUTS);
        let mut served_connection = pin!(connection.serve(pending()));
        let mut polls = 1;
        while poll_fn(|context| Poll::Ready(served_connection.as_mut().poll(context))).await.is_pending() {
            polls += 1;
        }
        let executed = served.counters.requests.load(Relaxed);
        assert_eq!(executed, REQUESTS as u64 + 2);
        assert!(polls > REQUESTS / 16, "{polls} polls");
    });
}

/// Connections that have one request each. The second connection executes its request before the first one
/// sends its reply, unless the reply is large.
#[test]
fn the_replies_of_connections_are_sent_after_the_requests_of_all_are_executed() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let served = served();
    let sent_after = Arc::new(Mutex::new(Vec::new()));
    let serve = |request: &[u8]| {
        let listed = served.clients.add(Peer { remote: String::new(), local: String::new(), is_unix: true });
        let session = Session::new(served.clone(), Arc::default(), &COMMANDS, listed.client().clone());
        let (request, served, sent_after) = (request.to_vec(), served.clone(), sent_after.clone());
        let peer = CountingPeer { request, served, sent_after };
        tokio::spawn(Connection::new(listed, peer, session, TIMEOUTS).serve(pending()))
    };
    runtime.block_on(async {
        let serve_three = async |request: &[u8]| {
            let connections = [serve(request), serve(request), serve(request)];
            for connection in connections {
                connection.await.unwrap();
            }
        };
        serve_three(b"PING\r\n").await;
        serve(b"PING\r\n").await.unwrap();
        // Large replies do not wait, because all of them together may exceed the bound on the buffers.
        let large = format!("*2\r\n$4\r\nECHO\r\n${0}\r\n{1}\r\n", UNCOUNTED, "x".repeat(UNCOUNTED));
        serve_three(large.as_bytes()).await;
    });
    assert_eq!(*sent_after.lock().unwrap(), [3, 3, 3, 4, 5, 6, 7]);
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
        let peer = DeafPeer { request: Some(b"MONITOR\r\n"), uses_budget: false };
        let connection = Connection::new((), peer, session, TIMEOUTS);
        let mut served_connection = pin!(connection.serve(pending()));
        let mut poll =
            async || poll_fn(|context| Poll::Ready(served_connection.as_mut().poll(context))).await;
        assert!(poll().await.is_pending());
        assert!(served.monitors.is_watched(), "the connection is a monitor");
        served.monitors.show(&vec![b'x'; BOUND]);
        assert!(poll().await.is_ready(), "the connection has ended");
        assert_eq!(served.counters.cut_off.load(Relaxed), 1);
    });
}

/// The earlier lines exceed the number of unsent bytes at which a monitor gets no further ones.
#[test]
fn a_monitor_gets_its_last_lines_when_its_peer_has_read_the_earlier_ones() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let served = served();
        let listed = served.clients.add(Peer { remote: String::new(), local: String::new(), is_unix: true });
        let session = Session::new(served.clone(), Arc::default(), &COMMANDS, listed.client().clone());
        let peer = ToldPeer::new(b"MONITOR\r\n");
        let connection = Connection::new((), peer.clone(), session, TIMEOUTS);
        let mut served_connection = pin!(connection.serve(pending()));
        let mut poll =
            async || poll_fn(|context| Poll::Ready(served_connection.as_mut().poll(context))).await;
        while peer.received() != b"+OK\r\n" {
            assert!(poll().await.is_pending());
        }
        peer.reads(false);
        for line in ["+first\r\n".repeat(served.output_limits.pause / 8 + 1), "+last\r\n".to_owned()] {
            served.monitors.show(line.as_bytes());
            assert!(poll().await.is_pending());
        }
        peer.reads(true);
        assert!(poll().await.is_pending());
        assert!(peer.received().ends_with(b"+first\r\n+last\r\n"));
    });
}

/// The timer is asked once. If it were asked within the budget, it would keep no waker, and the connection
/// would wait forever.
#[test]
fn a_connection_without_budget_is_woken_by_its_timer() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let served = served();
        let listed = served.clients.add(Peer { remote: String::new(), local: String::new(), is_unix: true });
        let session = Session::new(served.clone(), Arc::default(), &COMMANDS, listed.client().clone());
        let peer = DeafPeer { request: Some(b"PING\r\n"), uses_budget: true };
        let connection = Connection::new((), peer, session, TIMEOUTS);
        // The waker of a task is always the same, so the timer is not asked for another waker.
        let serve = timeout(10 * TIMEOUTS.write, connection.serve(pending()));
        let ended = LocalSet::new().run_until(async { spawn_local(serve).await.unwrap() }).await;
        assert!(ended.is_ok(), "the timer has not woken the connection");
        assert_eq!(served.counters.cut_off.load(Relaxed), 1);
    });
}

/// The idle timeout expires while the reply waits for its commit. The peer is not idle then, but it is from
/// the reply on.
#[test]
fn a_peer_that_is_silent_after_a_late_reply_is_idle() {
    const IDLE: Duration = Duration::from_secs(1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let served = served();
        let listed = served.clients.add(Peer { remote: String::new(), local: String::new(), is_unix: true });
        let session = Session::new(served.clone(), Arc::default(), &COMMANDS, listed.client().clone());
        let (peer, timeouts) = (ToldPeer::new(b""), Timeouts { idle: Some(IDLE), ..TIMEOUTS });
        let mut connection = Connection::new((), peer.clone(), session, timeouts);
        let (commit, committed) = oneshot::channel();
        connection.output.reply_later(async {
            committed.await.unwrap();
            LateReply::Ok
        });
        let since = Instant::now();
        let reply = async {
            sleep(IDLE * 3 / 2).await;
            commit.send(()).unwrap();
            pending::<()>().await;
        };
        tokio::select! {
            ended = timeout(10 * IDLE, connection.serve(pending())) => assert!(ended.is_ok()),
            () = reply => {}
        }
        assert_eq!((&peer.received()[..], since.elapsed().as_millis() / 10), (&b"+OK\r\n"[..], 250));
    });
}

/// The replies of a turn exceed the bound on all buffers. If the connection counted its buffers only after it
/// has let others go on, each connection of the thread could exceed the bound before one of them is ended.
#[test]
fn a_connection_counts_its_buffers_when_its_turn_is_over() {
    const BOUND: usize = 2 * UNCOUNTED;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let served = served_with(BOUND);
        let listed = served.clients.add(Peer { remote: String::new(), local: String::new(), is_unix: true });
        let session = Session::new(served.clone(), Arc::default(), &COMMANDS, listed.client().clone());
        let turn = MAX_REQUESTS;
        let (value, gets) = ("x".repeat(2 * BOUND / turn), "GET k\r\n".repeat(2 * turn));
        let peer = EagerPeer { requests: format!("SET k {value}\r\n{gets}").into_bytes(), taken: 0 };
        let connection = Connection::new((), peer, session, TIMEOUTS);
        let mut served_connection = pin!(connection.serve(pending()));
        let polled = poll_fn(|context| Poll::Ready(served_connection.as_mut().poll(context))).await;
        assert!(polled.is_ready(), "the connection has let others go on");
        let counters = &served.counters;
        let counts = [&counters.requests, &counters.cut_off];
        let [executed, cut_off] = counts.map(|count| count.load(Relaxed));
        assert!(executed <= MAX_REQUESTS as u64 && cut_off == 1, "{executed} {cut_off}");
    });
}

/// The requests of a `MULTI` exceed the bound on all buffers. Each time that the connection lets the others
/// execute their requests, its buffers are within the bound.
#[test]
fn a_connection_counts_its_buffers_before_others_execute_their_requests() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let served = served_with(2 * UNCOUNTED);
        let listed = served.clients.add(Peer { remote: String::new(), local: String::new(), is_unix: true });
        let session = Session::new(served.clone(), Arc::default(), &COMMANDS, listed.client().clone());
        let sets = format!("SET k {}\r\n", "x".repeat(1 << 10)).repeat(200);
        let peer = EagerPeer { requests: format!("MULTI\r\n{sets}").into_bytes(), taken: 0 };
        let connection = Connection::new((), peer, session, TIMEOUTS);
        let mut served_connection = pin!(connection.serve(pending()));
        let mut executed = 0;
        loop {
            // Now the connection is not alone on its thread.
            let mut other = pin!(let_others_execute(0));
            poll_fn(|context| Poll::Ready(other.as_mut().poll(context).is_pending())).await;
            let polled = poll_fn(|context| Poll::Ready(served_connection.as_mut().poll(context))).await;
            let now = served.counters.requests.load(Relaxed);
            let before = std::mem::replace(&mut executed, now);
            if polled.is_ready() {
                assert!(now > before, "the others ran while the buffers exceeded the bound");
                break;
            }
        }
        assert_eq!(served.counters.cut_off.load(Relaxed), 1);
    });
}
