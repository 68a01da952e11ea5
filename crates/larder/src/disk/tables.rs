//! The tables of a larder file, and the bytes of their rows. Integers are big endian.
//!
//! | table | key | value |
//! |---|---|---|
//! | `larder.meta` | `"format"` | format version, 4 bytes |
//! | | `"state"` | last sequence 8, time mark 8 (ms since 1970), next keyspace number 4, closed cleanly 1 |
//! | | `"lifetime"` | counts since the file was made, 8 each, in the order of [`Lifetime`]; the XXH3-64 of these, 8 |
//! | `larder.keyspaces` | name | number 4, version 4, entries 8, bytes 8, fingerprint 8 (0: none), key shape (UTF-8) |
//! | `larder.retired` | keyspace number | bytes it is still charged for, until its entries are deleted |
//! | `larder.entries` | keyspace number 4, key | a record ([`crate::record`]) |
//! | `larder.expiry` | delete-after 8 (ms since 1970), keyspace number 4, key | nothing |
//!
//! The row `"lifetime"` may be missing. Readers pass over counts that they do not know, and begin anew if the checksum is wrong.

use redb::{TableDefinition, TableHandle};

use crate::id::KeyspaceId;
use crate::record::{Damage, Fields, checksum};
use crate::stats::Lifetime;
use crate::units::Timestamp;

type Bytes = &'static [u8];

pub(crate) const META: TableDefinition<'static, &str, Bytes> = TableDefinition::new("larder.meta");
pub(crate) const KEYSPACES: TableDefinition<'static, &str, Bytes> = TableDefinition::new("larder.keyspaces");
pub(crate) const RETIRED: TableDefinition<'static, u32, u64> = TableDefinition::new("larder.retired");
pub(crate) const ENTRIES: TableDefinition<'static, Bytes, Bytes> = TableDefinition::new("larder.entries");
pub(crate) const EXPIRY: TableDefinition<'static, Bytes, ()> = TableDefinition::new("larder.expiry");

pub(crate) const FORMAT_ROW: &str = "format";
pub(crate) const STATE_ROW: &str = "state";
pub(crate) const LIFETIME_ROW: &str = "lifetime";

/// The format of the tables above. Files of a newer one are refused.
pub(crate) const FORMAT: u32 = 1;

/// The name by which even a damaged file is known to be ours: it stands in the file's list of tables.
pub(crate) fn marker() -> Vec<u8> {
    META.name().as_bytes().to_vec()
}

/// Where the cache stood at its last commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct State {
    pub(crate) sequence: u64,
    pub(crate) mark: Timestamp,
    /// Numbers are not used twice: memory may still hold entries of a keyspace that is gone.
    pub(crate) next_keyspace: u32,
    pub(crate) closed_cleanly: bool,
}

impl State {
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(21);
        bytes.extend_from_slice(&self.sequence.to_be_bytes());
        bytes.extend_from_slice(&self.mark.as_millis().to_be_bytes());
        bytes.extend_from_slice(&self.next_keyspace.to_be_bytes());
        bytes.push(u8::from(self.closed_cleanly));
        bytes
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Damage> {
        let mut fields = Fields(bytes);
        Ok(Self {
            sequence: u64::from_be_bytes(fields.take()?),
            mark: Timestamp::from_millis(u64::from_be_bytes(fields.take()?)),
            next_keyspace: u32::from_be_bytes(fields.take()?),
            closed_cleanly: fields.take()? == [1],
        })
    }
}

pub(crate) fn lifetime_to_bytes(lifetime: &Lifetime) -> Vec<u8> {
    let mut bytes: Vec<u8> = lifetime.numbers().into_iter().flat_map(u64::to_be_bytes).collect();
    bytes.extend_from_slice(&checksum(LIFETIME_ROW.as_bytes(), &bytes).to_be_bytes());
    bytes
}

/// The counts of a row; none if it is damaged.
pub(crate) fn read_lifetime(bytes: &[u8]) -> Option<Lifetime> {
    let (counts, sum) = bytes.split_last_chunk::<8>()?;
    let (numbers, rest) = counts.as_chunks::<8>();
    let is_whole = rest.is_empty() && checksum(LIFETIME_ROW.as_bytes(), counts).to_be_bytes() == *sum;
    is_whole.then(|| Lifetime::of(numbers.iter().map(|number| u64::from_be_bytes(*number))))
}

/// What the file knows of a keyspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyspaceRow {
    pub(crate) id: KeyspaceId,
    pub(crate) version: u32,
    pub(crate) entries: u64,
    /// Bytes its entries are charged for: see [`charge`].
    pub(crate) bytes: u64,
    pub(crate) fingerprint: u64,
    pub(crate) shape: String,
}

impl KeyspaceRow {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(32 + self.shape.len());
        bytes.extend_from_slice(&self.id.to_bytes());
        bytes.extend_from_slice(&self.version.to_be_bytes());
        bytes.extend_from_slice(&self.entries.to_be_bytes());
        bytes.extend_from_slice(&self.bytes.to_be_bytes());
        bytes.extend_from_slice(&self.fingerprint.to_be_bytes());
        bytes.extend_from_slice(self.shape.as_bytes());
        bytes
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Damage> {
        let mut fields = Fields(bytes);
        Ok(Self {
            id: KeyspaceId::on_disk(u32::from_be_bytes(fields.take()?)),
            version: u32::from_be_bytes(fields.take()?),
            entries: u64::from_be_bytes(fields.take()?),
            bytes: u64::from_be_bytes(fields.take()?),
            fingerprint: u64::from_be_bytes(fields.take()?),
            shape: std::str::from_utf8(fields.0).map_err(|_| Damage::Unknown)?.to_owned(),
        })
    }
}

/// Half a page: a larger entry does not share its page with another.
const SHARED_UP_TO: u64 = 2048;
const PAGE: u64 = 4096;
/// Bytes redb keeps beside a small entry, in its two tables.
const ROW_OVERHEAD: u64 = 16;

/// The bytes that an entry takes in the file: key and record, its expiry row, and what the store adds. Larger records stand in
/// pages of their own, which come in powers of two.
pub(crate) fn charge(key_len: usize, record_len: usize) -> u64 {
    let row = (key_len + record_len) as u64 + ROW_OVERHEAD;
    let stored = if row <= SHARED_UP_TO { row } else { row.next_power_of_two().max(PAGE) };
    stored + key_len as u64 + 8 + ROW_OVERHEAD
}

/// The key of an entry's row in the expiry table.
pub(crate) fn expiry_key(delete_after: Timestamp, key: &[u8]) -> Vec<u8> {
    let mut row = Vec::with_capacity(8 + key.len());
    row.extend_from_slice(&delete_after.as_millis().to_be_bytes());
    row.extend_from_slice(key);
    row
}

/// The end of the rows whose time has come: above every row of this moment, also at the end of time.
pub(crate) fn end_of_due(now: Timestamp) -> Vec<u8> {
    // No keyspace on disk has a number that starts so.
    expiry_key(now, &[u8::MAX])
}

/// Takes the key of an expiry row apart.
pub(crate) fn split_expiry_key(row: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (millis, key) = row.split_first_chunk::<8>()?;
    Some((Timestamp::from_millis(u64::from_be_bytes(*millis)), key))
}

/// The least byte string above every one that starts with `prefix`; `None` when there is none.
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
    fn rows_read_back_and_their_bytes_are_pinned() {
        let mark = Timestamp::from_millis(3);
        let state = State { sequence: 258, mark, next_keyspace: 4, closed_cleanly: true };
        assert_eq!(state.to_bytes(), [0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 4, 1]);
        assert_eq!(State::read(&state.to_bytes()), Ok(state));
        let shape = "(string, u64)".to_owned();
        let row = KeyspaceRow {
            id: KeyspaceId::on_disk(5),
            version: 6,
            entries: 7,
            bytes: 8,
            fingerprint: 9,
            shape,
        };
        let mut pinned = vec![0, 0, 0, 5, 0, 0, 0, 6];
        for number in [7_u8, 8, 9] {
            pinned.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, number]);
        }
        pinned.extend_from_slice(b"(string, u64)");
        assert_eq!(row.to_bytes(), pinned);
        assert_eq!(KeyspaceRow::read(&pinned), Ok(row));
        assert!(KeyspaceRow::read(&pinned[..31]).is_err() && State::read(&[]).is_err());
    }

    #[test]
    fn lifetime_counts_read_back_and_damaged_ones_are_none() {
        let counts = Lifetime::of(1..=16);
        let row = lifetime_to_bytes(&counts);
        assert_eq!(row.len(), 17 * 8);
        assert_eq!(&row[..16], [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2]);
        assert_eq!(read_lifetime(&row), Some(counts));
        for damaged in [&row[..0], &row[..8], &row[1..], &row[..row.len() - 8], &[0; 16]] {
            assert_eq!(read_lifetime(damaged), None);
        }
        // Of a version that counts more, and of one that counts less.
        for numbers in [1..=20_u64, 1..=3] {
            let mut row: Vec<u8> = numbers.flat_map(u64::to_be_bytes).collect();
            row.extend(checksum(b"lifetime", &row).to_be_bytes());
            assert_eq!(read_lifetime(&row).unwrap().disk_hits, 3);
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
