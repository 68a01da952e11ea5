//! `larder why`: explains the result of a lookup of a key.

use std::io::Write;

use larder::inspect::{Content, Record, RecordStatus, escape_control};
use serde::Serialize;

use super::key::{FileLookup, KeyJson, exit_code};
use super::process::LiveCache;
use crate::args::KeyOptions;
use crate::cache::owner;
use crate::term::exit::{Exit, Failure};
use crate::term::out::{self, BAD, GOOD, styled};
use crate::term::time::{expires, rfc3339, span};

/// The number of the bincode format. A record of this format has a fingerprint of the value's type, unless an
/// earlier version of larder wrote it.
const BINCODE: u8 = 0;

#[derive(Serialize)]
struct WhyJson {
    #[serde(flatten)]
    key: KeyJson,
    why: String,
}

pub(crate) fn run(options: &KeyOptions) -> Result<Exit, Failure> {
    if let Some(client) = owner::connect_owner(&options.cache.file, options.file_only, options.cache.json)? {
        return super::process::why::why(&mut LiveCache::of(client)?, options);
    }
    let lookup = FileLookup::of(options)?;
    let unreadable = lookup.finding.live().and_then(|record| unreadable(&lookup, record));
    let why = match &unreadable {
        Some(reason) => format!(
            "Its record is whole, and no lookup can read the value: {reason}. Its owner counts a miss, and loads it again."
        ),
        None => match &lookup.advice {
            Some(advice) => format!("{} But {advice}.", explain(&lookup)),
            None => explain(&lookup),
        },
    };
    if options.cache.json {
        out::json(&WhyJson { key: KeyJson::of(&lookup), why })?;
    } else {
        let mut out = out::stdout();
        let verdict = match &lookup.finding {
            RecordStatus::Live(_) if unreadable.is_none() => styled(GOOD, "found"),
            RecordStatus::KnownAbsent(_) => styled(GOOD, "known to be absent"),
            _ => styled(BAD, "not found"),
        };
        writeln!(out, "{} in keyspace {}: {verdict}", lookup.shown, escape_control(&lookup.keyspace.name))?;
        writeln!(out, "{}", escape_control(&why))?;
        out.flush()?;
    }
    Ok(if unreadable.is_some() { Exit::Damaged } else { exit_code(&lookup.finding) })
}

/// Returns the reason why the value cannot be read with any type, or `None` if it may be readable.
fn unreadable(lookup: &FileLookup, record: &Record) -> Option<String> {
    match record.payload().as_ref().map(|payload| lookup.keyspace.content(payload)) {
        Err(error) => Some(error.to_string()),
        Ok(Content::Unreadable(error)) => Some(error.to_string()),
        Ok(_) => None,
    }
}

/// Returns a sentence about a value that may be readable.
fn value(lookup: &FileLookup, record: &Record) -> String {
    let (len, format) = (record.payload_len().as_u64(), lookup.keyspace.format_name());
    let of_old = lookup.keyspace.value_format == BINCODE && record.fingerprint.is_none();
    let caution = if of_old {
        " An earlier version of larder wrote it: it is accepted if the application's type encodes to the same bytes."
    } else {
        ""
    };
    format!("Its value has {len} bytes of {format}.{caution}")
}

fn explain(lookup: &FileLookup) -> String {
    let now = lookup.snapshot.now();
    match &lookup.finding {
        RecordStatus::Live(record) => format!(
            "It was written at {}, by change {}, and {}. {}",
            rfc3339(record.written_at),
            record.sequence,
            expires(record.expires_at, now),
            value(lookup, record),
        ),
        RecordStatus::KnownAbsent(record) => format!(
            "It is known to be absent: at {}, by change {}, a load found that the source has no value for it. That {}.",
            rfc3339(record.written_at),
            record.sequence,
            expires(record.expires_at, now),
        ),
        RecordStatus::Expired(record) => format!(
            "It expired at {}, {} ago, and is not swept yet; it was written at {}.",
            rfc3339(record.expires_at),
            span(now.since(record.expires_at)),
            rfc3339(record.written_at),
        ),
        RecordStatus::OtherVersion(record) => format!(
            "Its record is of version {} of the keyspace, which has version {}.",
            record.version, lookup.keyspace.version,
        ),
        RecordStatus::Removed(record) => format!(
            "It was removed with others after it was written, at {}. Its record is still to be deleted: its owner does that between its commits.",
            rfc3339(record.written_at),
        ),
        RecordStatus::Retired { number, record } => format!(
            "A record of this key, written at {}, stands in keyspace number {number}, which is retired: the keyspace was opened \
             with another version or shape since, now version {}, and lookups do not search there.",
            rfc3339(record.written_at),
            lookup.keyspace.version,
        ),
        RecordStatus::Damaged { cause } => {
            format!("Its record is damaged: {cause}. Its owner counts a miss, and loads it again.")
        }
        _ => "There is no record of it: it was never written, or was removed, evicted or deleted after it expired. Entries \
              that were inserted within the flush interval, or that are in memory alone, are not in the file but with its owner."
            .to_owned(),
    }
}
