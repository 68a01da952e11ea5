//! The wait for a request that can't be answered immediately, such as one that waits for the disk.
//!
//! Meanwhile the connection sends the replies to earlier requests, and the lines of a monitor. It reads
//! nothing from its peer. So this module checks whether the peer is still there and reads its replies, and
//! whether another connection has ended this one. Each time that the request goes on waiting, in this order:
//!
//! 1. Execute the request as far as possible.
//! 2. Send what can be sent.
//! 3. Count the memory of what remains, before the other connections of the thread go on. An `EXEC` that lets
//!    them go on holds replies already, and so would the `EXEC` of each other connection.

use std::future::poll_fn;
use std::mem;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::peer::{PeerState, PeerStream};
use super::sender::{MustEnd, Sender};
use super::wakes::Wakes;
use crate::session::output::OutputLoan;

/// Time between two checks whether the peer has disconnected while its request waits.
const PEER_CHECK: Duration = Duration::from_secs(1);

/// Runs a command that the caller has polled once, in the same poll of the task. The buffers of requests take
/// `received` bytes. Returns whether the command has finished. The command is stopped early in these cases:
///
/// - `CLIENT KILL`, or the bound on the buffers of all connections, has ended the connection.
/// - The peer can't read a reply, because it has closed a Unix socket or reset a TCP connection.
/// - The replies to earlier requests, or the lines for a monitor, are too large.
/// - The peer has read none of these replies for `write_timeout`.
/// - The peer has closed its half of the connection, and the command has since run for `write_timeout`. A
///   peer that has closed a TCP connection looks the same.
pub(super) async fn attend(
    mut command: Pin<&mut impl Future<Output = ()>>,
    wakes: &mut Wakes,
    sender: &mut Sender<impl PeerStream>,
    loan: &OutputLoan,
    received: usize,
    write_timeout: Duration,
) -> bool {
    let mut check = Box::pin(sleep(PEER_CHECK));
    let mut half_closed_since: Option<Instant> = None;
    let mut is_polled = true;
    poll_fn(|context| {
        // 1. If the command were polled twice in a row, it would not let others go on when it wants to.
        if !mem::take(&mut is_polled) && command.as_mut().poll(context).is_ready() {
            return Poll::Ready(true);
        }
        sender.client.wake_by_kill(context.waker());
        wakes.forget();
        if sender.client.is_killed() {
            return Poll::Ready(false);
        }
        // 2. A peer that can't be reached is found below. So a command that ends soon is executed to its end,
        // and the next requests, which have arrived, are executed too.
        if let Some(output) = &mut *loan.lock() {
            let is_too_large = sender.poll_replies(output, context) == Err(MustEnd::TooLarge);
            // 3.
            if is_too_large || !sender.count_buffers(received, output) {
                return Poll::Ready(false);
            }
            if sender.is_blocked_for(write_timeout) {
                sender.count_cut_off(1);
                return Poll::Ready(false);
            }
        }
        while check.as_mut().poll(context).is_ready() {
            match sender.stream.peer_state(context) {
                PeerState::Open => {}
                PeerState::Gone => return Poll::Ready(false),
                PeerState::HalfClosed => {
                    let since = *half_closed_since.get_or_insert_with(Instant::now);
                    if since.elapsed() >= write_timeout {
                        return Poll::Ready(false);
                    }
                }
            }
            check.as_mut().reset(Instant::now() + PEER_CHECK);
        }
        Poll::Pending
    })
    .await
}
