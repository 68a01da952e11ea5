//! The process that has a cache file: found by the control socket that it names, and asked in place of the file.
//!
//! What a process has in memory alone, and what it has not committed yet, is not in its file. So a command that is
//! given a file asks the owner, where that serves a socket, and says on standard error that it did. Where the owner
//! does not answer, a command that looks goes on with the file alone, and says so too; one that changes does not.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use larder::control::{Client, ClientError};
use larder::inspect::{FileInfo, FileState, Holder, Inspector, escape_control, holders};
use serde_json::json;

use crate::exit::{Exit, Failure};
use crate::guard::{escape_json, warn};

/// Who has a file, as far as a command can ask.
pub(crate) enum Owner {
    /// It answers.
    Answers(Client),
    /// It serves no socket, or the file has no owner.
    Silent,
    /// It names a socket, and can't be asked there.
    Mute(ClientError),
}

impl Owner {
    /// The owner of a file.
    pub(crate) fn of(file: &FileInfo) -> Self {
        match Client::connect_to_owner(file) {
            Ok(Some(client)) => Self::Answers(client),
            Ok(None) => Self::Silent,
            Err(error) => Self::Mute(error),
        }
    }
}

/// The process at a socket that was named beside a file. Refused if it has another file: what is asked about the
/// one would be answered, or changed, in the other.
pub(crate) fn of_file(socket: &Path, file: &FileInfo) -> Result<Client, ClientError> {
    if let FileState::Owned { pid: Some(_), has_ended: false } = file.state {
        let mut named = file.clone();
        named.socket = Some(socket.to_owned());
        if let Some(client) = Client::connect_to_owner(&named)? {
            return Ok(client);
        }
    }
    // Nothing tells which process has the file, or none has it for now, as while the disk is off. A copy has the
    // same identity, so the place of the file decides.
    let client = Client::connect(socket)?;
    let server = client.server();
    let is_its = server.file.as_ref().is_some_and(|other| is_same_file(other.as_ref(), &file.path));
    if is_its {
        return Ok(client);
    }
    let other = server.file.as_deref().unwrap_or("memory alone");
    let cause = format!("process {} has another cache there, in {other}", server.pid);
    Err(ClientError::NotOwner { path: socket.to_owned(), cause })
}

/// By whatever links.
fn is_same_file(one: &Path, other: &Path) -> bool {
    let place = |path: &Path| fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
    place(one).is_some_and(|one| place(other) == Some(one))
}

/// Refuses a socket in the place of a file that alone is wanted.
pub(crate) fn refuse_file_only(path: &Path) -> Failure {
    let text = format!(
        "{} is a socket, and --file-only wants the file: give the FILE, or leave --file-only out to ask the process",
        path.display()
    );
    Failure::new(Exit::Usage, text)
}

/// The process behind a path: its socket, or a file that it has. None for a file that is to be read by itself.
/// Said on standard error, if it was found from the file.
pub(crate) fn behind(path: &Path, file_only: bool, json: bool) -> Result<Option<Client>, Failure> {
    match (is_socket(path), file_only) {
        (true, true) => return Err(refuse_file_only(path)),
        (true, false) => return Ok(Some(Client::connect(path)?)),
        (false, true) => return Ok(None),
        (false, false) => {}
    }
    let file = Inspector::open(path)?.snapshot()?.file();
    match Owner::of(&file) {
        Owner::Answers(client) => {
            say(json, &asked(&client));
            Ok(Some(client))
        }
        Owner::Silent => Ok(None),
        Owner::Mute(error) => {
            say(json, &format!("{error}; what follows is of the file alone"));
            Ok(None)
        }
    }
}

/// The process behind a path, for a command that needs one: a path where nothing stands is taken for a socket's.
pub(crate) fn process_behind(path: &Path, json: bool) -> Result<Option<Client>, Failure> {
    if path.exists() { behind(path, false, json) } else { Ok(Some(Client::connect(path)?)) }
}

/// The socket behind a path, for a command that connects anew each time.
pub(crate) fn socket_behind(path: &Path, file_only: bool) -> Result<Option<PathBuf>, Failure> {
    if is_socket(path) && !file_only {
        return Ok(Some(path.to_owned()));
    }
    let found = behind(path, file_only, false)?;
    Ok(found.map(|client| client.path().to_owned()))
}

/// Whether a path names a socket.
pub(crate) fn is_socket(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.file_type().is_socket())
}

/// What is said of an owner that was asked in place of its file.
pub(crate) fn asked(client: &Client) -> String {
    format!("asked process {} at {}, which has the file", client.server().pid, client.path().display())
}

/// Says something besides the answer, on standard error.
pub(crate) fn say(json: bool, text: &str) {
    if json {
        warn(&escape_json(&json!({ "note": text }).to_string()));
    } else {
        warn(&format!("larder: {}", escape_control(text)));
    }
}

/// The process that has a file, in words.
pub(crate) fn owner_of(file: &FileInfo) -> String {
    let elsewhere = if file.owner_is_elsewhere { " of another container" } else { "" };
    match file.state {
        FileState::Owned { pid: Some(pid), .. } => format!("process {pid}{elsewhere}"),
        _ => "another program".to_owned(),
    }
}

/// Why no process could be asked about a file.
pub(crate) enum Absent {
    /// No process has it.
    Unused,
    /// Its owner has ended, and one that it forked holds it.
    Ended {
        /// All of that, and what to do.
        told: String,
    },
    /// A process has it, and serves no socket, or does not answer there.
    Unasked,
}

/// Why [`process_behind`] found no process.
pub(crate) fn absent(path: &Path) -> Result<Absent, Failure> {
    let file = Inspector::open(path)?.snapshot()?.file();
    Ok(match file.state {
        FileState::Owned { pid: Some(owner), has_ended: true } => {
            let orphans = orphans(&file);
            Absent::Ended { told: format!("it is {}; {}", held(owner, &orphans), back(&orphans)) }
        }
        FileState::Owned { .. } => Absent::Unasked,
        _ => Absent::Unused,
    })
}

/// How the control socket of an owner that has ended comes back.
pub(crate) fn back(orphans: &[Holder]) -> String {
    let pids: Vec<String> = orphans.iter().map(|holder| holder.pid.to_string()).collect();
    let end = if pids.is_empty() { "end that fork".to_owned() } else { format!("kill {}", pids.join(" ")) };
    format!("{end}, and start the service: its control socket comes back with it")
}

/// Why a change of a file would be refused now; none if it would not.
pub(crate) fn refusal(file: &FileInfo) -> Option<String> {
    let FileState::Owned { pid, has_ended } = file.state else { return None };
    let why = match pid {
        Some(pid) if has_ended => format!("the file is {}", held(pid, &orphans(file))),
        _ => format!("{} is writing to the file", owner_of(file)),
    };
    Some(format!("without --dry-run this would be refused now: {why}"))
}

/// Processes as they are told: `process 7 (shop-worker)`.
pub(crate) fn told(processes: &[Holder]) -> String {
    let word = if processes.len() == 1 { "process" } else { "processes" };
    let told: Vec<String> = processes.iter().map(Holder::to_string).collect();
    format!("{word} {}", told.join(", "))
}

/// Who holds a file whose owner has ended; none of another.
pub(crate) fn orphans(file: &FileInfo) -> Vec<Holder> {
    match file.state {
        FileState::Owned { has_ended: true, .. } => holders(&file.path),
        _ => Vec::new(),
    }
}

/// That forks hold a file whose owner has ended.
pub(crate) fn held(owner: u32, orphans: &[Holder]) -> String {
    if orphans.is_empty() {
        return format!("held by a fork of process {owner}, which has ended");
    }
    format!("held by {}, forked by process {owner}, which has ended", told(orphans))
}
