//! A request, and the callback for its reply.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use crate::error::Error;
use crate::protocol::command::Command;
use crate::protocol::reply::Reply;

/// A Lua script that the server runs. Requests name it by its digest, which the server returns when it loads
/// the script.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) text: &'static str,
    digest: OnceLock<Vec<u8>>,
}

impl Script {
    pub(crate) const fn new(text: &'static str) -> Self {
        Self { text, digest: OnceLock::new() }
    }

    /// Stores the digest that a server has returned. It depends only on the text, so all servers return the
    /// same digest.
    pub(crate) fn is_loaded_as(&self, digest: Vec<u8>) {
        self.digest.get_or_init(|| digest);
    }
}

/// A reply, with the generation of the connection that received it.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) reply: Reply,
    pub(crate) generation: u64,
}

/// The callback for the reply or for an error. The driver thread usually calls it, so it must not block.
type Complete = Box<dyn FnOnce(Result<Answered, Error>) + Send>;

pub(crate) struct Request {
    command: Command,
    script: Option<&'static Script>,
    is_of_client: bool,
    complete: Complete,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The words are not printed, because they contain values and passwords.
        write!(f, "Request({} bytes)", self.command.len())
    }
}

impl Request {
    pub(crate) fn new(
        command: Command,
        complete: impl FnOnce(Result<Answered, Error>) + Send + 'static,
    ) -> Self {
        Self { command, script: None, is_of_client: false, complete: Box::new(complete) }
    }

    /// Returns a request that runs a script. The command contains the number of keys, the keys, and the
    /// arguments.
    pub(crate) fn script(
        script: &'static Script,
        command: Command,
        complete: impl FnOnce(Result<Answered, Error>) + Send + 'static,
    ) -> Self {
        Self { command, script: Some(script), is_of_client: false, complete: Box::new(complete) }
    }

    /// Marks the request: no caller waits for it, and it passes an open circuit.
    pub(crate) fn of_client(self) -> Self {
        Self { is_of_client: true, ..self }
    }

    pub(crate) fn is_of_client(&self) -> bool {
        self.is_of_client
    }

    pub(crate) fn len(&self) -> usize {
        self.command.len()
    }

    /// Appends the encoded request to a buffer. With `is_by_text`, or if the digest is unknown, the request
    /// contains the text of the script.
    pub(crate) fn write(&self, buffer: &mut Vec<u8>, is_by_text: bool) {
        let Some(script) = self.script else { return self.command.write_after(&[], buffer) };
        match script.digest.get().filter(|_| !is_by_text) {
            Some(digest) => self.command.write_after(&[b"EVALSHA", digest], buffer),
            None => self.command.write_after(&[b"EVAL", script.text.as_bytes()], buffer),
        }
    }

    /// Returns the request for its last attempt. If the server replies again that it does not know the
    /// script, this reply is an error like any other. Otherwise a broken server could make the client send
    /// the request forever.
    pub(crate) fn without_script(self) -> Self {
        Self { script: None, ..self }
    }

    /// Returns whether the reply says that the server does not know the script, and so has not run it.
    pub(crate) fn is_unknown_script(&self, reply: &Reply) -> bool {
        self.script.is_some() && matches!(reply, Reply::Error(text) if text.starts_with(b"NOSCRIPT"))
    }

    pub(crate) fn complete(self, answer: Result<Answered, Error>) {
        (self.complete)(answer);
    }
}

/// What an awaited reply is for.
#[derive(Debug)]
pub(crate) enum Purpose {
    /// The reply to a `HELLO`, which shows the role of the server.
    Hello,
    /// The reply to a `PING`, which shows that no script is running.
    Ping,
    Request(Request),
}

/// An awaited reply, with its deadline on the boot clock.
#[derive(Debug)]
pub(crate) struct Awaited {
    pub(crate) purpose: Purpose,
    pub(crate) until: Duration,
    /// Number of bytes that the request takes until its reply.
    pub(crate) len: usize,
}
