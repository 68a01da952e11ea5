//! Values in records: compressed values, and values with any fingerprint.

use std::collections::BTreeSet;
use std::fmt::Debug;

use larder::testing::bytes::{self, RECORD_FORMAT, RecordFields};
use larder::{Format, MAX_VALUE_LEN, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Codec, Product, Tree};
use crate::input::Input;
use crate::seeds::Seed;

const LZ4: u8 = 1;

/// Returns a record with this value. The other fields are fixed.
fn record(
    compression: u8,
    fingerprint: Option<u64>,
    inflated_len: Option<u32>,
    payload: &[u8],
) -> RecordFields {
    let time = Timestamp::from_millis(1_700_000_000_000);
    RecordFields {
        version: 1,
        sequence: 1,
        written_at: time,
        expires_at: time,
        delete_after: time,
        format: RECORD_FORMAT,
        kind: 0,
        compression,
        fingerprint,
        inflated_len,
        load_micros: None,
        ends_at: None,
        since_row: None,
        payload: payload.to_vec(),
    }
}

pub(super) fn check<C: Codec>(input: &mut Input<'_>) {
    match input.below(5) {
        0 => any_fingerprint::<C, Product>(input),
        1 => any_fingerprint::<C, Tree>(input),
        2 => any_fingerprint::<C, BTreeSet<(u8, String)>>(input),
        3 => inflated::<C>(input),
        _ => deflated::<C>(input.rest()),
    }
}

fn sorted(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.sort_unstable();
    bytes
}

/// Checks that a value that is read under a fingerprint has this fingerprint. If it is written again as
/// other bytes, only the half of the fingerprint that depends on names must be equal. A value without a
/// fingerprint is written again as the same bytes, except for their order.
fn any_fingerprint<C: Codec, V>(input: &mut Input<'_>)
where
    V: Serialize + DeserializeOwned + PartialEq + Debug + 'static,
{
    let fingerprint = input.flag().then(|| input.u64());
    let payload = input.rest();
    let Ok(value) = C::read::<V>(Format::Bincode, &record(0, fingerprint, None, payload)) else { return };
    let (again, own) = bytes::encode(Format::Bincode, &value).unwrap();
    let names = |print: u64| print & u64::from(u32::MAX);
    match fingerprint {
        // A map may have been written with its entries in another order.
        Some(print) if again != payload => {
            assert_eq!(own.map(names), Some(names(print)), "{value:?} was written under other names");
        }
        Some(_) => assert_eq!(own, fingerprint, "{value:?} was written as something else"),
        // The input may contain the entries of a map or set in another order.
        None => assert_eq!(sorted(&again), sorted(payload), "{value:?} is not written as it was read"),
    }
}

/// Checks that compressed bytes are decompressed to exactly the length in the record, or not at all.
fn inflated<C: Codec>(input: &mut Input<'_>) {
    let compression = u8::try_from(1 + input.below(2)).unwrap();
    let len = input.flag().then(|| u32::try_from(input.scaled() & u64::from(u32::MAX)).unwrap());
    let payload = input.rest();
    let read = C::read::<Vec<u8>>(Format::Raw, &record(compression, None, len, payload));
    if let Ok(value) = read {
        assert_eq!(Some(value.len()), len.map(|len| len as usize), "it has another length than it says");
        assert!(value.len() as u64 <= MAX_VALUE_LEN.as_u64());
        assert!(value.len() <= payload.len() * 255, "LZ4 makes no more of so few bytes");
    }
}

/// Checks that compressed bytes are decompressed to the original, and are refused with another length or
/// without their last byte.
fn deflated<C: Codec>(value: &[u8]) {
    let value = value.repeat(9);
    let Some(payload) = bytes::deflate_lz4(&value) else { return };
    let len = u32::try_from(value.len()).unwrap();
    let read = |len, payload: &[u8]| C::read::<Vec<u8>>(Format::Raw, &record(LZ4, None, Some(len), payload));
    assert_eq!(read(len, &payload), Ok(value));
    for wrong in [len - 1, len + 1, 0, u32::MAX] {
        assert!(read(wrong, &payload).is_err(), "it passes for {wrong} bytes long");
    }
    assert!(read(len, &payload[..payload.len() - 1]).is_err(), "it is short by one");
}

pub(crate) fn seeds() -> Vec<Seed> {
    let (product, fingerprint) = bytes::encode(Format::Bincode, &super::product()).unwrap();
    let print = fingerprint.unwrap();
    let marked = |print: u64| [&[13, 0, 1], &print.to_be_bytes()[..], &product].concat();
    let text = b"{\"code\":\"MTN\"},".repeat(20);
    let payload = bytes::deflate_lz4(&text).unwrap();
    let len = u64::try_from(text.len()).unwrap();
    let inflated = |flag: u8, len: u64, payload: &[u8]| {
        [
            &[13, 3, 0, flag][..],
            if flag == 0 { &[] } else { &[0] },
            &len.to_be_bytes()[..if flag == 0 { 0 } else { 8 }],
            payload,
        ]
        .concat()
    };
    let all = [
        ("marked", marked(print)),
        ("marked-other-kinds", marked(print ^ 1 << 40)),
        ("marked-other-names", marked(print ^ 1)),
        ("unmarked", [&[13, 0, 0], &product[..]].concat()),
        ("unmarked-not-shortest", [&[13, 2, 0], &b"\x02\x02\x01b\x01\x01a"[..]].concat()),
        ("compressed", inflated(1, len, &payload)),
        ("compressed-other-length", inflated(1, len + 1, &payload)),
        ("compressed-length-hostile", inflated(1, u64::from(u32::MAX), &payload)),
        ("compressed-length-at-the-limit", inflated(1, 64 << 20, &payload)),
        ("compressed-without-a-length", inflated(0, 0, &payload)),
        ("compressed-cut-off", inflated(1, len, &payload[..payload.len() - 3])),
        ("compressed-nothing", inflated(1, 0, &[])),
        ("to-compress", [&[13, 4][..], b"some text and other things"].concat()),
    ];
    all.into_iter().map(|(name, input)| ("value", name, input)).collect()
}
