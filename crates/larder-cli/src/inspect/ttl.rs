//! `larder ttl`: how long an entry has still to live.

use std::io::Write;

use super::key::{KeyJson, find, no_entry};
use super::live::Source;
use crate::args::KeyOptions;
use crate::exit::{Exit, Failure};
use crate::{live, out};

pub(crate) fn run(options: &KeyOptions) -> Result<Exit, Failure> {
    if let Some(client) = live::behind(&options.look.file, options.file_only, options.look.json)? {
        return super::live::ttl(&mut Source::of(client)?, options);
    }
    let found = find(options)?;
    let Some(record) = found.finding.live() else { return Err(no_entry(&found)) };
    if options.look.json {
        out::json(&KeyJson::found(&found))?;
    } else {
        let mut out = out::stdout();
        writeln!(out, "{:.3}", record.expires_at.since(found.snapshot.now()).as_secs_f64())?;
        out.flush()?;
    }
    Ok(Exit::Ok)
}
