//! The rows of the expiry table. The rows contain the time when each entry may be deleted, grouped by
//! classes of lifetimes.
//!
//! A row begins with the class of its entry's lifetime: the logarithm of the lifetime. Within a class, rows
//! are ordered by expiry, which is nearly the order of writing. So the sweeper finds due entries, and
//! eviction finds the oldest entries, in the first rows of each class.
//!
//! | offset | size | |
//! |---|---|---|
//! | 0 | 1 | class: 1 plus the bit length of the lifetime in ms; 66 if it never expires; 0 without classes |
//! | 1 | 7 | delete-after, ms since 1970, or the maximum if it does not fit; in class 66 time of writing |
//! | 8 | … | keyspace number 4, key |
//!
//! An entry that never expires has a row of the class [`NEVER`]. The time in this row is the time of
//! writing, so that eviction also finds these entries in the order of writing. The sweeper skips this class.
//! If such an entry is overwritten soon, its row stays ([`super::batch::entries`]). The header of the record
//! then has the time of the row as its time of writing.
//!
//! A version without classes wrote delete-after in 8 bytes. The first byte is 0 for the next two million
//! years, so these rows are of class 0. The row of an entry that never expires begins with 255. The rows of
//! that version stay until their entries are overwritten or deleted. A deletion or an overwrite first looks
//! for the row with a class, then for the row without a class. A feature of the file records that it has
//! rows with classes ([`super::file_format`]).

use redb::{ReadableTable, StorageError};

use crate::format::record::Header;
use crate::units::Timestamp;

/// The class of rows that were written without a class.
pub(super) const UNCLASSED: u8 = 0;
/// The class of entries that never expire. It comes after the class of the longest lifetime.
const NEVER: u8 = 66;
/// The largest time in a row. It represents this time and all later times.
const LAST_MS: u64 = (1 << 56) - 1;

pub(super) fn row(header: &Header, key: &[u8]) -> Vec<u8> {
    let at = if header.delete_after.is_never() { header.written_at } else { header.delete_after };
    row_of(class(header), at, key)
}

/// Returns the row that a version without classes wrote for an entry. Its time is never rounded.
pub(super) fn unclassed(header: &Header, key: &[u8]) -> Vec<u8> {
    [&header.delete_after.as_millis().to_be_bytes()[..], key].concat()
}

/// Returns whether a row belongs to the entry with this header.
pub(crate) fn is_own(found: &[u8], header: &Header, key: &[u8]) -> bool {
    found == row(header, key) || found == unclassed(header, key)
}

fn class(header: &Header) -> u8 {
    if header.delete_after.is_never() {
        return NEVER;
    }
    let lifetime = header.delete_after.as_millis().saturating_sub(header.written_at.as_millis());
    u8::try_from(1 + u64::BITS - lifetime.leading_zeros()).unwrap_or(u8::MAX)
}

fn row_of(class: u8, delete_after: Timestamp, key: &[u8]) -> Vec<u8> {
    let mut row = Vec::with_capacity(8 + key.len());
    row.extend_from_slice(&delete_after.as_millis().min(LAST_MS).to_be_bytes());
    row.extend_from_slice(key);
    if let Some(first) = row.first_mut() {
        *first = class;
    }
    row
}

/// Splits a row into its time and the entry's key. The time is the earliest time when the entry may be
/// deleted, or the time of writing for an entry that never expires. If the time did not fit into 7 bytes, it
/// is `LAST_MS`, and only the entry has the exact time ([`is_rounded`]).
pub(crate) fn split(row: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (mut head, key) = row.split_first_chunk::<8>().map(|(head, key)| (*head, key))?;
    head[0] = 0;
    Some((Timestamp::from_millis(u64::from_be_bytes(head)), key))
}

/// Returns whether the time in a row may be earlier than the time in its entry.
pub(super) fn is_rounded(row: &[u8]) -> bool {
    split(row).is_some_and(|(at, _)| at.as_millis() == LAST_MS)
}

/// Returns the end of the due rows of a class. The end is greater than every row with the time `now`, even
/// for the largest time. Before the end of time, no row of the class [`NEVER`] is due.
pub(crate) fn end_of_due(class: u8, now: Timestamp) -> Vec<u8> {
    if class == NEVER && !now.is_never() {
        return vec![class];
    }
    // The number of a keyspace on disk never begins with this byte.
    row_of(class, now, &[u8::MAX])
}

/// Returns the end of the rows of a class, or `None` for the last class.
pub(super) fn end_of_class(class: u8) -> Option<[u8; 1]> {
    class.checked_add(1).map(|next| [next])
}

/// Returns the classes that have rows, and the first row of each class.
pub(crate) fn heads(
    table: &impl ReadableTable<&'static [u8], ()>,
) -> Result<Vec<(u8, Vec<u8>)>, StorageError> {
    let (mut heads, mut from) = (Vec::new(), Some([UNCLASSED]));
    while let Some(start) = from
        && let Some(row) = table.range::<&[u8]>(start.as_slice()..)?.next()
    {
        let row = row?.0.value().to_vec();
        let class = row.first().copied().unwrap_or(UNCLASSED);
        heads.push((class, row));
        from = end_of_class(class);
    }
    Ok(heads)
}

/// Returns the earliest time when an entry may be deleted, or `None` if no entry expires.
pub(crate) fn next(table: &impl ReadableTable<&'static [u8], ()>) -> Result<Option<Timestamp>, StorageError> {
    let heads = heads(table)?;
    let heads = heads.iter().filter(|(class, _)| *class != NEVER);
    Ok(heads.filter_map(|(_, row)| split(row)).map(|(at, _)| at).min())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::record::{PayloadCompression, RecordKind};

    fn header(written_at: u64, delete_after: u64) -> Header {
        Header {
            format: 2,
            kind: RecordKind::Value,
            compression: PayloadCompression::None,
            version: 0,
            sequence: 1,
            written_at: Timestamp::from_millis(written_at),
            expires_at: Timestamp::from_millis(delete_after),
            delete_after: Timestamp::from_millis(delete_after),
        }
    }

    #[test]
    fn a_row_reads_back_and_its_bytes_are_pinned() {
        let header = header(1_000, 301_000);
        let row = row(&header, b"key");
        // 300,000 ms have 19 bits.
        assert_eq!(row, [20, 0, 0, 0, 0, 4, 0x97, 0xC8, b'k', b'e', b'y']);
        assert_eq!(split(&row), Some((header.delete_after, &b"key"[..])));
        assert!(is_own(&row, &header, b"key") && is_own(&unclassed(&header, b"key"), &header, b"key"));
        assert!(!is_own(&row, &header, b"kex"));
        let later = Header { delete_after: Timestamp::from_millis(301_001), ..header };
        assert!(!is_own(&row, &later, b"key"));
        assert_eq!(split(&row[..7]), None);
    }

    #[test]
    fn the_end_of_time_is_in_no_class_too_late_to_be_swept() {
        for written_at in [0, 1 << 40] {
            let header = header(written_at, u64::MAX - 1);
            let row = row(&header, &[0, 0, 0, 1, b'k']);
            assert!(is_rounded(&row) && split(&row).unwrap().0 == Timestamp::from_millis(LAST_MS));
            assert!(row < end_of_due(row[0], Timestamp::from_millis(u64::MAX)));
            // A version without classes wrote this row.
            let old = [&(u64::MAX - 1).to_be_bytes()[..], &[0, 0, 0, 1, b'k']].concat();
            assert!(is_own(&old, &header, &[0, 0, 0, 1, b'k']));
        }
    }

    #[test]
    fn a_row_of_an_entry_that_never_expires_is_ordered_by_writing_and_never_due() {
        let key = [0, 0, 0, 1, b'k'];
        let (first, second) = (row(&header(1_000, u64::MAX), &key), row(&header(1_001, u64::MAX), &key));
        assert_eq!(first[0], NEVER);
        assert!(first < second && is_own(&first, &header(1_000, u64::MAX), &key));
        assert_eq!(split(&second), Some((Timestamp::from_millis(1_001), &key[..])));
        assert!(first >= end_of_due(NEVER, Timestamp::from_millis(u64::MAX - 1)));
        assert!(second < end_of_due(NEVER, Timestamp::from_millis(u64::MAX)), "at the end of time");
        assert!(class(&header(0, u64::MAX - 1)) < NEVER);
    }
}
