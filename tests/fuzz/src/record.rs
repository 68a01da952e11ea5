//! Fuzzes records. Whatever bytes the file contains, a record is read as it was written, or is not read at
//! all.

use larder::Timestamp;
use larder::testing::bytes::{self, RECORD_FORMAT, RecordFields};

use crate::input::Input;

/// The functions under test. The tests also pass broken ones.
pub(crate) struct Records {
    pub(crate) write: fn(&[u8], &RecordFields) -> Vec<u8>,
    pub(crate) read: fn(&[u8], &[u8]) -> Option<RecordFields>,
    pub(crate) peek: fn(&[u8]) -> Option<RecordFields>,
}

pub(crate) const RECORDS: Records =
    Records { write: bytes::write_record, read: bytes::read_record, peek: bytes::peek_record };

/// Number of leading bytes in which each bit is flipped in turn: the header and a part of the payload.
const FLIPPED: usize = 80;

pub(crate) fn check(records: &Records, data: &[u8]) {
    let mut input = Input::new(data);
    let key = input.short();
    if input.flag() {
        any_bytes(records, key, input.rest());
    } else {
        written(records, key, &record(&mut input));
    }
}

/// Reads bytes that may not be a valid record. Then gives them a valid checksum, and reads them again.
fn any_bytes(records: &Records, key: &[u8], found: &[u8]) {
    if let Some(record) = (records.read)(key, found) {
        reads_as_it_peeks(records, found, &record);
    }
    let mut sealed = found.to_vec();
    bytes::seal_record(key, &mut sealed);
    let Some(record) = (records.read)(key, &sealed) else { return };
    reads_as_it_peeks(records, &sealed, &record);
    assert!(sealed.ends_with(&record.payload), "the payload is the end of the record");
    let again = (records.write)(key, &record);
    let is_of_format_1 = record.format < RECORD_FORMAT;
    assert_eq!((records.read)(key, &again), Some(RecordFields { format: RECORD_FORMAT, ..record }));
    // A longer record may have fields that this version does not write.
    let is_the_same = again == sealed || is_of_format_1 && again.len() == sealed.len();
    assert!(again.len() < sealed.len() || is_the_same, "a record is written in one way");
}

fn reads_as_it_peeks(records: &Records, bytes: &[u8], record: &RecordFields) {
    let without = RecordFields { fingerprint: None, inflated_len: None, ..record.clone() };
    let without = RecordFields { load_micros: None, ends_at: None, payload: vec![], ..without };
    let row_at = record.written_at.as_millis() - u64::from(record.since_row.unwrap_or(0));
    let header = RecordFields { written_at: Timestamp::from_millis(row_at), since_row: None, ..without };
    assert_eq!((records.peek)(bytes), Some(header), "the checksum changes nothing else");
}

fn record(input: &mut Input<'_>) -> RecordFields {
    // The number 3 selects an absence, which has no payload and is never compressed.
    let (how, has_fingerprint) = (u8::try_from(input.below(4)).unwrap(), input.flag());
    let (kind, compression) = if how == 3 { (1, 0) } else { (0, how) };
    let has_length = input.flag() || compression != 0;
    let (has_load_time, has_end) = (input.flag(), input.flag());
    let since_row = input.flag().then(|| input.u32());
    RecordFields {
        format: RECORD_FORMAT,
        kind,
        compression,
        fingerprint: has_fingerprint.then(|| input.u64()),
        inflated_len: has_length.then(|| input.u32()),
        load_micros: has_load_time.then(|| input.u32()),
        ends_at: has_end.then(|| Timestamp::from_millis(input.u64())),
        since_row,
        version: input.u32(),
        sequence: input.u64(),
        written_at: Timestamp::from_millis(input.u64().max(since_row.unwrap_or(0).into())),
        expires_at: Timestamp::from_millis(input.u64()),
        delete_after: Timestamp::from_millis(input.u64()),
        payload: if kind == 0 { input.rest().to_vec() } else { vec![] },
    }
}

fn written(records: &Records, key: &[u8], record: &RecordFields) {
    let whole = (records.write)(key, record);
    assert_eq!((records.read)(key, &whole).as_ref(), Some(record), "a written record is read");
    reads_as_it_peeks(records, &whole, record);
    for at in 0..whole.len().min(FLIPPED) {
        for bit in 0..8 {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << bit;
            assert_eq!((records.read)(key, &flipped), None, "byte {at} with bit {bit} flipped");
        }
        assert_eq!((records.read)(key, &whole[..at]), None, "cut to {at} bytes");
    }
    let longer = [&whole[..], &[0]].concat();
    assert_eq!((records.read)(key, &longer), None, "a byte more");
    let other = [key, &[0]].concat();
    assert_eq!((records.read)(&other, &whole), None, "under another key");
}
