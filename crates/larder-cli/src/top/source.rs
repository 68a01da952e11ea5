//! Where what is shown comes from: the control socket of a process, or a file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use larder::control::Client;
use larder::inspect::{FileFacts, Inspector, KeyspaceFacts, escape_control};
use larder::{Stats, Timestamp};

use crate::exit::Failure;
use crate::live::socket_behind;

/// Nobody waits longer for a number that is shown each second.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is known at one moment.
#[derive(Debug, Clone)]
pub(super) enum Seen {
    Live { pid: u32, stats: Box<Stats> },
    File(Box<Facts>),
}

/// What a file says.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) file: FileFacts,
    pub(super) keyspaces: Vec<KeyspaceFacts>,
    pub(super) now: Timestamp,
}

impl Seen {
    fn escaped(mut self) -> Self {
        let escape = |text: &mut String| *text = escape_control(text).into_owned();
        match &mut self {
            Self::Live { stats, .. } => {
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
    /// None once the process went away: it is tried again.
    Socket(Option<Client>),
    File,
}

impl Source {
    /// Opens a socket, the socket of the process that has a file, or the file.
    pub(super) fn open(path: &Path, file_only: bool) -> Result<Self, Failure> {
        let socket = socket_behind(path, file_only)?;
        let of = if let Some(socket) = &socket {
            let mut client = Client::connect(socket)?;
            client.set_patience(PATIENCE)?;
            Of::Socket(Some(client))
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
            Of::Socket(client) => {
                let asked = ask(client, &self.path);
                if asked.is_err() {
                    *client = None;
                }
                asked
            }
        }
    }
}

fn ask(client: &mut Option<Client>, path: &Path) -> Result<Seen, String> {
    let client = if let Some(client) = client {
        client
    } else {
        let mut fresh = Client::connect(path).map_err(|error| error.to_string())?;
        fresh.set_patience(PATIENCE).map_err(|error| error.to_string())?;
        client.insert(fresh)
    };
    let stats = client.stats().map_err(|error| error.to_string())?;
    Ok(Seen::Live { pid: client.server().pid, stats: Box::new(stats) })
}

pub(super) fn facts(path: &Path) -> Result<Seen, larder::Error> {
    let snapshot = Inspector::open(path)?.snapshot()?;
    let (file, keyspaces, now) = (snapshot.file(), snapshot.keyspaces().to_vec(), snapshot.now());
    Ok(Seen::File(Box::new(Facts { file, keyspaces, now })))
}
