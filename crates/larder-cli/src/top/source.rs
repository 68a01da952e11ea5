//! Where what is shown comes from: the control socket of a process, or a file.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread;
use std::time::{Duration, Instant};

use larder::control::{Client, ClientError};
use larder::inspect::{FileInfo, Holder, Inspector, KeyspaceInfo, escape_control};
use larder::{Stats, Timestamp};

use crate::clock;
use crate::exit::{Exit, Failure};
use crate::live::{orphans, socket_behind};

/// Nobody waits longer for a number that is shown each second.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is known at one moment.
#[derive(Debug, Clone)]
pub(super) enum Seen {
    Live(Box<Live>),
    File(Box<Facts>),
}

/// What a process says.
#[derive(Debug, Clone)]
pub(super) struct Live {
    pub(super) pid: u32,
    /// How many connections there were: a process that began anew has broken the last one.
    pub(super) connection: u64,
    pub(super) stats: Stats,
}

/// What a file says.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) file: FileInfo,
    pub(super) keyspaces: Vec<KeyspaceInfo>,
    pub(super) now: Timestamp,
    /// The forks of an owner that has ended, which hold the file.
    pub(super) orphans: Vec<Holder>,
}

impl Seen {
    fn escaped(mut self) -> Self {
        let escape = |text: &mut String| *text = escape_control(text).into_owned();
        match &mut self {
            Self::Live(live) => {
                let stats = &mut live.stats;
                stats.keyspaces.iter_mut().for_each(|keyspace| escape(&mut keyspace.name));
                // They are looked up by name.
                stats.keyspaces.sort_by(|one, other| one.name.cmp(&other.name));
                stats.disk.iter_mut().filter_map(|disk| disk.off.as_mut()).for_each(escape);
            }
            Self::File(facts) => facts.keyspaces.iter_mut().for_each(|keyspace| {
                escape(&mut keyspace.name);
                escape(&mut keyspace.key_shape);
            }),
        }
        self
    }
}

pub(super) struct Source {
    name: String,
    path: PathBuf,
    of: Of,
}

enum Of {
    /// No client once the process went away: it is tried again.
    Socket {
        client: Option<Client>,
        connections: u64,
    },
    File,
}

impl Source {
    /// Opens a socket, the socket of the process that has a file, or the file.
    pub(super) fn open(path: &Path, file_only: bool) -> Result<Self, Failure> {
        let socket = socket_behind(path, file_only)?;
        let of = if let Some(socket) = &socket {
            let mut client = Client::connect(socket)?;
            client.set_patience(PATIENCE)?;
            Of::Socket { client: Some(client), connections: 1 }
        } else {
            drop(Inspector::open(path)?);
            Of::File
        };
        let name = escape_control(&path.to_string_lossy()).into_owned();
        Ok(Self { name, path: socket.unwrap_or_else(|| path.to_owned()), of })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What is known now; or why nothing is. What a file or a process says is safe to be shown.
    pub(super) fn look(&mut self) -> Result<Seen, String> {
        self.ask().map(Seen::escaped).map_err(|cause| escape_control(&cause).into_owned())
    }

    fn ask(&mut self) -> Result<Seen, String> {
        match &mut self.of {
            Of::File => facts(&self.path).map_err(|error| error.to_string()),
            Of::Socket { client, connections } => {
                let asked = ask(client, connections, &self.path);
                if asked.is_err() {
                    *client = None;
                }
                asked.map_err(|error| error.to_string())
            }
        }
    }
}

fn ask(client: &mut Option<Client>, connections: &mut u64, path: &Path) -> Result<Seen, ClientError> {
    let client = if let Some(client) = client {
        client
    } else {
        let mut fresh = Client::connect(path)?;
        fresh.set_patience(PATIENCE)?;
        *connections += 1;
        client.insert(fresh)
    };
    let stats = client.stats()?;
    Ok(Seen::Live(Box::new(Live { pid: client.server().pid, connection: *connections, stats })))
}

pub(super) fn facts(path: &Path) -> Result<Seen, larder::Error> {
    let snapshot = Inspector::open(path)?.snapshot()?;
    let (file, keyspaces, now) = (snapshot.file(), snapshot.keyspaces().to_vec(), snapshot.now());
    let orphans = orphans(&file);
    Ok(Seen::File(Box::new(Facts { file, keyspaces, now, orphans })))
}

/// What a source said, and when; or why it said nothing.
type Answer = (Instant, Result<Seen, String>);

/// Asks a source on a thread of its own, so that a process that hangs does not keep the keys from being heard.
pub(super) struct Asker {
    questions: Sender<()>,
    answers: Receiver<Answer>,
    is_waiting: bool,
}

impl Asker {
    pub(super) fn start(mut look: impl FnMut() -> Result<Seen, String> + Send + 'static) -> Self {
        let (questions, asked) = channel::<()>();
        let (told, answers) = channel();
        // It ends when this end of a channel is gone, or with the process.
        thread::spawn(move || {
            while asked.recv().is_ok() {
                let answer = look();
                if told.send((clock::now(), answer)).is_err() {
                    return;
                }
            }
        });
        Self { questions, answers, is_waiting: false }
    }

    /// Asks, unless the last question has no answer yet. Returns whether it did.
    pub(super) fn ask(&mut self) -> bool {
        let asks = !self.is_waiting && self.questions.send(()).is_ok();
        self.is_waiting |= asks;
        asks
    }

    /// The answer, when it was given, if there is one by now.
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
