//! The identity of a cache file, independent of its path. Other files refer to a cache file by its identity.

use std::fmt;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::sys::sync::hash_seeds;
use crate::units::Timestamp;

/// The identity of a cache file: 16 random bytes. A file receives its identity when it is created, or
/// upgraded from format 1. The identity never changes.
///
/// A new file that replaces a discarded file has a new identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileIdentity([u8; Self::LEN]);

impl FileIdentity {
    pub(crate) const LEN: usize = 16;

    /// Creates an identity from its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes of the identity.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; Self::LEN] {
        self.0
    }
}

/// The source of identities. Identities are random, or derived from a seed so that the runs of a cache are
/// repeatable.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Identities {
    seed: Option<u64>,
}

impl Identities {
    pub(crate) const fn new(seed: Option<u64>) -> Self {
        Self { seed }
    }

    /// Returns a new identity. `replaced` is the identity of the file that the new file replaces, if any.
    ///
    /// The random hash seeds are the crate's source of randomness. A forked child has inherited them, so the
    /// process id and the time are hashed as well.
    pub(super) fn make(self, now: Timestamp, replaced: Option<FileIdentity>) -> FileIdentity {
        let inputs = (now.as_millis(), replaced.map(FileIdentity::to_bytes));
        let half = |which: u8| match self.seed {
            None => hash_seeds().hash_one((which, std::process::id(), inputs)),
            Some(seed) => xxh3_64_with_seed(format!("{which} {inputs:?}").as_bytes(), seed),
        };
        let mut bytes = [0; FileIdentity::LEN];
        for (at, byte) in bytes.iter_mut().zip([half(0), half(1)].map(u64::to_be_bytes).as_flattened()) {
            *at = *byte;
        }
        FileIdentity(bytes)
    }
}

impl fmt::Display for FileIdentity {
    /// Writes 32 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_the_same_ones_again_and_another_for_each_file() {
        let (seven, eight) = (Identities::new(Some(7)), Identities::new(Some(8)));
        let first = seven.make(Timestamp::ZERO, None);
        assert_eq!(seven.make(Timestamp::ZERO, None), first);
        let second = seven.make(Timestamp::ZERO, Some(first));
        let third = seven.make(Timestamp::ZERO, Some(second));
        assert!(first != second && second != third && third != first);
        assert_ne!(eight.make(Timestamp::ZERO, None), first);
    }

    #[test]
    fn no_two_are_alike_and_each_is_spelled_as_its_bytes() {
        let now = Timestamp::from_millis(1);
        let random = Identities::default();
        assert_ne!(random.make(now, None), random.make(now, None));
        let [first, second] = random.make(now, None).to_bytes().as_chunks::<8>().0.try_into().unwrap();
        assert_ne!(first, second, "each half is of its own");
        let mut bytes = [0; FileIdentity::LEN];
        (bytes[0], bytes[15]) = (0x0A, 0xF1);
        assert_eq!(FileIdentity::from_bytes(bytes).to_string(), "0a0000000000000000000000000000f1");
    }
}
