//! The commands `get`, `ttl` and `why` for a live cache, whose process answers through the control socket.
//!
//! If the process does not send the value, the command reads it from the file, if the file is visible from
//! here and has the record of the same change. The permissions of the file then decide who may see the value.

pub(super) mod get;
pub(super) mod why;

use std::borrow::Cow;

use larder::control::{Client, ClientError, EntryState, FoundIn, KeyStatus, LiveKeyspaceInfo};
use larder::inspect::{KeyShape, Snapshot, compression_name, escape_control, format_name, spell_hex};
use larder::{ByteSize, Timestamp};
use serde::Serialize;

use crate::args::KeyOptions;
use crate::cache::snapshot::{self, keys_of};
use crate::cache::spelling::{AlternativeReading, KeySyntax, Speller, choose};
use crate::term::exit::{Exit, Failure};
use crate::term::time::{expiry, rfc3339};

pub(super) struct LiveCache {
    client: Client,
    keyspaces: Vec<LiveKeyspaceInfo>,
    /// A snapshot of the file, which has the shapes of keyspaces that the process has not opened.
    snapshot: Option<Snapshot>,
}

/// A key of a live cache, and its status.
struct LiveLookup {
    keyspace: String,
    key: Vec<u8>,
    /// The key as it is shown.
    shown: String,
    status: KeyStatus,
    /// Advice for the user, if the key has no live entry and a schema spells another key with the same text.
    advice: Option<String>,
}

/// A key in JSON. Fields that also exist for the keys of a file have the same names. Only the process can
/// report the other fields.
#[derive(Serialize)]
pub(super) struct StatusJson {
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
    entry: Option<LiveEntryJson>,
}

#[derive(Serialize)]
struct LiveEntryJson {
    version: Option<u32>,
    sequence: Option<u64>,
    written_at: Option<String>,
    written_at_ms: Option<u64>,
    expires_at: Option<String>,
    expires_at_ms: Option<u64>,
    ttl_ms: Option<u64>,
    value_bytes: Option<ByteSize>,
    compression: Option<&'static str>,
    stored_bytes: Option<ByteSize>,
    memory_bytes: Option<ByteSize>,
}

impl LiveCache {
    pub(super) fn of(mut client: Client) -> Result<Self, Failure> {
        let keyspaces = client.keyspaces()?;
        let snapshot = snapshot::of_process(&client);
        Ok(Self { client, keyspaces, snapshot })
    }

    /// Returns the syntax of the keys in each keyspace. The shape comes from the process if it has opened the
    /// keyspace, otherwise from the file.
    fn keys(&self) -> Vec<KeySyntax<'_>> {
        keys_of(&self.keyspaces, self.snapshot.as_ref())
    }

    /// Looks up the key of a command. `ask` sends the request to the process.
    fn find(
        &mut self,
        options: &KeyOptions,
        ask: impl FnOnce(&mut Client, &str, &str) -> Result<KeyStatus, ClientError>,
    ) -> Result<LiveLookup, Failure> {
        let (keyspaces, name) = (self.keys(), options.keyspace.as_deref());
        let (chosen, key) = choose(&keyspaces, name, &options.key)?;
        let shown = Speller::new(name, keyspaces.iter().copied()).spell(chosen, &key);
        let other = AlternativeReading::of_key(chosen, &options.key).filter(|other| other.bytes != key);
        let advice = other.map(|other| other.advice());
        let keyspace = chosen.name.to_owned();
        let status = ask(&mut self.client, &keyspace, &spell_hex(&key))?;
        let advice = advice.filter(|_| status.state != EntryState::Live);
        Ok(LiveLookup { keyspace, key, shown, status, advice })
    }

    /// Returns the value that the process sent, or the value of the same change in the file.
    fn value(&self, lookup: &LiveLookup) -> Option<Vec<u8>> {
        if let Some(digits) = &lookup.status.value {
            return KeyShape::Unit.parse_key(digits).ok();
        }
        let is_on_disk = matches!(lookup.status.found_in, Some(FoundIn::Disk | FoundIn::Both));
        let file = self.snapshot.as_ref().filter(|_| is_on_disk)?.file().path;
        // The entry may have been committed after the first snapshot was taken, so the command takes a new
        // snapshot.
        let snapshot = snapshot::open(&file).ok()?;
        let finding = snapshot.find(snapshot.keyspace(&lookup.keyspace)?, &lookup.key).ok()?;
        let record = finding.live().filter(|record| Some(record.sequence) == lookup.status.sequence)?;
        record.payload().ok().map(Cow::into_owned)
    }
}

impl LiveLookup {
    fn json(&self) -> StatusJson {
        StatusJson::new(&self.keyspace, (&self.key, self.shown.clone()), &self.status)
    }

    /// Returns the failure of a command that needs a live entry but found none.
    fn no_entry(&self, cache: &mut LiveCache) -> Failure {
        let asked = || cache.client.why(&self.keyspace, &spell_hex(&self.key)).ok()?.why;
        let why = self.status.why.clone().or_else(asked);
        let why = why.unwrap_or_else(|| self.status.state.name().to_owned());
        let advice = self.advice.as_ref().map_or_else(String::new, |advice| format!("; {advice}"));
        let why = lower_first(&why);
        let why = escape_control(&why);
        let text = format!("no entry {} in keyspace {:?}: {why}{advice}", self.shown, self.keyspace);
        Failure::new(exit_code(self.status.state), text)
    }
}

/// Returns a sentence with its first letter in lower case, to follow a colon.
fn lower_first(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

fn exit_code(state: EntryState) -> Exit {
    match state {
        EntryState::Live => Exit::Ok,
        EntryState::Damaged | EntryState::Undecodable => Exit::Damaged,
        _ => Exit::No,
    }
}

fn at(ms: u64) -> String {
    rfc3339(Timestamp::from_millis(ms))
}

/// Returns the expiry of the entry of a status, and the current time of the service. The service's clock may
/// differ from this machine's. Returns `None` if neither a value nor an absence is live.
pub(super) fn expiry_and_now(status: &KeyStatus) -> Option<(Timestamp, Timestamp)> {
    let (expires_at, left) = status.expires_at_ms.zip(status.ttl_ms)?;
    Some((Timestamp::from_millis(expires_at), Timestamp::from_millis(expires_at.saturating_sub(left))))
}

/// Returns a time of a status in milliseconds, or `None` if its entry never expires.
pub(super) fn unless_never(status: &KeyStatus, ms: Option<u64>) -> Option<u64> {
    ms.filter(|_| status.expires_at_ms != Some(Timestamp::NEVER.as_millis()))
}

impl StatusJson {
    pub(super) fn new(keyspace: &str, (key, shown): (&[u8], String), status: &KeyStatus) -> Self {
        let entry = status.sequence.map(|sequence| LiveEntryJson {
            version: status.version,
            sequence: Some(sequence),
            written_at: status.written_at_ms.map(at),
            written_at_ms: status.written_at_ms,
            expires_at: status.expires_at_ms.map(|ms| expiry(Timestamp::from_millis(ms))),
            expires_at_ms: unless_never(status, status.expires_at_ms),
            ttl_ms: unless_never(status, status.ttl_ms),
            value_bytes: status.value_bytes,
            compression: status.compression.map(compression_name),
            stored_bytes: status.stored_bytes,
            memory_bytes: status.memory_bytes,
        });
        Self {
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
}
