//! Fuzzes exports. The reader reads any bytes to their end or an error. A complete export that is written
//! again gives the same items. A part of an export is never accepted as a whole export.

use larder_export::{Error, Form, Header, Item, Keyspace, Reader, Skipped, Writer};

use crate::input::Input;

/// The function under test. The tests also pass a broken one.
pub(crate) type Read = fn(&[u8]) -> Result<Vec<Item>, Error>;

/// Maximum number of positions at which an export is cut.
const CUTS: usize = 64;

pub(crate) fn read(bytes: &[u8]) -> Result<Vec<Item>, Error> {
    Reader::new(bytes)?.collect()
}

pub(crate) fn check(read: Read, data: &[u8]) {
    let mut input = Input::new(data);
    let form = if input.flag() { Form::Binary } else { Form::JsonLines };
    let bytes = match input.below(3) {
        0 => input.rest().to_vec(),
        // A valid beginning, followed by random bytes.
        1 => [start(form), input.rest().to_vec()].concat(),
        _ => written(form, &mut input),
    };
    let Ok(items) = read(&bytes) else { return };
    assert!(matches!(items.last(), Some(Item::End(_))), "an export without an end was read whole");
    for again in [Form::Binary, Form::JsonLines] {
        assert_eq!(
            read(&write(again, &items)).unwrap(),
            items,
            "the export differs when it is written again as {again:?}"
        );
    }
    let step = bytes.len() / CUTS + 1;
    for len in (0..bytes.len()).step_by(step) {
        assert!(read(&bytes[..len]).is_err(), "cut to {len} of {} bytes it passes for whole", bytes.len());
    }
}

fn keyspace(name: &str) -> Keyspace {
    Keyspace {
        name: name.to_owned(),
        version: 1,
        key_shape: "string".to_owned(),
        value_format: 0,
        schema: None,
        fingerprint: 0,
    }
}

fn start(form: Form) -> Vec<u8> {
    let whole = write(form, &[Item::Keyspace(keyspace("space"))]);
    let end = if form == Form::Binary {
        45
    } else {
        whole.split_inclusive(|byte| *byte == b'\n').rev().take(2).map(<[u8]>::len).sum()
    };
    whole[..whole.len() - end].to_vec()
}

/// Returns an export whose items are chosen by the input.
fn written(form: Form, input: &mut Input<'_>) -> Vec<u8> {
    let mut items =
        vec![Item::Keyspace(keyspace("space")), Item::Keyspace(keyspace(&format!("s{:.60}", input.text())))];
    while !input.is_empty() {
        let entry = larder_export::Entry {
            keyspace: input.u32() % 2,
            key: input.short().to_vec(),
            written_at_ms: input.u64(),
            expires_at_ms: input.scaled(),
            delete_after_ms: input.scaled(),
            fingerprint: input.flag().then(|| input.u64()),
            compression: input.byte() % 4,
            value: Some(input.short().to_vec()),
        };
        // The number 3 selects an absence.
        items.push(Item::Entry(match entry.compression {
            3 => larder_export::Entry { fingerprint: None, compression: 0, value: None, ..entry },
            _ => entry,
        }));
    }
    write(form, &items)
}

fn write(form: Form, items: &[Item]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), form, Header { exported_at_ms: 1, sequence: 2 }).unwrap();
    let mut skipped = Skipped::default();
    for item in items {
        match item {
            Item::Keyspace(keyspace) => drop(writer.keyspace(keyspace).unwrap()),
            Item::Entry(entry) => writer.entry(entry).unwrap(),
            Item::End(end) => skipped = end.skipped,
        }
    }
    writer.finish(skipped).unwrap()
}

pub(crate) fn seeds() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let entry = |keyspace| larder_export::Entry {
        keyspace,
        key: b"MTNVTU\0\0".to_vec(),
        written_at_ms: 1_700_000_000_000,
        expires_at_ms: 1_700_003_600_000,
        delete_after_ms: 1_700_003_600_000,
        fingerprint: Some(7),
        compression: 2,
        value: Some(b"\x06MTNVTU".to_vec()),
    };
    let items = [Item::Keyspace(keyspace("product")), Item::Entry(entry(0)), Item::Entry(entry(0))];
    let of =
        |form: Form, kind: u8, bytes: Vec<u8>| [vec![u8::from(form == Form::Binary), kind], bytes].concat();
    let (binary, lines) = (write(Form::Binary, &items), write(Form::JsonLines, &items));
    let absence = larder_export::Entry { fingerprint: None, compression: 0, value: None, ..entry(0) };
    let absence = [Item::Keyspace(keyspace("product")), Item::Entry(absence)];
    let mut of_format_1 = binary.clone();
    of_format_1[17] = 1;
    let newer = b"{\"larder_export\":3,\"exported_at_ms\":0,\"sequence\":0}\n".to_vec();
    vec![
        ("export", "binary", of(Form::Binary, 0, binary.clone())),
        ("export", "binary-of-format-1", of(Form::Binary, 0, of_format_1)),
        ("export", "binary-cut-off", of(Form::Binary, 0, binary[..90].to_vec())),
        ("export", "binary-followed-by-something", of(Form::Binary, 0, [&binary[..], b"x"].concat())),
        ("export", "binary-hostile-length", of(Form::Binary, 1, b"\x02\xFF\xFF\xFF\xFF".to_vec())),
        ("export", "binary-unknown-kind", of(Form::Binary, 1, b"\x07\0\0\0\0".to_vec())),
        ("export", "binary-with-an-absence", of(Form::Binary, 0, write(Form::Binary, &absence))),
        ("export", "lines-with-an-absence", of(Form::JsonLines, 0, write(Form::JsonLines, &absence))),
        ("export", "lines", of(Form::JsonLines, 0, lines.clone())),
        ("export", "lines-cut-off", of(Form::JsonLines, 0, lines[..lines.len() - 40].to_vec())),
        ("export", "lines-newer", of(Form::JsonLines, 0, newer)),
        (
            "export",
            "lines-odd-digits",
            of(Form::JsonLines, 1, br#"{"entry":{"keyspace":"space","key":"0x0"}}"#.to_vec()),
        ),
        ("export", "written", of(Form::Binary, 2, b"\x03abc\0\0\0\x01\x02ab\0\0\0\0\0\0\0\x01".to_vec())),
    ]
}
