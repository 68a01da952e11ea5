//! The thread that reads a connection, and makes a new connection when the connection is lost.
//!
//! When a connection is lost:
//!
//! 1. The driver clears the deadline of the values in memory, and increments the generation. From then on, no
//!    reply of the lost connection is stored in memory.
//! 2. The driver notifies the session, which empties memory.
//! 3. The driver completes the open requests with an error. The server may have applied them.
//! 4. The driver connects again. So the first reply of the next connection comes after (2).
//!
//! The wait before (4) doubles with each failed attempt. A connection counts as a failed attempt, too, unless
//! it has served a request of a caller, or has lasted as long as the longest wait. Otherwise a server that
//! closes each connection after its greeting would get 20 to 40 greetings a second, without an end.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::backoff::Backoff;
use super::breaker::refuses_all;
use super::connect::{Attempt, Connector};
use super::greeting::{Greeting, Input, Read, UNASKED, unavailable};
use super::link::Connection;
use super::reply_timer::ReplyTimer;
use super::request::{Answered, Purpose};
use super::stream::{Socket, wait_for};
use super::validity::Heartbeat;
use crate::error::Error;
use crate::protocol::reply::Reply;
use crate::random;
use crate::settings::Settings;

/// Reads replies until the client is closed.
pub(super) fn run(connection: &Arc<Connection>) {
    // If this thread panics, the guard ends the waits of all callers.
    let _guard = EndOfDriver(connection);
    let (mut backoff, mut connector) = (Backoff::default(), Connector::default());
    while !connection.is_closed() {
        let mut input = Input::new();
        let failure = match connection.greet(&mut connector, &mut input) {
            Ok(socket) => {
                connection.report_attempt(Ok(()));
                let began = connection.clock.now();
                let why = connection.drive(&socket, input, &mut backoff);
                socket.shutdown();
                if connection.clock.now().saturating_sub(began) >= connection.settings.timing.max_backoff {
                    backoff.reset();
                }
                connection.lose(&why);
                why
            }
            Err(why) => {
                connection.outbox.explain(why.clone());
                connection.report_attempt(Err(why.clone()));
                why
            }
        };
        if !connection.is_closed() {
            tracing::warn!(error = ?failure, "no connection to the server of the remote tier");
            connection.pause(backoff.next(&connection.settings.timing, random::number()));
        }
    }
}

/// Ends all waits for the driver when the driver ends.
struct EndOfDriver<'a>(&'a Connection);

impl Drop for EndOfDriver<'_> {
    fn drop(&mut self) {
        self.0.is_closed.store(true, Ordering::Release);
        self.0.lose(&Error::Closed);
        self.0.report_attempt(Err(Error::Closed));
    }
}

impl Connection {
    fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    fn report_attempt(&self, result: Result<(), Error>) {
        self.first_attempt.lock().get_or_insert(result);
        self.attempted.notify_all();
    }

    /// Waits until the time is over, the client is closed, or the Sentinels name another server.
    fn pause(&self, wait: Duration) {
        let until = self.clock.now() + wait;
        let has_news = || self.sentinels().is_some_and(|sentinels| sentinels.has_news());
        loop {
            let left = until.saturating_sub(self.clock.now());
            if left.is_zero() || self.is_closed() || has_news() || wait_for(None, &self.waker, left).is_err()
            {
                return;
            }
        }
    }

    /// Connects, and greets the server. If this function succeeds, callers can send requests when it returns.
    fn greet(self: &Arc<Self>, connector: &mut Connector, input: &mut Input) -> Result<Arc<Socket>, Error> {
        let limit = self.settings.timing.connect;
        let until = self.clock.now() + limit;
        let (waker, clock, is_closed) = (&self.waker, &*self.clock, &self.is_closed);
        let attempt = Attempt { waker, clock, is_closed, until };
        let settings = match self.sentinels() {
            Some(sentinels) => Cow::Owned(sentinels.find_master(attempt)?),
            None => Cow::Borrowed(&self.settings),
        };
        let settings: &Settings = &settings;
        let socket = connector.connect(settings, attempt);
        let socket = Arc::new(socket.map_err(|error| unavailable(settings, &error))?);
        let mut greeting =
            Greeting { socket: &socket, input, waker, clock, settings, is_closed, until, limit };
        greeting.begin()?;
        greeting.track()?;
        self.session.greet(&mut greeting)?;
        self.outbox.connect(socket.clone());
        tracing::debug!(server = %settings.server.place, "connected to the server of the remote tier");
        Ok(socket)
    }

    /// Reads until the connection is lost. Returns the reason.
    fn drive(self: &Arc<Self>, socket: &Arc<Socket>, mut input: Input, backoff: &mut Backoff) -> Error {
        let mut heartbeat = Heartbeat::new(self.settings.tracking, self.settings.timing.staleness);
        let limit = self.settings.timing.request;
        let mut timer = ReplyTimer::new(limit, self.clock.now());
        loop {
            if self.is_closed() {
                return Error::Closed;
            }
            // All received bytes are handled before the time limit of a request is checked. Otherwise a reply
            // that arrived in time while this process was stopped would count as late.
            let read = match input.fill(socket) {
                Ok(read) => read,
                Err(error) => return unavailable(&self.settings, &error),
            };
            if let Err(why) = self.await_votes() {
                return why;
            }
            let has_answer = match self.handle(&mut input, &mut heartbeat, backoff) {
                Ok(has_answer) => has_answer,
                Err(error) => return unavailable(&self.settings, &error),
            };
            let now = self.clock.now();
            if has_answer {
                timer.note_answer(now);
            }
            if read != Read::Nothing && input.is_within_reply() {
                timer.forgive(now);
            }
            // A due PING is sent before the next read. Otherwise an endless stream of pushes would delay it.
            if heartbeat.due().is_some_and(|due| due <= now) {
                // The time is recorded before the PING is sent (validity, step 1).
                heartbeat.sends(now);
                self.outbox.append_heartbeat(heartbeat.has_ping(), now + self.settings.timing.request);
                self.flush();
            }
            let first = self.outbox.first_deadline();
            if read == Read::More && !timer.is_hopeless(first, now) {
                continue;
            }
            if self.outbox.has_failed() {
                return unavailable(&self.settings, &io::ErrorKind::BrokenPipe.into());
            }
            let late_at = timer.late_at(first);
            if late_at <= now {
                let limit_ms = u64::try_from(timer.limit(first, now).as_millis()).unwrap_or(u64::MAX);
                return Error::TimedOut { server: self.settings.server.place.to_string(), limit_ms };
            }
            let next = heartbeat.due().map_or(late_at, |due| late_at.min(due));
            let is_blocked = self.outbox.is_blocked();
            if is_blocked {
                self.flush();
            }
            let wait = next.saturating_sub(now);
            if let Err(error) = wait_for(Some((socket, is_blocked)), &self.waker, wait) {
                return unavailable(&self.settings, &error);
            }
            // If this thread woke late, the server gets the whole time limit again.
            let woken = self.clock.now();
            if woken.saturating_sub(now) > wait.saturating_add(limit / 4) {
                timer.forgive(woken);
            }
        }
    }

    /// Waits until a majority of the Sentinels vouches for the server (votes, steps 7 and 8).
    fn await_votes(&self) -> Result<(), Error> {
        match self.sentinels() {
            Some(sentinels) => sentinels.await_votes(&self.waker, &self.is_closed),
            None => Ok(()),
        }
    }

    /// Handles the received replies and pushes in the order of the stream (validity, step 4). Returns whether
    /// there was a reply.
    fn handle(
        self: &Arc<Self>,
        input: &mut Input,
        heartbeat: &mut Heartbeat,
        backoff: &mut Backoff,
    ) -> io::Result<bool> {
        let mut has_answer = false;
        while let Some(reply) = input.next()? {
            match reply {
                Reply::Push(words) => self.handle_push(words),
                reply => {
                    self.handle_answer(reply, heartbeat, backoff)?;
                    has_answer = true;
                }
            }
        }
        Ok(has_answer)
    }

    fn handle_push(self: &Arc<Self>, words: Vec<Reply>) {
        let mut words = words.into_iter();
        if words.next().as_ref().and_then(Reply::as_bytes) != Some(b"invalidate") {
            return;
        }
        match words.next() {
            Some(Reply::List(keys)) => self.session.keys_changed(&keys, self),
            // `FLUSHALL` pushes a null. A push in an unknown form is treated in the same way.
            _ => self.session.all_changed(self),
        }
    }

    fn handle_answer(
        &self,
        reply: Reply,
        heartbeat: &mut Heartbeat,
        backoff: &mut Backoff,
    ) -> io::Result<()> {
        let vouched = || self.sentinels().map(|sentinels| sentinels.vouched());
        let Some(awaited) = self.outbox.next_awaited() else {
            return Err(io::Error::other(UNASKED));
        };
        match awaited.purpose {
            Purpose::Hello => match reply.get("role").and_then(Reply::as_bytes) {
                Some(b"master") if heartbeat.has_ping() => {}
                Some(b"master") => heartbeat.answered(&self.validity, vouched()),
                // A replica is never used, because it may be behind its master by any amount of time.
                Some(_) => return Err(io::Error::other("the server is no master any more")),
                None => return Err(io::Error::other(format!("the answer to a HELLO is {}", reply.brief()))),
            },
            Purpose::Ping => match &reply {
                Reply::Status(_) => heartbeat.answered(&self.validity, vouched()),
                // A server that can't save its data refuses a PING before it checks whether a script is
                // running. It still answers lookups.
                Reply::Error(text) if text.starts_with(b"BUSY") || text.starts_with(b"MISCONF") => {
                    heartbeat.refused();
                }
                _ => return Err(io::Error::other(format!("the answer to a PING is {}", reply.brief()))),
            },
            Purpose::Request(request) if request.is_unknown_script(&reply) => {
                self.outbox.append_by_text(request, self.clock.now() + self.settings.timing.request);
                self.flush();
            }
            Purpose::Request(request) => {
                // A server answers `INFO` also while it refuses all other requests.
                if !request.is_of_client() {
                    self.outbox.breaker.note_reply(&reply, self.clock.now(), random::number);
                    if refuses_all(&reply).is_none() {
                        backoff.reset();
                    }
                }
                let is_demoted = matches!(&reply, Reply::Error(text) if text.starts_with(b"READONLY"));
                request.complete(Ok(Answered { reply, generation: self.generation() }));
                if is_demoted {
                    return Err(io::Error::other("the server is no master any more"));
                }
            }
        }
        Ok(())
    }

    /// Runs steps 1 to 3.
    fn lose(&self, why: &Error) {
        // Step 1. Release: pairs with the Acquire in `generation`.
        self.validity.end();
        self.generation.fetch_add(1, Ordering::Release);
        let awaited = self.outbox.disconnect(why.clone(), self.clock.now(), random::number());
        // Step 2.
        self.session.is_lost();
        // Step 3. The server may apply these requests, but `Error::Closed` would say that it applies none.
        let closed = || io::Error::other("the client was closed before the answer");
        let why = if *why == Error::Closed { &unavailable(&self.settings, &closed()) } else { why };
        for awaited in awaited {
            if let Purpose::Request(request) = awaited.purpose {
                request.complete(Err(why.clone()));
            }
        }
    }
}
