//! The key that a command asks for: what stands there, and what is told of it.
//!
//! Which key a text means is decided in [`spelling`](super::spelling).

use larder::inspect::{KeyspaceInfo, Record, RecordStatus, Snapshot, spell_hex};
use serde::Serialize;

use super::spelling::{Keys, Misread, Speller, choose};
use super::{named, open};
use crate::args::KeyOptions;
use crate::exit::{Exit, Failure};
use crate::time::rfc3339;

/// A key of a keyspace, and what stands there.
pub(super) struct Found {
    pub(super) snapshot: Snapshot,
    pub(super) keyspace: KeyspaceInfo,
    pub(super) key: Vec<u8>,
    pub(super) finding: RecordStatus,
    /// The key as it is shown.
    pub(super) shown: String,
    /// What else the text may have been meant for, if there is nothing under the key.
    pub(super) advice: Option<String>,
}

/// Finds what a command asks for.
pub(super) fn find(options: &KeyOptions) -> Result<Found, Failure> {
    let snapshot = open(&options.look.file)?;
    let keyspaces: Vec<Keys<'_>> = snapshot.keyspaces().iter().map(Keys::of).collect();
    let name = options.keyspace.as_deref();
    let (chosen, key) = choose(&keyspaces, name, &options.key)?;
    let keyspace = named(&snapshot, chosen.name)?.clone();
    let finding = snapshot.find(&keyspace, &key)?;
    let shown = Speller::new(name, keyspaces.iter().copied()).spell(chosen, &key);
    let misread = Misread::of_key(chosen, &options.key).filter(|other| other.bytes != key);
    let advice = misread.filter(|_| finding.live().is_none()).map(|other| other.advice());
    drop(keyspaces);
    Ok(Found { snapshot, keyspace, key, finding, shown, advice })
}

/// A word for what was found.
pub(super) const fn state(finding: &RecordStatus) -> &'static str {
    match finding {
        RecordStatus::Live(_) => "live",
        RecordStatus::Expired(_) => "expired",
        RecordStatus::OtherVersion(_) => "other_version",
        RecordStatus::Removed(_) => "removed",
        RecordStatus::Retired { .. } => "retired",
        RecordStatus::Damaged { .. } => "damaged",
        _ => "absent",
    }
}

/// The exit code of a command that wants a live entry.
pub(super) const fn exit(finding: &RecordStatus) -> Exit {
    match finding {
        RecordStatus::Live(_) => Exit::Ok,
        RecordStatus::Damaged { .. } => Exit::Damaged,
        _ => Exit::No,
    }
}

/// What is told of a key in JSON, whatever the command.
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
    expires_at_ms: u64,
    ttl_ms: u128,
    value_bytes: usize,
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
        let record = |record: &Record| RecordJson {
            version: record.version,
            sequence: record.sequence,
            written_at: rfc3339(record.written_at),
            written_at_ms: record.written_at.as_millis(),
            expires_at: rfc3339(record.expires_at),
            expires_at_ms: record.expires_at.as_millis(),
            ttl_ms: record.expires_at.since(snapshot.now()).as_millis(),
            value_bytes: record.payload_len(),
            compression: record.compression_name(),
            stored_bytes: record.stored().len(),
        };
        Self {
            keyspace: keyspace.name.clone(),
            key: shown,
            key_bytes: spell_hex(key),
            value_format: keyspace.format_name(),
            state: state(finding),
            record: finding.record().map(record),
        }
    }

    pub(super) fn found(found: &Found) -> Self {
        let key = (&found.key[..], found.shown.clone());
        Self::new(&found.snapshot, &found.keyspace, key, &found.finding)
    }
}

/// The failure of a command that wants a live entry, and found none.
pub(super) fn no_entry(found: &Found) -> Failure {
    let (name, now) = (&found.shown, found.snapshot.now());
    let why = match &found.finding {
        RecordStatus::Expired(record) => {
            format!("it expired {} ago", crate::time::span(now.since(record.expires_at)))
        }
        RecordStatus::OtherVersion(record) => {
            format!(
                "its record is of version {}, and the keyspace of {}",
                record.version, found.keyspace.version
            )
        }
        RecordStatus::Removed(_) => {
            "it was removed, with others, and its record is still to be deleted".to_owned()
        }
        RecordStatus::Retired { .. } => "it is of an earlier version of the keyspace".to_owned(),
        RecordStatus::Damaged { cause } => format!("its record is damaged: {cause}"),
        _ => "it was never written, or is gone".to_owned(),
    };
    let advice = found.advice.as_ref().map_or_else(String::new, |advice| format!("; {advice}"));
    Failure::new(
        exit(&found.finding),
        format!("no entry {name} in keyspace {:?}: {why}{advice}", found.keyspace.name),
    )
}
