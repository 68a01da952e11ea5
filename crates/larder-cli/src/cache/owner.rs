//! Connects to the process that owns a cache file, through the socket that the lock file names. Most
//! commands ask that process instead of reading the file.
//!
//! The file lacks entries that the process has only in memory or has not committed yet. So if such a
//! command is given a file whose owner serves a socket, the command asks the owner, and says on standard
//! error that it did. If the owner does not answer, a command that reads continues with the file and says
//! so; a command that changes the cache fails.

use std::path::{Path, PathBuf};

use larder::control::{Client, ClientError};
use larder::inspect::{FileInfo, FileState, Holder, Inspector, holders};

use super::path::{is_same_file, is_socket};
use crate::term::exit::{Exit, Failure};
use crate::term::out::note;

/// The result of an attempt to connect to the owner of a file.
pub(crate) enum OwnerContact {
    Connected(Client),
    /// The owner serves no socket, or the file has no owner.
    NoSocket,
    /// The owner's socket cannot be used.
    Unreachable(ClientError),
}

impl OwnerContact {
    pub(crate) fn of(file: &FileInfo) -> Self {
        match Client::connect_to_owner(file) {
            Ok(Some(client)) => Self::Connected(client),
            Ok(None) => Self::NoSocket,
            Err(error) => Self::Unreachable(error),
        }
    }
}

/// Connects to a socket that was given together with a file.
///
/// Refuses a process that owns another file. Otherwise the command would read or change the wrong cache.
pub(crate) fn connect_for_file(socket: &Path, file: &FileInfo) -> Result<Client, ClientError> {
    if let FileState::Owned { pid: Some(_), has_ended: false } = file.state {
        let mut named = file.clone();
        named.socket = Some(socket.to_owned());
        if let Some(client) = Client::connect_to_owner(&named)? {
            return Ok(client);
        }
    }
    // The file names no live owner, for example because the disk tier is off. The paths are compared, because
    // a copy of a file has the same identity.
    let client = Client::connect(socket)?;
    let server = client.server();
    if server.file.as_ref().is_some_and(|other| is_same_file(other.as_ref(), &file.path)) {
        return Ok(client);
    }
    let other = server.file.as_deref().unwrap_or("memory alone");
    let cause = format!("process {} has another cache there, in {other}", server.pid);
    Err(ClientError::NotOwner { path: socket.to_owned(), cause })
}

/// Returns the failure for `--file-only` with a socket instead of a file.
pub(crate) fn refuse_file_only(path: &Path) -> Failure {
    let text = format!(
        "{} is a socket, and --file-only wants the file: give the FILE, or leave --file-only out to ask the process",
        path.display()
    );
    Failure::new(Exit::Usage, text)
}

/// Connects to the process at a socket, or to the owner of a file. Returns `None` if the command must read
/// the file.
///
/// If a file was given, prints on standard error that its owner is asked.
pub(crate) fn connect_owner(path: &Path, file_only: bool, json: bool) -> Result<Option<Client>, Failure> {
    match (is_socket(path), file_only) {
        (true, true) => return Err(refuse_file_only(path)),
        (true, false) => return Ok(Some(Client::connect(path)?)),
        (false, true) => return Ok(None),
        (false, false) => {}
    }
    match contact(path, json)? {
        OwnerContact::Connected(client) => Ok(Some(client)),
        OwnerContact::NoSocket => Ok(None),
        OwnerContact::Unreachable(error) => {
            note(json, &format!("{error}; the answer is from the file alone"));
            Ok(None)
        }
    }
}

/// Connects as [`connect_owner`] does, for a command that needs a process. Fails if the owner's socket cannot
/// be used. If nothing exists at the path, treats it as the path of a socket.
pub(crate) fn connect_process(path: &Path, json: bool) -> Result<Option<Client>, Failure> {
    if is_socket(path) || !path.exists() {
        return Ok(Some(Client::connect(path)?));
    }
    match contact(path, json)? {
        OwnerContact::Connected(client) => Ok(Some(client)),
        OwnerContact::NoSocket => Ok(None),
        OwnerContact::Unreachable(error) => Err(error.into()),
    }
}

/// Connects to the owner of a file. Prints on standard error that the owner is asked.
fn contact(path: &Path, json: bool) -> Result<OwnerContact, Failure> {
    let contact = OwnerContact::of(&Inspector::open(path)?.snapshot()?.file());
    if let OwnerContact::Connected(client) = &contact {
        note(json, &asked(client));
    }
    Ok(contact)
}

/// Returns the socket of a cache, for a command that connects more than once.
pub(crate) fn socket_of(path: &Path, file_only: bool) -> Result<Option<PathBuf>, Failure> {
    if is_socket(path) && !file_only {
        return Ok(Some(path.to_owned()));
    }
    let client = connect_owner(path, file_only, false)?;
    Ok(client.map(|client| client.path().to_owned()))
}

/// Returns the note that the owner was asked instead of the file.
pub(crate) fn asked(client: &Client) -> String {
    format!("asked process {} at {}, which has the file", client.server().pid, client.path().display())
}

/// Returns a name of a file's owner, for messages.
pub(crate) fn owner_name(file: &FileInfo) -> String {
    let elsewhere = if file.owner_is_elsewhere { " of another container" } else { "" };
    match file.state {
        FileState::Owned { pid: Some(pid), .. } => format!("process {pid}{elsewhere}"),
        _ => "another program".to_owned(),
    }
}

/// The reason why no process could be asked about a file.
pub(crate) enum NoProcess {
    /// No process owns the file.
    Unowned,
    /// The owner of the file has ended, and a fork of it holds the file.
    OwnerEnded {
        /// Names the processes that hold the file, and the remedy.
        text: String,
    },
    /// The owner of the file serves no socket.
    NoSocket,
}

/// Returns why [`connect_process`] found no process.
pub(crate) fn why_no_process(path: &Path) -> Result<NoProcess, Failure> {
    let file = Inspector::open(path)?.snapshot()?.file();
    Ok(match file.state {
        FileState::Owned { pid: Some(owner), has_ended: true } => {
            let orphans = orphans(&file);
            let text = format!("it is {}; {}", held(owner, &orphans), how_socket_returns(&orphans));
            NoProcess::OwnerEnded { text }
        }
        FileState::Owned { .. } => NoProcess::NoSocket,
        _ => NoProcess::Unowned,
    })
}

/// Returns advice on how to get the control socket back if forks hold the file after its owner has ended.
fn how_socket_returns(orphans: &[Holder]) -> String {
    let pids: Vec<String> = orphans.iter().map(|holder| holder.pid.to_string()).collect();
    let end = if pids.is_empty() { "end that fork".to_owned() } else { format!("kill {}", pids.join(" ")) };
    format!("{end}, and start the service: its control socket comes back with it")
}

/// Returns the reason why the file cannot be changed now, if there is one.
pub(crate) fn refusal(file: &FileInfo) -> Option<String> {
    let FileState::Owned { pid, has_ended } = file.state else { return None };
    let why = match pid {
        Some(pid) if has_ended => format!("the file is {}", held(pid, &orphans(file))),
        _ => format!("{} is writing to the file", owner_name(file)),
    };
    Some(format!("without --dry-run this would be refused now: {why}"))
}

/// Returns a text that lists processes, for example `process 7 (shop-worker)`.
pub(crate) fn list(processes: &[Holder]) -> String {
    let word = if processes.len() == 1 { "process" } else { "processes" };
    let names: Vec<String> = processes.iter().map(Holder::to_string).collect();
    format!("{word} {}", names.join(", "))
}

/// Returns the processes that hold a file whose owner has ended, or an empty list for other files.
pub(crate) fn orphans(file: &FileInfo) -> Vec<Holder> {
    match file.state {
        FileState::Owned { has_ended: true, .. } => holders(&file.path),
        _ => Vec::new(),
    }
}

/// Returns a text that says that forks hold a file whose owner has ended.
pub(crate) fn held(owner: u32, orphans: &[Holder]) -> String {
    if orphans.is_empty() {
        return format!("held by a fork of process {owner}, which has ended");
    }
    format!("held by {}, forked by process {owner}, which has ended", list(orphans))
}
