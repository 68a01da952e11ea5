//! Looks up a key in a file, and reports the result.
//!
//! [`spelling`](crate::cache::spelling) decides which key a text means.

use larder::ByteSize;
use larder::inspect::{KeyspaceInfo, Record, RecordStatus, Snapshot, spell_hex};
use serde::Serialize;

use crate::args::KeyOptions;
use crate::cache::snapshot;
use crate::cache::spelling::{AlternativeReading, KeySyntax, Speller, choose};
use crate::term::exit::{Exit, Failure};
use crate::term::time::{expires, expiry, rfc3339, span};

/// A key of a keyspace, and the result of looking it up.
pub(super) struct FileLookup {
    pub(super) snapshot: Snapshot,
    pub(super) keyspace: KeyspaceInfo,
    pub(super) key: Vec<u8>,
    pub(super) finding: RecordStatus,
    /// The key as it is shown.
    pub(super) shown: String,
    /// Advice for the user, if the key has no live entry and a schema spells another key with the same text.
    pub(super) advice: Option<String>,
}

impl FileLookup {
    pub(super) fn of(options: &KeyOptions) -> Result<Self, Failure> {
        let snapshot = snapshot::open(&options.cache.file)?;
        let keyspaces: Vec<KeySyntax<'_>> = snapshot.keyspaces().iter().map(KeySyntax::of).collect();
        let name = options.keyspace.as_deref();
        let (chosen, key) = choose(&keyspaces, name, &options.key)?;
        let keyspace = snapshot::keyspace(&snapshot, chosen.name)?.clone();
        let finding = snapshot.find(&keyspace, &key)?;
        let shown = Speller::new(name, keyspaces.iter().copied()).spell(chosen, &key);
        let other = AlternativeReading::of_key(chosen, &options.key).filter(|other| other.bytes != key);
        let advice = other.filter(|_| finding.live().is_none()).map(|other| other.advice());
        drop(keyspaces);
        Ok(Self { snapshot, keyspace, key, finding, shown, advice })
    }

    /// Returns the failure of a command that needs a live entry but found none.
    pub(super) fn no_entry(&self) -> Failure {
        let (name, now) = (&self.shown, self.snapshot.now());
        let why = match &self.finding {
            RecordStatus::KnownAbsent(record) => {
                format!("it is known to be absent, and {}", expires(record.expires_at, now))
            }
            RecordStatus::Expired(record) => format!("it expired {} ago", span(now.since(record.expires_at))),
            RecordStatus::OtherVersion(record) => {
                format!(
                    "its record is of version {}, and the keyspace of {}",
                    record.version, self.keyspace.version
                )
            }
            RecordStatus::Removed(_) => {
                "it was removed, with others, and its record is still to be deleted".to_owned()
            }
            RecordStatus::Retired { .. } => "it is of an earlier version of the keyspace".to_owned(),
            RecordStatus::Damaged { cause } => format!("its record is damaged: {cause}"),
            _ => "it was never written, or is gone".to_owned(),
        };
        let advice = self.advice.as_ref().map_or_else(String::new, |advice| format!("; {advice}"));
        Failure::new(
            exit_code(&self.finding),
            format!("no entry {name} in keyspace {:?}: {why}{advice}", self.keyspace.name),
        )
    }
}

pub(super) const fn state_name(finding: &RecordStatus) -> &'static str {
    match finding {
        RecordStatus::Live(_) => "live",
        RecordStatus::KnownAbsent(_) => "known_absent",
        RecordStatus::Expired(_) => "expired",
        RecordStatus::OtherVersion(_) => "other_version",
        RecordStatus::Removed(_) => "removed",
        RecordStatus::Retired { .. } => "retired",
        RecordStatus::Damaged { .. } => "damaged",
        _ => "absent",
    }
}

/// Returns the exit code of a command that needs a live entry.
pub(super) const fn exit_code(finding: &RecordStatus) -> Exit {
    match finding {
        RecordStatus::Live(_) => Exit::Ok,
        RecordStatus::Damaged { .. } => Exit::Damaged,
        _ => Exit::No,
    }
}

/// A key in JSON, with the same fields in every command.
#[derive(Serialize)]
pub(super) struct KeyJson {
    keyspace: String,
    key: String,
    key_bytes: String,
    value_format: &'static str,
    state: &'static str,
    #[serde(flatten)]
    record: Option<RecordJson>,
}

#[derive(Serialize)]
struct RecordJson {
    version: u32,
    sequence: u64,
    written_at: String,
    written_at_ms: u64,
    expires_at: String,
    /// `None` if the entry never expires. `ttl_ms` is then `None` too.
    expires_at_ms: Option<u64>,
    ttl_ms: Option<u128>,
    value_bytes: ByteSize,
    compression: &'static str,
    stored_bytes: usize,
}

impl KeyJson {
    pub(super) fn new(
        snapshot: &Snapshot,
        keyspace: &KeyspaceInfo,
        (key, shown): (&[u8], String),
        finding: &RecordStatus,
    ) -> Self {
        let ends = |record: &Record| !record.expires_at.is_never();
        let record = |record: &Record| RecordJson {
            version: record.version,
            sequence: record.sequence,
            written_at: rfc3339(record.written_at),
            written_at_ms: record.written_at.as_millis(),
            expires_at: expiry(record.expires_at),
            expires_at_ms: ends(record).then(|| record.expires_at.as_millis()),
            ttl_ms: ends(record).then(|| record.expires_at.since(snapshot.now()).as_millis()),
            value_bytes: record.payload_len(),
            compression: record.compression_name(),
            stored_bytes: record.stored().len(),
        };
        Self {
            keyspace: keyspace.name.clone(),
            key: shown,
            key_bytes: spell_hex(key),
            value_format: keyspace.format_name(),
            state: state_name(finding),
            record: finding.record().map(record),
        }
    }

    pub(super) fn of(lookup: &FileLookup) -> Self {
        let key = (&lookup.key[..], lookup.shown.clone());
        Self::new(&lookup.snapshot, &lookup.keyspace, key, &lookup.finding)
    }
}
