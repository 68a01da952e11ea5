//! The information about the checked cache: its file, its settings and its statistics, as far as available.

use std::path::{Path, PathBuf};
use std::time::Duration;

use larder::control::{Client, ClientError, Hello};
use larder::inspect::{FileState, Inspector, Snapshot};
use larder::{ByteSize, CacheBuilder, Settings, Stats, Timestamp, URL_VARIABLE};

use super::holders::Holders;
use super::report::CheckResult;
use super::series::{SAMPLES, StatsSeries};
use crate::args::DoctorOptions;
use crate::cache::located;
use crate::cache::owner::connect_for_file;
use crate::cache::path::is_socket;
use crate::term::clock;
use crate::term::exit::{Exit, Failure};
use crate::term::out::waiting;
use crate::term::time::span;

pub(super) struct Target {
    /// The name of the cache in the report.
    pub(super) subject: String,
    pub(super) file: Option<PathBuf>,
    pub(super) snapshot: Option<Snapshot>,
    pub(super) settings: Option<Settings>,
    /// The statistics of the process that owns the cache.
    pub(super) series: Option<StatsSeries>,
    /// The control socket of that process.
    pub(super) socket: Option<PathBuf>,
    /// The process that answered at the socket.
    pub(super) pid: Option<u32>,
    /// The processes that have the file open.
    pub(super) holders: Holders,
    /// The reason why the socket does not answer.
    pub(super) socket_error: Option<String>,
    /// The current time of this machine.
    pub(super) now: Timestamp,
}

impl Target {
    pub(super) fn of(options: &DoctorOptions) -> Result<Self, Failure> {
        let environment = if options.target.is_some() { None } else { located::environment()? };
        let Some(subject) = options.target.clone().or(environment) else {
            let text = format!("which cache? Give a FILE or a URL, or set {URL_VARIABLE}");
            return Err(Failure::new(Exit::Usage, text));
        };
        let now = u64::try_from(clock::since_epoch().as_millis()).unwrap_or(u64::MAX);
        let mut target = Self {
            subject: subject.clone(),
            file: None,
            snapshot: None,
            settings: None,
            series: None,
            socket: None,
            pid: None,
            holders: Holders::default(),
            socket_error: None,
            now: Timestamp::from_millis(now),
        };
        let mut socket = options.socket.clone();
        let path = Path::new(&subject);
        if located::is_url(subject.as_ref()) {
            let settings = CacheBuilder::from_url(&subject).and_then(|builder| builder.settings());
            let settings = settings.map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
            target.subject =
                settings.path.as_ref().map_or("memory:".to_owned(), |path| path.display().to_string());
            target.file.clone_from(&settings.path);
            socket = socket.or(settings.control_socket.clone());
            target.settings = Some(settings);
        } else if is_socket(path) {
            socket = Some(path.to_owned());
        } else {
            target.file = Some(path.to_owned());
        }
        if let Some(file) = &target.file {
            target.snapshot = Some(Inspector::open(file)?.snapshot()?);
        }
        match target.ask(socket, Duration::from_secs(options.seconds)) {
            // The file can be checked without the process.
            Err(error) if target.file.is_some() => target.socket_error = Some(error.to_string()),
            asked => asked?,
        }
        if let (Some(file), None) = (&target.file, &target.snapshot) {
            target.snapshot = Some(Inspector::open(file)?.snapshot()?);
        }
        Ok(target)
    }

    /// Asks the process at the given socket, or the owner of the file at the socket that the lock file names.
    fn ask(&mut self, socket: Option<PathBuf>, watch: Duration) -> Result<(), ClientError> {
        let before = self.holders_now();
        self.holders = before.clone();
        let file = self.snapshot.as_ref().map(Snapshot::file);
        self.socket = socket.clone().or_else(|| file.as_ref()?.socket.clone());
        let client = match (socket, &file) {
            (Some(socket), Some(file)) => Some(connect_for_file(&socket, file)?),
            (Some(socket), None) => Some(Client::connect(socket)?),
            (None, Some(file)) => Client::connect_to_owner(file)?,
            (None, None) => None,
        };
        let Some(mut client) = client else { return Ok(()) };
        self.open_file_of(client.server());
        let before = if before.is_empty() { self.holders_now() } else { before };
        // The snapshot is dropped while the service is watched. A snapshot prevents the service from reusing
        // space, so a full cache would evict more.
        self.snapshot = None;
        self.series = Some(watch_stats(&mut client, watch)?);
        self.pid = Some(client.server().pid);
        self.holders = before.that_stayed(&self.holders_now());
        Ok(())
    }

    /// Opens the file that a process names, if only a socket was given.
    ///
    /// If the process runs in another container, its file may not be visible here.
    fn open_file_of(&mut self, server: &Hello) {
        let Some(file) = server.file.as_ref().filter(|_| self.file.is_none()) else { return };
        let snapshot = Inspector::open(file).and_then(|inspector| inspector.snapshot()).ok();
        let is_owned_by_it = |snapshot: &Snapshot| {
            let info = snapshot.file();
            let identity = info.identity.map(|identity| identity.to_string());
            identity == server.file_identity && matches!(info.state, FileState::Owned { .. })
        };
        self.snapshot = snapshot.filter(is_owned_by_it);
        self.file = self.snapshot.as_ref().map(|_| PathBuf::from(file));
    }

    fn holders_now(&self) -> Holders {
        self.file.as_ref().filter(|_| self.is_owned()).map(|file| Holders::of(file)).unwrap_or_default()
    }

    pub(super) fn stats(&self) -> Option<&Stats> {
        self.series.as_ref().map(StatsSeries::latest)
    }

    /// Returns the maximum memory of the cache in bytes, for its entries, its write buffer and its pages of
    /// the file.
    pub(super) fn max_memory(&self) -> Option<u64> {
        if let Some(settings) = &self.settings {
            let all = [settings.memory_capacity, settings.write_buffer, settings.page_cache];
            return Some(u64::from(all.into_iter().sum::<ByteSize>()));
        }
        let stats = self.stats()?;
        let pages = stats.disk.as_ref().map_or(ByteSize::ZERO, |disk| disk.page_cache);
        Some(u64::from(stats.memory.capacity + stats.write_buffer + pages))
    }

    pub(super) fn is_owned(&self) -> bool {
        let state = self.snapshot.as_ref().map(|snapshot| snapshot.file().state);
        self.series.is_some() || matches!(state, Some(FileState::Owned { .. }))
    }

    /// Returns whether the owner runs in another container, so that its pid has no meaning here.
    pub(super) fn owner_is_elsewhere(&self) -> bool {
        self.snapshot.as_ref().is_some_and(|snapshot| snapshot.file().owner_is_elsewhere)
    }

    /// Returns the pid of the owner, if it is known and visible from here.
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

    /// Returns the pid of the owner in the lock file, if it has ended and a fork of it holds the file.
    pub(super) fn ended_owner(&self) -> Option<u32> {
        match self.snapshot.as_ref().map(|snapshot| snapshot.file().state) {
            Some(FileState::Owned { pid, has_ended: true }) => pid,
            _ => None,
        }
    }

    /// Returns the pid of the owner in the lock file, if it is alive and visible from here.
    pub(super) fn owner_by_file(&self) -> Option<u32> {
        match self.snapshot.as_ref().map(|snapshot| snapshot.file().state) {
            Some(FileState::Owned { pid, has_ended: false }) if !self.owner_is_elsewhere() => pid,
            _ => None,
        }
    }

    /// Checks whether entries outlive the process.
    pub(super) fn persistence(&self) -> CheckResult {
        let check = "persistence";
        let is_kept = self.file.is_some() || self.stats().is_some_and(|stats| stats.disk.is_some());
        if is_kept {
            return CheckResult::pass(check, format!("entries are kept in {}", self.place()));
        }
        let found = "the cache is in memory alone: its entries end with the process";
        let file = "give it a file, as in LARDER_URL=file:/var/lib/shop/shop.larder";
        // The result is unknown, because a running process may have no file on purpose. The warning below is
        // for a URL that is not in use yet.
        if self.stats().is_some() {
            return CheckResult::unknown(check, found, format!("if they are to outlive it, {file}"));
        }
        CheckResult::warn(check, found, file)
    }

    /// Returns whether the statistics of the process say that the cache has no file.
    pub(super) fn is_in_memory_alone(&self) -> bool {
        self.file.is_none() && self.stats().is_some_and(|stats| stats.disk.is_none())
    }

    fn place(&self) -> String {
        self.file.as_ref().map_or_else(|| "a file".to_owned(), |file| file.display().to_string())
    }
}

/// Takes the statistics of a process immediately, and several more times while it is watched.
///
/// Ctrl-C ends the command immediately, because there is nothing to clean up.
fn watch_stats(client: &mut Client, watch: Duration) -> Result<StatsSeries, ClientError> {
    let began = clock::now();
    let mut series = StatsSeries::new(client.stats()?);
    if watch.is_zero() {
        return Ok(series);
    }
    let bar = waiting(format!("watching the service for {}", span(watch)));
    for sample in 1..=SAMPLES {
        // Measured from the beginning, so that the delays of answers do not add up.
        clock::wait((watch * sample / SAMPLES).saturating_sub(began.elapsed()));
        // If the process has ended, the statistics taken so far are used.
        let Ok(stats) = client.stats() else { break };
        series.push(began.elapsed(), stats);
    }
    bar.finish_and_clear();
    Ok(series)
}
