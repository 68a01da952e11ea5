//! Records: whatever stands in the file, what is read is what was written, or nothing.

use larder::Timestamp;
use larder::testing::bytes::{self, Record};

use crate::input::Input;

/// What the target drives; a test gives it a broken one.
pub(crate) struct Records {
    pub(crate) write: fn(&[u8], &Record) -> Vec<u8>,
    pub(crate) read: fn(&[u8], &[u8]) -> Option<Record>,
    pub(crate) peek: fn(&[u8]) -> Option<Record>,
}

pub(crate) const RECORDS: Records =
    Records { write: bytes::write_record, read: bytes::read_record, peek: bytes::peek_record };

/// The header's bytes, and as many of the payload as have every bit flipped.
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

/// Bytes that need not be a record, with and without a checksum that makes the rest of them believed.
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
    assert_eq!((records.read)(key, &again).as_ref(), Some(&record));
    // What is longer has an extension, which a writer of this version leaves out.
    assert!(again.len() < sealed.len() || again == sealed, "a record is written in one way");
}

fn reads_as_it_peeks(records: &Records, bytes: &[u8], record: &Record) {
    let header = Record { payload: vec![], ..record.clone() };
    assert_eq!((records.peek)(bytes), Some(header), "the checksum changes nothing else");
}

fn record(input: &mut Input<'_>) -> Record {
    Record {
        version: input.u32(),
        sequence: input.u64(),
        written_at: Timestamp::from_millis(input.u64()),
        expires_at: Timestamp::from_millis(input.u64()),
        delete_after: Timestamp::from_millis(input.u64()),
        payload: input.rest().to_vec(),
    }
}

fn written(records: &Records, key: &[u8], record: &Record) {
    let whole = (records.write)(key, record);
    assert_eq!((records.read)(key, &whole).as_ref(), Some(record), "what is written is read");
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
