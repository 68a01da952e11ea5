//! `larder stats` of a server: its counts since it was started, for all of its clients.

use std::io::Write;

use serde_json::{Map, Value};

use super::shown::refuse_options;
use crate::args::StatsOptions;
use crate::cache::server::{ServerUrl, name};
use crate::term::exit::{Exit, Failure};
use crate::term::out;

const FIELDS: [&str; 13] = [
    "uptime_in_seconds",
    "connected_clients",
    "tracking_clients",
    "tracking_total_keys",
    "used_memory",
    "maxmemory",
    "instantaneous_ops_per_sec",
    "total_commands_processed",
    "keyspace_hits",
    "keyspace_misses",
    "expired_keys",
    "evicted_keys",
    "total_error_replies",
];

pub(super) fn run(server: &ServerUrl, options: &StatsOptions) -> Result<Exit, Failure> {
    refuse_options(&[("--file-only", options.file_only)])?;
    let mut inspector = server.connect(options.json)?;
    let info = inspector.info()?;
    if options.json {
        let counts = FIELDS.iter().map(|name| ((*name).to_owned(), Value::from(info.number(name))));
        out::json(&counts.collect::<Map<_, _>>())?;
        return Ok(Exit::Ok);
    }
    let mut out = out::stdout();
    writeln!(out, "{}, all clients and keys:", name(&inspector))?;
    for field in FIELDS {
        if let Some(number) = info.number(field) {
            writeln!(out, "{:<26} {number}", field.replace('_', " "))?;
        }
    }
    out.flush()?;
    Ok(Exit::Ok)
}
