//! What each owner was promised, and how a crash is held against that.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use larder::{Cache, DiskState, Keyspace, KeyspaceDefinition};
use serde::{Deserialize, Serialize};

use crate::support::HOUR;

/// Owners: the first two share a keyspace, each of the others has one that changes its version.
pub(super) const OWNERS: usize = 4;
/// Keys of each owner.
pub(super) const KEYS: u64 = 30;

/// An owner, and which of its keys.
pub(super) type OwnedKey = (u64, u64);
pub(super) type OwnedKeyspace = Keyspace<OwnedKey, Held>;

/// A value that shows where it belongs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held {
    keyspace: String,
    /// Of the keyspace.
    revision: u32,
    key: OwnedKey,
    /// Which of its owner's it is.
    number: u64,
    filler: Vec<u8>,
}

/// The keyspace of an owner.
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

/// The number of what stands under a key, which must belong there.
pub(super) fn read(space: &OwnedKeyspace, revision: u32, key: OwnedKey) -> Option<u64> {
    let held = space.get(&key)?;
    let expected = Held::new(space, revision, key, held.number, held.filler.len());
    let Held { keyspace, revision: of, key: at, number, .. } = &*held;
    assert!(
        *held == expected,
        "{key:?} of {} {revision} is {number} of {at:?} of {keyspace} {of}",
        space.name()
    );
    Some(held.number)
}

/// What an owner was promised.
#[derive(Debug)]
pub(super) struct Promises {
    pub(super) revision: AtomicU32,
    /// For each key: up to which number it was removed for certain.
    pub(super) removed: Vec<AtomicU64>,
}

impl Default for Promises {
    fn default() -> Self {
        Self { revision: AtomicU32::new(0), removed: (0..KEYS).map(|_| AtomicU64::new(0)).collect() }
    }
}

/// The same at one moment.
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

/// Holds what a crash left against what had been promised before it.
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
