//! `larder why`: what a lookup of a key would find in the file, and why.

use std::io::Write;

use larder::inspect::Finding;
use serde::Serialize;

use super::key::{Found, KeyJson, exit, find, spell};
use crate::args::KeyOptions;
use crate::exit::{Exit, Failure};
use crate::out::{self, BAD, GOOD, styled};
use crate::time::{rfc3339, span};

#[derive(Serialize)]
struct WhyJson {
    #[serde(flatten)]
    key: KeyJson,
    why: String,
}

pub(crate) fn run(options: &KeyOptions) -> Result<Exit, Failure> {
    let found = find(options)?;
    let why = explain(&found);
    if options.look.json {
        out::json(&WhyJson { key: KeyJson::found(&found), why })?;
    } else {
        let mut out = out::stdout();
        let is_live = found.finding.live().is_some();
        let verdict = if is_live { styled(GOOD, "found") } else { styled(BAD, "not found") };
        writeln!(
            out,
            "{} in keyspace {}: {verdict}",
            spell(&found.keyspace, &found.key),
            found.keyspace.name
        )?;
        writeln!(out, "{why}")?;
        out.flush()?;
    }
    Ok(exit(&found.finding))
}

fn explain(found: &Found) -> String {
    let now = found.snapshot.now();
    match &found.finding {
        Finding::Live(record) => format!(
            "It was written at {}, by change {}, and expires at {}, in {}.",
            rfc3339(record.written_at),
            record.sequence,
            rfc3339(record.expires_at),
            span(record.expires_at.since(now)),
        ),
        Finding::Expired(record) => format!(
            "It expired at {}, {} ago, and is not swept yet; it was written at {}.",
            rfc3339(record.expires_at),
            span(now.since(record.expires_at)),
            rfc3339(record.written_at),
        ),
        Finding::OtherVersion(record) => format!(
            "Its record is of version {} of the keyspace, which has version {}.",
            record.version, found.keyspace.version,
        ),
        Finding::Removed(record) => format!(
            "It was removed with others after it was written, at {}. Its record is still to be deleted: the next owner does that when it opens the file.",
            rfc3339(record.written_at),
        ),
        Finding::Retired { number, record } => format!(
            "A record of this key, written at {}, stands in keyspace number {number}, which is retired: the keyspace was opened \
             with another version or shape since, now version {}, and nobody looks there.",
            rfc3339(record.written_at),
            found.keyspace.version,
        ),
        Finding::Damaged { cause } => {
            format!("Its record is damaged: {cause}. Its owner counts a miss, and loads it anew.")
        }
        _ => "There is no record of it: it was never written, or has been removed, evicted or swept. What was inserted within the \
              flush interval, or fits into memory alone, is with its owner and not in the file."
            .to_owned(),
    }
}
