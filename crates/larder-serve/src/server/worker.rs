//! The threads that serve connections. Each thread has its own event loop, so its connections share the
//! caches of a core, and a connection never moves to another event loop.
//!
//! A thread itself makes short calls to the cache ([`Cache::inline_calls`](larder::Cache::inline_calls)):
//! lookups on disk while the disk is fast, and changes that wait for no other thread. So one read of a disk
//! that has become slow delays all connections of a thread. After that, worker threads of the cache read
//! the disk for some time, and until one of their reads is fast.
//!
//! A new connection goes to the thread with the fewest connections. The first thread also accepts
//! connections.

use std::io;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::runtime::{Builder, Handle};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::connection::{Connection, Timeouts};
use super::http;
use super::listener::{self, Listener, SocketFile};
use super::peer::PeerStream;
use super::unix_stream::QuietUnixStream;
use crate::commands::table::COMMANDS;
use crate::session::Session;
use crate::session::client::Peer;
use crate::session::served::Served;
use crate::session::threads::BlockingThreads;

/// How long a shutdown waits for blocking calls after it has closed the connections. A call that still waits
/// for the disk then continues without the server.
const MAX_BLOCKING_END: Duration = Duration::from_secs(1);

/// The state that the threads of a server share.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) served: Arc<Served>,
    pub(super) timeouts: Timeouts,
    pub(super) shutdown_timeout: Duration,
    /// Becomes true when the server shuts down.
    pub(super) stop: watch::Receiver<bool>,
    /// Number of connections of the server. [`Worker`] has the number for one thread.
    connections: AtomicUsize,
}

/// What the accepting thread knows about a thread that serves connections.
#[derive(Debug, Clone)]
pub(super) struct Worker {
    handle: Handle,
    connections: Arc<AtomicUsize>,
    blocking: Arc<BlockingThreads>,
}

/// A counted connection. Dropping this value removes the connection from the counts.
struct Counted(Arc<Pool>, Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
        self.1.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pool {
    pub(super) fn new(
        served: Arc<Served>,
        timeouts: Timeouts,
        shutdown_timeout: Duration,
        stop: watch::Receiver<bool>,
    ) -> Arc<Self> {
        let connections = AtomicUsize::new(0);
        Arc::new(Self { served, timeouts, shutdown_timeout, stop, connections })
    }

    pub(super) fn start(
        self: &Arc<Self>,
        listeners: Vec<Listener>,
        threads: usize,
    ) -> io::Result<Vec<JoinHandle<()>>> {
        let mut runtimes = Vec::new();
        for _ in 0..threads {
            let mut builder = Builder::new_current_thread();
            builder.enable_io().enable_time().max_blocking_threads(BlockingThreads::MAX);
            runtimes.push(builder.build()?);
        }
        let workers = runtimes.iter().map(|runtime| Worker {
            handle: runtime.handle().clone(),
            connections: Arc::default(),
            blocking: Arc::default(),
        });
        let workers: Arc<[Worker]> = workers.collect();
        let mut accepted = Some((listeners, workers.clone()));
        let mut started = Vec::new();
        for (runtime, worker) in runtimes.into_iter().zip(workers.iter().cloned()) {
            let (pool, accepted) = (self.clone(), accepted.take());
            let thread = std::thread::Builder::new().name("larder-serve".to_owned());
            started.push(thread.spawn(move || {
                let _inline_calls = pool.served.cache.inline_calls();
                runtime.block_on(pool.run(worker, accepted));
                // Dropping the event loop would wait forever for a blocking call that hangs.
                runtime.shutdown_timeout(MAX_BLOCKING_END);
            })?);
        }
        Ok(started)
    }

    /// Runs a thread until the server shuts down, and the thread's connections have ended or the shutdown
    /// has timed out.
    async fn run(self: Arc<Self>, worker: Worker, accepted: Option<(Vec<Listener>, Arc<[Worker]>)>) {
        if let Some((listeners, workers)) = accepted {
            for listener in listeners {
                tokio::spawn(self.clone().accept(listener, workers.clone()));
            }
        }
        self.stopped().await;
        let ended = async {
            while worker.connections.load(Ordering::Relaxed) > 0 {
                sleep(Duration::from_millis(2)).await;
            }
        };
        if timeout(self.shutdown_timeout, ended).await.is_err() {
            self.served.is_cut_off.store(true, Ordering::Relaxed);
            tracing::warn!("a shutdown cut off connections that were not done");
        }
    }

    fn stopped(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut stop = self.stop.clone();
        async move { drop(stop.wait_for(|stop| *stop).await) }
    }

    async fn accept(self: Arc<Self>, listener: Listener, workers: Arc<[Worker]>) {
        let accepting = async {
            match listener {
                Listener::Unix(listener, file) => self.accept_unix(listener, file, &workers).await,
                Listener::Tcp(listener) => self.accept_tcp(listener, &workers).await,
                Listener::Http(listener) => http::serve(listener, self.served.clone()).await,
            }
        };
        tokio::select! {
            () = self.stopped() => {}
            accepted = accepting => if let Err(error) = accepted {
                tracing::error!(%error, "a listener of the server could not be used");
            },
        }
    }

    async fn accept_unix(
        self: &Arc<Self>,
        listener: std::os::unix::net::UnixListener,
        _file: Option<SocketFile>,
        workers: &[Worker],
    ) -> io::Result<()> {
        let listener = UnixListener::from_std(listener)?;
        // A client of a Unix socket has no address. Redis reports the path of the socket with port 0.
        let path = listener.local_addr()?;
        let path = path.as_pathname().unwrap_or(std::path::Path::new(""));
        let address = format!("{}:0", one_word(path.as_os_str().as_bytes()));
        let peer = Peer { remote: address.clone(), local: address, is_unix: true };
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let Ok(stream) = stream.into_std() else { continue };
                    self.place(workers, peer.clone(), move || QuietUnixStream::register(stream));
                }
                Err(error) => listener::pause(&error).await,
            }
        }
    }

    async fn accept_tcp(
        self: &Arc<Self>,
        listener: std::net::TcpListener,
        workers: &[Worker],
    ) -> io::Result<()> {
        let listener = TcpListener::from_std(listener)?;
        loop {
            match listener.accept().await {
                Ok((stream, remote)) => {
                    // A connection that its peer has already reset is not served.
                    let Ok((stream, local)) = prepare(stream) else { continue };
                    let peer = Peer { remote: remote.to_string(), local: local.to_string(), is_unix: false };
                    self.place(workers, peer, move || TcpStream::from_std(stream));
                }
                Err(error) => listener::pause(&error).await,
            }
        }
    }

    /// Passes a connection to a thread. `open` registers the socket with the event loop of that thread.
    fn place<S>(
        self: &Arc<Self>,
        workers: &[Worker],
        peer: Peer,
        open: impl FnOnce() -> io::Result<S> + Send + 'static,
    ) where
        S: PeerStream + Send + Sync + 'static,
    {
        let count = |worker: &&Worker| worker.connections.load(Ordering::Relaxed);
        let Some(worker) = workers.iter().min_by_key(count) else { return };
        let is_full = self.connections.fetch_add(1, Ordering::Relaxed) >= self.served.max_connections;
        worker.connections.fetch_add(1, Ordering::Relaxed);
        let counted = Counted(self.clone(), worker.connections.clone());
        let (pool, blocking) = (self.clone(), worker.blocking.clone());
        worker.handle.spawn(async move {
            let counted = counted;
            let Ok(mut stream) = open() else { return };
            if is_full {
                let refusal = b"-ERR max number of clients reached\r\n";
                drop(tokio::io::AsyncWriteExt::write(&mut stream, refusal).await);
                pool.served.counters.refused.fetch_add(1, Ordering::Relaxed);
                return;
            }
            let listed = pool.served.clients.add(peer);
            let client = listed.client().clone();
            let session = Session::new(pool.served.clone(), blocking, &COMMANDS, client);
            Connection::new((counted, listed), stream, session, pool.timeouts).serve(pool.stopped()).await;
        });
    }
}

/// Returns the bytes of a path as one word of a line of `CLIENT LIST`. A space or a control character in the
/// path would end the field or the line, and a terminal would execute an escape sequence.
fn one_word(path: &[u8]) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_graphic() && *byte != b'\\';
    let word = path
        .iter()
        .map(|byte| if is_plain(byte) { char::from(*byte).to_string() } else { format!("\\x{byte:02x}") });
    word.collect()
}

/// Removes a connection from the event loop of the accepting thread. Also returns its local address.
fn prepare(stream: TcpStream) -> io::Result<(std::net::TcpStream, SocketAddr)> {
    stream.set_nodelay(true)?;
    let local = stream.local_addr()?;
    Ok((stream.into_std()?, local))
}
