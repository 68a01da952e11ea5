//! The thread of the control socket.

use std::io::ErrorKind;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Weak;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::answer::answer_or_stream;
use super::listen::{Listening, refused};
use super::peer::{Peer, PeerState};
use crate::engine::service_thread::ServiceThread;
use crate::engine::shared::Shared;
use crate::engine::threads::spawn;
use crate::error::Error;
use crate::sys::clock::Deadline;
use crate::sys::sync::Arc;

/// Maximum number of connected peers. Any further peer is refused and disconnected.
pub const MAX_PEERS: usize = 32;

/// Pause after `accept` has failed, for example because the process has no free descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Starts the thread that serves a cache on a socket until the cache is closed.
pub(crate) fn serve(cache: &Arc<Shared>, path: &Path) -> Result<(), Error> {
    let listening = Listening::at(path)?;
    let failed = |error: std::io::Error| refused(path, error, "raise the process's limit on open files");
    let (stop, stopped) = UnixStream::pair().map_err(failed)?;
    let server = Server {
        cache: Arc::downgrade(cache),
        listening,
        stopped,
        peers: Vec::new(),
        accepts_from: Deadline::after(Duration::ZERO),
    };
    let thread = spawn("larder-control", move || server.run())?;
    // Dropping `stop` is not enough, because a forked child may have a copy of this end open.
    cache.add_service(ServiceThread { stop: Box::new(move || drop(stop.shutdown(Shutdown::Both))), thread });
    Ok(())
}

#[derive(Debug)]
struct Server {
    cache: Weak<Shared>,
    listening: Listening,
    /// A socket that becomes readable when the cache is being closed.
    stopped: UnixStream,
    peers: Vec<Peer>,
    /// No peer is accepted before this time.
    accepts_from: Deadline,
}

impl Server {
    fn run(mut self) {
        while self.wait() {
            self.accept();
            let cache = &self.cache;
            self.peers.retain_mut(|peer| peer.step(|line| answer_or_stream(cache, line)));
        }
    }

    /// Waits until a peer can be served or its deadline passes. Returns false if the cache is being closed.
    fn wait(&self) -> bool {
        let pause = self.accepts_from.left();
        let mut wait = if pause.is_zero() { None } else { Some(pause) };
        let mut fds = vec![PollFd::new(&self.stopped, PollFlags::IN)];
        if pause.is_zero() {
            fds.push(PollFd::new(&self.listening.listener, PollFlags::IN));
        }
        for peer in &self.peers {
            let (flags, most) = match peer.wants() {
                PeerState::Stream => (peer.stream_flags(), peer.left()),
                PeerState::ToBeRead => (PollFlags::IN, peer.left()),
                PeerState::ToBeWritten => (PollFlags::OUT, peer.left()),
                PeerState::Attention | PeerState::Nothing => (PollFlags::empty(), Duration::ZERO),
            };
            fds.push(PollFd::from_borrowed_fd(peer.stream.as_fd(), flags));
            wait = Some(wait.map_or(most, |wait| wait.min(most)));
        }
        let timeout = wait.map(|wait| Timespec {
            tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(wait.subsec_nanos()),
        });
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) => fds.first().is_none_or(|stopped| stopped.revents().is_empty()),
            Err(rustix::io::Errno::INTR) => true,
            // Ends the thread, because another attempt would fail too.
            Err(_) => false,
        }
    }

    fn accept(&mut self) {
        if !self.accepts_from.left().is_zero() {
            return;
        }
        for _ in 0..MAX_PEERS {
            match self.listening.listener.accept() {
                Ok((stream, _)) if self.peers.len() < MAX_PEERS => self.peers.extend(Peer::new(stream)),
                Ok((stream, _)) => Peer::turn_away(stream),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    let is_temporary =
                        matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionAborted);
                    if !is_temporary {
                        self.accepts_from = Deadline::after(ACCEPT_PAUSE);
                    }
                    return;
                }
            }
        }
    }
}
