//! The promises to each owner, and the check that the file after a crash keeps them.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use larder::{Cache, DiskState, Keyspace, KeyspaceDefinition};
use serde::{Deserialize, Serialize};

use crate::support::HOUR;

/// Number of owners. The first two owners share a keyspace. Each of the others has its own keyspace, and
/// changes its version.
pub(super) const OWNERS: usize = 4;
/// Number of keys per owner.
pub(super) const KEYS: u64 = 30;

/// The index of an owner, and the number of one of its keys.
pub(super) type OwnedKey = (u64, u64);
pub(super) type OwnedKeyspace = Keyspace<OwnedKey, Held>;

/// A value that contains its own keyspace, version and key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held {
    keyspace: String,
    /// Version of the keyspace.
    revision: u32,
    key: OwnedKey,
    /// Number that the owner gave to this value.
    number: u64,
    filler: Vec<u8>,
}

/// Returns the keyspace of an owner in this version.
pub(super) fn definition(owner: usize, revision: u32) -> KeyspaceDefinition<OwnedKey, Held> {
    let name = ["shared", "shared", "third", "fourth"][owner];
    KeyspaceDefinition::new(name).version(revision).ttl(HOUR)
}

impl Held {
    pub(super) fn new(space: &OwnedKeyspace, revision: u32, key: OwnedKey, number: u64, len: usize) -> Self {
        Self {
            keyspace: space.name().to_owned(),
            revision,
            key,
            number,
            filler: vec![number.to_le_bytes()[0]; len],
        }
    }
}

/// Returns the number of the key's value. Checks that the value was written under this key.
pub(super) fn read(space: &OwnedKeyspace, revision: u32, key: OwnedKey) -> Option<u64> {
    let held = space.get(&key)?;
    let expected = Held::new(space, revision, key, held.number, held.filler.len());
    let Held { keyspace, revision: of, key: at, number, .. } = &*held;
    assert!(
        *held == expected,
        "a value of another key or version: {key:?} of {} {revision} is {number} of {at:?} of {keyspace} {of}",
        space.name()
    );
    Some(held.number)
}

#[derive(Debug)]
pub(super) struct Promises {
    pub(super) revision: AtomicU32,
    /// For each key, a number up to which the removal of its values was acknowledged.
    pub(super) removed: Vec<AtomicU64>,
}

impl Default for Promises {
    fn default() -> Self {
        Self { revision: AtomicU32::new(0), removed: (0..KEYS).map(|_| AtomicU64::new(0)).collect() }
    }
}

/// A copy of the promises to one owner.
#[derive(Debug)]
pub(super) struct Promised {
    revision: u32,
    removed: Vec<u64>,
}

impl Promises {
    pub(super) fn promised(&self) -> Promised {
        let removed = self.removed.iter().map(|number| number.load(Ordering::SeqCst)).collect();
        Promised { revision: self.revision.load(Ordering::SeqCst), removed }
    }
}

/// Checks the content after a crash against the promises from before the crash.
pub(super) fn look_at(crashed: &Cache, promised: &[Promised], state: DiskState) {
    for (owner, promised) in promised.iter().enumerate() {
        let space = crashed.keyspace(definition(owner, promised.revision)).unwrap();
        for (at, removed) in (0..).zip(&promised.removed) {
            let key = (owner as u64, at);
            let found = read(&space, promised.revision, key);
            assert!(
                found.is_none_or(|number| number > *removed),
                "{key:?} is {found:?} after a crash, and was removed up to {removed}; the disk tier was {state:?}"
            );
        }
    }
}
