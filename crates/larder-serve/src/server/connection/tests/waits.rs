//! Tests of the memory that a connection counts while its request waits, or lets others go on.

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Poll;

use super::peers::{EagerPeer, ToldPeer};
use super::{Connection, TIMEOUTS, UNCOUNTED, connect, let_others_execute, run, served_with};
use crate::server::attend::attend;
use crate::session::client::Peer;

/// The bound on the buffers of all connections.
const BOUND: usize = 2 * UNCOUNTED;

/// The replies exceed the bound when the `EXEC` lets others go on for the first time. If the connection did
/// not count them before, each connection of the thread could hold as much.
#[test]
fn an_exec_counts_its_replies_before_it_lets_others_go_on() {
    // These commands use no entries, so the `EXEC` lets others go on after every 16 of them.
    let (pings, commands) = ("PING\r\n".repeat(160), "COMMAND\r\n".repeat(160));
    for requests in [format!("{}{pings}", "GET k\r\n".repeat(20)), commands] {
        run(async {
            let served = served_with(BOUND);
            let set = format!("SET k {}\r\n", "x".repeat(BOUND / 16));
            let requests = format!("{set}MULTI\r\n{requests}EXEC\r\n").into_bytes();
            let connection = connect(&served, EagerPeer { requests, taken: 0 });
            // From now on, the connection is alone on its thread.
            let_others_execute(connection.session.client.id).await;
            let mut connection = pin!(connection.serve(pending()));
            let mut polls = 0;
            poll_fn(|context| {
                polls += 1;
                connection.as_mut().poll(context)
            })
            .await;
            assert_eq!(served.counters.cut_off.load(Relaxed), 1);
            assert!(polls < 8, "the EXEC has let others go on: {polls} polls");
        });
    }
}

/// Another connection takes so much that both together exceed the bound, unless the peer has read.
#[test]
fn a_connection_that_waits_counts_what_its_peer_has_not_read() {
    for reads in [false, true] {
        run(async {
            let served = served_with(BOUND);
            let peer = ToldPeer::new(b"");
            peer.reads(false);
            let mut connection = connect(&served, peer.clone());
            let client = connection.session.client.clone();
            let Connection { output, wakes, sender, loan, .. } = &mut connection;
            output.reply().bulk(&vec![b'x'; UNCOUNTED + UNCOUNTED / 2]);
            let mut command = pin!(async { output.wait(pin!(pending::<()>())).await });
            assert!(poll_fn(|context| Poll::Ready(command.as_mut().poll(context))).await.is_pending());
            let mut attended = pin!(attend(command, wakes, sender, loan, 0, TIMEOUTS.write));
            let mut poll = async || poll_fn(|context| Poll::Ready(attended.as_mut().poll(context))).await;
            assert!(poll().await.is_pending());
            peer.reads(reads);
            assert!(poll().await.is_pending());
            let peer = Peer { remote: String::new(), local: String::new(), is_unix: true };
            let (other, mut share) = (served.clients.add(peer), served.buffers.connect());
            let ended = share.count(UNCOUNTED + 1, other.client(), &served.clients);
            assert_eq!((ended, client.is_killed()), (usize::from(!reads), !reads));
        });
    }
}
