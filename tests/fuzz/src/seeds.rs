//! The seed inputs: one named input for each case that a target should try.
//!
//! `cargo run -p larder-fuzz --example seeds` writes them to `corpus/`. The inputs of `url`, and inputs that
//! a fuzzer finds, are added to `corpus/` by hand, with a name.

use larder::testing::bytes::{self, RECORD_FORMAT, RecordFields};
use larder::{MAX_DEPTH, MAX_EMPTY_ELEMENTS, Timestamp};
use serde::Serialize;

use crate::value::{List, Nothing, Tree, product};

/// The target, the name, and the input.
pub type Seed = (&'static str, &'static str, Vec<u8>);

/// Returns all seed inputs.
#[must_use]
pub fn all() -> Vec<Seed> {
    [
        records(),
        values(),
        keys(),
        files(),
        operations(),
        settings(),
        crate::export::seeds(),
        control(),
        crate::value::seeds(),
        crate::request::seeds(),
        crate::answer::seeds(),
    ]
    .concat()
}

fn records() -> Vec<Seed> {
    let key = b"\x00\x00\x00\x01MTNVTU\x00\x00";
    let start = |flag: u8| [&[u8::try_from(key.len()).unwrap()], &key[..], &[flag]].concat();
    let record = RecordFields {
        version: 7,
        sequence: 1 << 40,
        written_at: Timestamp::from_millis(1_700_000_000_000),
        expires_at: Timestamp::from_millis(1_700_003_600_000),
        delete_after: Timestamp::from_millis(1_700_003_600_000),
        format: RECORD_FORMAT,
        kind: 0,
        compression: 0,
        fingerprint: Some(0x1122_3344_5566_7788),
        inflated_len: None,
        load_micros: None,
        ends_at: None,
        since_row: None,
        payload: b"\x06MTNVTU\xFB\x2C\x01".to_vec(),
    };
    let whole = bytes::write_record(key, &record);
    let changed = |changes: &[(usize, u8)]| {
        let mut changed = whole.clone();
        for &(at, byte) in changes {
            changed[at] = byte;
        }
        [start(1), changed].concat()
    };
    // The fields are in this order: the compression, four flags (fingerprint, length, load time, end), a
    // fifth flag (the time since the row), the values for these flags, and the rest of the record. `whole`
    // supplies everything from the fifth flag on.
    let written = |compression: u8, flags: [u8; 4]| [&start(0)[..], &[compression], &flags, &whole].concat();
    let (extension, tag, second_length) = (51, 52, 54);
    vec![
        ("record", "written", written(0, [0; 4])),
        ("record", "written-absence", written(3, [0; 4])),
        ("record", "absence-with-payload", changed(&[(9, 1)])),
        ("record", "written-with-a-fingerprint", written(0, [1, 0, 0, 0])),
        ("record", "written-compressed", written(1, [1, 1, 0, 0])),
        ("record", "written-with-extras", written(0, [1, 0, 1, 1])),
        ("record", "written-empty", vec![0, 0]),
        ("record", "valid", [start(1), whole.clone()].concat()),
        ("record", "torn", [start(1), whole[..30].to_vec()].concat()),
        ("record", "header-alone", [start(1), whole[..52].to_vec()].concat()),
        ("record", "short-by-one", [start(1), whole[..51].to_vec()].concat()),
        ("record", "format-1", changed(&[(8, 1)])),
        ("record", "unknown-format", changed(&[(8, 3)])),
        ("record", "unknown-kind", changed(&[(9, 1)])),
        ("record", "unknown-flag", changed(&[(11, 4)])),
        ("record", "unknown-compression", changed(&[(11, 3)])),
        ("record", "compressed-without-its-length", changed(&[(11, 1)])),
        ("record", "compressed", changed(&[(11, 2), (tag, 2), (second_length, 4), (extension, 7)])),
        ("record", "unknown-field", changed(&[(tag, 9)])),
        ("record", "field-beyond-the-extension", changed(&[(second_length, 9)])),
        ("record", "field-too-short", changed(&[(second_length, 5), (extension, 8)])),
        ("record", "extension", changed(&[(extension, 3)])),
        ("record", "extension-beyond-the-end", changed(&[(48, 0xFF)])),
    ]
}

fn values() -> Vec<Seed> {
    let hostile = bytes::encode(larder::Format::Bincode, &(1_u64 << 60)).unwrap().0;
    let product = product();
    let tree = Tree::Many(vec![
        Tree::Map([("key".to_owned(), Tree::Maybe(Some(Box::new(Tree::Number(1, -2, 'ß')))))].into()),
        Tree::Pair(Box::new(Tree::Text("text".to_owned())), Box::new(Tree::Bytes(vec![0; 9]))),
        Tree::Named { left: Box::new(Tree::Newtype(Box::new(Tree::Leaf))), nothing: Nothing },
        Tree::Units(vec![((), Nothing); 3]),
    ]);
    let deepest = (1..MAX_DEPTH).fold(List::End, |rest, _| List::Next(Box::new(rest)));
    vec![
        ("value", "built-flat", vec![0, 7, 3, 1, 2, 2, 3, b'a', b'b', b'c']),
        ("value", "built-deep", [&[0][..], &[3].repeat(MAX_DEPTH - 1)].concat()),
        ("value", "built-too-deep", [&[0][..], &[3].repeat(MAX_DEPTH + 9)].concat()),
        ("value", "built-wide", [&[0][..], &[7, 3, 8, 3, 1, b'k', 10, 2, 0, 0].repeat(20)].concat()),
        ("value", "list-deepest", of(1, &deepest)),
        ("value", "list-too-deep", [&[1][..], &[1].repeat(2_000)].concat()),
        ("value", "tree", of(2, &tree)),
        ("value", "tree-too-deep", [&[2][..], &[7, 1].repeat(1_000)].concat()),
        ("value", "product", of(3, &product)),
        ("value", "units", of(4, &vec![(); 1_000])),
        ("value", "units-most", of(4, &vec![(); MAX_EMPTY_ELEMENTS + 5])),
        ("value", "units-hostile", [&[4][..], &hostile].concat()),
        ("value", "units-in-sequences-hostile", [&[5, 3][..], &hostile].concat()),
        ("value", "text", of(6, &"MTN airtime, 100 ₦")),
        ("value", "text-hostile", [&[6][..], &hostile].concat()),
        ("value", "bytes", of(7, &vec![0_u8; 300])),
        ("value", "bytes-hostile", [&[7][..], &hostile].concat()),
        ("value", "set-of-nothing", vec![8, 3]),
        ("value", "numbers", of(9, &vec![1_u64, 1 << 20, u64::MAX])),
        ("value", "number-in-more-bytes-than-it-needs", vec![9, 1, 251, 1, 0]),
        ("value", "wide-numbers", of(10, &('ß', i128::MIN, u128::MAX))),
        ("value", "c-string", of(11, &c"text")),
    ]
}

fn of(family: u8, value: &(impl Serialize + 'static)) -> Vec<u8> {
    [vec![family], bytes::encode(larder::Format::Bincode, value).unwrap().0].concat()
}

fn keys() -> Vec<Seed> {
    let two = |kind: u8, a: &[u8], b: &[u8]| {
        let part = |text: &[u8]| [&[u8::try_from(text.len()).unwrap()], text].concat();
        [vec![kind], part(a), part(b)].concat()
    };
    vec![
        ("key", "texts", two(0, b"MTN", b"MTNDATA")),
        ("key", "texts-with-zeros", two(0, b"a\0", b"a\0\xFF")),
        ("key", "bytes", two(1, b"\0\0", b"\0\xFF\0")),
        ("key", "bytes-found", [two(1, b"", b"\xFF"), b"a\0\xFFb\0\0".to_vec()].concat()),
        ("key", "bytes-found-bad-escape", [two(1, b"", b""), b"a\0\x07b\0\0".to_vec()].concat()),
        ("key", "unsigned", [&[2], &1_u64.to_be_bytes()[..], &u64::MAX.to_be_bytes()].concat()),
        ("key", "signed", [&[3], &1_i64.to_be_bytes()[..], &(-1_i64).to_be_bytes()].concat()),
        ("key", "small", vec![4, 0x7F, 0x80, 0x80]),
        ("key", "wide", [&[5][..], &[0xFF; 32], &[7; 16]].concat()),
        ("key", "nested", b"\x06\x80\x00\x02ab\x07\x01x\x7F\xFF\x01a\x08\x01y".to_vec()),
        ("key", "prefix", b"\x07\x07MTNDATA\x02ab\x07MTNDATA\x03abc".to_vec()),
        ("key", "prefix-of-a-longer-part", b"\x07\x03MTN\x00\x07MTNDATA\x00".to_vec()),
        ("key", "pairs", b"\x08\x02a\0\x01b\x01a\x02\0b".to_vec()),
        ("key", "options", b"\x09\x01\x02a\0\0\0\0a\x01\x01\x01\x02\x03\x04\0\0\x01\xF6\xD2\0".to_vec()),
        ("key", "not-zero", b"\x0A\0\0\0\x07\x80\0\0\0\0\0\0\0".to_vec()),
        ("key", "spelled-option", b"\x0B\x06\x0BSome((a,b))\x01a\0\0\0\0\0'".to_vec()),
        (
            "key",
            "spelled-uuid",
            b"\x0B\x04\0\xF0\xF1\xF2\xF3\xF4\xF5\xF6\xF7\xF8\xF9\xFA\xFB\xFC\xFD\xFE\xFF".to_vec(),
        ),
    ]
}

fn files() -> Vec<Seed> {
    let edits = |base: u8, verified: u8, edits: &[u8]| [&[base, verified], edits].concat();
    let foreign = b"SQLite format 3\0 and some other bytes";
    vec![
        ("file", "foreign", edits(0, 1, foreign)),
        ("file", "empty", edits(0, 1, b"")),
        ("file", "begins-as-the-stores-do", edits(0, 1, b"redb\x1A\x0A\xA9\x0D\x0A\x01\x02\x03")),
        ("file", "missing", edits(1, 1, &[2])),
        ("file", "missing-with-a-strange-lock", edits(1, 1, b"\x00not a lock")),
        ("file", "missing-with-the-lock-of-a-crash", edits(1, 1, b"\x004711\nformat=2\nstarted=1\n")),
        ("file", "missing-with-a-lock-cut-off", edits(1, 1, b"\x004711\nformat=2\nsta\0\0")),
        ("file", "missing-with-an-unfinished-one", edits(1, 1, b"\x01half a file")),
        ("file", "left-open", edits(2, 1, &[])),
        ("file", "left-open-torn", edits(2, 1, &[3, 0, 40, 1, 0])),
        ("file", "closed", edits(3, 1, &[])),
        ("file", "closed-bit-in-the-header", edits(3, 1, &[5, 0, 0, 0, 9, 3])),
        ("file", "closed-bit-in-a-page", edits(3, 1, &[0, 0, 7, 1, 0, 2])),
        ("file", "closed-bit-in-a-page-unverified", edits(3, 0, &[0, 0, 7, 1, 0, 2])),
        ("file", "closed-page-zeroed", edits(3, 1, &[2, 0, 6, 0, 0, 0])),
        ("file", "closed-page-zeroed-unverified", edits(3, 0, &[2, 0, 6, 0, 0, 0])),
        ("file", "closed-pages-swapped", edits(3, 1, &[6, 0, 5, 0, 0, 0, 7, 6, 0, 8, 0, 0, 0, 5])),
        ("file", "closed-truncated", edits(3, 1, &[3, 0, 9, 0, 100])),
        ("file", "closed-longer", edits(3, 1, &[4, 0, 9, 0, 100, 7])),
        ("file", "closed-emptied", edits(3, 1, &[8])),
    ]
}

fn operations() -> Vec<Seed> {
    let insert = |value: u8| vec![0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, value];
    let on_key = |kind: u8| vec![kind, 0, 1, 1];
    let session = [
        insert(1),
        on_key(4),
        on_key(7),
        vec![16, 0, 0x80, 0],
        on_key(8),
        vec![9, 1, 2, 2, 1, 0, 0, 0, 0, 0, 0, 0, 9],
        vec![19, 0],
        on_key(10),
        on_key(4),
        insert(2),
        on_key(11),
        vec![9, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 3],
        on_key(4),
        on_key(12),
        insert(4),
        vec![18, 0],
        on_key(4),
        vec![13, 0, 1],
        on_key(4),
        vec![14, 1],
        vec![15, 0],
        vec![17, 0],
        vec![19, 0],
    ]
    .concat();
    let expiry =
        [vec![3, 1, 3, 2, 0, 0, 0, 0, 0, 0, 0, 5, 0x10, 0], vec![16, 0, 0x10, 0], vec![4, 1, 3, 2]].concat();
    let begun = |tier: u8, steps: &[u8]| [&[tier], steps].concat();
    vec![
        ("operations", "session-in-memory", begun(0, &session)),
        ("operations", "session-on-a-file", begun(1, &session)),
        ("operations", "expiry-in-memory", begun(0, &expiry)),
        ("operations", "expiry-on-a-file", begun(1, &[&expiry[..], &[18, 0, 4, 1, 3, 2]].concat())),
        ("operations", "many-inserts", begun(1, &insert(7).repeat(100))),
    ]
}

fn settings() -> Vec<Seed> {
    let one = |at: u16, shift: u8, value: u64| {
        [&(1_u16 << at).to_be_bytes()[..], &[shift], &value.to_be_bytes()].concat()
    };
    vec![
        ("settings", "usual", vec![0, 0]),
        ("settings", "usual-with-a-file", b"\0\x01shop.larder".to_vec()),
        ("settings", "path-above", b"\0\x01..".to_vec()),
        ("settings", "path-here", b"\0\x01.".to_vec()),
        ("settings", "path-with-a-zero", b"\0\x01a\0b".to_vec()),
        ("settings", "path-too-long", [&b"\0\x01"[..], &[b'n'; 300]].concat()),
        ("settings", "path-not-unicode", b"\0\x01\xFF\xFE".to_vec()),
        ("settings", "memory-least", one(1, 0, 64 << 10)),
        ("settings", "memory-too-small", one(1, 0, (64 << 10) - 1)),
        ("settings", "disk-too-large", one(2, 0, u64::MAX)),
        ("settings", "write-buffer-none", one(3, 0, 0)),
        ("settings", "page-cache-most", one(4, 0, 1 << 44)),
        ("settings", "flush-too-often", one(6, 0, 999_999)),
        ("settings", "sweep-too-rare", one(7, 0, 3_600_000_000_001)),
        ("settings", "shards-none", one(9, 0, 0)),
        ("settings", "shards-most", one(9, 0, 4096)),
        ("settings", "ttl-none", one(10, 0, 0)),
        ("settings", "ttl-least", one(10, 0, 1000)),
        ("settings", "all-wrong", [&[0xFF, 0xFE][..], &[0; 90]].concat()),
    ]
}

fn control() -> Vec<Seed> {
    let line = |name, text: &str| ("control", name, text.as_bytes().to_vec());
    vec![
        line("hello", r#"{"v":1,"do":"hello"}"#),
        line(
            "looks",
            "{\"v\":1,\"do\":\"stats\"}\n{\"v\":1,\"do\":\"keyspaces\"}\n{\"v\":1,\"do\":\"verify\"}",
        ),
        line(
            "keys-at-work",
            "{\"v\":1,\"do\":\"hot\",\"keyspace\":\"name\",\"limit\":3}\n{\"v\":1,\"do\":\"slow\"}",
        ),
        line("monitor", r#"{"v":1,"do":"monitor","one_in":1,"seconds":0,"keyspace":"pair"}"#),
        line(
            "keys",
            "{\"v\":1,\"do\":\"keys\",\"keyspace\":\"pair\"}\n{\"v\":1,\"do\":\"keys\",\"keyspace\":\"name\",\"prefix\":\"a\",\"limit\":1,\"all\":true}\n{\"v\":1,\"do\":\"keys\",\"keyspace\":\"name\",\"after\":\"0x610000\"}",
        ),
        line(
            "keys-badly",
            "{\"v\":1,\"do\":\"keys\",\"keyspace\":\"pair\",\"prefix\":\"a\"}\n{\"v\":1,\"do\":\"keys\",\"keyspace\":\"name\",\"limit\":-1}\n{\"v\":1,\"do\":\"keys\",\"keyspace\":\"name\",\"limit\":4294967295,\"after\":\"z\"}",
        ),
        line(
            "one-key",
            "{\"v\":1,\"do\":\"get\",\"keyspace\":\"name\",\"key\":\"a\"}\n{\"v\":1,\"do\":\"ttl\",\"keyspace\":\"pair\",\"key\":\"(a, 1)\"}\n{\"v\":1,\"do\":\"why\",\"keyspace\":\"name\",\"key\":\"none\"}",
        ),
        line("remove", r#"{"v":1,"do":"remove","keyspace":"pair","key":"(\"ab\", 2)"}"#),
        line("remove-by-bytes", r#"{"v":1,"do":"remove","keyspace":"name","key":"0x610000"}"#),
        line("remove-zero", r#"{"v":1,"do":"remove","keyspace":"name","key":"\u0000"}"#),
        line("remove-quoted", r#"{"v":1,"do":"remove","keyspace":"name","key":"\"0x61\""}"#),
        line("remove-prefix", r#"{"v":1,"do":"remove_prefix","keyspace":"pair","prefix":"(a,)"}"#),
        line("remove-prefix-of-text", r#"{"v":1,"do":"remove_prefix","keyspace":"name","prefix":"a"}"#),
        line("clear", "{\"v\":1,\"do\":\"clear\",\"keyspace\":\"name\"}\n{\"v\":1,\"do\":\"clear\"}"),
        line(
            "clear-all",
            "{\"v\":1,\"do\":\"clear_all\"}\n{\"v\":1,\"do\":\"flush\"}\n{\"v\":1,\"do\":\"sweep\"}",
        ),
        line("unknown-keyspace", r#"{"v":1,"do":"clear","keyspace":"pears"}"#),
        line("unknown-verb", r#"{"v":1,"do":"format"}"#),
        line("other-version", r#"{"v":2,"do":"clear_all"}"#),
        line("no-key-of-its-shape", r#"{"v":1,"do":"remove","keyspace":"pair","key":"ab"}"#),
        line("half-a-byte", r#"{"v":1,"do":"remove","keyspace":"pair","key":"0x6"}"#),
        line("no-object", "[1,2]\n\"stats\"\nnull\n\n{"),
        ("control", "deep", b"[".repeat(3_000)),
        ("control", "not-utf-8", b"{\"v\":1,\"do\":\"\xFF\"}".to_vec()),
    ]
}
