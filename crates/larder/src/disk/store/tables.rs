//! The tables of a larder file, and the bytes of their rows. Integers are big endian.
//!
//! | table | key | value |
//! |---|---|---|
//! | `larder.meta` | `"format"` | format version, 4 bytes ([`super::file_format`]) |
//! | | `"features"` | features that a reader must know, one bit each, 8 |
//! | | `"identity"` | 16 random bytes ([`super::identity`]) |
//! | | `"state"` | last sequence 8, clock watermark 8 (ms since 1970), next number 4, closed cleanly 1 |
//! | | `"lifetime"` | [`CumulativeStats`] since the file was made, 8 each; their XXH3-64, 8 |
//! | | `"charging"` | rule for charging entries ([`super::charging`]), 1; missing for the first rule |
//! | `larder.keyspaces` | name | number, version, counts, and fields ([`super::keyspace_row`]) |
//! | `larder.retired` | keyspace number | bytes still charged for, until its entries are deleted |
//! | `larder.entries` | keyspace number 4, key | a record ([`crate::format::record`]) |
//! | `larder.expiry` | class 1, delete-after 7, keyspace number 4, key ([`super::expiry`]) | nothing |
//! | `larder.ranges` | sequence 8 | [`Scope`](crate::format::key::scope::Scope) of a pending range removal |
//!
//! The row `"lifetime"` may be missing. Readers ignore unknown counts, and start from zero if the checksum
//! is wrong. The table `larder.ranges` is missing until its first row is written
//! ([`super::range_removals`]). Format 1 has no features, no identity and no ranges.

use redb::{TableDefinition, TableHandle};

use crate::format::record::{Damage, Fields, checksum};
use crate::stats::cumulative::CumulativeStats;
use crate::units::Timestamp;

type RowBytes = &'static [u8];

pub(crate) const META: TableDefinition<'static, &str, RowBytes> = TableDefinition::new("larder.meta");
pub(crate) const KEYSPACES: TableDefinition<'static, &str, RowBytes> =
    TableDefinition::new("larder.keyspaces");
pub(crate) const RETIRED: TableDefinition<'static, u32, u64> = TableDefinition::new("larder.retired");
pub(crate) const ENTRIES: TableDefinition<'static, RowBytes, RowBytes> =
    TableDefinition::new("larder.entries");
pub(crate) const EXPIRY: TableDefinition<'static, RowBytes, ()> = TableDefinition::new("larder.expiry");
pub(crate) const RANGES: TableDefinition<'static, RowBytes, RowBytes> = TableDefinition::new("larder.ranges");

pub(super) const FORMAT_ROW: &str = "format";
pub(super) const FEATURES_ROW: &str = "features";
pub(super) const IDENTITY_ROW: &str = "identity";
pub(super) const STATE_ROW: &str = "state";
pub(super) const CUMULATIVE_ROW: &str = "lifetime";
pub(super) const CHARGING_ROW: &str = "charging";

/// Returns the name of the metadata table. The file's list of tables contains this name. So even a damaged
/// file may be recognized as ours.
pub(crate) fn marker() -> Vec<u8> {
    META.name().as_bytes().to_vec()
}

/// The state of the file after its last commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct CommitState {
    pub(crate) sequence: u64,
    pub(crate) clock_watermark: Timestamp,
    /// The next number for a keyspace. Numbers are not reused, because memory may still hold entries of a
    /// retired keyspace.
    pub(crate) next_keyspace: u32,
    pub(crate) closed_cleanly: bool,
}

impl CommitState {
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(21);
        bytes.extend_from_slice(&self.sequence.to_be_bytes());
        bytes.extend_from_slice(&self.clock_watermark.as_millis().to_be_bytes());
        bytes.extend_from_slice(&self.next_keyspace.to_be_bytes());
        bytes.push(u8::from(self.closed_cleanly));
        bytes
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Damage> {
        let mut fields = Fields(bytes);
        Ok(Self {
            sequence: u64::from_be_bytes(fields.take()?),
            clock_watermark: Timestamp::from_millis(u64::from_be_bytes(fields.take()?)),
            next_keyspace: u32::from_be_bytes(fields.take()?),
            closed_cleanly: fields.take()? == [1],
        })
    }
}

pub(super) fn cumulative_to_bytes(counts: &CumulativeStats) -> Vec<u8> {
    let mut bytes: Vec<u8> = counts.numbers().into_iter().flat_map(u64::to_be_bytes).collect();
    bytes.extend_from_slice(&checksum(CUMULATIVE_ROW.as_bytes(), &bytes).to_be_bytes());
    bytes
}

/// Returns the counts in a row, or `None` if the row is damaged.
pub(super) fn read_cumulative(bytes: &[u8]) -> Option<CumulativeStats> {
    let (counts, sum) = bytes.split_last_chunk::<8>()?;
    let (numbers, rest) = counts.as_chunks::<8>();
    let is_whole = rest.is_empty() && checksum(CUMULATIVE_ROW.as_bytes(), counts).to_be_bytes() == *sum;
    is_whole.then(|| CumulativeStats::of(numbers.iter().map(|number| u64::from_be_bytes(*number))))
}

/// Returns the smallest byte string that is greater than every byte string with this prefix, or `None` if
/// `prefix` is empty or all its bytes are 255.
pub(crate) fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|&byte| byte != u8::MAX)?;
    let mut end = prefix.get(..=last)?.to_vec();
    if let Some(byte) = end.last_mut() {
        *byte += 1;
    }
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_reads_back_and_its_bytes_are_pinned() {
        let clock_watermark = Timestamp::from_millis(3);
        let state = CommitState { sequence: 258, clock_watermark, next_keyspace: 4, closed_cleanly: true };
        assert_eq!(state.to_bytes(), [0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 4, 1]);
        assert_eq!(CommitState::read(&state.to_bytes()), Ok(state));
        assert!(CommitState::read(&state.to_bytes()[..20]).is_err());
    }

    #[test]
    fn lifetime_counts_read_back_and_damaged_ones_are_none() {
        let counts = CumulativeStats::of(1..=23);
        let row = cumulative_to_bytes(&counts);
        assert_eq!(row.len(), 24 * 8);
        assert_eq!(&row[..16], [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2]);
        assert_eq!(read_cumulative(&row), Some(counts));
        for damaged in [&row[..0], &row[..8], &row[1..], &row[..row.len() - 8], &[0; 16]] {
            assert_eq!(read_cumulative(damaged), None);
        }
        // Rows of a version with more counts, and of a version with fewer counts.
        for numbers in [1..=28_u64, 1..=3] {
            let mut row: Vec<u8> = numbers.flat_map(u64::to_be_bytes).collect();
            row.extend(checksum(b"lifetime", &row).to_be_bytes());
            assert_eq!(read_cumulative(&row).unwrap().disk_hits, 3);
        }
    }

    #[test]
    fn a_prefix_ends_before_the_next_byte_string() {
        assert_eq!(after_prefix(&[1, 2]), Some(vec![1, 3]));
        assert_eq!(after_prefix(&[1, 255, 255]), Some(vec![2]));
        assert_eq!(after_prefix(&[255, 255]), None);
        assert_eq!(after_prefix(&[]), None);
    }
}
