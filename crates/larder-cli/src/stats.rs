//! `larder stats`: what a live cache did and holds; or, of a file alone, what it has counted since it was made.

use std::io::{self, IsTerminal, Write};

use larder::control::Client;
use ratatui::crossterm::terminal;
use serde::Serialize;
use serde_json::Value;

use crate::args::StatsOptions;
use crate::exit::{Exit, Failure};
use crate::{live, out};

#[derive(Serialize)]
struct FileJson<'a> {
    file: String,
    lifetime: Option<&'a larder::CumulativeStats>,
}

pub(crate) fn run(options: &StatsOptions) -> Result<Exit, Failure> {
    match live::behind(&options.target, options.file_only, options.json)? {
        Some(client) => of_process(client, options),
        None => file(options),
    }
}

fn of_process(mut client: Client, options: &StatsOptions) -> Result<Exit, Failure> {
    let stats = client.stats()?;
    if options.json {
        out::json(&stats)?;
    } else {
        let mut out = out::stdout();
        match columns() {
            Some(columns) => write!(out, "{stats:columns$}")?,
            None => write!(out, "{stats}")?,
        }
        out.flush()?;
    }
    Ok(Exit::Ok)
}

/// How wide the terminal is; none if it is something else that reads, which has each row in a line.
fn columns() -> Option<usize> {
    let is_terminal = io::stdout().is_terminal();
    let (columns, _) = is_terminal.then(terminal::size)?.ok()?;
    (columns > 0).then(|| columns.into())
}

fn file(options: &StatsOptions) -> Result<Exit, Failure> {
    let snapshot = crate::inspect::open(&options.target)?;
    let (file, lifetime) = (options.target.display().to_string(), snapshot.lifetime());
    if options.json {
        out::json(&FileJson { file, lifetime })?;
        return Ok(Exit::Ok);
    }
    let mut out = out::stdout();
    let Some(lifetime) = lifetime else {
        writeln!(out, "{file} has counted nothing yet")?;
        out.flush()?;
        return Ok(Exit::Ok);
    };
    writeln!(out, "since {file} was made:")?;
    if let Value::Object(counts) = serde_json::to_value(lifetime)? {
        for (name, count) in counts {
            writeln!(out, "{:<20} {count}", name.replace('_', " "))?;
        }
    }
    out.flush()?;
    Ok(Exit::Ok)
}
