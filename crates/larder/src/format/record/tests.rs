use super::*;
use proptest::prelude::*;

const NOTHING: Extension =
    Extension { fingerprint: None, inflated_len: None, load_micros: None, ends_at: None, since_row: None };
const FULL: Extension =
    Extension { fingerprint: Some(0x1122_3344_5566_7788), inflated_len: Some(9), ..NOTHING };
const WITH_EXTRAS: Extension =
    Extension { load_micros: Some(3), ends_at: Some(Timestamp::from_millis(4)), ..FULL };

fn header() -> Header {
    Header {
        format: FORMAT,
        kind: RecordKind::Value,
        compression: PayloadCompression::None,
        version: 7,
        sequence: 0x0102_0304,
        written_at: Timestamp::from_millis(1000),
        expires_at: Timestamp::from_millis(2000),
        delete_after: Timestamp::from_millis(3000),
    }
}

fn record_with(key: &[u8], header: &Header, extension: &Extension, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0; record_len(extension, payload.len())];
    write(&mut out, key, header, extension, payload);
    out
}

fn record(key: &[u8], payload: &[u8]) -> Vec<u8> {
    record_with(key, &header(), &NOTHING, payload)
}

fn sealed(key: &[u8], mut bytes: Vec<u8>) -> Vec<u8> {
    let sum = checksum(key, &bytes[8..]);
    bytes[..8].copy_from_slice(&sum.to_be_bytes());
    bytes
}

/// Returns a record of format 2 with this extension.
fn with_extension(extension: &[u8]) -> Vec<u8> {
    let mut bytes = record(b"key", &[extension, b"value"].concat());
    bytes[51] = u8::try_from(extension.len()).unwrap();
    sealed(b"key", bytes)
}

/// Returns the record that the first version of larder wrote for a payload `v`.
fn of_format_1() -> Vec<u8> {
    let mut bytes = 0x3DE0_C687_0A59_83C4_u64.to_be_bytes().to_vec();
    bytes.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 1, 2, 3, 4]);
    bytes.extend_from_slice(&[0, 0, 0, 0, 0, 0, 3, 0xE8, 0, 0, 0, 0, 0, 0, 7, 0xD0]);
    bytes.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0x0B, 0xB8, 0, 0, 0, 0, b'v']);
    bytes
}

#[test]
fn the_bytes_are_pinned() {
    let fixed = [
        &[0, 0, 0, 7, 0, 0, 0, 0, 1, 2, 3, 4][..],
        &[0, 0, 0, 0, 0, 0, 3, 0xE8, 0, 0, 0, 0, 0, 0, 7, 0xD0],
        &[0, 0, 0, 0, 0, 0, 0x0B, 0xB8],
    ]
    .concat();
    let plain =
        [&0x4CFD_B817_AC10_1BC4_u64.to_be_bytes()[..], &[2, 0, 0, 0], &fixed, &[0, 0, 0, 0, b'v']].concat();
    assert_eq!(record(b"key", b"v"), plain);
    let fields = [1, 0, 8, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 2, 0, 4, 0, 0, 0, 9];
    let full =
        [&0x8674_D7E0_32F6_E090_u64.to_be_bytes()[..], &[2, 0, 0, 1], &fixed, &[0, 0, 0, 18], &fields, b"v"]
            .concat();
    let compressed = Header { compression: PayloadCompression::Lz4, ..header() };
    assert_eq!(record_with(b"key", &compressed, &FULL, b"v"), full);
    let extras = [&fields[..], &[3, 0, 4, 0, 0, 0, 3, 4, 0, 8, 0, 0, 0, 0, 0, 0, 0, 4]].concat();
    let with_extras =
        sealed(b"key", [&[0; 8][..], &[2, 0, 0, 1], &fixed, &[0, 0, 0, 36], &extras, &b"v"[..]].concat());
    assert_eq!(record_with(b"key", &compressed, &WITH_EXTRAS, b"v"), with_extras);
}

#[test]
fn a_row_that_stays_is_found_by_the_header_of_its_record() {
    let bytes = record_with(b"key", &header(), &Extension { since_row: Some(300), ..NOTHING }, b"v");
    let fields = [0, 0, 0, 7, 5, 0, 4, 0, 0, 1, 0x2C, b'v'];
    assert_eq!((&bytes[24..32], &bytes[48..]), (&700_u64.to_be_bytes()[..], &fields[..]));
    let row_at = Timestamp::from_millis(700);
    assert_eq!(peek(&bytes), Some(Header { written_at: row_at, ..header() }));
    assert_eq!(read(b"key", &bytes).unwrap().0, header());
    // The time of writing would be later than the largest time.
    let mut beyond = bytes;
    beyond[24..32].fill(0xFF);
    assert_eq!(read(b"key", &sealed(b"key", beyond)), Err(Damage::Extension));
}

#[test]
fn an_absence_is_of_a_kind_of_its_own_and_has_no_payload() {
    let header = Header { kind: RecordKind::Absence, ..header() };
    let bytes = record_with(b"key", &header, &NOTHING, b"");
    assert_eq!((bytes.len(), &bytes[8..12]), (HEADER_LEN, &[2, 1, 0, 0][..]));
    assert_eq!(read(b"key", &bytes), Ok((header, NOTHING, &b""[..])));
    assert_eq!(peek(&bytes), Some(header));
    assert!(!header.has_live_value(Timestamp::ZERO) && self::header().has_live_value(Timestamp::ZERO));
    for (at, byte, why) in
        [(8, 1, "format 1 has no absences"), (9, 2, "no such kind"), (11, 1, "a compression")]
    {
        let mut bytes = bytes.clone();
        bytes[at] = byte;
        assert_eq!(read(b"key", &sealed(b"key", bytes)), Err(Damage::Unknown), "{why}");
    }
    let mut with_payload = record(b"key", b"v");
    with_payload[9] = 1;
    assert_eq!(read(b"key", &sealed(b"key", with_payload)), Err(Damage::Unknown));
}

#[test]
fn a_record_of_format_1_is_read() {
    let first = Header { format: 1, ..header() };
    assert_eq!(read(b"key", &of_format_1()), Ok((first, NOTHING, &b"v"[..])));
    assert_eq!(peek(&of_format_1()), Some(first));
    // Format 1 had no fields, so its extension is ignored.
    let mut extended = of_format_1();
    extended.extend_from_slice(b"value");
    extended[51] = 1;
    assert_eq!(read(b"key", &sealed(b"key", extended.clone())), Ok((first, NOTHING, &b"value"[..])));
    extended[11] = 1;
    assert_eq!(read(b"key", &sealed(b"key", extended)), Err(Damage::Unknown), "it had no flags");
}

#[test]
fn a_record_under_another_key_is_damaged() {
    assert_eq!(read(b"other", &record(b"key", b"value")), Err(Damage::Checksum));
}

#[test]
fn fields_of_a_later_version_are_passed_over() {
    let fields = [&[0, 0, 0][..], &[1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 5], &[9, 0, 2, 1, 2]].concat();
    let known = Extension { fingerprint: Some(5), ..NOTHING };
    assert_eq!(read(b"key", &with_extension(&fields)), Ok((header(), known, &b"value"[..])));
}

#[test]
fn an_ill_formed_extension_is_damage() {
    let ill_formed: [(&str, &[u8]); 11] = [
        ("half a head", &[9, 0]),
        ("content that is cut", &[9, 0, 3, 1, 2]),
        ("a field twice", &[2, 0, 4, 0, 0, 0, 1, 2, 0, 4, 0, 0, 0, 1]),
        ("an unknown field twice", &[9, 0, 0, 9, 0, 0]),
        ("out of order", &[2, 0, 4, 0, 0, 0, 1, 1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 5]),
        ("a fingerprint too short", &[1, 0, 7, 0, 0, 0, 0, 0, 0, 0]),
        ("a length too long", &[2, 0, 5, 0, 0, 0, 0, 0]),
        ("a load time too short", &[3, 0, 3, 0, 0, 0]),
        ("an end too long", &[4, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ("a time since the row too short", &[5, 0, 3, 0, 0, 0]),
        ("a byte after the last field", &[2, 0, 4, 0, 0, 0, 1, 0]),
    ];
    for (what, extension) in ill_formed {
        assert_eq!(read(b"key", &with_extension(extension)), Err(Damage::Extension), "{what}");
    }
    let mut beyond = with_extension(&[]);
    beyond[51] = 6;
    assert_eq!(read(b"key", &sealed(b"key", beyond)), Err(Damage::Short));
    let mut compressed = record(b"key", b"value");
    compressed[11] = 1;
    assert_eq!(read(b"key", &sealed(b"key", compressed)), Err(Damage::Extension), "no inflated length");
}

#[test]
fn what_this_version_does_not_know_is_refused() {
    for (at, bit) in (8..12).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
        let mut bytes = record_with(b"key", &header(), &FULL, b"value");
        bytes[at] ^= 1 << bit;
        let known = match (at, bit) {
            (11, 0) => Ok(PayloadCompression::Lz4),
            (11, 1) => Ok(PayloadCompression::Zstd),
            _ => Err(Damage::Unknown),
        };
        let found = read(b"key", &sealed(b"key", bytes)).map(|(header, ..)| header.compression);
        assert_eq!(found, known, "byte {at}, bit {bit}");
    }
    let mut both = record_with(b"key", &header(), &FULL, b"value");
    both[11] = 3;
    assert_eq!(read(b"key", &sealed(b"key", both)), Err(Damage::Unknown));
}

fn extensions() -> impl Strategy<Value = (PayloadCompression, Extension)> {
    let compressions = vec![PayloadCompression::None, PayloadCompression::Lz4, PayloadCompression::Zstd];
    // At most 1,000, because `header` was written at 1,000 ms.
    let since_row = proptest::option::of(0_u32..=1_000);
    let extras = (any::<Option<u32>>(), any::<Option<u64>>(), since_row);
    let parts = (proptest::sample::select(compressions), any::<Option<u64>>(), any::<Option<u32>>(), extras);
    parts.prop_map(|(compression, fingerprint, inflated_len, (load_micros, ends_at, since_row))| {
        let has_len = compression == PayloadCompression::None;
        let inflated_len = inflated_len.or(if has_len { None } else { Some(0) });
        let ends_at = ends_at.map(Timestamp::from_millis);
        (compression, Extension { fingerprint, inflated_len, load_micros, ends_at, since_row })
    })
}

proptest! {
    #[test]
    fn a_record_reads_back(
        key in "[a-z]{0,40}",
        (compression, extension) in extensions(),
        payload in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let header = Header { compression, ..header() };
        let bytes = record_with(key.as_bytes(), &header, &extension, &payload);
        prop_assert_eq!(read(key.as_bytes(), &bytes), Ok((header, extension, &payload[..])));
        let row_at = Timestamp::from_millis(1_000 - u64::from(extension.since_row.unwrap_or(0)));
        prop_assert_eq!(peek(&bytes), Some(Header { written_at: row_at, ..header }));
    }

    #[test]
    fn any_flipped_bit_or_cut_is_damage(
        (compression, extension) in extensions(),
        at in any::<proptest::sample::Index>(),
        bit in 0_u8..8,
        cut in any::<proptest::sample::Index>(),
    ) {
        let whole = record_with(b"key", &Header { compression, ..header() }, &extension, b"value");
        let mut flipped = whole.clone();
        flipped[at.index(whole.len())] ^= 1 << bit;
        prop_assert!(read(b"key", &flipped).is_err());
        prop_assert!(read(b"key", &whole[..cut.index(whole.len())]).is_err());
    }

    #[test]
    fn any_extension_is_read_or_refused(extension in proptest::collection::vec(0_u8..12, 0..40)) {
        if let Ok((_, known, payload)) = read(b"key", &with_extension(&extension)) {
            prop_assert_eq!(payload, b"value");
            prop_assert!(record_len(&known, 0) <= HEADER_LEN + extension.len());
        }
    }
}

#[test]
fn an_extension_moves_the_times_and_nothing_else() {
    let later = Timestamp::from_millis(9_000);
    for extension in [NOTHING, FULL, WITH_EXTRAS] {
        let mut bytes = record_with(b"key", &header(), &extension, b"value");
        let moved = extend(&mut bytes, b"key", later).unwrap();
        let expected = Header { expires_at: later, delete_after: Timestamp::from_millis(10_000), ..header() };
        assert_eq!(moved, expected);
        assert_eq!(read(b"key", &bytes), Ok((expected, extension, &b"value"[..])));
        assert_eq!(extend(&mut bytes, b"key", Timestamp::ZERO), Ok(expected), "never earlier");
        let whole = bytes.clone();
        assert_eq!(extend(&mut bytes, b"kex", later), Err(Damage::Checksum));
        assert_eq!(bytes, whole);
    }
}
