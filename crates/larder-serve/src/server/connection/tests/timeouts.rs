//! Tests of timeouts, and of the end of a shutdown, against peers that never pause.

use std::future::{pending, poll_fn, ready};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, advance, timeout};

use super::peers::{DeafPeer, TirelessPeer};
use super::{Connection, DEFAULT_BUFFER_MEMORY, TIMEOUTS, connect, run, served, served_state};
use crate::server::attend::attend;
use crate::session::served::{Password, Served};

/// Number of turns of empty requests that fit into a read, and some more.
const TURNS_PER_READ: usize = 100;

/// Polls a connection with its peer. Returns after how many polls it has ended, if it has ended within this
/// number.
async fn polls_until_end(served: impl Future<Output = ()>, max: usize) -> Option<usize> {
    let mut served = pin!(served);
    for polls in 1..=max {
        if poll_fn(|context| Poll::Ready(served.as_mut().poll(context))).await.is_ready() {
            return Some(polls);
        }
    }
    None
}

fn tireless(requests: &str, reads: bool) -> TirelessPeer {
    TirelessPeer { requests: requests.as_bytes().to_vec(), taken: 0, reads }
}

/// Returns whether a connection of this peer ends soon after this timeout, and not before it.
async fn ends_after(served: &Arc<Served>, peer: TirelessPeer, time: Duration) -> bool {
    let mut connection = pin!(connect(served, peer).serve(pending()));
    assert_eq!(polls_until_end(connection.as_mut(), 10 * TURNS_PER_READ).await, None);
    advance(time).await;
    polls_until_end(connection, TURNS_PER_READ).await.is_some()
}

#[test]
fn a_peer_that_always_sends_must_authenticate_in_time() {
    run(async {
        let password = Some(Password::new("secret"));
        let served = Arc::new(Served { password, ..served_state(DEFAULT_BUFFER_MEMORY) });
        assert!(ends_after(&served, tireless("\n", true), TIMEOUTS.auth).await);
        assert_eq!(served.counters.cut_off.load(Relaxed), 0);
    });
}

#[test]
fn a_peer_that_always_sends_must_read_its_replies_in_time() {
    run(async {
        let served = served();
        let requests = format!("PING\r\n{}", "\n".repeat(10_000));
        assert!(ends_after(&served, tireless(&requests, false), TIMEOUTS.write).await);
        assert_eq!(served.counters.cut_off.load(Relaxed), 1);
        // A peer that reads stays.
        assert!(!ends_after(&served, tireless(&requests, true), 10 * TIMEOUTS.write).await);
    });
}

/// The peer sends more than a socket can hold, so some of its requests arrive after the shutdown has begun.
#[test]
fn a_peer_that_always_sends_does_not_delay_a_shutdown() {
    run(async {
        let served = served();
        let requests = format!("PING {}\r\n", "x".repeat(8 << 10));
        let connection = connect(&served, tireless(&requests, true));
        served.clients.note_stop();
        assert!(polls_until_end(connection.serve(ready(())), 100).await.is_some());
        let executed = served.counters.requests.load(Relaxed);
        assert!(executed >= 2048, "{executed} requests of 8 KiB may all have arrived before the shutdown");
    });
}

/// The command waits forever, for example for a disk that hangs.
#[test]
fn a_peer_that_reads_nothing_while_its_request_waits_is_cut_off() {
    run(async {
        let served = served();
        let mut connection = connect(&served, DeafPeer { request: None, uses_budget: false });
        let Connection { output, wakes, sender, loan, .. } = &mut connection;
        output.reply().ok();
        let since = Instant::now();
        let mut command = pin!(async { output.wait(pin!(pending())).await });
        assert_eq!(polls_until_end(command.as_mut(), 1).await, None);
        let attended = attend(command, wakes, sender, loan, 0, TIMEOUTS.write);
        assert_eq!(timeout(10 * TIMEOUTS.write, attended).await, Ok(false));
        assert!(since.elapsed() >= TIMEOUTS.write);
        assert_eq!(served.counters.cut_off.load(Relaxed), 1);
    });
}
