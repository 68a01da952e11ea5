//! `larder why`: what a lookup of a key would find in the file, and why.

use std::io::Write;

use larder::inspect::{Content, Record, RecordStatus, escape_control};
use serde::Serialize;

use super::key::{self, Found, KeyJson, find};
use super::live::Source;
use crate::args::KeyOptions;
use crate::exit::{Exit, Failure};
use crate::live;
use crate::out::{self, BAD, GOOD, styled};
use crate::time::{rfc3339, span};

/// The number of the format whose records say what was written.
const BINCODE: u8 = 0;

#[derive(Serialize)]
struct WhyJson {
    #[serde(flatten)]
    key: KeyJson,
    why: String,
}

pub(crate) fn run(options: &KeyOptions) -> Result<Exit, Failure> {
    if let Some(client) = live::behind(&options.look.file, options.file_only, options.look.json)? {
        return super::live::why(&mut Source::of(client)?, options);
    }
    let found = find(options)?;
    let unreadable = found.finding.live().and_then(|record| unreadable(&found, record));
    let why = match &unreadable {
        Some(reason) => format!(
            "Its record is whole, and no lookup can read the value: {reason}. Its owner counts a miss, and loads it anew."
        ),
        None => match &found.advice {
            Some(advice) => format!("{} But {advice}.", explain(&found)),
            None => explain(&found),
        },
    };
    if options.look.json {
        out::json(&WhyJson { key: KeyJson::found(&found), why })?;
    } else {
        let mut out = out::stdout();
        let is_live = found.finding.live().is_some() && unreadable.is_none();
        let verdict = if is_live { styled(GOOD, "found") } else { styled(BAD, "not found") };
        writeln!(out, "{} in keyspace {}: {verdict}", found.shown, escape_control(&found.keyspace.name))?;
        writeln!(out, "{}", escape_control(&why))?;
        out.flush()?;
    }
    Ok(if unreadable.is_some() { Exit::Damaged } else { key::exit(&found.finding) })
}

/// What keeps any lookup from reading a value, whatever its type.
fn unreadable(found: &Found, record: &Record) -> Option<String> {
    match record.payload().as_ref().map(|payload| found.keyspace.content(payload)) {
        Err(error) => Some(error.to_string()),
        Ok(Content::Unreadable(error)) => Some(error.to_string()),
        Ok(_) => None,
    }
}

/// What is to be known of a value that can be read.
fn value(found: &Found, record: &Record) -> String {
    let (len, format) = (record.payload_len(), found.keyspace.format_name());
    let of_old = found.keyspace.value_format == BINCODE && record.fingerprint.is_none();
    let caution = if of_old {
        " An earlier version of larder wrote it: it is believed if the application's type encodes it as it stands here."
    } else {
        ""
    };
    format!("Its value has {len} bytes of {format}.{caution}")
}

fn explain(found: &Found) -> String {
    let now = found.snapshot.now();
    match &found.finding {
        RecordStatus::Live(record) => format!(
            "It was written at {}, by change {}, and expires at {}, in {}. {}",
            rfc3339(record.written_at),
            record.sequence,
            rfc3339(record.expires_at),
            span(record.expires_at.since(now)),
            value(found, record),
        ),
        RecordStatus::Expired(record) => format!(
            "It expired at {}, {} ago, and is not swept yet; it was written at {}.",
            rfc3339(record.expires_at),
            span(now.since(record.expires_at)),
            rfc3339(record.written_at),
        ),
        RecordStatus::OtherVersion(record) => format!(
            "Its record is of version {} of the keyspace, which has version {}.",
            record.version, found.keyspace.version,
        ),
        RecordStatus::Removed(record) => format!(
            "It was removed with others after it was written, at {}. Its record is still to be deleted: its owner does that between its commits.",
            rfc3339(record.written_at),
        ),
        RecordStatus::Retired { number, record } => format!(
            "A record of this key, written at {}, stands in keyspace number {number}, which is retired: the keyspace was opened \
             with another version or shape since, now version {}, and nobody looks there.",
            rfc3339(record.written_at),
            found.keyspace.version,
        ),
        RecordStatus::Damaged { cause } => {
            format!("Its record is damaged: {cause}. Its owner counts a miss, and loads it anew.")
        }
        _ => "There is no record of it: it was never written, or has been removed, evicted or swept. What was inserted within the \
              flush interval, or fits into memory alone, is with its owner and not in the file."
            .to_owned(),
    }
}
