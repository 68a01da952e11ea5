use proptest::prelude::*;

use super::*;

const SHAPES: [&str; 11] = [
    "string",
    "bytes",
    "u64",
    "(string, i8)",
    "()",
    "bool",
    "char",
    "[u8; 3]",
    "uuid",
    "option<string>",
    "(option<(char, u8)>, bool)",
];

fn shape(text: &str) -> KeyShape {
    text.parse().unwrap()
}

#[test]
fn a_key_is_spelled_as_the_table_says() {
    let spelled = |name: &str, text: &str, expected: &str| {
        let bytes = shape(name).parse_key(text).unwrap();
        assert_eq!(shape(name).spell_key(&bytes), expected, "{name}");
    };
    spelled("string", "MTNVTU", "MTNVTU");
    spelled("string", "two words", "\"two words\"");
    spelled("string", r#""0x4D \u{7} \" \\ \n""#, r#""0x4D \u{7} \" \\ \n""#);
    spelled("string", "", "\"\"");
    spelled("bytes", r#"b"MTN\x00\xFF""#, r#"b"MTN\x00\xFF""#);
    spelled("u64", "7", "7");
    spelled("i8", "-128", "-128");
    spelled("(string, u64)", "( MTNDATA,3 )", r#"("MTNDATA", 3)"#);
    spelled("(string, (i8, bytes))", r#"("a,b", (-1, b""))"#, r#"("a,b", (-1, b""))"#);
    spelled("()", "()", "()");
    spelled("bool", "true", "true");
    spelled("char", "a", "'a'");
    spelled("char", r"'\''", r"'\''");
    spelled("char", "'\"'", "'\"'");
    spelled("char", r"'\u{7}'", r"'\u{7}'");
    spelled("[u8; 3]", r#"b"MT\x00""#, r#"b"MT\x00""#);
    spelled("[u8; 3]", "0x4D5400", r#"b"MT\x00""#);
    let uuid = "67e55044-10b1-426f-9247-bb680e5fe0c8";
    spelled("uuid", uuid, uuid);
    spelled("uuid", "67E5504410B1426F9247BB680E5FE0C8", uuid);
    spelled("option<string>", "None", "None");
    spelled("option<string>", "Some( None )", r#"Some("None")"#);
    spelled("option<option<u8>>", "Some(None)", "Some(None)");
    spelled("(option<(u8, char)>, bool)", "(Some((7,',')),false)", "(Some((7, ',')), false)");
    // A `bool` is one byte, 0 or 1.
    spelled("bool", "0x02", "0x02");
    spelled("u16", "0x0102", "258");
    // A `u16` has two bytes, so one byte is not a key of the shape.
    spelled("u16", "0x01", "0x01");
}

#[test]
fn what_is_no_key_is_refused_with_an_example() {
    for (name, text) in [
        ("u8", "256"),
        ("u8", "seven"),
        ("u8", "7 8"),
        ("()", ""),
        ("string", "\"open"),
        ("string", r#""\q""#),
        ("bytes", "MTN"),
        ("(string, u64)", "MTNDATA"),
        ("(string, u64)", "(MTNDATA)"),
        ("(string, u64)", "(MTNDATA, 3, 4)"),
        ("string", "0x4"),
        ("bool", "1"),
        ("char", "ab"),
        ("char", "''"),
        ("char", r"'\x80'"),
        ("[u8; 3]", r#"b"MT""#),
        ("[u8; 3]", r#"b"MTNV""#),
        ("uuid", "67e55044"),
        ("uuid", "67e5504410b1-426f-9247-bb680e5fe0c8"),
        ("uuid", "+7e5504410b1426f9247bb680e5fe0c8"),
        ("option<u8>", "7"),
        ("option<u8>", "Nonesuch"),
        ("option<u8>", "Some(7"),
    ] {
        let error = shape(name).parse_key(text).unwrap_err().to_string();
        assert!(!error.is_empty(), "{name} {text}");
    }
    let error = shape("(string, u64)").parse_key("MTNDATA").unwrap_err().to_string();
    assert!(error.contains(r#"("MTNDATA", 3)"#), "{error}");
}

#[test]
fn a_prefix_is_of_letters_or_of_whole_parts() {
    assert_eq!(shape("string").parse_prefix("MTN").unwrap(), b"MTN");
    assert_eq!(shape("(string, u64)").parse_prefix("(MTN,)").unwrap(), b"MTN\0\0");
    assert_eq!(shape("(string, u64)").parse_prefix("(MTN)").unwrap(), b"MTN\0\0");
    assert_eq!(shape("option<string>").parse_prefix("Some(MTN)").unwrap(), b"\x01MTN");
    assert_eq!(shape("option<string>").parse_prefix("None").unwrap(), [0]);
    assert_eq!(shape("[u8; 3]").parse_prefix(r#"b"MT""#).unwrap(), b"MT");
    assert_eq!(
        shape("(uuid, u8)").parse_prefix("(67e55044-10b1-426f-9247-bb680e5fe0c8,)").unwrap().len(),
        16
    );
    assert!(shape("u64").parse_prefix("1").is_err());
    assert_eq!(shape("u64").parse_prefix("0x0000").unwrap(), [0, 0]);
}

proptest! {
    #[test]
    fn what_is_shown_is_read_back(
        text in "\\PC{0,9}|[\u{0}-\u{20}\"\\\\x0bMT,()]{0,9}|.{0,5}", bytes: Vec<u8>, number: u64, signed: i64,
        letter in "[\u{0}-\u{20}\"'\\\\x,()]|.", flag: bool, id: [u8; 16]
    ) {
        use KeyValue::{Bool, Bytes, Char, Option, Signed, Text, Tuple, Unsigned, Uuid};
        let letter = letter.chars().next().unwrap();
        let optional = Option(flag.then(|| Box::new(Text(text.clone()))));
        let fixed = vec![Char(letter), Bool(flag), Uuid(id), Bytes(id.to_vec()), optional.clone()];
        let parts = vec![Text(text.clone()), Unsigned(number.into()), Bytes(bytes.clone()), Signed(signed.into())];
        for (name, value) in [
            ("string", Text(text)),
            ("bytes", Bytes(bytes)),
            ("i64", Signed(signed.into())),
            ("char", Char(letter)),
            ("[u8; 16]", Bytes(id.to_vec())),
            ("option<string>", optional),
            ("(char, bool, uuid, [u8; 16], option<string>)", Tuple(fixed)),
            ("(string, u64, bytes, i64)", Tuple(parts)),
        ] {
            let encoded = shape(name).encode(&value).unwrap();
            let spelled = shape(name).spell_key(&encoded);
            prop_assert_eq!(shape(name).parse_key(&spelled).unwrap(), encoded.clone(), "{}", spelled);
            prop_assert!(!spelled.contains(char::is_control));
        }
    }

    #[test]
    fn any_bytes_of_a_key_are_shown_and_read_back(bytes: Vec<u8>) {
        for name in SHAPES {
            let spelled = shape(name).spell_key(&bytes);
            prop_assert_eq!(shape(name).parse_key(&spelled).unwrap(), bytes.clone());
        }
    }

    #[test]
    fn any_text_is_a_key_or_refused(text in "\\PC{0,20}") {
        for name in SHAPES {
            drop(shape(name).parse_key(&text));
            drop(shape(name).parse_prefix(&text));
        }
    }
}
