//! `larder stats`: shows the statistics of a live cache. For a file alone, shows the counters since the file
//! was created.

use std::io::Write;

use larder::control::Client;
use serde::Serialize;
use serde_json::Value;

use crate::args::StatsOptions;
use crate::cache::{owner, snapshot};
use crate::term::exit::{Exit, Failure};
use crate::term::out;

#[derive(Serialize)]
struct FileJson<'a> {
    file: String,
    lifetime: Option<&'a larder::CumulativeStats>,
}

pub(crate) fn run(options: &StatsOptions) -> Result<Exit, Failure> {
    match owner::connect_owner(&options.target, options.file_only, options.json)? {
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
        match out::columns() {
            Some(columns) => write!(out, "{stats:columns$}")?,
            None => write!(out, "{stats}")?,
        }
        out.flush()?;
    }
    Ok(Exit::Ok)
}

fn file(options: &StatsOptions) -> Result<Exit, Failure> {
    let snapshot = snapshot::open(&options.target)?;
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
