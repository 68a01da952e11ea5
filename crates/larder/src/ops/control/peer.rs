//! One peer: its unread request, its unsent answer, and its deadline.

use std::io;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::event::PollFlags;

use super::protocol::MAX_LINE;
use super::refusal::{Refusal, RefusalKind};
use super::stream::Stream;
use crate::sys::clock::Deadline;

/// Time limit for a peer to send its next complete request.
pub const IDLE_LIMIT: Duration = Duration::from_mins(1);
/// Time limit for a peer to read its answer.
pub const READ_LIMIT: Duration = Duration::from_secs(10);

/// Maximum number of bytes in one read.
const CHUNK: usize = 4096;

#[derive(Debug)]
pub(super) struct Peer {
    pub(super) stream: UnixStream,
    input: Vec<u8>,
    output: Vec<u8>,
    sent: usize,
    /// Time at which the peer is disconnected, unless it watches a stream.
    deadline: Deadline,
    /// Whether the peer has closed its side for writing, or has sent a line that is too long.
    has_ended: bool,
    /// The stream of operations that the peer watches.
    shown: Option<Stream>,
}

/// What must happen before the thread can continue with a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PeerState {
    ToBeRead,
    ToBeWritten,
    /// No event: the peer has sent a complete request, which the thread can answer immediately.
    Attention,
    /// The peer watches a stream. The thread waits for the next line of the peer, which ends the stream. If
    /// lines are pending, it also waits until the peer can take them. It takes the next step when the pause
    /// of the stream is over.
    Stream,
    Nothing,
}

impl Peer {
    pub(super) fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            input: Vec::new(),
            output: Vec::new(),
            sent: 0,
            deadline: Deadline::after(IDLE_LIMIT),
            has_ended: false,
            shown: None,
        })
    }

    pub(super) fn wants(&self) -> PeerState {
        match () {
            () if self.shown.is_some() => PeerState::Stream,
            () if !self.output.is_empty() => PeerState::ToBeWritten,
            () if self.line_end().is_some() => PeerState::Attention,
            () if self.has_ended => PeerState::Nothing,
            () => PeerState::ToBeRead,
        }
    }

    pub(super) fn left(&self) -> Duration {
        match &self.shown {
            None => self.deadline.left(),
            // The stream adds no lines while earlier lines are pending, but it may end.
            Some(stream) if !self.output.is_empty() => stream.left(),
            Some(stream) => stream.pause(),
        }
    }

    /// Returns the events to poll for a peer with a stream.
    pub(super) fn stream_flags(&self) -> PollFlags {
        if self.output.is_empty() { PollFlags::IN } else { PollFlags::IN | PollFlags::OUT }
    }

    /// Reads, answers and writes as much as possible without waiting. Answers at most one request. Returns
    /// whether the peer stays connected.
    pub(super) fn step(&mut self, answer: impl FnOnce(&[u8]) -> (Vec<u8>, Option<Stream>)) -> bool {
        let goes_on = self.advance(answer).is_ok() && self.wants() != PeerState::Nothing;
        // The pause of a stream is not a deadline.
        goes_on && (self.shown.is_some() || !self.left().is_zero())
    }

    fn advance(&mut self, answer: impl FnOnce(&[u8]) -> (Vec<u8>, Option<Stream>)) -> io::Result<()> {
        self.write()?;
        if self.shown.is_some() {
            self.go_on()?;
        }
        if self.wants() == PeerState::ToBeRead {
            self.read()?;
        }
        if self.wants() != PeerState::Attention {
            return Ok(());
        }
        let end = self.line_end().unwrap_or(self.input.len());
        let rest = self.input.split_off(end);
        let line = std::mem::replace(&mut self.input, rest);
        // An empty line is not a request: a person who types requests by hand may send one.
        if line.iter().any(|byte| !byte.is_ascii_whitespace()) {
            let (answer, shown) = answer(&line);
            self.shown = shown;
            self.send(answer);
        }
        self.write()
    }

    /// Fetches lines from the stream, and ends the stream if it is over.
    fn go_on(&mut self) -> io::Result<()> {
        self.read()?;
        let is_done = self.line_end().is_some() || self.has_ended;
        let Some(stream) = self.shown.as_mut() else { return Ok(()) };
        let mut lines = if self.output.is_empty() { stream.lines(is_done) } else { Vec::new() };
        if let Some(why) = if is_done { Some("peer") } else { stream.end() } {
            lines.extend(stream.last(why));
            self.shown = None;
        }
        if !lines.is_empty() {
            self.send(lines);
        }
        self.write()
    }

    /// Returns the end of the first line. At EOF, an unterminated last line is a line too.
    fn line_end(&self) -> Option<usize> {
        let end = self.input.iter().position(|&byte| byte == b'\n').map(|at| at + 1);
        end.or_else(|| (self.has_ended && !self.input.is_empty()).then_some(self.input.len()))
    }

    fn read(&mut self) -> io::Result<()> {
        let mut chunk = [0; CHUNK];
        while self.line_end().is_none() && !self.has_ended {
            match self.stream.read(&mut chunk) {
                Ok(0) => self.has_ended = true,
                Ok(read) => self.input.extend_from_slice(chunk.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if self.line_end().unwrap_or(self.input.len()) > MAX_LINE {
                self.input = Vec::new();
                self.has_ended = true;
                self.send(too_long().to_line());
            }
        }
        Ok(())
    }

    fn send(&mut self, answer: Vec<u8>) {
        // Lines of an ended stream may still be pending. They stay before the answer.
        self.output.drain(..self.sent);
        self.sent = 0;
        self.output.extend(answer);
        self.deadline = Deadline::after(READ_LIMIT);
    }

    fn write(&mut self) -> io::Result<()> {
        while let Some(left) = self.output.get(self.sent..).filter(|left| !left.is_empty()) {
            match self.stream.write(left) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => self.sent += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if !self.output.is_empty() {
            self.output = Vec::new();
            self.sent = 0;
            self.deadline = Deadline::after(IDLE_LIMIT);
        }
        Ok(())
    }

    pub(super) fn turn_away(stream: UnixStream) {
        let busy = Refusal::new(
            RefusalKind::Busy,
            "too many peers are connected",
            "try again, or close one of them",
        );
        if let Ok(mut peer) = Self::new(stream) {
            peer.send(busy.to_line());
            drop(peer.write());
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Closing the descriptor is not enough: if a forked child has inherited it, the peer would not notice
        // the disconnection.
        drop(self.stream.shutdown(Shutdown::Both));
    }
}

fn too_long() -> Refusal {
    let cause = format!("the request is longer than {MAX_LINE} bytes");
    Refusal::new(RefusalKind::TooLong, cause, "send one request a line, with a key of at most 4,096 bytes")
}
