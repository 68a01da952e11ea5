//! `larder get`: shows the entry of a key.
//!
//! A MessagePack value is shown as JSON, and a raw value as text if it is UTF-8 without control characters.
//! Every other value is shown as its bytes. An unreadable value is shown as its bytes, with the reason. With
//! `--raw`, a value that cannot be decompressed is a failure.

use std::borrow::Cow;
use std::io::{self, Write};

use larder::CodecError;
use larder::inspect::{Content, Record, escape_control};
use serde::Serialize;

use super::key::{FileLookup, KeyJson};
use super::process::LiveCache;
use super::value::{Extent, ValueJson, print_content};
use crate::args::GetOptions;
use crate::cache::owner;
use crate::term::exit::{Exit, Failure};
use crate::term::out::{self, field};
use crate::term::time::{expiry_in, rfc3339, span};

#[derive(Serialize)]
struct GetJson<'a> {
    #[serde(flatten)]
    key: KeyJson,
    /// The encoded value, or the stored bytes if they cannot be decompressed.
    #[serde(flatten)]
    value: ValueJson<'a>,
}

/// A value, and its content as far as it can be read without the type.
struct ShownValue<'a> {
    bytes: &'a [u8],
    content: Content<'a>,
}

impl<'a> ShownValue<'a> {
    fn of(lookup: &FileLookup, record: &'a Record, payload: &'a Result<Cow<'_, [u8]>, CodecError>) -> Self {
        match payload {
            Ok(payload) => Self { bytes: payload, content: lookup.keyspace.content(payload) },
            Err(error) => Self { bytes: record.stored(), content: Content::Unreadable(error.clone()) },
        }
    }
}

pub(crate) fn run(options: &GetOptions) -> Result<Exit, Failure> {
    let key = &options.key;
    if let Some(client) = owner::connect_owner(&key.cache.file, key.file_only, key.cache.json)? {
        return super::process::get::run(&mut LiveCache::of(client)?, options);
    }
    let lookup = FileLookup::of(key)?;
    let Some(record) = lookup.finding.live() else { return Err(lookup.no_entry()) };
    let payload = record.payload();
    if options.raw {
        let payload = payload.map_err(|error| {
            let name = &lookup.shown;
            Failure::new(Exit::Damaged, format!("the value of {name} can't be read: {error}"))
        })?;
        let mut out = io::stdout().lock();
        out.write_all(&payload)?;
        out.flush()?;
        return Ok(Exit::Ok);
    }
    let shown = ShownValue::of(&lookup, record, &payload);
    if options.key.cache.json {
        let mut value = ValueJson::of(&shown.content, shown.bytes);
        value.texts.get_or_insert_default();
        out::json(&GetJson { key: KeyJson::of(&lookup), value })?;
    } else {
        print(&lookup, record, &shown, options.full)?;
    }
    Ok(Exit::Ok)
}

fn print(lookup: &FileLookup, record: &Record, shown: &ShownValue<'_>, full: bool) -> Result<(), Failure> {
    let mut out = out::stdout();
    let now = lookup.snapshot.now();
    field(&mut out, "key", &lookup.shown)?;
    let keyspace = escape_control(&lookup.keyspace.name);
    field(&mut out, "keyspace", format!("{keyspace}, version {}", record.version))?;
    let written = rfc3339(record.written_at);
    field(&mut out, "written", format!("{written}, {} ago", span(now.since(record.written_at))))?;
    field(&mut out, "expires", expiry_in(record.expires_at, now))?;
    field(&mut out, "sequence", record.sequence)?;
    let stored = match record.compression {
        0 => String::new(),
        _ => format!("; {} bytes in the file, {}", record.stored().len(), record.compression_name()),
    };
    let what = format!("{} bytes, {}{stored}", record.payload_len().as_u64(), lookup.keyspace.format_name());
    field(&mut out, "value", what)?;
    print_content(&mut out, &shown.content, shown.bytes, Extent::of(full))?;
    Ok(out.flush()?)
}
