//! The source of the numbers: the control socket of a process, or a file.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread;
use std::time::{Duration, Instant};

use larder::control::{Client, ClientError};
use larder::inspect::{FileInfo, Holder, Inspector, KeyspaceInfo, escape_control};
use larder::{Stats, Timestamp};

use crate::cache::owner::{orphans, socket_of};
use crate::term::clock;
use crate::term::exit::{Exit, Failure};

/// Maximum time to wait for an answer of the process.
const PATIENCE: Duration = Duration::from_secs(5);

/// The state of a cache at one moment.
#[derive(Debug, Clone)]
pub(super) enum Sample {
    Process(Box<ProcessSample>),
    File(Box<FileSample>),
}

#[derive(Debug, Clone)]
pub(super) struct ProcessSample {
    pub(super) pid: u32,
    /// Number of the connection that took this sample. It grows after a failed sample, for example when the
    /// process restarts.
    pub(super) connection: u64,
    pub(super) stats: Stats,
}

#[derive(Debug, Clone)]
pub(super) struct FileSample {
    pub(super) file: FileInfo,
    pub(super) keyspaces: Vec<KeyspaceInfo>,
    pub(super) now: Timestamp,
    /// The forks that hold the file after its owner has ended.
    pub(super) orphans: Vec<Holder>,
}

impl Sample {
    fn escaped(mut self) -> Self {
        let escape = |text: &mut String| *text = escape_control(text).into_owned();
        match &mut self {
            Self::Process(live) => {
                let stats = &mut live.stats;
                stats.keyspaces.iter_mut().for_each(|keyspace| escape(&mut keyspace.name));
                // Sorted again, because escaping may change the order, and lookups by name need sorted
                // keyspaces.
                stats.keyspaces.sort_by(|one, other| one.name.cmp(&other.name));
                stats.disk.iter_mut().filter_map(|disk| disk.off.as_mut()).for_each(escape);
            }
            Self::File(sample) => sample.keyspaces.iter_mut().for_each(|keyspace| {
                escape(&mut keyspace.name);
                escape(&mut keyspace.key_shape);
            }),
        }
        self
    }
}

pub(super) struct StatsSource {
    name: String,
    path: PathBuf,
    kind: SourceKind,
}

enum SourceKind {
    /// After a failure, `client` is `None`, and the next sample connects again.
    Socket {
        client: Option<Client>,
        connections: u64,
    },
    File,
}

impl StatsSource {
    /// Opens a socket, the socket of a file's owner, or the file itself.
    pub(super) fn open(path: &Path, file_only: bool) -> Result<Self, Failure> {
        let socket = socket_of(path, file_only)?;
        let kind = if let Some(socket) = &socket {
            let mut client = Client::connect(socket)?;
            client.set_patience(PATIENCE)?;
            SourceKind::Socket { client: Some(client), connections: 1 }
        } else {
            drop(Inspector::open(path)?);
            SourceKind::File
        };
        let name = escape_control(&path.to_string_lossy()).into_owned();
        Ok(Self { name, path: socket.unwrap_or_else(|| path.to_owned()), kind })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Takes a sample. On failure, returns the reason. Escapes control characters in the reason, and in the
    /// texts that the screen shows.
    pub(super) fn sample(&mut self) -> Result<Sample, String> {
        self.take().map(Sample::escaped).map_err(|cause| escape_control(&cause).into_owned())
    }

    fn take(&mut self) -> Result<Sample, String> {
        match &mut self.kind {
            SourceKind::File => sample_file(&self.path).map_err(|error| error.to_string()),
            SourceKind::Socket { client, connections } => {
                let sample = sample_process(client, connections, &self.path);
                if sample.is_err() {
                    *client = None;
                }
                sample.map_err(|error| error.to_string())
            }
        }
    }
}

fn sample_process(
    client: &mut Option<Client>,
    connections: &mut u64,
    path: &Path,
) -> Result<Sample, ClientError> {
    let client = if let Some(client) = client {
        client
    } else {
        let mut fresh = Client::connect(path)?;
        fresh.set_patience(PATIENCE)?;
        *connections += 1;
        client.insert(fresh)
    };
    let stats = client.stats()?;
    Ok(Sample::Process(Box::new(ProcessSample { pid: client.server().pid, connection: *connections, stats })))
}

pub(super) fn sample_file(path: &Path) -> Result<Sample, larder::Error> {
    let snapshot = Inspector::open(path)?.snapshot()?;
    let (file, keyspaces, now) = (snapshot.file(), snapshot.keyspaces().to_vec(), snapshot.now());
    let orphans = orphans(&file);
    Ok(Sample::File(Box::new(FileSample { file, keyspaces, now, orphans })))
}

/// The time of an answer, and the sample or the reason why it failed.
type Answer = (Instant, Result<Sample, String>);

/// Takes samples on a separate thread. Otherwise a process that does not answer would block the keyboard.
pub(super) struct Poller {
    requests: Sender<()>,
    answers: Receiver<Answer>,
    is_waiting: bool,
}

impl Poller {
    pub(super) fn start(mut sample: impl FnMut() -> Result<Sample, String> + Send + 'static) -> Self {
        let (requests, requested) = channel::<()>();
        let (sender, answers) = channel();
        // The thread ends when the poller is dropped.
        thread::spawn(move || {
            while requested.recv().is_ok() {
                let answer = sample();
                if sender.send((clock::now(), answer)).is_err() {
                    return;
                }
            }
        });
        Self { requests, answers, is_waiting: false }
    }

    /// Requests a sample, unless the last request is still unanswered. Returns whether a request was sent.
    pub(super) fn request(&mut self) -> bool {
        let is_sent = !self.is_waiting && self.requests.send(()).is_ok();
        self.is_waiting |= is_sent;
        is_sent
    }

    pub(super) fn answer(&mut self) -> Result<Option<Answer>, Failure> {
        match self.answers.try_recv() {
            Ok(answer) => {
                self.is_waiting = false;
                Ok(Some(answer))
            }
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(Failure::new(
                Exit::System,
                "the thread that asks the cache has ended, which is a bug of larder",
            )),
        }
    }
}
