//! `get`, `ttl` and `why` of a live cache, and [`keys`]: what its process says, through its control socket.
//!
//! A value that the process does not send is read from its file, if that stands there and has the same change of the
//! entry: the permission of the file guards it.

mod keys;

use std::borrow::Cow;
use std::io::{self, Write};

use larder::Timestamp;
use larder::control::{Client, EntryState, FoundIn, KeyStatus, LiveKeyspaceInfo};
use larder::inspect::{
    Content, Document, Snapshot, compression_name, escape_control, format_name, spell_hex,
};
use serde::Serialize;

use super::get::{self, Extent};
use super::spelling::{Keys, Misread, Speller, choose};
use super::value;
use crate::args::{GetOptions, KeyOptions};
use crate::exit::{Exit, Failure};
use crate::out::{self, BAD, GOOD, field, styled};
use crate::time::{rfc3339, span};

pub(super) use keys::{keys, long, prefix};

/// A live cache, and what it has of keyspaces.
pub(super) struct Source {
    client: Client,
    keyspaces: Vec<LiveKeyspaceInfo>,
    /// Its file, for the shapes of keyspaces that it has not opened, and for values.
    snapshot: Option<Snapshot>,
}

/// A key of a live cache, and what stands there.
struct Found {
    keyspace: String,
    key: Vec<u8>,
    /// The key as it is shown.
    shown: String,
    status: KeyStatus,
    /// What else the text may have been meant for, if there is nothing under the key.
    advice: Option<String>,
}

/// What is told of a key in JSON: by the names that a file's keys have, and what only a process knows.
#[derive(Serialize)]
struct StatusJson {
    keyspace: String,
    key: String,
    key_bytes: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_format: Option<&'static str>,
    state: &'static str,
    found_in: Option<&'static str>,
    is_unflushed: bool,
    is_loading: bool,
    #[serde(flatten)]
    entry: Option<EntryJson>,
}

#[derive(Serialize)]
struct EntryJson {
    version: Option<u32>,
    sequence: Option<u64>,
    written_at: Option<String>,
    written_at_ms: Option<u64>,
    expires_at: Option<String>,
    expires_at_ms: Option<u64>,
    ttl_ms: Option<u64>,
    value_bytes: Option<u64>,
    compression: Option<&'static str>,
    stored_bytes: Option<u64>,
    memory_bytes: Option<u64>,
}

#[derive(Serialize)]
struct GetJson<'a> {
    #[serde(flatten)]
    status: StatusJson,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_texts: Option<Vec<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_json: Option<Document<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_unreadable: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_withheld: Option<&'a str>,
}

#[derive(Serialize)]
struct WhyJson {
    #[serde(flatten)]
    status: StatusJson,
    why: String,
}

impl Source {
    /// Asks a process what it has.
    pub(super) fn of(mut client: Client) -> Result<Self, Failure> {
        let keyspaces = client.keyspaces()?;
        let snapshot = file_of(&client);
        Ok(Self { client, keyspaces, snapshot })
    }

    /// How keys are read and shown: by the shape that the process opened a keyspace with, or else by the file's.
    fn keys(&self) -> Vec<Keys<'_>> {
        keys_of(&self.keyspaces, self.snapshot.as_ref())
    }

    /// Finds what a command asks for.
    fn find(
        &mut self,
        options: &KeyOptions,
        ask: impl FnOnce(&mut Client, &str, &str) -> Result<KeyStatus, larder::control::ClientError>,
    ) -> Result<Found, Failure> {
        let (keyspaces, name) = (self.keys(), options.keyspace.as_deref());
        let (chosen, key) = choose(&keyspaces, name, &options.key)?;
        let shown = Speller::new(name, keyspaces.iter().copied()).spell(chosen, &key);
        let misread = Misread::of_key(chosen, &options.key).filter(|other| other.bytes != key);
        let advice = misread.map(|other| other.advice());
        let keyspace = chosen.name.to_owned();
        let status = ask(&mut self.client, &keyspace, &spell_hex(&key))?;
        let advice = advice.filter(|_| status.state != EntryState::Live);
        Ok(Found { keyspace, key, shown, status, advice })
    }

    /// The value of an entry: as the process sends it, or as the file has it of the same change.
    fn value(&self, found: &Found) -> Option<Vec<u8>> {
        if let Some(digits) = &found.status.value {
            return larder::inspect::KeyShape::Unit.parse_key(digits).ok();
        }
        let is_on_disk = matches!(found.status.found_in, Some(FoundIn::Disk | FoundIn::Both));
        let file = self.snapshot.as_ref().filter(|_| is_on_disk)?.file().path;
        // What it has was perhaps committed after the file was opened.
        let snapshot = super::open(&file).ok()?;
        let finding = snapshot.find(snapshot.keyspace(&found.keyspace)?, &found.key).ok()?;
        let record = finding.live().filter(|record| Some(record.sequence) == found.status.sequence)?;
        record.payload().ok().map(Cow::into_owned)
    }
}

/// The file of a process, if it is seen from here.
pub(crate) fn file_of(client: &Client) -> Option<Snapshot> {
    let server = client.server();
    let identity = server.file_identity.as_ref()?;
    let snapshot = super::open(server.file.as_ref()?.as_ref()).ok()?;
    // Another file may stand there, as in another container.
    let is_same = snapshot.file().identity.is_some_and(|found| found.to_string() == *identity);
    is_same.then_some(snapshot)
}

/// The keyspaces that a process tells of; those that it has not opened, as its file has them.
pub(crate) fn keys_of<'a>(
    keyspaces: &'a [LiveKeyspaceInfo],
    snapshot: Option<&'a Snapshot>,
) -> Vec<Keys<'a>> {
    let in_file = |name: &str| snapshot?.keyspace(name).map(Keys::of);
    let keys = keyspaces.iter().map(|found| match &found.keys {
        Some(shape) => Keys { name: &found.name, shape, schema: found.schema.as_deref() },
        None => in_file(&found.name).unwrap_or(Keys { name: &found.name, shape: "", schema: None }),
    });
    keys.collect()
}

impl Found {
    fn json(&self) -> StatusJson {
        status_json(&self.keyspace, (&self.key, self.shown.clone()), &self.status)
    }

    /// The failure of a command that wants a live entry.
    fn no_entry(&self, source: &mut Source) -> Failure {
        let asked = || source.client.why(&self.keyspace, &spell_hex(&self.key)).ok()?.why;
        let why = self.status.why.clone().or_else(asked);
        let why = why.unwrap_or_else(|| self.status.state.name().to_owned());
        let advice = self.advice.as_ref().map_or_else(String::new, |advice| format!("; {advice}"));
        let why = lower(&why);
        let why = escape_control(&why);
        let text = format!("no entry {} in keyspace {:?}: {why}{advice}", self.shown, self.keyspace);
        Failure::new(exit(self.status.state), text)
    }
}

/// A sentence that follows a colon.
fn lower(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

fn exit(state: EntryState) -> Exit {
    match state {
        EntryState::Live => Exit::Ok,
        EntryState::Damaged | EntryState::Undecodable => Exit::Damaged,
        _ => Exit::No,
    }
}

fn at(ms: u64) -> String {
    rfc3339(Timestamp::from_millis(ms))
}

fn status_json(keyspace: &str, (key, shown): (&[u8], String), status: &KeyStatus) -> StatusJson {
    let entry = status.sequence.map(|sequence| EntryJson {
        version: status.version,
        sequence: Some(sequence),
        written_at: status.written_at_ms.map(at),
        written_at_ms: status.written_at_ms,
        expires_at: status.expires_at_ms.map(at),
        expires_at_ms: status.expires_at_ms,
        ttl_ms: status.ttl_ms,
        value_bytes: status.value_bytes,
        compression: status.compression.map(compression_name),
        stored_bytes: status.stored_bytes,
        memory_bytes: status.memory_bytes,
    });
    StatusJson {
        keyspace: keyspace.to_owned(),
        key: shown,
        key_bytes: spell_hex(key),
        value_format: status.value_format.map(format_name),
        state: status.state.name(),
        found_in: status.found_in.map(FoundIn::name),
        is_unflushed: status.is_unflushed,
        is_loading: status.is_loading,
        entry,
    }
}

/// Where an entry is, in words.
fn place(status: &KeyStatus) -> String {
    let place = match status.found_in {
        Some(FoundIn::Memory) => "memory",
        Some(FoundIn::Disk) => "disk",
        Some(FoundIn::Both) => "memory and disk",
        _ => "-",
    };
    if status.is_unflushed { format!("{place}, still to be committed") } else { place.to_owned() }
}

pub(super) fn get(source: &mut Source, options: &GetOptions) -> Result<Exit, Failure> {
    let found = source.find(&options.key, Client::get)?;
    if found.status.state != EntryState::Live {
        return Err(found.no_entry(source));
    }
    let value = source.value(&found);
    let withheld = found.status.value_withheld.as_deref().unwrap_or("the process does not send it");
    if options.raw {
        let Some(value) = value else {
            return Err(Failure::new(
                Exit::System,
                format!("the value of {} is not shown: {}", found.shown, escape_control(withheld)),
            ));
        };
        let mut out = io::stdout().lock();
        out.write_all(&value)?;
        out.flush()?;
        return Ok(Exit::Ok);
    }
    let format = found.status.value_format.or(file_format(source, &found.keyspace)).unwrap_or(u8::MAX);
    let content = value.as_deref().map(|value| Content::of(format, value));
    if options.key.look.json {
        let mut told = GetJson {
            status: found.json(),
            value: value.as_deref().map(spell_hex),
            value_texts: None,
            value_json: None,
            value_text: None,
            value_unreadable: None,
            value_withheld: value.is_none().then_some(withheld),
        };
        match (&content, &value) {
            (Some(Content::Document(document)), _) => told.value_json = Some(*document),
            (Some(Content::Text(text)), _) => told.value_text = Some(text),
            (Some(Content::Unreadable(why)), _) => told.value_unreadable = Some(why.to_string()),
            (Some(_), Some(value)) => told.value_texts = Some(value::texts(value)),
            _ => {}
        }
        out::json(&told)?;
        return Ok(Exit::Ok);
    }
    let mut out = out::stdout();
    print_entry(&mut out, &found)?;
    let len = found.status.value_bytes.map_or_else(String::new, |len| format!("{len} bytes, "));
    let stored = match (found.status.compression, found.status.stored_bytes) {
        (Some(how @ 1..), Some(len)) => format!("; {len} bytes in the file, {}", compression_name(how)),
        _ => String::new(),
    };
    field(&mut out, "value", format!("{len}{}{stored}", format_name(format)))?;
    match (&content, &value) {
        (Some(content), Some(value)) => {
            get::print_content(
                &mut out,
                content,
                value,
                if options.full { Extent::Whole } else { Extent::Shown },
            )?;
        }
        _ => field(&mut out, "not shown", escape_control(withheld))?,
    }
    Ok(out.flush().map(|()| Exit::Ok)?)
}

/// The format of a keyspace's values, as the file has it.
fn file_format(source: &Source, keyspace: &str) -> Option<u8> {
    source.snapshot.as_ref()?.keyspace(keyspace).map(|facts| facts.value_format)
}

fn print_entry(out: &mut impl Write, found: &Found) -> io::Result<()> {
    let status = &found.status;
    field(out, "key", &found.shown)?;
    let version = status.version.map_or_else(String::new, |version| format!(", version {version}"));
    field(out, "keyspace", format!("{}{version}", escape_control(&found.keyspace)))?;
    field(out, "found in", place(status))?;
    if let Some(written) = status.written_at_ms {
        // By the service's clock, which may be another than this machine's.
        let now = status.expires_at_ms.zip(status.ttl_ms).map(|(expires, ttl)| expires.saturating_sub(ttl));
        let age = now.map(|now| std::time::Duration::from_millis(now.saturating_sub(written)));
        let ago = age.map_or_else(String::new, |age| format!(", {} ago", span(age)));
        field(out, "written", format!("{}{ago}", at(written)))?;
    }
    if let (Some(expires), Some(ttl)) = (status.expires_at_ms, status.ttl_ms) {
        let left = span(std::time::Duration::from_millis(ttl));
        field(out, "expires", format!("{}, in {left}", at(expires)))?;
    }
    if let Some(sequence) = status.sequence {
        field(out, "sequence", sequence)?;
    }
    Ok(())
}

pub(super) fn ttl(source: &mut Source, options: &KeyOptions) -> Result<Exit, Failure> {
    let found = source.find(options, Client::why)?;
    let Some(ttl) = found.status.ttl_ms else { return Err(found.no_entry(source)) };
    if options.look.json {
        out::json(&found.json())?;
    } else {
        let mut out = out::stdout();
        writeln!(out, "{}.{:03}", ttl / 1000, ttl % 1000)?;
        out.flush()?;
    }
    Ok(Exit::Ok)
}

pub(super) fn why(source: &mut Source, options: &KeyOptions) -> Result<Exit, Failure> {
    let found = source.find(options, Client::why)?;
    let status = &found.status;
    let mut why = times(status) + status.why.as_deref().unwrap_or_default();
    if let Some(advice) = &found.advice {
        why = format!("{why} But {advice}.");
    }
    if options.look.json {
        out::json(&WhyJson { status: found.json(), why })?;
        return Ok(exit(status.state));
    }
    let mut out = out::stdout();
    let is_live = status.state == EntryState::Live;
    let verdict = if is_live { styled(GOOD, "found") } else { styled(BAD, "not found") };
    writeln!(out, "{} in keyspace {}: {verdict}", found.shown, escape_control(&found.keyspace))?;
    writeln!(out, "{}", escape_control(&why))?;
    out.flush()?;
    Ok(exit(status.state))
}

/// When an entry was written and expires, as a sentence.
fn times(status: &KeyStatus) -> String {
    let written = status.written_at_ms.map(|written| {
        let by = status.sequence.map_or_else(String::new, |sequence| format!(", by change {sequence}"));
        format!("was written at {}{by}", at(written))
    });
    let expires = status.expires_at_ms.zip(status.ttl_ms).map(|(expires, ttl)| {
        format!("expires at {}, in {}", at(expires), span(std::time::Duration::from_millis(ttl)))
    });
    match (written, expires) {
        (Some(written), Some(expires)) => format!("It {written}, and {expires}. "),
        (Some(only), None) | (None, Some(only)) => format!("It {only}. "),
        (None, None) => String::new(),
    }
}
