//! `larder get`: the entry of a key.

use std::io::{self, Write};

use larder::inspect::{Record, spell_hex};
use serde::Serialize;

use super::key::{Found, KeyJson, find, no_entry, spell};
use super::value;
use crate::args::GetOptions;
use crate::exit::{Exit, Failure};
use crate::out::{self, field};
use crate::time::{rfc3339, span};

/// Bytes of a value that are shown unless all are asked for.
const SHOWN: usize = 256;

#[derive(Serialize)]
struct GetJson<'a> {
    #[serde(flatten)]
    key: KeyJson,
    value: String,
    value_texts: Vec<&'a str>,
}

pub(crate) fn run(options: &GetOptions) -> Result<Exit, Failure> {
    let found = find(&options.key)?;
    let Some(record) = found.finding.live() else { return Err(no_entry(&found)) };
    let payload = &record.payload;
    if options.raw {
        let mut out = io::stdout().lock();
        out.write_all(payload)?;
        out.flush()?;
    } else if options.key.look.json {
        let (value, value_texts) = (spell_hex(payload), value::texts(payload));
        out::json(&GetJson { key: KeyJson::found(&found), value, value_texts })?;
    } else {
        print(&found, record, if options.full { usize::MAX } else { SHOWN })?;
    }
    Ok(Exit::Ok)
}

fn print(found: &Found, record: &Record, most: usize) -> Result<(), Failure> {
    let mut out = out::stdout();
    let now = found.snapshot.now();
    field(&mut out, "key", spell(&found.keyspace, &found.key))?;
    field(&mut out, "keyspace", format!("{}, version {}", found.keyspace.name, record.version))?;
    let (written, expires) = (rfc3339(record.written_at), rfc3339(record.expires_at));
    field(&mut out, "written", format!("{written}, {} ago", span(now.since(record.written_at))))?;
    field(&mut out, "expires", format!("{expires}, in {}", span(record.expires_at.since(now))))?;
    field(&mut out, "sequence", record.sequence)?;
    field(&mut out, "value", format!("{} bytes", record.payload.len()))?;
    let texts = value::texts(&record.payload);
    if !texts.is_empty() {
        let texts: Vec<String> = texts.iter().map(|text| format!("{text:?}")).collect();
        field(&mut out, "begins with", texts.join(", "))?;
    }
    value::dump(&mut out, &record.payload, most)?;
    Ok(out.flush()?)
}
