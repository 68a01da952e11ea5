use proptest::prelude::*;

use super::*;
use crate::{Entry, Keyspace, Skipped, Writer};

const FORMS: [Form; 2] = [Form::Binary, Form::JsonLines];
const HEADER: Header = Header { exported_at_ms: 1_700_000_000_000, sequence: 7 };

fn product() -> Keyspace {
    Keyspace {
        name: "product".to_owned(),
        version: 1,
        key_shape: "string".to_owned(),
        value_format: 1,
        schema: Some("shop".to_owned()),
        fingerprint: u64::MAX,
    }
}

fn airtime() -> Entry {
    Entry {
        keyspace: 0,
        key: b"MTNVTU\0\0".to_vec(),
        written_at_ms: 1_700_000_000_000,
        expires_at_ms: 1_700_003_600_000,
        delete_after_ms: 1_700_003_600_000,
        fingerprint: Some(0x0102_0304_0506_0708),
        compression: 1,
        value: Some(b"\x06MTNVTU".to_vec()),
    }
}

fn absence() -> Entry {
    Entry { key: b"AIRTEL\0\0".to_vec(), fingerprint: None, compression: 0, value: None, ..airtime() }
}

fn export(form: Form, keyspaces: &[Keyspace], entries: &[Entry], skipped: Skipped) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), form, HEADER).unwrap();
    for keyspace in keyspaces {
        writer.keyspace(keyspace).unwrap();
    }
    for entry in entries {
        writer.spelled_entry(entry, Some("MTNVTU")).unwrap();
    }
    writer.finish(skipped).unwrap()
}

fn items(bytes: &[u8]) -> Result<Vec<Item>, Error> {
    Reader::new(bytes)?.collect()
}

#[test]
fn the_bytes_are_pinned() {
    let bytes = export(Form::Binary, &[product()], &[airtime()], Skipped::default());
    let mut expected = b"larder.export\0\0\0\0\x02".to_vec();
    expected.extend(1_700_000_000_000_u64.to_be_bytes());
    expected.extend(7_u64.to_be_bytes());
    expected.extend(b"\x01\0\0\0\x22\0\0\0\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF");
    expected.extend(b"\x01\0\x04shop\0\x07productstring");
    expected.extend(b"\x02\0\0\0\x36\0\0\0\0");
    for time in [1_700_000_000_000_u64, 1_700_003_600_000, 1_700_003_600_000] {
        expected.extend(time.to_be_bytes());
    }
    expected.extend(b"\x03\x01\x02\x03\x04\x05\x06\x07\x08\0\x08MTNVTU\0\0\x06MTNVTU");
    expected.extend(b"\x03\0\0\0\x28");
    for number in [1_u64, 0, 0, 0] {
        expected.extend(number.to_be_bytes());
    }
    expected.extend(xxhash_rust::xxh3::xxh3_64(&expected).to_be_bytes());
    assert_eq!(bytes, expected);
}

#[test]
fn the_lines_are_pinned() {
    let bytes =
        export(Form::JsonLines, &[product()], &[airtime()], Skipped { expired: 2, ..Skipped::default() });
    let expected = concat!(
        r#"{"larder_export":2,"exported_at_ms":1700000000000,"sequence":7}"#,
        "\n",
        r#"{"keyspace":{"name":"product","version":1,"key_shape":"string","value_format":1,"schema":"shop","#,
        r#""fingerprint":"0xFFFFFFFFFFFFFFFF"}}"#,
        "\n",
        r#"{"entry":{"keyspace":"product","key":"0x4D544E5654550000","spelled":"MTNVTU","written_at_ms":1700000000000,"#,
        r#""expires_at_ms":1700003600000,"delete_after_ms":1700003600000,"fingerprint":"0x0102030405060708","compression":1,"value":"0x064D544E565455"}}"#,
        "\n",
        r#"{"end":{"entries":1,"skipped":{"expired":2,"damaged":0,"other_version":0}}}"#,
        "\n",
    );
    let sum = format!("{{\"checksum\":\"0x{:016X}\"}}\n", xxhash_rust::xxh3::xxh3_64(expected.as_bytes()));
    assert_eq!(String::from_utf8(bytes).unwrap(), expected.to_owned() + &sum);
}

#[test]
fn an_absence_comes_back_and_is_no_empty_value() {
    let empty = Entry { value: Some(vec![]), ..absence() };
    for form in FORMS {
        let bytes = export(form, &[product()], &[absence(), empty.clone()], Skipped::default());
        let expected = [absence(), empty.clone()].map(Item::Entry);
        assert_eq!(items(&bytes).unwrap()[1..3], expected);
    }
    let [binary, lines] = FORMS.map(|form| export(form, &[product()], &[absence()], Skipped::default()));
    assert!(binary.windows(3).any(|bytes| bytes == b"\x08\0\x08"), "flags, then the length of the key");
    let lines = String::from_utf8(lines).unwrap();
    assert!(lines.contains(r#","absent":true}}"#), "{lines}");
    for wrong in [r#","absent":true,"value":"0x"}}"#, "}}"] {
        let error = items(lines.replace(r#","absent":true}}"#, wrong).as_bytes()).unwrap_err().to_string();
        assert!(error.contains("either a value or absent"), "{error}");
    }
    let mut writer = Writer::new(Vec::new(), Form::Binary, HEADER).unwrap();
    writer.keyspace(&product()).unwrap();
    for unfit in [Entry { compression: 1, ..absence() }, Entry { fingerprint: Some(1), ..absence() }] {
        assert!(matches!(writer.entry(&unfit), Err(Error::Unfit { .. })));
    }
}

#[test]
fn every_cut_and_every_flipped_bit_shows() {
    for form in FORMS {
        let bytes = export(form, &[product()], &[airtime(), airtime()], Skipped::default());
        assert!(check(&bytes[..]).is_ok());
        for len in 0..bytes.len() {
            let error = check(&bytes[..len]).unwrap_err();
            assert!(!matches!(error, Error::Io(_)), "{form:?} cut to {len}: {error}");
        }
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                // The checksum does not cover the last line. A flipped bit there may change only the case of
                // a digit, which keeps the meaning of the line.
                let is_same = items(&flipped).is_ok_and(|found| found == items(&bytes).unwrap());
                assert!(check(&flipped[..]).is_err() || is_same, "{form:?}, byte {at}, bit {bit}");
            }
        }
        assert!(check(&[&bytes[..], b"x"].concat()[..]).is_err());
    }
}

#[test]
fn other_bytes_and_a_newer_export_are_refused() {
    assert!(matches!(check(&b""[..]), Err(Error::NotAnExport)));
    assert!(matches!(check(&b"redb\x1a\x0a"[..]), Err(Error::NotAnExport)));
    assert!(matches!(check(&b"{\"a\":1}\n"[..]), Err(Error::NotAnExport)));
    let newer = b"{\"larder_export\":3,\"exported_at_ms\":0,\"sequence\":0}\n";
    assert!(matches!(check(&newer[..]), Err(Error::NewerFormat { found: 3, supported: 2 })));
    let mut newer = export(Form::Binary, &[], &[], Skipped::default());
    newer[17] = 9;
    assert!(matches!(check(&newer[..]), Err(Error::NewerFormat { found: 9, supported: 2 })));
}

#[test]
fn an_export_of_format_1_is_read() {
    let mut binary = b"larder.export\0\0\0\0\x01".to_vec();
    binary.extend(1_700_000_000_000_u64.to_be_bytes());
    binary.extend(7_u64.to_be_bytes());
    binary.extend(b"\x01\0\0\0\x1B\0\0\0\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\0\x07productstring");
    binary.extend(b"\x02\0\0\0\x2D\0\0\0\0");
    for time in [1_700_000_000_000_u64, 1_700_003_600_000, 1_700_003_600_000] {
        binary.extend(time.to_be_bytes());
    }
    binary.extend(b"\0\x08MTNVTU\0\0\x06MTNVTU\x03\0\0\0\x28");
    binary.extend([1_u64, 0, 0, 0].map(u64::to_be_bytes).as_flattened());
    binary.extend(xxhash_rust::xxh3::xxh3_64(&binary).to_be_bytes());
    let lines = concat!(
        r#"{"larder_export":1,"exported_at_ms":1700000000000,"sequence":7}"#,
        "\n",
        r#"{"keyspace":{"name":"product","version":1,"key_shape":"string","fingerprint":"0xFFFFFFFFFFFFFFFF"}}"#,
        "\n",
        r#"{"entry":{"keyspace":"product","key":"0x4D544E5654550000","spelled":"MTNVTU","written_at_ms":1700000000000,"#,
        r#""expires_at_ms":1700003600000,"delete_after_ms":1700003600000,"value":"0x064D544E565455"}}"#,
        "\n",
        r#"{"end":{"entries":1,"skipped":{"expired":0,"damaged":0,"other_version":0}}}"#,
        "\n",
    );
    let sum = format!("{{\"checksum\":\"0x{:016X}\"}}\n", xxhash_rust::xxh3::xxh3_64(lines.as_bytes()));
    let expected = [
        Item::Keyspace(Keyspace { value_format: 0, schema: None, ..product() }),
        Item::Entry(Entry { fingerprint: None, compression: 0, ..airtime() }),
        Item::End(End { entries: 1, skipped: Skipped::default() }),
    ];
    for bytes in [binary, (lines.to_owned() + &sum).into_bytes()] {
        assert_eq!(items(&bytes).unwrap(), expected);
    }
}

#[test]
fn an_unknown_compression_is_refused() {
    let [binary, lines] = FORMS.map(|form| export(form, &[product()], &[airtime()], Skipped::default()));
    let flags = binary.windows(3).position(|bytes| bytes == b"\x03\x01\x02").unwrap();
    let with_flags = |set: u8| [&binary[..flags], &[set], &binary[flags + 1..]].concat();
    let lines = String::from_utf8(lines).unwrap().replace("\"compression\":1", "\"compression\":3");
    for bytes in [with_flags(0x07), with_flags(0x83), lines.into_bytes()] {
        let error = items(&bytes).unwrap_err().to_string();
        assert!(error.contains("unknown"), "{error}");
    }
}

#[test]
fn a_length_that_is_only_stated_takes_no_memory() {
    let mut bytes = export(Form::Binary, &[product()], &[], Skipped::default());
    bytes.truncate(bytes.len() - 45);
    bytes.extend(b"\x02\x04\0\0\0");
    assert!(matches!(items(&bytes), Err(Error::CutOff { entries: 0 })));
    bytes.truncate(bytes.len() - 5);
    bytes.extend(b"\x02\xFF\xFF\xFF\xFF");
    assert!(matches!(items(&bytes), Err(Error::Damaged { .. })));
}

#[test]
fn keyspaces_and_entries_beyond_the_limits_are_refused() {
    for form in FORMS {
        let mut writer = Writer::new(Vec::new(), form, HEADER).unwrap();
        assert!(matches!(writer.entry(&airtime()), Err(Error::Unfit { .. })), "its keyspace was not written");
        writer.keyspace(&product()).unwrap();
        assert!(writer.keyspace(&product()).is_err(), "it came before");
        assert!(writer.keyspace(&Keyspace { name: String::new(), ..product() }).is_err());
        assert!(
            writer
                .keyspace(&Keyspace { name: "b".to_owned(), schema: Some(String::new()), ..product() })
                .is_err()
        );
        assert!(writer.entry(&Entry { key: vec![0; crate::MAX_KEY_LEN + 1], ..airtime() }).is_err());
        assert!(writer.entry(&Entry { compression: 3, ..airtime() }).is_err());
        writer.entry(&Entry { key: vec![0; crate::MAX_KEY_LEN], ..airtime() }).unwrap();
        assert_eq!(writer.entries(), 1);
    }
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..60);
    let parts =
        (0..2_u32, bytes(), any::<[u64; 3]>(), any::<Option<u64>>(), 0..=crate::MAX_COMPRESSION, bytes());
    let entry = parts.prop_map(|(keyspace, key, times, fingerprint, compression, value)| {
        let [written_at_ms, expires_at_ms, delete_after_ms] = times;
        Entry {
            keyspace,
            key,
            written_at_ms,
            expires_at_ms,
            delete_after_ms,
            fingerprint,
            compression,
            value: Some(value),
        }
    });
    let entry = (entry, proptest::bool::weighted(0.2)).prop_map(|(entry, is_absence)| {
        let absence = Entry { fingerprint: None, compression: 0, value: None, ..entry.clone() };
        if is_absence { absence } else { entry }
    });
    proptest::collection::vec(entry, 0..8)
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        entries in entries(),
        name in "\\PC{1,20}",
        key_shape in "\\PC{0,20}",
        schema in proptest::option::of("\\PC{1,20}"),
        (value_format, fingerprint, version, expired) in any::<(u8, u64, u32, u64)>(),
    ) {
        let other = Keyspace { name: format!("{name}2"), version, key_shape, value_format, schema, fingerprint };
        let keyspaces = [Keyspace { name, ..product() }, other];
        let skipped = Skipped { expired, damaged: 1, other_version: u64::MAX };
        for form in FORMS {
            let bytes = export(form, &keyspaces, &entries, skipped);
            let mut expected: Vec<Item> = keyspaces.iter().cloned().map(Item::Keyspace).collect();
            expected.extend(entries.iter().cloned().map(Item::Entry));
            expected.push(Item::End(End { entries: entries.len() as u64, skipped }));
            prop_assert_eq!(items(&bytes).unwrap(), expected);
            prop_assert_eq!(check(&bytes[..]).unwrap().0, HEADER);
        }
    }

    #[test]
    fn any_bytes_are_read_to_an_end(bytes: Vec<u8>, form in 0..2_usize) {
        let start = export(FORMS[form], &[product()], &[], Skipped::default());
        drop(items(&bytes));
        for cut in [start.len(), start.len() / 2, 34.min(start.len())] {
            drop(items(&[&start[..cut], &bytes[..]].concat()));
        }
    }
}
