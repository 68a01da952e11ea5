//! `larder info` of a control socket: shows the process that answers, and the keyspaces of its cache.

use std::io::Write;

use larder::ByteSize;
use larder::control::{Client, Hello, LiveKeyspaceInfo};
use larder::inspect::{escape_control, format_name};
use larder::{KeyspaceStats, Stats};
use serde::Serialize;

use crate::args::FileOptions;
use crate::term::exit::{Exit, Failure};
use crate::term::out::{self, field};

#[derive(Serialize)]
struct ProcessJson<'a> {
    socket: String,
    #[serde(flatten)]
    server: &'a Hello,
    memory_entries: u64,
    disk_entries: Option<u64>,
    keyspaces: Vec<LiveKeyspaceJson<'a>>,
}

#[derive(Serialize)]
struct LiveKeyspaceJson<'a> {
    #[serde(flatten)]
    info: &'a LiveKeyspaceInfo,
    memory_entries: u64,
    memory_bytes: ByteSize,
}

pub(super) fn run(options: &FileOptions) -> Result<Exit, Failure> {
    let mut client = Client::connect(&options.file)?;
    let (keyspaces, stats) = (client.keyspaces()?, client.stats()?);
    let (socket, server) = (options.file.display().to_string(), client.server());
    if options.json {
        let keyspaces = keyspaces.iter().map(|info| {
            let (memory_entries, memory_bytes) = in_memory(&stats, info);
            LiveKeyspaceJson { info, memory_entries, memory_bytes }
        });
        let disk_entries = stats.disk.as_ref().map(|disk| disk.entries);
        let memory_entries = stats.memory.entries;
        out::json(&ProcessJson {
            socket,
            server,
            memory_entries,
            disk_entries,
            keyspaces: keyspaces.collect(),
        })?;
        return Ok(Exit::Ok);
    }
    let mut out = out::stdout();
    field(&mut out, "socket", escape_control(&socket))?;
    field(&mut out, "process", format!("{}, larder {}", server.pid, escape_control(&server.larder)))?;
    let file = server.file.as_deref().unwrap_or("none: the cache is in memory alone");
    field(&mut out, "file", escape_control(file))?;
    if let Some(identity) = &server.file_identity {
        field(&mut out, "identity", escape_control(identity))?;
    }
    let values =
        if server.shows_values { "shown" } else { "not shown through the socket (control_values=on)" };
    field(&mut out, "values", values)?;
    let on_disk = stats.disk.as_ref().map_or_else(String::new, |disk| format!(", {} on disk", disk.entries));
    field(&mut out, "entries", format!("{} in memory{on_disk}", stats.memory.entries))?;
    if keyspaces.is_empty() {
        writeln!(out, "\nno keyspace has been opened in it yet")?;
        return Ok(out.flush().map(|()| Exit::Ok)?);
    }
    writeln!(out)?;
    let head = ["keyspace", "version", "keys", "values", "in memory", "charged", "on disk", "charged"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(keyspaces.iter().map(|info| row(info, &stats)));
    out::table(&mut out, &rows)?;
    Ok(out.flush().map(|()| Exit::Ok)?)
}

fn row(info: &LiveKeyspaceInfo, stats: &Stats) -> Vec<String> {
    let unknown = || "-".to_owned();
    let (entries, bytes) = in_memory(stats, info);
    let on_disk = if info.is_memory_only || info.is_remote {
        [unknown(), unknown()]
    } else {
        [info.disk_entries.to_string(), info.disk_bytes.to_string()]
    };
    let [disk_entries, disk_bytes] = on_disk;
    vec![
        info.name.clone(),
        info.version.map_or_else(unknown, |version| version.to_string()),
        info.keys.clone().unwrap_or_else(|| "not opened".to_owned()),
        info.value_format.map_or_else(unknown, |format| format_name(format).to_owned()),
        entries.to_string(),
        bytes.to_string(),
        disk_entries,
        disk_bytes,
    ]
}

/// Returns the number of a keyspace's entries in memory, and their weight.
fn in_memory(stats: &Stats, info: &LiveKeyspaceInfo) -> (u64, ByteSize) {
    let found = stats.keyspaces.iter().find(|found| found.name == info.name);
    found.map_or((0, ByteSize::ZERO), |KeyspaceStats { memory_entries, memory_weight, .. }| {
        (*memory_entries, *memory_weight)
    })
}
