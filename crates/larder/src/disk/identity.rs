//! Which cache file a file is, whatever its path: files that belong to it name it by this.

use std::fmt;
use std::hash::{BuildHasher, RandomState};

use crate::units::Timestamp;

/// The identity of a cache file: 16 random bytes, given to it when it was made or upgraded, and kept for as long as it is.
///
/// A fresh file in the place of one that was discarded has another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileIdentity([u8; Self::LEN]);

impl FileIdentity {
    pub(crate) const LEN: usize = 16;

    /// The identity of these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; Self::LEN] {
        self.0
    }

    /// A new identity. The seeds of hash maps are the standard library's access to randomness; a child that was forked has inherited them, so the
    /// process and the time are hashed with them.
    pub(super) fn random(now: Timestamp) -> Self {
        let seed = RandomState::new();
        let half = |which: u8| seed.hash_one((which, std::process::id(), now.as_millis()));
        let mut bytes = [0; Self::LEN];
        for (at, byte) in bytes.iter_mut().zip([half(0), half(1)].map(u64::to_be_bytes).as_flattened()) {
            *at = *byte;
        }
        Self(bytes)
    }
}

impl fmt::Display for FileIdentity {
    /// As 32 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_alike_and_each_is_spelled_as_its_bytes() {
        let now = Timestamp::from_millis(1);
        assert_ne!(FileIdentity::random(now), FileIdentity::random(now));
        let [first, second] = FileIdentity::random(now).to_bytes().as_chunks::<8>().0.try_into().unwrap();
        assert_ne!(first, second, "each half is of its own");
        let mut bytes = [0; FileIdentity::LEN];
        (bytes[0], bytes[15]) = (0x0A, 0xF1);
        assert_eq!(FileIdentity::from_bytes(bytes).to_string(), "0a0000000000000000000000000000f1");
    }
}
