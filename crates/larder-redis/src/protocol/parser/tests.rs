use proptest::prelude::*;

use super::*;

/// Returns the replies of a stream that arrives in parts, and the error that ended the stream.
fn read(stream: &[u8], part: usize, limits: ReplyLimits) -> (Vec<Reply>, Option<ProtocolError>) {
    crate::testing::read_replies(stream, part, limits)
}

fn one(stream: &[u8]) -> Reply {
    let (mut replies, error) = read(stream, usize::MAX, ReplyLimits::default());
    assert_eq!((replies.len(), error), (1, None), "{}", String::from_utf8_lossy(stream));
    replies.remove(0)
}

fn error_of(stream: &[u8]) -> ProtocolError {
    read(stream, usize::MAX, ReplyLimits::default()).1.expect("an error")
}

fn bytes(text: &str) -> Reply {
    Reply::Bytes(text.as_bytes().to_vec())
}

#[test]
fn each_form_of_a_reply_is_read() {
    assert_eq!(one(b"+OK\r\n"), Reply::Status(b"OK".to_vec()));
    assert_eq!(one(b"-ERR no\r\n"), Reply::Error(b"ERR no".to_vec()));
    assert_eq!(one(b"!6\r\nERR no\r\n"), Reply::Error(b"ERR no".to_vec()));
    let long = [b"-".as_slice(), &[b'x'; 5000], b"\r\n"].concat();
    assert_eq!(one(&long), Reply::Error(vec![b'x'; 1024]), "only the first bytes of an error are kept");
    assert_eq!(one(b":-12\r\n"), Reply::Integer(-12));
    assert_eq!(one(b",1.5\r\n"), Reply::Double(1.5));
    assert_eq!(one(b",inf\r\n"), Reply::Double(f64::INFINITY));
    assert_eq!(one(b"#t\r\n"), Reply::Boolean(true));
    assert_eq!(one(b"_\r\n"), Reply::Null);
    assert_eq!(one(b"$-1\r\n"), Reply::Null);
    assert_eq!(one(b"*-1\r\n"), Reply::Null);
    assert_eq!(one(b"$0\r\n\r\n"), bytes(""));
    assert_eq!(one(b"$4\r\na\r\nb\r\n"), bytes("a\r\nb"));
    assert_eq!(one(b"=7\r\ntxt:abc\r\n"), bytes("abc"));
    assert_eq!(one(b"(123\r\n"), Reply::Status(b"123".to_vec()));
    assert_eq!(one(b"*0\r\n"), Reply::List(vec![]));
    assert_eq!(one(b"~1\r\n:1\r\n"), Reply::List(vec![Reply::Integer(1)]));
    assert_eq!(one(b"%1\r\n$1\r\na\r\n:1\r\n"), Reply::Map(vec![bytes("a"), Reply::Integer(1)]));
}

#[test]
fn pushes_stand_between_replies_in_their_order() {
    let stream = b":1\r\n>2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n+OK\r\n>2\r\n$10\r\ninvalidate\r\n_\r\n";
    let keys = Reply::Push(vec![bytes("invalidate"), Reply::List(vec![bytes("k")])]);
    let all = Reply::Push(vec![bytes("invalidate"), Reply::Null]);
    let expected = vec![Reply::Integer(1), keys, Reply::Status(b"OK".to_vec()), all];
    for part in 1..stream.len() {
        assert_eq!(read(stream, part, ReplyLimits::default()), (expected.clone(), None), "{part}");
    }
}

#[test]
fn an_attribute_is_skipped_wherever_it_stands() {
    assert_eq!(one(b"|1\r\n+a\r\n:1\r\n:2\r\n"), Reply::Integer(2));
    let inside = one(b"*2\r\n:1\r\n|1\r\n+a\r\n*1\r\n:9\r\n:2\r\n");
    assert_eq!(inside, Reply::List(vec![Reply::Integer(1), Reply::Integer(2)]));
    assert_eq!(one(b"*1\r\n|0\r\n:2\r\n"), Reply::List(vec![Reply::Integer(2)]));
}

#[test]
fn nested_lists_are_closed_by_their_last_element() {
    let expected = Reply::List(vec![Reply::List(vec![Reply::List(vec![]), bytes("a")]), Reply::Null]);
    assert_eq!(one(b"*2\r\n*2\r\n*0\r\n$1\r\na\r\n_\r\n"), expected);
}

#[test]
fn what_is_no_reply_is_an_error() {
    assert_eq!(error_of(b"hello\r\n"), ProtocolError::Sign(b'h'));
    assert_eq!(error_of(b"$1x\r\n"), ProtocolError::Number);
    assert_eq!(error_of(b"$-2\r\n"), ProtocolError::Number);
    assert_eq!(error_of(b"$+1\r\na\r\n"), ProtocolError::Number);
    assert_eq!(error_of(b"$\r\n\r\n"), ProtocolError::Number);
    assert_eq!(error_of(b"*?\r\n"), ProtocolError::Number);
    assert_eq!(error_of(b"$1\r\nabc"), ProtocolError::End);
    assert_eq!(error_of(b"+a\rb\r\n"), ProtocolError::End);
    assert_eq!(error_of(b"=3\r\ntxt\r\n"), ProtocolError::End);
    assert_eq!(error_of(b"#x\r\n"), ProtocolError::Number);
    assert_eq!(error_of(b":9223372036854775808\r\n"), ProtocolError::Number);
}

#[test]
fn sizes_are_refused_before_their_bytes_arrive() {
    assert_eq!(error_of(b"$99999999999\r\n"), ProtocolError::TooLarge);
    assert_eq!(error_of(b"*99999999\r\n"), ProtocolError::TooLarge);
    assert_eq!(error_of(b"%18446744073709551615\r\n"), ProtocolError::TooLarge);
    assert_eq!(error_of(&b"*1\r\n".repeat(9)), ProtocolError::TooDeep);
    assert_eq!(error_of(&[b"+".as_slice(), &vec![b'a'; MAX_LINE]].concat()), ProtocolError::Line);
    let limits = ReplyLimits { bytes_len: 100, reply_len: 250, depth: 2 };
    let (_, error) = read(b"*3\r\n$60\r\n", usize::MAX, limits);
    assert_eq!(error, None);
    // A push must not be lost, so a push that is too large ends the connection.
    let two = [b">3\r\n$60\r\n".as_slice(), &[b'a'; 60], b"\r\n$60\r\n", &[b'a'; 60], b"\r\n"].concat();
    assert_eq!(read(&two, usize::MAX, limits).1, Some(ProtocolError::TooLarge));
    assert_eq!(read(b">9\r\n", usize::MAX, limits).1, Some(ProtocolError::TooLarge));
}

#[test]
fn a_reply_that_is_too_large_is_dropped_and_the_next_one_is_read() {
    let limits = ReplyLimits { bytes_len: 100, reply_len: 250, depth: 3 };
    let text = |len: usize| [format!("${len}\r\n").as_bytes(), &vec![b'a'; len], b"\r\n"].concat();
    let too_large = [
        text(101),
        // Two strings exceed the limit together, and more elements follow, including strings and lists.
        [b"*5\r\n".as_slice(), &text(60), &text(60), b":1\r\n*2\r\n+a\r\n$-1\r\n", &text(500)].concat(),
        // This list has more elements than the limit allows.
        [b"*6\r\n".as_slice(), &b":1\r\n".repeat(6)].concat(),
        [b"*1\r\n*1\r\n".as_slice(), &text(101)].concat(),
    ];
    for reply in too_large {
        let stream = [reply.as_slice(), b":7\r\n", &text(100)].concat();
        let expected = vec![Reply::Oversize, Reply::Integer(7), Reply::Bytes(vec![b'a'; 100])];
        for part in [1, 2, 7, 64, usize::MAX] {
            assert_eq!(read(&stream, part, limits), (expected.clone(), None), "{part}");
        }
    }
    // The parser consumes each byte as it arrives, so the string takes no memory.
    let mut parser = ReplyParser::new(limits);
    assert_eq!(parser.advance(b"$9999\r\naaaaaa"), Ok((13, None)));
    assert!(parser.is_within_reply() && parser.needed() == 0);
}

#[test]
fn the_limit_is_that_of_one_reply_not_of_the_connection() {
    let limits = ReplyLimits { bytes_len: 100, reply_len: 250, depth: 2 };
    let stream = b"*1\r\n:1\r\n".repeat(1000);
    assert_eq!(read(&stream, 7, limits).0.len(), 1000);
}

fn any_reply() -> impl Strategy<Value = Reply> {
    let text = proptest::collection::vec(any::<u8>(), 0..40);
    let line = "[a-zA-Z ]{0,12}".prop_map(String::into_bytes);
    let leaf = prop_oneof![
        Just(Reply::Null),
        text.prop_map(Reply::Bytes),
        line.clone().prop_map(Reply::Status),
        line.prop_map(Reply::Error),
        any::<i64>().prop_map(Reply::Integer),
        any::<bool>().prop_map(Reply::Boolean),
    ];
    leaf.prop_recursive(3, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Reply::List),
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Reply::Push),
            proptest::collection::vec((inner.clone(), inner), 0..3).prop_map(|pairs| Reply::Map(
                pairs.into_iter().flat_map(|(key, value)| [key, value]).collect()
            )),
        ]
    })
}

/// Writes a reply in version 3 of the protocol.
fn write_reply(reply: &Reply, out: &mut Vec<u8>) {
    let mut list = |sign: char, len: usize, elements: &[Reply]| {
        out.extend_from_slice(format!("{sign}{len}\r\n").as_bytes());
        for element in elements {
            write_reply(element, out);
        }
    };
    match reply {
        Reply::List(elements) => list('*', elements.len(), elements),
        Reply::Push(elements) => list('>', elements.len(), elements),
        Reply::Map(elements) => list('%', elements.len() / 2, elements),
        Reply::Null => out.extend_from_slice(b"_\r\n"),
        Reply::Status(text) => out.extend([b"+", text.as_slice(), b"\r\n"].concat()),
        Reply::Error(text) => out.extend([b"-", text.as_slice(), b"\r\n"].concat()),
        Reply::Bytes(text) => {
            out.extend([format!("${}\r\n", text.len()).as_bytes(), text.as_slice(), b"\r\n"].concat());
        }
        Reply::Integer(number) => out.extend_from_slice(format!(":{number}\r\n").as_bytes()),
        Reply::Double(number) => out.extend_from_slice(format!(",{number}\r\n").as_bytes()),
        Reply::Oversize => panic!("no server writes it"),
        Reply::Boolean(truth) => out.extend_from_slice(if *truth { b"#t\r\n" } else { b"#f\r\n" }),
    }
}

proptest! {
    #[test]
    fn replies_are_read_as_they_were_written(replies in proptest::collection::vec(any_reply(), 0..6), part in 1..64_usize) {
        let mut stream = Vec::new();
        for reply in &replies {
            write_reply(reply, &mut stream);
        }
        prop_assert_eq!(read(&stream, part, ReplyLimits::default()), (replies, None));
    }

    #[test]
    fn any_bytes_are_read_alike_in_parts_of_any_size(stream in proptest::collection::vec(
        prop_oneof![Just(b'$'), Just(b'*'), Just(b'%'), Just(b'>'), Just(b'|'), Just(b':'), Just(b'\r'), Just(b'\n'), b'0'..=b'9', any::<u8>()],
        0..80,
    ), part in 1..16_usize) {
        let limits = ReplyLimits { bytes_len: 1000, reply_len: 4000, depth: 3 };
        let whole = read(&stream, usize::MAX, limits);
        let parts = read(&stream, part, limits);
        prop_assert_eq!(format!("{whole:?}"), format!("{parts:?}"));
    }
}
