//! The loop of a connection: receive, carry out, send.
//!
//! 1. Carry out the requests that have arrived, in order, while there is room for replies. A request that
//!    must wait, for the disk or for room in the cache, delays the requests behind it on this connection
//!    alone. The reply of a durable removal is left to a future, and the next requests are carried out.
//! 2. Send what may be sent: the replies up to the first one that still waits for a commit. All replies of a
//!    batch of requests go out in one write.
//! 3. Wait for the first of: a reply that has become known, room in the socket, further bytes, the end of the
//!    server, a timeout.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep_until};

use super::input::Input;
use crate::commands::dispatch;
use crate::protocol::parser::{Parsed, Parser};
use crate::session::Session;
use crate::session::output::Output;

/// The time for which a connection without a timeout sleeps.
const FAR: Duration = Duration::from_hours(24);

/// The times after which a connection is closed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timeouts {
    /// The peer has sent nothing for this time.
    pub(super) idle: Option<Duration>,
    /// The peer has taken none of its replies for this time.
    pub(super) write: Duration,
}

/// What a connection has waited for.
enum Event {
    /// There may be requests to carry out.
    Resume,
    /// All is done, or the peer has gone.
    End,
    /// The timer has rung.
    Timer,
}

/// One connection.
pub(super) struct Connection<S, P> {
    /// The place of the connection in the counts and in the list of connections. Dropped before the stream: a
    /// peer that finds its connection closed does not find it in the list either.
    _place: P,
    stream: S,
    session: Session,
    parser: Parser,
    input: Input,
    output: Output,
    timeouts: Timeouts,
    /// The least length of the request at the start of the input.
    needed: usize,
    /// Whether requests were left in the input, because there was no room for their replies.
    is_paused: bool,
    /// Whether the peer has sent its last byte.
    is_ended: bool,
    /// Whether the server shuts down. The requests that have arrived are still answered.
    is_stopping: bool,
    /// When the peer last sent a byte.
    last_received: Instant,
    /// Since when the socket has had no room for the next reply.
    blocked_since: Option<Instant>,
}

impl<S: AsyncRead + AsyncWrite + Unpin, P> Connection<S, P> {
    pub(super) fn new(place: P, stream: S, session: Session, timeouts: Timeouts) -> Self {
        let output = Output::new(&session.served.output_limits);
        Self {
            _place: place,
            stream,
            session,
            parser: Parser::default(),
            input: Input::default(),
            output,
            timeouts,
            needed: 1,
            is_paused: false,
            is_ended: false,
            is_stopping: false,
            last_received: Instant::now(),
            blocked_since: None,
        }
    }

    /// Serves the connection to its end. `stop` ends when the server shuts down.
    pub(super) async fn serve(mut self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        let mut timer = pin!(sleep_until(self.deadline()));
        loop {
            // 1.
            self.carry_out().await;
            self.session.publish_counts();
            // 2 and 3.
            let event = poll_fn(|context| self.poll_event(context, stop.as_mut(), timer.as_mut())).await;
            match event {
                Event::Resume => {}
                Event::End => return,
                Event::Timer => {
                    let deadline = self.deadline();
                    if deadline <= Instant::now() {
                        if self.blocked_since.is_some() {
                            self.session.served.counters.cut_off.fetch_add(1, Ordering::Relaxed);
                        }
                        return;
                    }
                    timer.as_mut().reset(deadline);
                }
            }
        }
    }

    /// Carries out the requests that have arrived.
    async fn carry_out(&mut self) {
        self.is_paused = false;
        while !self.session.is_closing {
            if !self.output.has_room(&self.session.served.output_limits) {
                self.is_paused = true;
                return;
            }
            let unread = self.input.unread();
            let len = match self.parser.advance(unread, self.session.request_limits()) {
                Ok(Parsed::Request(len)) => {
                    let args = self.parser.arguments(unread);
                    dispatch::carry_out(&mut self.session, args, &mut self.output).await;
                    len
                }
                Ok(Parsed::Nothing(len)) => len,
                Ok(Parsed::Incomplete(needed)) => {
                    self.needed = needed;
                    return;
                }
                Err(error) => {
                    self.output.reply().error(&error.0);
                    self.session.is_closing = true;
                    return;
                }
            };
            self.parser.reset();
            self.input.consume(len);
        }
    }

    fn poll_event(
        &mut self,
        context: &mut Context<'_>,
        stop: Pin<&mut impl Future<Output = ()>>,
        mut timer: Pin<&mut Sleep>,
    ) -> Poll<Event> {
        if !self.is_stopping && stop.poll(context).is_ready() {
            self.is_stopping = true;
        }
        self.session.client.wake_by_kill(context.waker());
        if self.session.client.is_killed() {
            return Poll::Ready(Event::End);
        }
        let _ = self.output.poll_pending(context);
        // Checked before anything of it is sent: a reply that is too large is not sent in part.
        if self.output.is_too_large(&self.session.served.output_limits) {
            self.session.served.counters.cut_off.fetch_add(1, Ordering::Relaxed);
            return Poll::Ready(Event::End);
        }
        if self.poll_send(context).is_err() {
            return Poll::Ready(Event::End);
        }
        let has_replied = self.output.len() == 0 && self.output.pending() == 0;
        if self.session.is_closing {
            if has_replied {
                return Poll::Ready(Event::End);
            }
        } else if self.is_paused {
            if self.output.has_room(&self.session.served.output_limits) {
                return Poll::Ready(Event::Resume);
            }
        } else if self.is_ended {
            if has_replied {
                return Poll::Ready(Event::End);
            }
        } else {
            match self.input.poll_receive(Pin::new(&mut self.stream), self.needed, context) {
                Poll::Ready(Ok(is_end)) => {
                    self.is_ended = is_end;
                    self.last_received = Instant::now();
                    self.session.client.note_use(self.last_received);
                    return Poll::Ready(Event::Resume);
                }
                Poll::Ready(Err(_)) => return Poll::Ready(Event::End),
                // What had arrived by then is answered. What comes later is not accepted.
                Poll::Pending if self.is_stopping => {
                    self.is_ended = true;
                    return Poll::Ready(Event::Resume);
                }
                Poll::Pending => {}
            }
        }
        let deadline = self.deadline();
        if self.blocked_since.is_some() && timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        timer.poll(context).map(|()| Event::Timer)
    }

    /// Sends what may be sent, until the socket has no room.
    fn poll_send(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        loop {
            let sendable = self.output.sendable();
            if sendable.is_empty() {
                self.blocked_since = None;
                return Ok(());
            }
            match Pin::new(&mut self.stream).poll_write(context, sendable) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(sent)) => {
                    self.output.advance(sent);
                    self.blocked_since = None;
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => {
                    self.blocked_since.get_or_insert_with(Instant::now);
                    return Ok(());
                }
            }
        }
    }

    /// Returns when the connection is closed if nothing happens until then.
    fn deadline(&self) -> Instant {
        if let Some(since) = self.blocked_since {
            return since + self.timeouts.write;
        }
        match self.timeouts.idle {
            // A peer that waits for a reply is not idle.
            Some(idle) if self.output.pending() == 0 => self.last_received + idle,
            _ => Instant::now() + FAR,
        }
    }
}
