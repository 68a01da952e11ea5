//! An extension in 25 bytes instead of 56, for the values that wait for their commit.

use super::extension::Extension;
use crate::units::Timestamp;

const FINGERPRINT: u8 = 1;
const INFLATED_LEN: u8 = 2;
const LOAD_MICROS: u8 = 4;
const ENDS_AT: u8 = 8;

/// The fields of an [`Extension`], except `since_row`, which only a transaction sets. The numbers are bytes,
/// so that the type needs no alignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PackedExtension {
    fingerprint: [u8; 8],
    ends_at: [u8; 8],
    inflated_len: [u8; 4],
    load_micros: [u8; 4],
    /// The fields that the extension has, as bits.
    present: u8,
}

impl From<Extension> for PackedExtension {
    fn from(extension: Extension) -> Self {
        let Extension { fingerprint, inflated_len, load_micros, ends_at, since_row } = extension;
        debug_assert!(since_row.is_none(), "the transaction finds the row that stays");
        let bit = |is_present: bool, bit: u8| if is_present { bit } else { 0 };
        Self {
            fingerprint: fingerprint.unwrap_or(0).to_le_bytes(),
            ends_at: ends_at.map_or(0, Timestamp::as_millis).to_le_bytes(),
            inflated_len: inflated_len.unwrap_or(0).to_le_bytes(),
            load_micros: load_micros.unwrap_or(0).to_le_bytes(),
            present: bit(fingerprint.is_some(), FINGERPRINT)
                | bit(inflated_len.is_some(), INFLATED_LEN)
                | bit(load_micros.is_some(), LOAD_MICROS)
                | bit(ends_at.is_some(), ENDS_AT),
        }
    }
}

impl PackedExtension {
    pub(crate) fn unpack(self) -> Extension {
        let has = |bit: u8| self.present & bit != 0;
        Extension {
            fingerprint: has(FINGERPRINT).then(|| u64::from_le_bytes(self.fingerprint)),
            inflated_len: has(INFLATED_LEN).then(|| u32::from_le_bytes(self.inflated_len)),
            load_micros: has(LOAD_MICROS).then(|| u32::from_le_bytes(self.load_micros)),
            ends_at: has(ENDS_AT).then(|| Timestamp::from_millis(u64::from_le_bytes(self.ends_at))),
            since_row: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_comes_back_with_the_others_or_alone() {
        assert_eq!(size_of::<PackedExtension>(), 25);
        for (number, wide) in [(0, 0), (7, 8), (u32::MAX, u64::MAX)] {
            for present in 0..16 {
                let extension = Extension {
                    fingerprint: (present & 1 != 0).then_some(wide),
                    inflated_len: (present & 2 != 0).then_some(number),
                    load_micros: (present & 4 != 0).then_some(number),
                    ends_at: (present & 8 != 0).then_some(Timestamp::from_millis(wide)),
                    since_row: None,
                };
                assert_eq!(PackedExtension::from(extension).unpack(), extension);
            }
        }
    }
}
