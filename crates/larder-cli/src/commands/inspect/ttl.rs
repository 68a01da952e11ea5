//! `larder ttl`: shows the remaining lifetime of an entry, in seconds.

use std::io::Write;

use super::key::{FileLookup, KeyJson};
use super::process::LiveCache;
use crate::args::KeyOptions;
use crate::cache::owner;
use crate::term::exit::{Exit, Failure};
use crate::term::out;
use crate::term::time::seconds_left;

pub(crate) fn run(options: &KeyOptions) -> Result<Exit, Failure> {
    if let Some(client) = owner::connect_owner(&options.cache.file, options.file_only, options.cache.json)? {
        return super::process::why::ttl(&mut LiveCache::of(client)?, options);
    }
    let lookup = FileLookup::of(options)?;
    let Some(record) = lookup.finding.live() else { return Err(lookup.no_entry()) };
    if options.cache.json {
        out::json(&KeyJson::of(&lookup))?;
    } else {
        let mut out = out::stdout();
        writeln!(out, "{}", seconds_left(record.expires_at, lookup.snapshot.now()))?;
        out.flush()?;
    }
    Ok(Exit::Ok)
}
