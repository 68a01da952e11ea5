//! Ranges: the keys with the same first parts, which one request removes.
//!
//! A keyspace has ranges if its definition says how many first parts the keys of a range have in common. A
//! slot of such a keyspace has the generation of its range in place of that of its keyspace. Two keys on the
//! server belong to a range:
//!
//! - Its *generation*: the first 8 bytes of the keyspace's generation, and 8 random bytes, which are the
//!   generation in the slots. If the keyspace has another generation now, or if the key is missing, then the
//!   range has no generation, and every slot of it counts as empty.
//! - Its *signal*, which exists only within the script that removes the range.
//!
//! 1. A lookup, and each other script that needs a valid slot, reads the slot and both generations in one
//!    step. A generation that was read by a later request could be newer than the lease that gets it.
//! 2. A lookup that returns a record, and each request for a lease, also read the signal. With per-key
//!    tracking, the server then pushes the next change of the signal to this client. A caller that waits for
//!    the load of another client is woken by this push.
//! 3. A script that stores a lease, a value or a watch mark makes a missing generation anew. Only a fill does
//!    not. The new generation is random and not a counter: a counter that was evicted would start again, and
//!    make earlier records valid.
//! 4. A fill, and the release of a lease, compare the generation in the lease with that of the range. So a
//!    load that began before a removal of the range stores nothing, and callers that came after the removal
//!    do not get its result.
//! 5. A removal removes the generation, then sets and removes the signal, in one step. The client that gets
//!    the push of the signal drops its near copies of the range, and voids the tokens of the range.
//!
//! If the signal were not read in the step of (1), a removal between the two steps would not be pushed to
//! this client. The pushes of the generation itself are ignored. Each first load in a range makes a
//! generation, and so does each first load after it has ended. If these pushes were not ignored, each of them
//! would make every near cache walk over its whole memory. An evicted generation makes the records of the
//! range missing at the server, but no near copy wrong: the next removal still sends its signal.
//!
//! A generation lives for at least two days, and for at least as long as each record of its range. A script
//! that stores a record, or makes its life longer, also makes the life of the generation longer.
//!
//! The name of the data is not part of these keys. So a removal also removes the range if the name has
//! changed and this client does not know that yet. But it does not find the generation of the keyspace, which
//! may belong to ranges of another number of parts. So the script of the removal compares the name, and a
//! walk follows if it differs. While the name is being read again, a removal walks. A generation belongs to
//! one name, because it begins with the generation of its keyspace.
//!
//! The generation of a keyspace with ranges ends with the number of their parts, and so do the keys of a
//! range. A client with another number sees no generation, and makes it anew for the whole keyspace. Its
//! removal of a range removes the generation of the keyspace. Otherwise the records of the other clients
//! would survive the removal, because they do not have the generation of this range.

use larder::inspect::KeyShape;
use larder::remote::RemoteKeyspace;

/// How the keys of a keyspace belong to ranges.
#[derive(Debug, Clone)]
pub(super) struct RangeShape {
    shape: KeyShape,
    parts: u8,
}

/// The keys on the server that belong to a range.
#[derive(Debug)]
pub(super) struct RangeKeys {
    pub(super) generation: Vec<u8>,
    pub(super) signal: Vec<u8>,
}

impl RangeShape {
    /// Returns `None` if the keyspace has no ranges. The slots of a plain keyspace have no generation.
    pub(super) fn of(keyspace: &RemoteKeyspace, is_plain: bool) -> Option<Self> {
        let shape = keyspace.shape.parse().ok()?;
        (keyspace.range_parts > 0 && !is_plain).then_some(Self { shape, parts: keyspace.range_parts })
    }

    /// Returns the beginning of a key that all keys of its range have in common.
    pub(super) fn range_of<'a>(&self, key: &'a [u8]) -> Option<&'a [u8]> {
        self.shape.first_parts(key, self.parts.into())
    }

    /// Returns the last byte of the keys of a range.
    pub(super) const fn mark(&self) -> u8 {
        b'0' + self.parts
    }
}
