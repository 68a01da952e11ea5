//! `larder get`: the entry of a key.
//!
//! A value of MessagePack is shown as JSON, a raw one that is text as text, and any other as its bytes. What
//! can't be read is shown as its bytes, with the reason; it is an answer, and no failure.

use std::borrow::Cow;
use std::io::{self, Write};

use larder::CodecError;
use larder::inspect::{Content, Document, Record, escape_control, spell_hex};
use serde::Serialize;

use super::key::{Found, KeyJson, find, no_entry};
use super::live::Source;
use super::value;
use crate::args::GetOptions;
use crate::exit::{Exit, Failure};
use crate::live;
use crate::out::{self, field};
use crate::time::{rfc3339, span};

/// Bytes of a value that are shown unless all are asked for.
const SHOWN: usize = 256;
/// Bytes of its JSON, or of its text.
const SHOWN_TEXT: usize = 4096;

#[derive(Serialize)]
struct GetJson<'a> {
    #[serde(flatten)]
    key: KeyJson,
    /// The encoded value; if it can't be inflated, as it stands in the file.
    value: String,
    value_texts: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_json: Option<Document<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_unreadable: Option<String>,
}

/// A value, as it can be shown.
struct Shown<'a> {
    bytes: &'a [u8],
    content: Content<'a>,
}

impl<'a> Shown<'a> {
    fn of(found: &Found, record: &'a Record, payload: &'a Result<Cow<'_, [u8]>, CodecError>) -> Self {
        match payload {
            Ok(payload) => Self { bytes: payload, content: found.keyspace.content(payload) },
            Err(error) => Self { bytes: record.stored(), content: Content::Unreadable(error.clone()) },
        }
    }
}

pub(crate) fn run(options: &GetOptions) -> Result<Exit, Failure> {
    let key = &options.key;
    if let Some(client) = live::behind(&key.look.file, key.file_only, key.look.json)? {
        return super::live::get(&mut Source::of(client)?, options);
    }
    let found = find(key)?;
    let Some(record) = found.finding.live() else { return Err(no_entry(&found)) };
    let payload = record.payload();
    if options.raw {
        let payload = payload.map_err(|error| {
            let name = &found.shown;
            Failure::new(Exit::Damaged, format!("the value of {name} can't be read: {error}"))
        })?;
        let mut out = io::stdout().lock();
        out.write_all(&payload)?;
        out.flush()?;
        return Ok(Exit::Ok);
    }
    let shown = Shown::of(&found, record, &payload);
    if options.key.look.json {
        out::json(&as_json(&found, &shown))?;
    } else {
        print(&found, record, &shown, options.full)?;
    }
    Ok(Exit::Ok)
}

fn as_json<'a>(found: &Found, shown: &Shown<'a>) -> GetJson<'a> {
    let mut told = GetJson {
        key: KeyJson::found(found),
        value: spell_hex(shown.bytes),
        value_texts: texts(&shown.content, shown.bytes),
        value_json: None,
        value_text: None,
        value_unreadable: None,
    };
    match &shown.content {
        Content::Document(document) => told.value_json = Some(*document),
        Content::Text(text) => told.value_text = Some(text),
        Content::Unreadable(why) => told.value_unreadable = Some(why.to_string()),
        _ => {}
    }
    told
}

fn print(found: &Found, record: &Record, shown: &Shown<'_>, full: bool) -> Result<(), Failure> {
    let mut out = out::stdout();
    let now = found.snapshot.now();
    field(&mut out, "key", &found.shown)?;
    let keyspace = escape_control(&found.keyspace.name);
    field(&mut out, "keyspace", format!("{keyspace}, version {}", record.version))?;
    let (written, expires) = (rfc3339(record.written_at), rfc3339(record.expires_at));
    field(&mut out, "written", format!("{written}, {} ago", span(now.since(record.written_at))))?;
    field(&mut out, "expires", format!("{expires}, in {}", span(record.expires_at.since(now))))?;
    field(&mut out, "sequence", record.sequence)?;
    let stored = match record.compression {
        0 => String::new(),
        _ => format!("; {} bytes in the file, {}", record.stored().len(), record.compression_name()),
    };
    let what = format!("{} bytes, {}{stored}", record.payload_len(), found.keyspace.format_name());
    field(&mut out, "value", what)?;
    let extent = if full { Extent::Whole } else { Extent::Shown };
    print_content(&mut out, &shown.content, shown.bytes, extent)?;
    Ok(out.flush()?)
}

/// How much of a value is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// Its beginning.
    Shown,
    Whole,
}

/// Prints what can be shown of a value.
pub(super) fn print_content(
    out: &mut impl Write,
    content: &Content<'_>,
    bytes: &[u8],
    extent: Extent,
) -> io::Result<()> {
    let most = |most: usize| if extent == Extent::Whole { usize::MAX } else { most };
    match content {
        Content::Document(document) => value::print_json(out, document, most(SHOWN_TEXT)),
        Content::Text(text) if value::is_plain(text) => value::print_text(out, text, most(SHOWN_TEXT)),
        content => {
            if let Content::Unreadable(why) = content {
                field(out, "unreadable", escape_control(&why.to_string()))?;
            }
            let texts = texts(content, bytes);
            let texts: Vec<String> = texts.iter().map(|text| format!("{text:?}")).collect();
            if !texts.is_empty() {
                field(out, "begins with", texts.join(", "))?;
            }
            value::dump(out, bytes, most(SHOWN))
        }
    }
}

/// The texts that a value begins with, if its kinds and names are known to its type alone.
fn texts<'a>(content: &Content<'_>, bytes: &'a [u8]) -> Vec<&'a str> {
    if matches!(content, Content::Bytes) { value::texts(bytes) } else { Vec::new() }
}
