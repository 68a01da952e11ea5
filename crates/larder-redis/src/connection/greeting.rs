//! The first requests of a connection. Other requests are sent only after the replies to these requests.
//!
//! 1. `HELLO 3` with user and password. Its reply shows what kind of server this is.
//! 2. `SELECT` with the database.
//! 3. `CLIENT TRACKING ON`, never with `NOLOOP`, so that a change by this client also voids the client's own
//!    copies. Otherwise a fill that runs during such a change would be kept.
//! 4. The requests of the session (scripts, and the identity of the data).
//!
//! Pushes before the last reply of the greeting can be ignored, because memory was emptied when the previous
//! connection was lost, and the last request reads the name of the data. Pushes behind that reply are kept
//! for the driver. They may say that the name has changed, and per-key tracking pushes this only once.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::stream::{PollWaker, Socket, wait_for};
use super::validity::Tracking;
use crate::clock::BootClock;
use crate::error::Error;
use crate::protocol::command::Command;
use crate::protocol::parser::ReplyParser;
use crate::protocol::reply::Reply;
use crate::settings::Settings;

/// The bytes that were received from the server, but not parsed yet.
#[derive(Debug)]
pub(crate) struct Input {
    parser: ReplyParser,
    /// The pushes behind the last reply to a request of a [`Greeting`]. They were received in the same reads.
    kept: VecDeque<Reply>,
    /// Received bytes from `start` to `end`. The bytes after `end` are room for the next read. They are not
    /// cleared, because clearing 64 KiB for each read would cost more than the read.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

/// Why a connection is closed after a reply that belongs to no request.
pub(super) const UNASKED: &str = "the server sent an answer without a request";

/// Minimum room for each read, in bytes.
const CHUNK: usize = 64 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read {
    Nothing,
    /// Everything that has arrived was read.
    All,
    /// More bytes may have arrived.
    More,
}

impl Input {
    pub(crate) fn new() -> Self {
        Self { parser: ReplyParser::default(), kept: VecDeque::new(), buffer: Vec::new(), start: 0, end: 0 }
    }

    /// Reads once from the socket. The end of the stream is an error.
    pub(crate) fn fill(&mut self, socket: &Socket) -> io::Result<Read> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let room = CHUNK.max(self.parser.needed().saturating_sub(self.end).min(1 << 20));
        if self.buffer.len() < self.end + room {
            self.buffer.resize(self.end + room, 0);
        }
        let room = self.buffer.get_mut(self.end..).unwrap_or_default();
        let len = room.len();
        let read = socket.read(room);
        self.end += *read.as_ref().unwrap_or(&0);
        match read {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => Ok(if read < len { Read::All } else { Read::More }),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Read::Nothing),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Read::More),
            Err(error) => Err(error),
        }
    }

    /// Returns whether only a part of a reply has arrived.
    pub(crate) fn is_within_reply(&self) -> bool {
        self.start < self.end || self.parser.is_within_reply()
    }

    pub(crate) fn next(&mut self) -> io::Result<Option<Reply>> {
        match self.kept.pop_front() {
            Some(push) => Ok(Some(push)),
            None => self.parse(),
        }
    }

    fn parse(&mut self) -> io::Result<Option<Reply>> {
        let rest = self.buffer.get(self.start..self.end).unwrap_or_default();
        let (taken, reply) = self.parser.advance(rest).map_err(io::Error::other)?;
        self.start += taken;
        if reply.is_none() && self.start == self.end {
            (self.start, self.end) = (0, 0);
            // Frees the memory of a large reply. Otherwise the connection would keep this memory.
            self.buffer.truncate(16 * CHUNK);
            self.buffer.shrink_to(16 * CHUNK);
        }
        Ok(reply)
    }
}

/// A connection whose thread waits for the replies to its requests: a new connection during its greeting,
/// the connection of a tool, a connection to a Sentinel, or the connection that waits for replicas. All
/// requests of one `Greeting` share one time limit.
pub(crate) struct Greeting<'a> {
    pub(crate) socket: &'a Arc<Socket>,
    pub(crate) input: &'a mut Input,
    pub(crate) waker: &'a PollWaker,
    pub(crate) clock: &'a dyn BootClock,
    pub(crate) settings: &'a Settings,
    pub(crate) is_closed: &'a AtomicBool,
    pub(crate) until: Duration,
    /// The time limit that ends at `until`, for the error.
    pub(crate) limit: Duration,
}

impl Greeting<'_> {
    /// Sends a request, and returns the reply, which may be an error of the server.
    pub(crate) fn ask(&mut self, command: &Command) -> Result<Reply, Error> {
        let mut replies = self.ask_all(std::slice::from_ref(command))?;
        replies.pop().ok_or(Error::Garbled("a request"))
    }

    /// Sends several requests together, in a single round trip. Returns their replies, which may be errors
    /// of the server. A reply without a request is an error. Otherwise it would count as the reply to the
    /// next request, and each later reply as that to the request after its own. Pushes behind the last reply
    /// are kept in the input.
    pub(crate) fn ask_all(&mut self, commands: &[Command]) -> Result<Vec<Reply>, Error> {
        self.expect_no_reply()?;
        let (mut bytes, mut replies) = (Vec::new(), Vec::with_capacity(commands.len()));
        for command in commands {
            command.write_after(&[], &mut bytes);
        }
        let (mut rest, mut read) = (bytes.as_slice(), Read::All);
        loop {
            if !rest.is_empty() {
                match self.socket.write(rest) {
                    Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(unavailable(self.settings, &error)),
                }
            }
            let is_sent = rest.is_empty() && self.socket.flush().is_ok();
            while let Some(reply) = self.input.parse().map_err(|error| unavailable(self.settings, &error))? {
                match (reply, replies.len() < commands.len()) {
                    (Reply::Push(_), true) => {}
                    (push @ Reply::Push(_), false) => self.input.kept.push_back(push),
                    (reply, true) => replies.push(reply),
                    (_, false) => return Err(self.unasked()),
                }
            }
            if replies.len() == commands.len() {
                return Ok(replies);
            }
            if self.is_closed.load(Ordering::Acquire) {
                return Err(Error::Closed);
            }
            let now = self.clock.now();
            if now >= self.until {
                let limit_ms = u64::try_from(self.limit.as_millis()).unwrap_or(u64::MAX);
                return Err(Error::TimedOut { server: self.server(), limit_ms });
            }
            // With TLS, the session may have more bytes. No event of the socket reports them.
            let left = if read == Read::More { Duration::ZERO } else { self.until.saturating_sub(now) };
            let waited = wait_for(Some((self.socket, !is_sent)), self.waker, left);
            read = waited
                .and_then(|()| self.input.fill(self.socket))
                .map_err(|error| unavailable(self.settings, &error))?;
        }
    }

    /// Reads what has arrived before the next request is sent. Returns an error if there is a reply.
    fn expect_no_reply(&mut self) -> Result<(), Error> {
        let mut read = Read::More;
        loop {
            while let Some(reply) = self.input.next().map_err(|error| unavailable(self.settings, &error))? {
                if !matches!(reply, Reply::Push(_)) {
                    return Err(self.unasked());
                }
            }
            // The time limit ends an endless stream of pushes.
            if read != Read::More || self.clock.now() >= self.until {
                return Ok(());
            }
            read = self.input.fill(self.socket).map_err(|error| unavailable(self.settings, &error))?;
        }
    }

    fn unasked(&self) -> Error {
        unavailable(self.settings, &io::Error::other(UNASKED))
    }

    /// Sends a request. Returns its reply, or an error if the server has refused the request.
    pub(crate) fn require(&mut self, command: &Command) -> Result<Reply, Error> {
        match self.ask(command)? {
            Reply::Error(text) => Err(self.refusal(&text)),
            reply => Ok(reply),
        }
    }

    /// Runs step 1.
    pub(crate) fn begin(&mut self) -> Result<(), Error> {
        let settings = self.settings;
        let mut hello = Command::new("HELLO").arg("3");
        if let Some(password) = &settings.server.password {
            let user = settings.server.user.as_deref().unwrap_or("default");
            hello = hello.arg("AUTH").arg(user).arg(password.reveal());
        }
        let hello = match self.ask(&hello.arg("SETNAME").arg(format!("larder-{}", settings.prefix)))? {
            Reply::Error(text) => return Err(self.refusal_of_hello(&text)),
            reply => reply,
        };
        self.check_server(&hello)
    }

    /// Runs steps 2 and 3.
    pub(crate) fn track(&mut self) -> Result<(), Error> {
        let settings = self.settings;
        let mut tracking = Command::new("CLIENT").arg("TRACKING").arg("ON");
        if settings.tracking == Tracking::Broadcast {
            tracking = tracking.arg("BCAST").arg("PREFIX").arg(format!("{}:", settings.prefix));
        }
        let select = Command::new("SELECT").number(settings.server.database);
        for reply in self.ask_all(&[select, tracking])? {
            if let Reply::Error(text) = reply {
                return Err(self.refusal(&text));
            }
        }
        Ok(())
    }

    fn check_server(&self, hello: &Reply) -> Result<(), Error> {
        let text = |key| hello.get(key).and_then(Reply::as_bytes).unwrap_or_default();
        let unsupported = |why: &str, remedy| Err(self.unsupported(why, remedy));
        match (text("mode"), text("role")) {
            (b"cluster", _) => unsupported(
                "it is a node of a Redis Cluster",
                "use one master, with replicas by choice; a Cluster is not supported",
            ),
            (b"sentinel", _) => {
                unsupported("it is a Sentinel", "write redis-sentinel://SENTINEL,SENTINEL/MASTER")
            }
            // During a failover, the Sentinels may name a server that is not a master yet, or no longer a
            // master. A later attempt may succeed.
            (_, b"replica" | b"slave") if self.settings.is_elected => {
                let cause = "the Sentinels name it as the master, and it is a replica".to_owned();
                Err(Error::Unavailable { server: self.server(), cause })
            }
            (_, b"replica" | b"slave") => unsupported("it is a replica", "use the address of the master"),
            _ => Ok(()),
        }
    }

    /// Returns the error for a `HELLO` that the server has refused. It contains only the code of the server's
    /// error text. A server that does not know the command repeats its words in that text, and one of them is
    /// the password.
    fn refusal_of_hello(&self, text: &[u8]) -> Error {
        let text = String::from_utf8_lossy(text);
        let code = text.split(' ').next().unwrap_or_default();
        let is_code = code.len() < 32 && code.bytes().all(|byte| byte.is_ascii_uppercase());
        let code = if is_code { code } else { "an unknown error" };
        if code == "ERR" && text.contains("unknown command") {
            return self.unsupported("it does not know HELLO", "use Redis 6.2 or later, or Valkey");
        }
        match self.refusal(code.as_bytes()) {
            Error::Unavailable { server, cause } => {
                Error::Unavailable { server, cause: format!("it answers HELLO with {cause}") }
            }
            other => other,
        }
    }

    /// Returns the error for a request other than `HELLO` that the server has refused.
    pub(crate) fn refusal(&self, text: &[u8]) -> Error {
        let answer = String::from_utf8_lossy(text).into_owned();
        let (server, code) = (self.server(), answer.split(' ').next().unwrap_or_default());
        match code {
            "WRONGPASS" | "NOAUTH" | "NOPERM" => Error::Refused { server, answer },
            "NOPROTO" => self.unsupported("it does not speak RESP3", "use Redis 6 or later, or Valkey"),
            "ERR" if answer.contains("unknown command") => {
                self.unsupported(&answer, "use Redis 6 or later, or Valkey")
            }
            "MOVED" | "CLUSTERDOWN" => self.unsupported(&answer, "a Redis Cluster is not supported"),
            _ => Error::Unavailable { server, cause: answer },
        }
    }

    pub(crate) fn unsupported(&self, why: &str, remedy: &'static str) -> Error {
        Error::Unsupported { server: self.server(), why: why.to_owned(), remedy }
    }

    fn server(&self) -> String {
        self.settings.server.place.to_string()
    }
}

/// Converts an error of the socket.
pub(crate) fn unavailable(settings: &Settings, error: &io::Error) -> Error {
    let server = settings.server.place.to_string();
    let cause = match error.kind() {
        io::ErrorKind::UnexpectedEof => "the server has closed it".to_owned(),
        _ => error.to_string(),
    };
    // The certificate is not trusted, or the server does not use TLS. Another attempt would fail too.
    if error.kind() == io::ErrorKind::InvalidData && settings.server.is_tls {
        let remedy = "check its certificate, or name the file of its authority by ca=PATH";
        return Error::Unsupported { server, why: cause, remedy };
    }
    Error::Unavailable { server, cause }
}
