//! What is at hand of a cache: its file, its settings, its statistics.

use std::path::{Path, PathBuf};
use std::time::Duration;

use larder::control::{Client, ClientError, Hello};
use larder::inspect::{FileState, Inspector, Snapshot};
use larder::{ByteSize, CacheBuilder, Settings, Stats, Timestamp, URL_VARIABLE};

use super::holders::Holders;
use super::line::Line;
use super::looks::{LOOKS, Looks};
use crate::args::DoctorOptions;
use crate::exit::{Exit, Failure};
use crate::live::{is_socket, of_file};
use crate::out::waiting;
use crate::time::span;
use crate::{clock, located};

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
        let environment = if options.target.is_some() { None } else { located::environment()? };
        let Some(subject) = options.target.clone().or(environment) else {
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
        if located::is_url(subject.as_ref()) {
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
        }
        match patient.ask(socket, Duration::from_secs(options.seconds)) {
            // Of a file the rest can be told all the same.
            Err(error) if patient.file.is_some() => patient.mute = Some(error.to_string()),
            asked => asked?,
        }
        if let (Some(file), None) = (&patient.file, &patient.snapshot) {
            patient.snapshot = Some(Inspector::open(file)?.snapshot()?);
        }
        Ok(patient)
    }

    /// Asks the process at a socket, or the one that has the file, by the socket that it names beside it.
    fn ask(&mut self, socket: Option<PathBuf>, watch: Duration) -> Result<(), ClientError> {
        let before = self.holders_now();
        self.holders = before.clone();
        let file = self.snapshot.as_ref().map(Snapshot::file);
        self.socket = socket.clone().or_else(|| file.as_ref()?.socket.clone());
        let client = match (socket, &file) {
            (Some(socket), Some(file)) => Some(of_file(&socket, file)?),
            (Some(socket), None) => Some(Client::connect(socket)?),
            (None, Some(file)) => Client::connect_to_owner(file)?,
            (None, None) => None,
        };
        let Some(mut client) = client else { return Ok(()) };
        self.look_into_the_file_of(client.server());
        let before = if before.is_empty() { self.holders_now() } else { before };
        // Not held meanwhile: the service can't reuse space while a snapshot of its file is held, and of a full
        // file it would have to evict.
        self.snapshot = None;
        self.looks = Some(looks(&mut client, watch)?);
        self.pid = Some(client.server().pid);
        self.holders = before.that_stayed(&self.holders_now());
        Ok(())
    }

    /// Of a socket alone: the file that its process names. It may be of another container, and not be there.
    fn look_into_the_file_of(&mut self, server: &Hello) {
        let Some(file) = server.file.as_ref().filter(|_| self.file.is_none()) else { return };
        let snapshot = Inspector::open(file).and_then(|inspector| inspector.snapshot()).ok();
        let is_its = |snapshot: &Snapshot| {
            let facts = snapshot.file();
            let identity = facts.identity.map(|identity| identity.to_string());
            identity == server.file_identity && matches!(facts.state, FileState::Owned { .. })
        };
        self.snapshot = snapshot.filter(is_its);
        self.file = self.snapshot.as_ref().map(|_| PathBuf::from(file));
    }

    fn holders_now(&self) -> Holders {
        self.file.as_ref().filter(|_| self.is_owned()).map(|file| Holders::of(file)).unwrap_or_default()
    }

    /// The latest statistics.
    pub(super) fn stats(&self) -> Option<&Stats> {
        self.looks.as_ref().map(Looks::last)
    }

    /// The most memory that the cache may take: for entries, for what is not committed, and for pages of the
    /// file.
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

    /// Whether its owner is of another container, whose processes have numbers of their own.
    pub(super) fn owner_is_elsewhere(&self) -> bool {
        self.snapshot.as_ref().is_some_and(|snapshot| snapshot.file().owner_is_elsewhere)
    }

    /// The process that has it, where that can be told and is seen from here.
    pub(super) fn owner(&self) -> Option<u32> {
        if self.owner_is_elsewhere() {
            return None;
        }
        if self.ended_owner().is_some() {
            return self.pid;
        }
        match self.snapshot.as_ref().map(|snapshot| snapshot.file().state) {
            Some(FileState::Owned { pid, .. }) => pid.or(self.pid),
            _ => self.pid,
        }
    }

    /// The process that the file names as its owner, if it has ended, and one that it forked has the file.
    pub(super) fn ended_owner(&self) -> Option<u32> {
        match self.snapshot.as_ref().map(|snapshot| snapshot.file().state) {
            Some(FileState::Owned { pid, has_ended: true }) => pid,
            _ => None,
        }
    }

    /// The living process that the file names as its owner.
    pub(super) fn owner_by_file(&self) -> Option<u32> {
        match self.snapshot.as_ref().map(|snapshot| snapshot.file().state) {
            Some(FileState::Owned { pid, has_ended: false }) if !self.owner_is_elsewhere() => pid,
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
        let found = "the cache is in memory alone: its entries end with the process";
        let file = "give it a file, as in LARDER_URL=file:/var/lib/shop/shop.larder";
        // A process that is at work so may be meant to be. A URL is looked at before it is used.
        if self.stats().is_some() {
            return Line::unknown(check, found, format!("if they are to outlive it, {file}"));
        }
        Line::warn(check, found, file)
    }

    /// Whether the cache has no file, as its process says.
    pub(super) fn is_in_memory_alone(&self) -> bool {
        self.file.is_none() && self.stats().is_some_and(|stats| stats.disk.is_none())
    }

    fn place(&self) -> String {
        self.file.as_ref().map_or_else(|| "a file".to_owned(), |file| file.display().to_string())
    }
}

/// Asks a process for its statistics, and again for as long as it is to be watched. Ctrl-C ends the command:
/// nothing is under way that would have to be undone.
fn looks(client: &mut Client, watch: Duration) -> Result<Looks, ClientError> {
    let began = clock::now();
    let mut looks = Looks::of(client.stats()?);
    if watch.is_zero() {
        return Ok(looks);
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
    Ok(looks)
}
