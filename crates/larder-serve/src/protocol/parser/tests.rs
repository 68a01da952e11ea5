use proptest::prelude::*;

use super::*;
use crate::testing::read_requests;

const LIMITS: RequestLimits =
    RequestLimits { bulk_len: 1 << 10, arguments: 100, request_len: 4 << 10, inline_len: 64 };

fn parse(buffer: &[u8]) -> Result<(Parsed, Vec<Vec<u8>>), ProtocolError> {
    let mut parser = Parser::default();
    let parsed = parser.advance(buffer, &LIMITS)?;
    let words = parser.arguments(buffer).from(0).map(<[u8]>::to_vec).collect();
    Ok((parsed, words))
}

fn words(buffer: &str) -> Vec<String> {
    let (parsed, words) = parse(buffer.as_bytes()).unwrap();
    assert_eq!(parsed, Parsed::Request(buffer.len()));
    words.into_iter().map(|word| String::from_utf8_lossy(&word).into_owned()).collect()
}

fn refusal(buffer: &str) -> String {
    let text = String::from_utf8(parse(buffer.as_bytes()).unwrap_err().0).unwrap();
    text.strip_prefix("ERR Protocol error: ").unwrap().to_owned()
}

#[test]
fn an_array_of_bulk_strings_is_a_request_of_any_bytes() {
    assert_eq!(words("*2\r\n$3\r\nGET\r\n$1\r\na\r\n"), ["GET", "a"]);
    assert_eq!(words("*3\r\n$3\r\nSET\r\n$0\r\n\r\n$4\r\n\r\n\0*\r\n"), ["SET", "", "\r\n\0*"]);
    // The parser does not check the two bytes after an argument, as in Redis.
    assert_eq!(words("*1\r\n$4\r\nPINGxx"), ["PING"]);
}

#[test]
fn a_line_is_a_request_of_words_with_quotes_and_escapes() {
    assert_eq!(words("PING\r\n"), ["PING"]);
    assert_eq!(words("  set a\tb \n"), ["set", "a", "b"]);
    assert_eq!(
        words("set \"a b\" \"\\x41\\n\\\"\\q\" 'it\\'s \\n'\r\n"),
        ["set", "a b", "A\n\"q", "it's \\n"]
    );
    assert_eq!(words("set '' \"\"\r\n"), ["set", "", ""]);
    assert_eq!(refusal("set \"a\r\n"), "unbalanced quotes in request");
    assert_eq!(refusal("set 'a'b\r\n"), "unbalanced quotes in request");
}

#[test]
fn empty_requests_are_skipped() {
    for nothing in ["\r\n", "\n", "   \r\n", "*0\r\n", "*-1\r\n", "*-99\r\n"] {
        assert_eq!(parse(nothing.as_bytes()), Ok((Parsed::Nothing(nothing.len()), vec![])), "{nothing:?}");
    }
}

#[test]
fn a_length_out_of_range_is_refused_before_its_bytes_arrive() {
    assert_eq!(refusal("*101\r\n"), "invalid multibulk length");
    assert_eq!(refusal("*9223372036854775807\r\n"), "invalid multibulk length");
    assert_eq!(refusal("*x\r\n"), "invalid multibulk length");
    assert_eq!(refusal("*+1\r\n"), "invalid multibulk length");
    assert_eq!(refusal("*1\r\n$1025\r\n"), "invalid bulk length");
    assert_eq!(refusal("*1\r\n$-1\r\n"), "invalid bulk length");
    assert_eq!(refusal("*1\r\n$9223372036854775807\r\n"), "invalid bulk length");
    assert_eq!(refusal("*1\r\n:1\r\n"), "expected '$', got ':'");
    let argument = format!("$1024\r\n{}\r\n", "a".repeat(1024));
    assert_eq!(refusal(&format!("*5\r\n{}$1024\r\n", argument.repeat(3))), "too big request");
    assert_eq!(refusal(&"a".repeat(65)), "too big inline request");
    assert_eq!(refusal(&format!("{}\n", "a".repeat(65))), "too big inline request");
    assert_eq!(refusal(&format!("*{}", "1".repeat(MAX_HEADER))), "too big mbulk count string");
    assert_eq!(refusal(&format!("*1\r\n${}", "1".repeat(MAX_HEADER))), "too big bulk count string");
}

#[test]
fn an_error_repeats_an_unexpected_byte_as_it_is() {
    assert_eq!(parse(b"*1\r\n\xff").unwrap_err().0, b"ERR Protocol error: expected '$', got '\xff'");
}

#[test]
fn a_guest_has_small_limits_and_hears_of_them() {
    let refused =
        |buffer: &[u8]| Parser::default().advance(buffer, &RequestLimits::UNAUTHENTICATED).unwrap_err().0;
    assert_eq!(refused(b"*11\r\n"), b"ERR Protocol error: unauthenticated multibulk length");
    assert_eq!(refused(b"*1\r\n$16385\r\n"), b"ERR Protocol error: unauthenticated bulk length");
}

#[test]
fn a_parser_holds_no_more_than_has_arrived() {
    let mut parser = Parser::default();
    let limits = RequestLimits { arguments: 1 << 20, ..RequestLimits::default() };
    assert!(matches!(parser.advance(b"*1048576\r\n$67108864\r\n", &limits), Ok(Parsed::Incomplete(_))));
    assert!(parser.spans.capacity() <= 64);
}

#[derive(Debug, Clone)]
enum Piece {
    Request(Vec<Vec<u8>>),
    Line(String),
    Raw(Vec<u8>),
}

fn pieces() -> impl Strategy<Value = Vec<Piece>> {
    let word = || prop::collection::vec(any::<u8>(), 0..20);
    let piece = prop_oneof![
        4 => prop::collection::vec(word(), 0..5).prop_map(Piece::Request),
        1 => "[a-z \"']{0,10}".prop_map(Piece::Line),
        1 => prop::collection::vec(prop_oneof![any::<u8>(), Just(b'*'), Just(b'$'), Just(b'\r'), Just(b'\n'),
            Just(b'1'), Just(b'-')], 0..12).prop_map(Piece::Raw),
    ];
    prop::collection::vec(piece, 0..6)
}

fn bytes_of(pieces: &[Piece]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Request(words) => {
                bytes.extend(format!("*{}\r\n", words.len()).bytes());
                for word in words {
                    bytes.extend(format!("${}\r\n", word.len()).bytes());
                    bytes.extend(word);
                    bytes.extend(b"\r\n");
                }
            }
            Piece::Line(line) => bytes.extend(format!("{line}\r\n").bytes()),
            Piece::Raw(raw) => bytes.extend(raw),
        }
    }
    bytes
}

proptest! {
    #[test]
    fn requests_are_the_same_in_whatever_parts_they_arrive(
        pieces in pieces(),
        part in 1_usize..50,
    ) {
        let bytes = bytes_of(&pieces);
        let whole = read_requests(&bytes, usize::MAX, &LIMITS);
        prop_assert_eq!(&read_requests(&bytes, part, &LIMITS), &whole);
        prop_assert_eq!(&read_requests(&bytes, 1, &LIMITS), &whole);
    }

    #[test]
    fn what_was_sent_is_what_is_read(requests in prop::collection::vec(
        prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 1..5), 0..5)
    ) {
        let pieces: Vec<_> = requests.iter().cloned().map(Piece::Request).collect();
        prop_assert_eq!(read_requests(&bytes_of(&pieces), usize::MAX, &LIMITS), (requests, None));
    }
}
