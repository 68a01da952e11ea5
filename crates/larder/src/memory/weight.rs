//! The weight of an entry, in four bytes, and the overhead of an entry in the budget and in the write buffer.

use super::heap::block;
use crate::format::stored_key::StoredKey;

/// Overhead of one entry, in bytes. The weight of an entry is the size of its key and value plus this
/// overhead. It covers the slot, and the places in the index, the queue and the expiry index. It also covers
/// the entry's share of the sketch and the ghosts, and the value's reference counts. Finally it covers the
/// allocator's overhead for the value and for its heap data. A test compares this constant with the sizes of
/// the types.
pub const ENTRY_OVERHEAD: u64 = 160;

/// Number of bytes that an uncommitted entry takes besides its weight, its encoding and the [copy of its
/// key](key_copy_bytes): the fields of the entry's record and its places in the lists of the writer. A test
/// compares this constant with the sizes of the types.
pub(crate) const UNSAVED_OVERHEAD: u64 = 252;

/// Returns the number of bytes that a second [`StoredKey`] takes outside its type. The writer's batch has a
/// copy of each key.
pub(crate) const fn key_copy_bytes(key_len: usize) -> u64 {
    if StoredKey::is_in_place(key_len) { 0 } else { block(key_len) as u64 }
}

/// Weights from this number of bytes on are stored in units of 64 KiB.
const COARSE: u32 = 1 << 31;
const COARSE_SHIFT: u32 = 16;

/// A weight in bytes. A weight below 2 GiB is exact. From 2 GiB on, a weight is rounded up to a multiple of
/// 64 KiB.
///
/// All sums use the rounded weight, never the original number, so they always agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Weight(u32);

impl Weight {
    pub(super) const ZERO: Self = Self(0);

    /// Returns the weight of this number of bytes, at most 128 TiB.
    pub(crate) fn of(bytes: u64) -> Self {
        match u32::try_from(bytes) {
            Ok(exact) if exact < COARSE => Self(exact),
            _ => {
                let units = u32::try_from(bytes.div_ceil(1 << COARSE_SHIFT)).unwrap_or(u32::MAX);
                Self(COARSE | units.min(COARSE - 1))
            }
        }
    }

    pub(crate) const fn bytes(self) -> u64 {
        if self.0 < COARSE { self.0 as u64 } else { ((self.0 - COARSE) as u64) << COARSE_SHIFT }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_is_exact_or_a_little_more() {
        for bytes in [0, 1, 4096, (1 << 31) - 1] {
            assert_eq!(Weight::of(bytes).bytes(), bytes);
        }
        for bytes in [1 << 31, (1 << 31) + 1, 3 << 40, (1 << 44) - 1] {
            let weight = Weight::of(bytes).bytes();
            assert!(weight >= bytes && weight - bytes < 1 << COARSE_SHIFT, "{bytes} {weight}");
            assert_eq!(Weight::of(weight).bytes(), weight);
        }
        assert_eq!(Weight::of(u64::MAX).bytes(), ((1 << 31) - 1) << COARSE_SHIFT);
    }
}
