//! The loop of a connection: receive requests, execute them, and send replies.
//!
//! 1. Execute the requests that have arrived, in order, while the buffer has room for replies. A request that
//!    waits for another thread, such as one that reads a slow disk, delays only the later requests of this
//!    connection. Meanwhile (2) sends the replies to the earlier ones ([`attend`]). The reply of a durable
//!    change is written later by a future, while the connection executes the next requests. Then let the
//!    other connections execute their requests ([`bursts`](super::bursts)).
//! 2. Send the replies up to the first one that still waits for a commit. One write sends all of these
//!    replies ([`sender`](super::sender)).
//! 3. Wait for the first of these events: a late reply, a line for a monitor, room in the socket, more bytes,
//!    a shutdown, a kill, a timeout.
//!
//! A connection that always has more requests, empty ones too, lets other connections run after each
//! [`Turn`]. `CLIENT KILL` and a disconnection of the peer end the connection even while a request waits: see
//! [`attend`].

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::task::{unconstrained, yield_now};
use tokio::time::{Instant, Sleep, sleep_until};

use super::attend::attend;
use super::bursts::let_others_execute;
use super::input::Input;
use super::peer::PeerStream;
use super::sender::Sender;
use super::turn::{Turn, weight};
use super::wakes::Wakes;
use crate::commands::dispatch;
use crate::protocol::parser::{Parsed, Parser};
use crate::session::Session;
use crate::session::buffers::UNCOUNTED;
use crate::session::output::{Output, OutputLoan};

/// Maximum time for which a connection without a timeout sleeps.
const FAR: Duration = Duration::from_hours(24);

/// Maximum timeout. The end of a longer timeout might exceed the range of the clock.
const MAX_TIMEOUT: Duration = Duration::from_hours(24 * 365 * 100);

/// The timeouts of a connection. When one of them expires, the connection is closed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timeouts {
    /// How long the peer may send nothing.
    pub(super) idle: Option<Duration>,
    /// How long the peer may read none of its replies.
    pub(super) write: Duration,
    /// How long the peer may remain unauthenticated.
    pub(super) auth: Duration,
}

/// How long a shutdown waits for the event loop to report bytes that arrived before the shutdown.
const LAST_LOOK: Duration = Duration::from_millis(5);

/// Maximum number of reads during a shutdown. A peer that always sends fills the buffer again and again, so
/// these reads take at least 16 MiB, which is more than a socket holds. So the later bytes have arrived after
/// the shutdown began. Without this bound, such a peer would delay the shutdown until its timeout.
const MAX_LAST_READS: usize = 2048;

/// An event that ends the wait of a connection.
enum Event {
    /// More requests may be ready to execute.
    Resume,
    /// The connection must end: all requests are answered, or a disconnection, a kill or a limit ends it.
    End,
    Timer,
}

pub(super) struct Connection<S, P> {
    /// The connection's place in the counts and in the list of connections. It is dropped before the stream,
    /// so when a peer sees its connection closed, the connection is no longer listed.
    _place: P,
    sender: Sender<S>,
    session: Session,
    parser: Parser,
    input: Input,
    output: Output,
    /// Has the output while a request waits.
    loan: OutputLoan,
    timeouts: Timeouts,
    /// Minimum length of the request at the start of the input.
    needed: usize,
    /// Whether requests in the input wait for room for their replies.
    is_paused: bool,
    /// Whether the peer has sent its last byte.
    is_ended: bool,
    /// Whether the server shuts down. The connection still executes the requests that have arrived.
    is_stopping: bool,
    /// When the connection checks for requests for the last time during a shutdown.
    last_look: Option<Instant>,
    /// Number of reads during a shutdown.
    last_reads: usize,
    /// When the peer last sent a byte, the connection last executed a request, or a late reply or a line
    /// for a monitor was last written.
    last_used: Instant,
    /// Since when the peer has not been authenticated. `None` if it is authenticated.
    guest_since: Option<Instant>,
    turn: Turn,
    wakes: Wakes,
}

impl<S: PeerStream, P> Connection<S, P> {
    pub(super) fn new(place: P, stream: S, session: Session, timeouts: Timeouts) -> Self {
        let (mut output, loan) = (Output::new(&session.served.output_limits), OutputLoan::default());
        output.lend_to(&loan);
        let sender = Sender::new(stream, session.client.clone(), session.served.clone());
        Self {
            _place: place,
            sender,
            session,
            parser: Parser::default(),
            input: Input::default(),
            output,
            loan,
            timeouts,
            needed: 1,
            is_paused: false,
            is_ended: false,
            is_stopping: false,
            last_look: None,
            last_reads: 0,
            last_used: Instant::now(),
            guest_since: None,
            turn: Turn::new(),
            wakes: Wakes::default(),
        }
    }

    /// Serves the connection until it ends. `stop` becomes ready when the server shuts down.
    pub(super) async fn serve(mut self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        let mut timer = pin!(sleep_until(self.deadline()));
        loop {
            // 1.
            let Some(has_run) = self.carry_out().await else { return };
            self.session.publish_counts();
            if !self.count_buffers() {
                return;
            }
            // Large replies are sent at once. Otherwise a thread could fill the buffers of all of its
            // connections before it sends a byte.
            let id = self.session.client.id;
            if has_run && self.output.held_len() <= UNCOUNTED && let_others_execute(id).await {
                self.turn.end();
            }
            // Steps 2 and 3.
            let event = poll_fn(|context| {
                let event = self.poll_event(context, stop.as_mut(), timer.as_mut());
                if event.is_pending() {
                    // The connection waits now, so its turn ends, and other connections run.
                    self.turn.end();
                }
                event
            });
            match event.await {
                Event::Resume => {}
                Event::End => return,
                Event::Timer => {
                    let deadline = self.deadline();
                    if deadline <= Instant::now() {
                        if self.sender.blocked_since.is_some() {
                            self.sender.count_cut_off(1);
                        }
                        return;
                    }
                    timer.as_mut().reset(deadline);
                    self.wakes.timer_is_reset();
                }
            }
        }
    }

    /// Executes the requests that have arrived. Returns whether there were any, or `None` if the connection
    /// must end.
    async fn carry_out(&mut self) -> Option<bool> {
        self.is_paused = false;
        let mut has_run = false;
        while !self.session.is_closing {
            if !self.output.has_room(&self.session.output_limits()) {
                self.is_paused = true;
                break;
            }
            let unread = self.input.unread();
            if unread.is_empty() {
                self.needed = 1;
                break;
            }
            let (len, is_request) = match self.parser.advance(unread, self.session.request_limits()) {
                Ok(Parsed::Request(len)) => (len, true),
                Ok(Parsed::Nothing(len)) => (len, false),
                Ok(Parsed::Incomplete(needed)) => {
                    self.needed = needed;
                    break;
                }
                Err(error) => {
                    self.output.reply().error(&error.0);
                    self.session.is_closing = true;
                    break;
                }
            };
            let weight = weight(self.parser.words(), len);
            if self.turn.is_over(weight) && !self.let_others_run(weight).await {
                return None;
            }
            if is_request {
                if !self.execute().await {
                    return None;
                }
                has_run = true;
            }
            self.parser.reset();
            self.input.consume(len);
        }
        // Without a timeout, the time is not needed.
        if has_run && self.timeouts.idle.is_some() {
            self.last_used = Instant::now();
        }
        if self.session.is_authenticated {
            self.guest_since = None;
        } else {
            self.guest_since.get_or_insert_with(Instant::now);
        }
        Some(has_run)
    }

    /// Executes the parsed request. Returns whether the connection may go on.
    async fn execute(&mut self) -> bool {
        let args = self.parser.arguments(self.input.unread());
        self.output.executing = self.session.queued_len();
        let mut command = pin!(dispatch::carry_out(&mut self.session, args, &mut self.output));
        // Most commands need not wait.
        if poll_fn(|context| Poll::Ready(command.as_mut().poll(context).is_ready())).await {
            return true;
        }
        let received = self.input.len() + self.parser.heap_len();
        let (wakes, sender, loan) = (&mut self.wakes, &mut self.sender, &self.loan);
        attend(command, wakes, sender, loan, received, self.timeouts.write).await
    }

    /// Lets the other connections run, and then begins a turn with a request of this weight. Returns whether
    /// the connection may go on.
    async fn let_others_run(&mut self, weight: usize) -> bool {
        if !self.count_buffers() {
            return false;
        }
        yield_now().await;
        self.turn.restart(weight);
        !self.session.client.is_killed()
    }

    /// Counts the memory of the connection's buffers. Returns whether the connection may go on.
    fn count_buffers(&mut self) -> bool {
        self.output.executing = self.session.queued_len();
        self.sender.count_buffers(self.input.len() + self.parser.heap_len(), &self.output)
    }

    fn poll_event(
        &mut self,
        context: &mut Context<'_>,
        stop: Pin<&mut impl Future<Output = ()>>,
        mut timer: Pin<&mut Sleep>,
    ) -> Poll<Event> {
        let is_new = self.wakes.is_new(context.waker());
        if is_new {
            self.session.client.wake_by_kill(context.waker());
        }
        if !self.is_stopping && (is_new || self.session.served.clients.is_stopping()) {
            self.is_stopping = pin!(unconstrained(stop)).poll(context).is_ready();
        }
        if self.session.client.is_killed() {
            return Poll::Ready(Event::End);
        }
        // With an idle output, the buffers are the same as at the last count.
        if !self.output.is_idle() {
            match self.sender.poll_replies(&mut self.output, context) {
                Ok(true) => self.last_used = Instant::now(),
                Ok(false) => {}
                Err(_) => return Poll::Ready(Event::End),
            }
            if !self.count_buffers() {
                return Poll::Ready(Event::End);
            }
        }
        let has_replied = self.output.len() == 0 && self.output.pending() == 0;
        if self.session.is_closing {
            if has_replied {
                return Poll::Ready(Event::End);
            }
        } else if self.is_paused {
            if self.output.has_room(&self.session.output_limits()) {
                self.turn.begin(Instant::now());
                return Poll::Ready(Event::Resume);
            }
        } else if self.is_ended {
            if has_replied {
                return Poll::Ready(Event::End);
            }
        } else if let Poll::Ready(event) = self.poll_requests(context, timer.as_mut()) {
            return Poll::Ready(event);
        }
        if self.is_timed() {
            let deadline = self.deadline();
            if timer.deadline() > deadline {
                timer.as_mut().reset(deadline);
                self.wakes.timer_is_reset();
            }
        }
        let asks = self.wakes.timer_must_be_asked(timer.is_elapsed());
        if asks { pin!(unconstrained(timer)).poll(context).map(|()| Event::Timer) } else { Poll::Pending }
    }

    /// Receives requests. Ready when some have arrived, or none will arrive. During a shutdown, the
    /// connection executes the requests that arrived before the shutdown, and accepts no later ones.
    fn poll_requests(&mut self, context: &mut Context<'_>, timer: Pin<&mut Sleep>) -> Poll<Event> {
        match self.input.poll_receive(Pin::new(&mut self.sender.stream), self.needed, context) {
            Poll::Ready(Ok(is_end)) => {
                self.last_reads += usize::from(self.is_stopping);
                self.is_ended = is_end || self.last_reads == MAX_LAST_READS;
                self.last_used = Instant::now();
                self.session.client.note_use(self.last_used);
                self.turn.begin(self.last_used);
                // While a peer always sends, the timer is not asked.
                let is_over = self.is_timed() && self.deadline() <= self.last_used;
                return Poll::Ready(if is_over { Event::Timer } else { Event::Resume });
            }
            Poll::Ready(Err(_)) => return Poll::Ready(Event::End),
            // The event loop may not have reported the earlier requests yet. By the time the timer fires, it
            // has reported them.
            Poll::Pending if self.is_stopping => {
                let last_look = *self.last_look.get_or_insert_with(|| Instant::now() + LAST_LOOK);
                if last_look <= Instant::now() {
                    self.is_ended = true;
                    return Poll::Ready(Event::Resume);
                }
                timer.reset(last_look);
                self.wakes.timer_is_reset();
            }
            Poll::Pending => {}
        }
        Poll::Pending
    }

    /// Returns whether a timeout runs that does not begin anew with each byte from the peer.
    const fn is_timed(&self) -> bool {
        self.sender.blocked_since.is_some() || self.guest_since.is_some()
    }

    /// Returns the end of the first timeout, or a later time at which the connection must look again.
    fn deadline(&self) -> Instant {
        let after = |since: Instant, timeout: Duration| since + timeout.min(MAX_TIMEOUT);
        // The idle timeout begins with the last event, so no event after this call can end it earlier.
        let look = after(Instant::now(), self.timeouts.idle.unwrap_or(FAR));
        let mut deadline = match (self.sender.blocked_since, self.timeouts.idle) {
            (Some(since), _) => look.min(after(since, self.timeouts.write)),
            // A peer that waits for a reply is not idle.
            (None, Some(idle)) if self.output.pending() == 0 => after(self.last_used, idle),
            _ => look,
        };
        if let Some(since) = self.guest_since {
            deadline = deadline.min(after(since, self.timeouts.auth));
        }
        deadline
    }
}

#[cfg(test)]
mod tests;
