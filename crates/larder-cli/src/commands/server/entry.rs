//! `larder get`, `ttl` and `why` of a key at a server.

use std::io::{self, Write};
use std::time::Duration;

use larder::inspect::{Content, Record, escape_control};
use larder::{Remaining, Timestamp};
use larder_redis::inspect::{Slot, SlotState};
use serde::Serialize;
use serde_json::json;

use super::shown::{read, refuse_options, shown};
use crate::args::{GetOptions, KeyOptions};
use crate::cache::server::ServerUrl;
use crate::commands::inspect::value::{Extent, ValueJson, print_content};
use crate::term::clock;
use crate::term::exit::{Exit, Failure};
use crate::term::out::{self, field};
use crate::term::time::{rfc3339, span};

struct Found {
    key: Vec<u8>,
    slot: Slot,
}

impl Found {
    fn of(server: &ServerUrl, options: &KeyOptions) -> Result<Self, Failure> {
        refuse_options(&[("--keyspace", options.keyspace.is_some()), ("--file-only", options.file_only)])?;
        let mut inspector = server.connect(options.cache.json)?;
        let key = read(&inspector, &options.key)?;
        let slot = inspector.slot(&key)?;
        Ok(Self { key, slot })
    }

    /// Returns the failure of a command that needs a value.
    fn no_value(&self) -> Failure {
        Failure::new(Exit::No, format!("{}: {}", shown(&self.key), why_of(&self.slot)))
    }

    /// Returns the record, or `None` for plain bytes. Fails if there is neither.
    fn record(&self) -> Result<Option<&Record>, Failure> {
        match &self.slot.state {
            SlotState::Record(Ok(record)) if !record.is_absence => Ok(Some(record)),
            SlotState::Plain => Ok(None),
            SlotState::Record(Err(_)) => {
                Err(Failure::new(Exit::Damaged, format!("{}: {}", shown(&self.key), why_of(&self.slot))))
            }
            _ => Err(self.no_value()),
        }
    }
}

#[derive(Serialize)]
struct EntryJson<'a> {
    key: String,
    keyspace: Option<&'a str>,
    version: Option<u32>,
    state: &'static str,
    ttl_s: Option<serde_json::Value>,
    #[serde(flatten)]
    value: ValueJson<'a>,
}

pub(super) fn get(server: &ServerUrl, options: &GetOptions) -> Result<Exit, Failure> {
    let found = Found::of(server, &options.key)?;
    let payload = match found.record()? {
        Some(record) => record.payload(),
        None => Ok(found.slot.bytes.as_slice().into()),
    };
    let payload = payload.map_err(|error| {
        Failure::new(Exit::Damaged, format!("the value of {} can't be read: {error}", shown(&found.key)))
    })?;
    if options.raw {
        let mut out = io::stdout().lock();
        out.write_all(&payload)?;
        out.flush()?;
        return Ok(Exit::Ok);
    }
    let is_plain = matches!(found.slot.state, SlotState::Plain);
    let content = match std::str::from_utf8(&payload) {
        Ok(text) if is_plain => Content::Text(text),
        _ => Content::Bytes,
    };
    if options.key.cache.json {
        out::json(&EntryJson {
            key: shown(&found.key),
            keyspace: found.slot.keyspace.as_deref(),
            version: found.slot.version,
            state: state_name(&found.slot.state),
            ttl_s: found.slot.left.map(ttl_json),
            value: ValueJson::of(&content, &payload),
        })?;
        return Ok(Exit::Ok);
    }
    let mut out = out::stdout();
    field(&mut out, "key", shown(&found.key))?;
    if let (Some(name), Some(version)) = (&found.slot.keyspace, found.slot.version) {
        field(&mut out, "keyspace", format!("{}, version {version}", escape_control(name)))?;
    }
    if let Some(record) = found.record()? {
        let now = Timestamp::from_millis(u64::try_from(clock::since_epoch().as_millis()).unwrap_or(u64::MAX));
        let ago = span(now.since(record.written_at));
        field(&mut out, "written", format!("{}, {ago} ago", rfc3339(record.written_at)))?;
    }
    if let Some(left) = found.slot.left {
        field(&mut out, "expires", in_words(left))?;
    }
    let kind = if is_plain { "plain" } else { "a record; its type is the application's" };
    field(&mut out, "value", format!("{} bytes, {kind}", payload.len()))?;
    print_content(&mut out, &content, &payload, Extent::of(options.full))?;
    out.flush()?;
    Ok(Exit::Ok)
}

pub(super) fn ttl(server: &ServerUrl, options: &KeyOptions) -> Result<Exit, Failure> {
    let found = Found::of(server, options)?;
    if found.slot.state != SlotState::Unchecked {
        found.record()?;
    }
    let Some(left) = found.slot.left else { return Err(found.no_value()) };
    if options.cache.json {
        out::json(&json!({ "key": shown(&found.key), "ttl_s": ttl_json(left) }))?;
        return Ok(Exit::Ok);
    }
    let mut out = out::stdout();
    writeln!(out, "{}", seconds(left))?;
    out.flush()?;
    Ok(Exit::Ok)
}

pub(super) fn why(server: &ServerUrl, options: &KeyOptions) -> Result<Exit, Failure> {
    let found = Found::of(server, options)?;
    let (state, why) = (state_name(&found.slot.state), why_of(&found.slot));
    if options.cache.json {
        let key = shown(&found.key);
        out::json(&json!({ "key": key, "keyspace": found.slot.keyspace, "state": state, "why": why }))?;
    } else {
        let mut out = out::stdout();
        writeln!(out, "{}: {}", shown(&found.key), escape_control(&why))?;
        out.flush()?;
    }
    match found.slot.state {
        SlotState::Record(Ok(_)) | SlotState::Plain | SlotState::Unchecked => Ok(Exit::Ok),
        SlotState::Record(Err(_)) => Ok(Exit::Damaged),
        _ => Ok(Exit::No),
    }
}

/// Returns the sentence that says what a lookup of a key finds.
fn why_of(slot: &Slot) -> String {
    let left = slot.left.map_or_else(|| "now".to_owned(), in_words);
    let fence = slot.fenced_for.map_or_else(String::new, |fence| {
        format!(". The key is being updated: for {} more, a load of it stores nothing", span(fence))
    });
    let sentence = match &slot.state {
        SlotState::Missing => "the server has nothing: it was never stored, was removed or evicted, or has expired".to_owned(),
        SlotState::Record(Ok(record)) if record.is_absence => {
            format!("the application has stored that its source has no value; it ends {left}")
        }
        SlotState::Record(Ok(_)) => format!("a lookup finds it; it expires {left}"),
        SlotState::Record(Err(cause)) => format!("its record is damaged: {cause}; a lookup is a miss"),
        SlotState::Unchecked => format!(
            "it has a record, which cannot be read without the type of the keys; it expires {left}"
        ),
        SlotState::Ended => {
            "it is of before a removal of all entries of its keyspace, or of before a restart of the server with \
             older data; a lookup is a miss"
                .to_owned()
        }
        SlotState::Leased => format!("a load of it is under way, whose lease ends {left}; a lookup is a miss"),
        SlotState::Watched => format!("a watch of it waits for a transaction, and ends {left}; a lookup is a miss"),
        SlotState::Plain => format!(
            "it has a value as its bytes alone, for a keyspace of Format::Raw; it expires {left}. A keyspace of \
             another format misses it"
        ),
        SlotState::TooLong(len) => format!(
            "it has a string of another program, too long to show ({len} bytes); it expires {left}; a lookup is \
             a miss"
        ),
        SlotState::OtherType(name) => {
            let name = escape_control(name);
            format!("it has a {name} of another program; a lookup is a miss")
        }
        _ => "this version of larder does not know its state".to_owned(),
    };
    sentence + &fence
}

pub(super) fn state_name(state: &SlotState) -> &'static str {
    match state {
        SlotState::Missing => "missing",
        SlotState::Record(Ok(record)) if record.is_absence => "absent",
        SlotState::Record(Ok(_)) => "live",
        SlotState::Record(Err(_)) => "damaged",
        SlotState::Unchecked => "unchecked",
        SlotState::Ended => "ended",
        SlotState::Leased => "leased",
        SlotState::Watched => "watched",
        SlotState::Plain => "plain",
        SlotState::TooLong(_) => "too_long",
        _ => "other",
    }
}

pub(super) fn seconds(left: Remaining) -> String {
    match left {
        Remaining::For(left) => format!("{:.3}", left.as_secs_f64()),
        Remaining::Never => "never".to_owned(),
    }
}

fn in_words(left: Remaining) -> String {
    match left {
        Remaining::For(left) => format!("in {}", span(left.max(Duration::from_millis(1)))),
        Remaining::Never => "never".to_owned(),
    }
}

fn ttl_json(left: Remaining) -> serde_json::Value {
    match left {
        Remaining::For(left) => json!(left.as_secs_f64()),
        Remaining::Never => json!("never"),
    }
}
