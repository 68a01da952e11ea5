//! A request, and the callback that waits for its answer.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use crate::error::Error;
use crate::protocol::command::Command;
use crate::protocol::reply::Reply;

/// A script of the server. It is sent by its digest, which the server returns when it loads the script.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) text: &'static str,
    digest: OnceLock<Vec<u8>>,
}

impl Script {
    /// Creates a script.
    pub(crate) const fn new(text: &'static str) -> Self {
        Self { text, digest: OnceLock::new() }
    }

    /// Stores the digest that a server returned. It depends only on the text, so all servers return the same
    /// digest.
    pub(crate) fn is_loaded_as(&self, digest: Vec<u8>) {
        self.digest.get_or_init(|| digest);
    }
}

/// An answer, and the generation of the connection that it came from.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) reply: Reply,
    pub(crate) generation: u64,
}

/// The callback for the answer. The driver's thread calls it, so it must not wait.
type Complete = Box<dyn FnOnce(Result<Answered, Error>) + Send>;

/// A request that has not been answered.
pub(crate) struct Request {
    command: Command,
    script: Option<&'static Script>,
    complete: Complete,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The words are not printed, because they contain values and passwords.
        write!(f, "Request({} bytes)", self.command.len())
    }
}

impl Request {
    /// Creates a request from a command.
    pub(crate) fn new(
        command: Command,
        complete: impl FnOnce(Result<Answered, Error>) + Send + 'static,
    ) -> Self {
        Self { command, script: None, complete: Box::new(complete) }
    }

    /// Creates a request from a script. The command has the number of the script's keys, the keys and the
    /// arguments.
    pub(crate) fn script(
        script: &'static Script,
        command: Command,
        complete: impl FnOnce(Result<Answered, Error>) + Send + 'static,
    ) -> Self {
        Self { command, script: Some(script), complete: Box::new(complete) }
    }

    /// Appends the request to a buffer. A script is sent by its text if its digest is not known, or if the
    /// server does not know the script.
    pub(crate) fn write(&self, buffer: &mut Vec<u8>, is_by_text: bool) {
        let Some(script) = self.script else { return self.command.write_after(&[], buffer) };
        match script.digest.get().filter(|_| !is_by_text) {
            Some(digest) => self.command.write_after(&[b"EVALSHA", digest], buffer),
            None => self.command.write_after(&[b"EVAL", script.text.as_bytes()], buffer),
        }
    }

    /// Returns whether the answer says that the server does not know the script. In this case, the server has
    /// done nothing.
    pub(crate) fn is_unknown_script(&self, reply: &Reply) -> bool {
        self.script.is_some() && matches!(reply, Reply::Error(text) if text.starts_with(b"NOSCRIPT"))
    }

    /// Ends the request.
    pub(crate) fn complete(self, answer: Result<Answered, Error>) {
        (self.complete)(answer);
    }
}

/// The purpose of an answer of the stream.
#[derive(Debug)]
pub(crate) enum Purpose {
    Ping,
    Request(Request),
}

/// An answer that has not arrived, with its deadline on the boot clock.
#[derive(Debug)]
pub(crate) struct Awaited {
    pub(crate) purpose: Purpose,
    pub(crate) until: Duration,
}
