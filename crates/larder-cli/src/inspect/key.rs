//! Which key a person means, and how a key is shown: as it is read.
//!
//! A key of one of the shop's families is shown as the shop spells it, `product_MTNVTU`, and every other by
//! the shape of its keyspace. Read is the shop's spelling first, where the keyspace is a family's; in quotes,
//! a text is always the code itself.

use larder::inspect::{Finding, KeyShape, KeyspaceFacts, Record, Snapshot, spell_hex};
use serde::Serialize;

use super::{family, named, open, which_of};
use crate::args::KeyOptions;
use crate::exit::{Exit, Failure};
use crate::time::rfc3339;

/// A key of a keyspace, and what stands there.
pub(super) struct Found {
    pub(super) snapshot: Snapshot,
    pub(super) keyspace: KeyspaceFacts,
    pub(super) key: Vec<u8>,
    pub(super) finding: Finding,
}

/// Finds what a command asks for.
pub(super) fn find(options: &KeyOptions) -> Result<Found, Failure> {
    let snapshot = open(&options.look.file)?;
    let (keyspace, key) = meant(&snapshot, options)?;
    let finding = snapshot.find(&keyspace, &key)?;
    Ok(Found { snapshot, keyspace, key, finding })
}

fn meant(snapshot: &Snapshot, options: &KeyOptions) -> Result<(KeyspaceFacts, Vec<u8>), Failure> {
    let keyspaces: Vec<Keys<'_>> = snapshot.keyspaces().iter().map(Keys::of).collect();
    let (chosen, key) = choose(&keyspaces, options.keyspace.as_deref(), &options.key)?;
    Ok((named(snapshot, chosen.name)?.clone(), key))
}

/// A keyspace, as far as its keys are read and shown by it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keys<'a> {
    pub(crate) name: &'a str,
    pub(crate) shape: &'a str,
}

impl<'a> Keys<'a> {
    pub(crate) fn of(facts: &'a KeyspaceFacts) -> Self {
        Self { name: &facts.name, shape: &facts.key_shape }
    }

    pub(crate) fn shape(self) -> Option<KeyShape> {
        self.shape.parse().ok()
    }

    /// A key as it is shown.
    pub(crate) fn spell(self, key: &[u8]) -> String {
        let by_shape = || self.shape().map_or_else(|| spell_hex(key), |shape| shape.spell_key(key));
        family::spell(self, key).unwrap_or_else(by_shape)
    }

    /// The bytes of a prefix as a person typed it.
    pub(crate) fn read_prefix(self, text: &str) -> Result<Vec<u8>, Failure> {
        let shape = self.shape().unwrap_or(KeyShape::Unit);
        shape.parse_prefix(text).map_err(|error| Failure::new(Exit::Usage, error.to_string()))
    }
}

/// Which keyspace, and which bytes, a person means by a key.
pub(crate) fn choose<'a>(
    keyspaces: &[Keys<'a>],
    name: Option<&str>,
    text: &str,
) -> Result<(Keys<'a>, Vec<u8>), Failure> {
    let keyspace = match (name, keyspaces) {
        (Some(name), _) => pick(keyspaces, name)?,
        (None, [only]) => *only,
        (None, []) => return Err(Failure::new(Exit::No, format!("no key {text}: the file has no keyspace"))),
        (None, keyspaces) => {
            let spelled =
                keyspaces.iter().find_map(|keyspace| Some((*keyspace, family::read(*keyspace, text)?)));
            return spelled.ok_or_else(|| {
                let which = which_of(keyspaces);
                let text = format!("which keyspace is {text} of? Give --keyspace; {which}");
                Failure::new(Exit::Usage, text)
            });
        }
    };
    Ok((keyspace, read(keyspace, text)?))
}

/// The keyspace of a name, or which there are.
pub(crate) fn pick<'a>(keyspaces: &[Keys<'a>], name: &str) -> Result<Keys<'a>, Failure> {
    keyspaces.iter().copied().find(|keyspace| keyspace.name == name).ok_or_else(|| {
        Failure::new(Exit::No, format!("there is no keyspace {name:?}; {}", which_of(keyspaces)))
    })
}

/// The bytes of a key as a person typed it.
fn read(keyspace: Keys<'_>, text: &str) -> Result<Vec<u8>, Failure> {
    if let Some(key) = family::read(keyspace, text) {
        return Ok(key);
    }
    let usage = |why: String| Failure::new(Exit::Usage, why);
    let Some(shape) = keyspace.shape() else {
        // Any shape will do to read hexadecimal digits.
        let bytes = if text.starts_with("0x") { KeyShape::Unit.parse_key(text).ok() } else { None };
        return bytes.ok_or_else(|| {
            usage(format!(
                "keyspace {:?} has keys of the application's own shape {:?}; give the key as 0x and the hexadecimal digits of its bytes",
                keyspace.name, keyspace.shape
            ))
        });
    };
    shape.parse_key(text).map_err(|error| usage(error.to_string()))
}

/// A key as it is shown.
pub(crate) fn spell(keyspace: &KeyspaceFacts, key: &[u8]) -> String {
    family::spell(Keys::of(keyspace), key).unwrap_or_else(|| keyspace.spell_key(key))
}

/// A word for what was found.
pub(super) const fn state(finding: &Finding) -> &'static str {
    match finding {
        Finding::Live(_) => "live",
        Finding::Expired(_) => "expired",
        Finding::OtherVersion(_) => "other_version",
        Finding::Removed(_) => "removed",
        Finding::Retired { .. } => "retired",
        Finding::Damaged { .. } => "damaged",
        _ => "absent",
    }
}

/// The exit code of a command that wants a live entry.
pub(super) const fn exit(finding: &Finding) -> Exit {
    match finding {
        Finding::Live(_) => Exit::Ok,
        Finding::Damaged { .. } => Exit::Damaged,
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
    pub(super) fn new(snapshot: &Snapshot, keyspace: &KeyspaceFacts, key: &[u8], finding: &Finding) -> Self {
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
            key: spell(keyspace, key),
            key_bytes: spell_hex(key),
            value_format: keyspace.format_name(),
            state: state(finding),
            record: finding.record().map(record),
        }
    }

    pub(super) fn found(found: &Found) -> Self {
        Self::new(&found.snapshot, &found.keyspace, &found.key, &found.finding)
    }
}

/// The failure of a command that wants a live entry, and found none.
pub(super) fn no_entry(found: &Found) -> Failure {
    let (name, now) = (spell(&found.keyspace, &found.key), found.snapshot.now());
    let why = match &found.finding {
        Finding::Expired(record) => {
            format!("it expired {} ago", crate::time::span(now.since(record.expires_at)))
        }
        Finding::OtherVersion(record) => {
            format!(
                "its record is of version {}, and the keyspace of {}",
                record.version, found.keyspace.version
            )
        }
        Finding::Removed(_) => {
            "it was removed, with others, and its record is still to be deleted".to_owned()
        }
        Finding::Retired { .. } => "it is of an earlier version of the keyspace".to_owned(),
        Finding::Damaged { cause } => format!("its record is damaged: {cause}"),
        _ => "it was never written, or is gone".to_owned(),
    };
    Failure::new(
        exit(&found.finding),
        format!("no entry {name} in keyspace {:?}: {why}", found.keyspace.name),
    )
}
