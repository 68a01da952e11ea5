//! What is at hand of a cache: its file, its settings, its statistics.

use std::path::{Path, PathBuf};
use std::time::Duration;

use larder::control::{Client, ClientError};
use larder::inspect::{FileState, Inspector, Snapshot};
use larder::{ByteSize, CacheBuilder, Settings, Stats, Timestamp, URL_VARIABLE};

use super::holders::Holders;
use super::line::Line;
use super::looks::{LOOKS, Looks};
use crate::args::DoctorOptions;
use crate::change::target::is_socket;
use crate::clock;
use crate::exit::{Exit, Failure};
use crate::out::waiting;
use crate::time::span;

pub(super) struct Patient {
    /// What it is called.
    pub(super) subject: String,
    pub(super) file: Option<PathBuf>,
    pub(super) snapshot: Option<Snapshot>,
    pub(super) settings: Option<Settings>,
    /// What the process told that has it.
    pub(super) looks: Option<Looks>,
    /// Where it is asked.
    pub(super) socket: Option<PathBuf>,
    /// The process that answers.
    pub(super) pid: Option<u32>,
    /// The processes that have the file open.
    pub(super) holders: Holders,
    /// Why a socket that was named does not answer.
    pub(super) mute: Option<String>,
    pub(super) wall: Timestamp,
}

impl Patient {
    pub(super) fn of(options: &DoctorOptions) -> Result<Self, Failure> {
        let from_environment = || std::env::var(URL_VARIABLE).ok().filter(|url| !url.is_empty());
        let Some(subject) = options.target.clone().or_else(from_environment) else {
            let text = format!("what is to be looked at? Give a FILE or a URL, or set {URL_VARIABLE}");
            return Err(Failure::new(Exit::Usage, text));
        };
        let wall = u64::try_from(clock::since_epoch().as_millis()).unwrap_or(u64::MAX);
        let mut patient = Self {
            subject: subject.clone(),
            file: None,
            snapshot: None,
            settings: None,
            looks: None,
            socket: None,
            pid: None,
            holders: Holders::default(),
            mute: None,
            wall: Timestamp::from_millis(wall),
        };
        let mut socket = options.socket.clone();
        let path = Path::new(&subject);
        if is_url(&subject) {
            let settings = CacheBuilder::from_url(&subject).and_then(|builder| builder.settings());
            let settings = settings.map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
            patient.subject =
                settings.path.as_ref().map_or("memory:".to_owned(), |path| path.display().to_string());
            patient.file.clone_from(&settings.path);
            socket = socket.or(settings.control_socket.clone());
            patient.settings = Some(settings);
        } else if is_socket(path) {
            socket = Some(path.to_owned());
        } else {
            patient.file = Some(path.to_owned());
        }
        if let Some(file) = &patient.file {
            patient.snapshot = Some(Inspector::open(file)?.snapshot()?);
            if patient.is_owned() {
                patient.holders = Holders::of(file);
            }
        }
        if let Some(socket) = socket {
            patient.ask(&socket, Duration::from_secs(options.seconds))?;
            patient.socket = Some(socket);
        }
        if let Some(file) = patient.file.as_ref().filter(|_| patient.is_owned()) {
            patient.holders = patient.holders.that_stayed(&Holders::of(file));
        }
        Ok(patient)
    }

    fn ask(&mut self, socket: &Path, watch: Duration) -> Result<(), Failure> {
        match looks(socket, watch) {
            Ok((pid, looks)) => {
                self.looks = Some(looks);
                self.pid = Some(pid);
                Ok(())
            }
            // Of a file the rest can be told all the same.
            Err(error) if self.file.is_some() => {
                self.mute = Some(error.to_string());
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The latest statistics.
    pub(super) fn stats(&self) -> Option<&Stats> {
        self.looks.as_ref().map(Looks::last)
    }

    /// The most memory that the cache may take: for entries, for what is not committed, and for pages of the file.
    pub(super) fn most_memory(&self) -> Option<u64> {
        if let Some(settings) = &self.settings {
            let all = [settings.memory_capacity, settings.write_buffer, settings.page_cache];
            return Some(all.into_iter().map(ByteSize::as_u64).sum());
        }
        let stats = self.stats()?;
        let pages = stats.disk.as_ref().map_or(0, |disk| disk.page_cache);
        Some(stats.memory.capacity + stats.write_buffer + pages)
    }

    /// Whether a process has the cache.
    pub(super) fn is_owned(&self) -> bool {
        let state = self.snapshot.as_ref().map(|snapshot| snapshot.file().state);
        self.looks.is_some() || matches!(state, Some(FileState::Owned { .. }))
    }

    /// The process that has it, where that can be told.
    pub(super) fn owner(&self) -> Option<u32> {
        match self.snapshot.as_ref().map(|snapshot| snapshot.file().state) {
            Some(FileState::Owned { pid, .. }) => pid.or(self.pid),
            _ => self.pid,
        }
    }

    /// The living process that the file names as its owner.
    pub(super) fn owner_by_file(&self) -> Option<u32> {
        match self.snapshot.as_ref().map(|snapshot| snapshot.file().state) {
            Some(FileState::Owned { pid, has_ended: false }) => pid,
            _ => None,
        }
    }

    /// Whether entries outlive the process.
    pub(super) fn persistence(&self) -> Line {
        let check = "persistence";
        let is_kept = self.file.is_some() || self.stats().is_some_and(|stats| stats.disk.is_some());
        if is_kept {
            return Line::pass(check, format!("entries are kept in {}", self.place()));
        }
        Line::warn(
            check,
            "the cache is in memory alone: its entries end with the process",
            "give it a file, as in LARDER_URL=file:/var/lib/shop/shop.larder",
        )
    }

    fn place(&self) -> String {
        self.file.as_ref().map_or_else(|| "a file".to_owned(), |file| file.display().to_string())
    }
}

fn is_url(text: &str) -> bool {
    ["file:", "memory:", "redis:", "rediss:", "unix:"].iter().any(|scheme| text.starts_with(scheme))
}

/// Asks a process for its statistics, and again for as long as it is to be watched. Ctrl-C ends the command: nothing is under way that
/// would have to be undone.
fn looks(socket: &Path, watch: Duration) -> Result<(u32, Looks), ClientError> {
    let mut client = Client::connect(socket)?;
    let (pid, began) = (client.server().pid, clock::now());
    let mut looks = Looks::of(client.stats()?);
    if watch.is_zero() {
        return Ok((pid, looks));
    }
    let bar = waiting(format!("watching the service for {}", span(watch)));
    for look in 1..=LOOKS {
        // By the beginning, so that the time that the answers take does not add up.
        clock::wait((watch * look / LOOKS).saturating_sub(began.elapsed()));
        // One that ends meanwhile has told what it could.
        let Ok(stats) = client.stats() else { break };
        looks.add(began.elapsed(), stats);
    }
    bar.finish_and_clear();
    Ok((pid, looks))
}
