//! What is at hand of a cache: its file, its settings, its statistics.

use std::path::{Path, PathBuf};

use larder::control::Client;
use larder::inspect::{FileState, Inspector, Snapshot};
use larder::{CacheBuilder, Settings, Stats, Timestamp, URL_VARIABLE};

use super::line::Line;
use crate::args::DoctorOptions;
use crate::change::target::is_socket;
use crate::exit::{Exit, Failure};
use crate::{clock, located};

pub(super) struct Patient {
    /// What it is called.
    pub(super) subject: String,
    pub(super) file: Option<PathBuf>,
    pub(super) snapshot: Option<Snapshot>,
    pub(super) settings: Option<Settings>,
    pub(super) stats: Option<Stats>,
    /// The process that answers.
    pub(super) pid: Option<u32>,
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
            stats: None,
            pid: None,
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
        if let Some(socket) = socket {
            patient.ask(&socket)?;
        }
        Ok(patient)
    }

    fn ask(&mut self, socket: &Path) -> Result<(), Failure> {
        match Client::connect(socket) {
            Ok(mut client) => {
                self.stats = Some(client.stats()?);
                self.pid = Some(client.server().pid);
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

    /// Whether a process has the cache.
    pub(super) fn is_owned(&self) -> bool {
        let state = self.snapshot.as_ref().map(|snapshot| snapshot.file().state);
        self.stats.is_some() || matches!(state, Some(FileState::Owned { .. }))
    }

    /// The process that has it, where that can be told.
    pub(super) fn owner(&self) -> Option<u32> {
        match self.snapshot.as_ref().map(|snapshot| snapshot.file().state) {
            Some(FileState::Owned { pid, .. }) => pid.or(self.pid),
            _ => self.pid,
        }
    }

    /// Whether entries outlive the process.
    pub(super) fn persistence(&self) -> Line {
        let check = "persistence";
        let is_kept = self.file.is_some() || self.stats.as_ref().is_some_and(|stats| stats.disk.is_some());
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
