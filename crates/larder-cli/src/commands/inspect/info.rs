//! `larder info`: shows a file, its owner and its keyspaces.

mod process;

use std::io::Write;

use larder::ByteSize;
use larder::inspect::{FileInfo, FileState, Holder, RetiredVersion, Snapshot, escape_control};
use serde::Serialize;

use crate::args::FileOptions;
use crate::cache::path::is_socket;
use crate::cache::{owner, snapshot};
use crate::term::exit::{Exit, Failure};
use crate::term::out::{self, BAD, FAINT, GOOD, field, styled};
use crate::term::time::{rfc3339, span};

#[derive(Serialize)]
struct InfoJson {
    file: String,
    state: &'static str,
    owner_pid: Option<u32>,
    /// Whether the owner has ended and a fork of it holds the file.
    owner_has_ended: bool,
    /// The visible forks of an owner that has ended.
    held_by: Vec<HolderJson>,
    /// Whether the owner runs in another container, so that its pid has no meaning here.
    owner_is_elsewhere: bool,
    socket: Option<String>,
    length: ByteSize,
    format: u32,
    identity: Option<String>,
    closed_cleanly: bool,
    last_flush: String,
    last_flush_ms: u64,
    sequence: u64,
    entries: u64,
    charged_bytes: ByteSize,
    pending_removals: usize,
    keyspaces: Vec<KeyspaceJson>,
    retired: Vec<RetiredJson>,
}

#[derive(Serialize)]
struct HolderJson {
    pid: u32,
    name: Option<String>,
}

#[derive(Serialize)]
struct KeyspaceJson {
    name: String,
    number: u32,
    version: u32,
    key_shape: String,
    value_format: &'static str,
    schema: Option<String>,
    retired_versions: Vec<RetiredVersionJson>,
    fingerprint: String,
    entries: u64,
    charged_bytes: ByteSize,
    unswept: u64,
}

#[derive(Serialize)]
struct RetiredVersionJson {
    version: u32,
    retired_at: String,
    retired_at_ms: u64,
}

impl RetiredVersionJson {
    fn of(retired: &RetiredVersion) -> Self {
        Self {
            version: retired.version,
            retired_at: rfc3339(retired.retired_at),
            retired_at_ms: retired.retired_at.as_millis(),
        }
    }
}

#[derive(Serialize)]
struct RetiredJson {
    number: u32,
    charged_bytes: ByteSize,
}

pub(crate) fn run(options: &FileOptions) -> Result<Exit, Failure> {
    if is_socket(&options.file) {
        return process::run(options);
    }
    let snapshot = snapshot::open(&options.file)?;
    let unswept = snapshot.unswept()?;
    if options.json {
        out::json(&as_json(options, &snapshot, &unswept))?;
    } else {
        print(options, &snapshot, &unswept)?;
    }
    Ok(Exit::Ok)
}

fn as_json(options: &FileOptions, snapshot: &Snapshot, unswept: &[u64]) -> InfoJson {
    let file = snapshot.file();
    let (state, owner_pid, owner_has_ended) = match file.state {
        FileState::Owned { pid, has_ended } => ("in_use", pid, has_ended),
        FileState::Closed => ("closed", None, false),
        _ => ("crashed", None, false),
    };
    let keyspaces = snapshot.keyspaces().iter().zip(unswept).map(|(keyspace, &unswept)| KeyspaceJson {
        name: keyspace.name.clone(),
        number: keyspace.number,
        version: keyspace.version,
        key_shape: keyspace.key_shape.clone(),
        value_format: keyspace.format_name(),
        schema: keyspace.schema.clone(),
        retired_versions: keyspace.retired_versions.iter().map(RetiredVersionJson::of).collect(),
        fingerprint: format!("0x{:016X}", keyspace.fingerprint),
        entries: keyspace.entries,
        charged_bytes: keyspace.bytes,
        unswept,
    });
    let retired = snapshot.retired().iter();
    InfoJson {
        file: options.file.display().to_string(),
        state,
        owner_pid,
        owner_has_ended,
        held_by: owner::orphans(&file)
            .into_iter()
            .map(|Holder { pid, name }| HolderJson { pid, name })
            .collect(),
        owner_is_elsewhere: file.owner_is_elsewhere,
        socket: file.socket.map(|socket| socket.display().to_string()),
        length: file.len,
        format: file.format,
        identity: file.identity.map(|identity| identity.to_string()),
        closed_cleanly: file.closed_cleanly,
        last_flush: rfc3339(file.last_flush),
        last_flush_ms: file.last_flush.as_millis(),
        sequence: file.sequence,
        entries: file.entries,
        charged_bytes: file.bytes,
        pending_removals: file.pending_removals,
        keyspaces: keyspaces.collect(),
        retired: retired.map(|old| RetiredJson { number: old.number, charged_bytes: old.bytes }).collect(),
    }
}

fn print(options: &FileOptions, snapshot: &Snapshot, unswept: &[u64]) -> Result<(), Failure> {
    let mut out = out::stdout();
    let file = snapshot.file();
    field(&mut out, "file", options.file.display())?;
    field(&mut out, "state", state(&file))?;
    if let Some(socket) = &file.socket {
        field(&mut out, "socket", socket.display())?;
    }
    field(&mut out, "length", file.len)?;
    field(&mut out, "format", file.format)?;
    let identity = file.identity.map_or_else(|| "none until its next commit".to_owned(), |id| id.to_string());
    field(&mut out, "identity", identity)?;
    let ago = styled(FAINT, format!("{} ago", span(snapshot.now().since(file.last_flush))));
    field(&mut out, "last flush", format!("{}, {ago}", rfc3339(file.last_flush)))?;
    field(&mut out, "sequence", file.sequence)?;
    let charged = file.bytes;
    field(&mut out, "entries", format!("{}, charged {charged}", file.entries))?;
    if file.pending_removals > 0 {
        let text = format!(
            "{} of many keys, which are in force; their entries are still to be deleted",
            file.pending_removals
        );
        field(&mut out, "removals", text)?;
    }
    if snapshot.keyspaces().is_empty() {
        writeln!(out, "\nno keyspace has been opened in it yet")?;
        return Ok(out.flush()?);
    }
    writeln!(out)?;
    let head = ["keyspace", "version", "keys", "values", "schema", "entries", "charged", "unswept"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(snapshot.keyspaces().iter().zip(unswept).map(|(keyspace, unswept)| {
        vec![
            keyspace.name.clone(),
            keyspace.version.to_string(),
            keyspace.key_shape.clone(),
            keyspace.format_name().to_owned(),
            keyspace.schema.clone().unwrap_or_else(|| "-".to_owned()),
            keyspace.entries.to_string(),
            keyspace.bytes.to_string(),
            unswept.to_string(),
        ]
    }));
    out::table(&mut out, &rows)?;
    for keyspace in snapshot.keyspaces() {
        for old in &keyspace.retired_versions {
            let (name, version, at) = (escape_control(&keyspace.name), old.version, rfc3339(old.retired_at));
            writeln!(out, "version {version} of keyspace {name} was retired at {at}")?;
        }
    }
    for old in snapshot.retired() {
        let bytes = old.bytes;
        writeln!(out, "keyspace number {} is retired; the sweeper has {bytes} of it to delete", old.number)?;
    }
    Ok(out.flush()?)
}

fn state(file: &FileInfo) -> String {
    match file.state {
        FileState::Owned { pid: Some(_), has_ended: false } => {
            styled(GOOD, format!("in use by {}", owner::owner_name(file)))
        }
        FileState::Owned { pid: Some(pid), .. } => styled(BAD, owner::held(pid, &owner::orphans(file))),
        FileState::Owned { pid: None, .. } => styled(GOOD, "in use"),
        FileState::Closed => "closed".to_owned(),
        _ => styled(BAD, "left by a crash") + "; its next owner repairs it, and will find this",
    }
}
