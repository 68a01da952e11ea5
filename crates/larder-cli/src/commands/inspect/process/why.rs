//! `larder ttl` and `larder why` of a live cache.

use std::io::Write;

use larder::control::{Client, EntryState, KeyStatus};
use larder::inspect::escape_control;
use serde::Serialize;

use super::{LiveCache, StatusJson, at, exit_code, expiry_and_now};
use crate::args::KeyOptions;
use crate::term::exit::{Exit, Failure};
use crate::term::out::{self, BAD, GOOD, styled};
use crate::term::time::{expires, seconds_left};

#[derive(Serialize)]
struct LiveWhyJson {
    #[serde(flatten)]
    status: StatusJson,
    why: String,
}

pub(crate) fn ttl(cache: &mut LiveCache, options: &KeyOptions) -> Result<Exit, Failure> {
    let lookup = cache.find(options, Client::why)?;
    let ends = expiry_and_now(&lookup.status).filter(|_| lookup.status.state == EntryState::Live);
    let Some((expires_at, now)) = ends else { return Err(lookup.no_entry(cache)) };
    if options.cache.json {
        out::json(&lookup.json())?;
    } else {
        let mut out = out::stdout();
        writeln!(out, "{}", seconds_left(expires_at, now))?;
        out.flush()?;
    }
    Ok(Exit::Ok)
}

pub(crate) fn why(cache: &mut LiveCache, options: &KeyOptions) -> Result<Exit, Failure> {
    let lookup = cache.find(options, Client::why)?;
    let status = &lookup.status;
    let mut why = times(status) + status.why.as_deref().unwrap_or_default();
    if let Some(advice) = &lookup.advice {
        why = format!("{why} But {advice}.");
    }
    if options.cache.json {
        out::json(&LiveWhyJson { status: lookup.json(), why })?;
        return Ok(exit_code(status.state));
    }
    let mut out = out::stdout();
    let verdict = match status.state {
        EntryState::Live => styled(GOOD, "found"),
        EntryState::KnownAbsent => styled(GOOD, "known to be absent"),
        _ => styled(BAD, "not found"),
    };
    writeln!(out, "{} in keyspace {}: {verdict}", lookup.shown, escape_control(&lookup.keyspace))?;
    writeln!(out, "{}", escape_control(&why))?;
    out.flush()?;
    Ok(exit_code(status.state))
}

/// Returns a sentence that says when an entry was written and when it expires.
fn times(status: &KeyStatus) -> String {
    let written = status.written_at_ms.map(|written| {
        let by = status.sequence.map_or_else(String::new, |sequence| format!(", by change {sequence}"));
        format!("was written at {}{by}", at(written))
    });
    let expires = expiry_and_now(status).map(|(expires_at, now)| expires(expires_at, now));
    match (written, expires) {
        (Some(written), Some(expires)) => format!("It {written}, and {expires}. "),
        (Some(only), None) | (None, Some(only)) => format!("It {only}. "),
        (None, None) => String::new(),
    }
}
