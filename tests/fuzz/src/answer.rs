//! Fuzzes replies of a Redis server. The parser reads any bytes up to their end or an error. Splitting the
//! stream into parts does not change the replies. No reply exceeds the limits, because the bytes of a larger
//! reply are dropped. A parsed reply that is written and parsed again is unchanged.

use larder_redis::testing::{ProtocolError, Reply, ReplyLimits};

/// The function under test. The tests also pass a broken one.
pub(crate) type Read = fn(&[u8], usize, ReplyLimits) -> (Vec<Reply>, Option<ProtocolError>);

pub(crate) const LIMITS: ReplyLimits = ReplyLimits { bytes_len: 64, reply_len: 1024, depth: 3 };

pub(crate) fn check(read: Read, data: &[u8]) {
    let Some((part, stream)) = data.split_first() else { return };
    let whole = read(stream, usize::MAX, LIMITS);
    for part in [1, usize::from(*part).max(2)] {
        // Compares texts, because a NaN is not equal to itself.
        assert_eq!(
            format!("{:?}", read(stream, part, LIMITS)),
            format!("{whole:?}"),
            "in parts of {part} bytes"
        );
    }
    for reply in whole.0 {
        assert!(len(&reply) <= LIMITS.reply_len);
        if reply == Reply::Oversize {
            continue;
        }
        let mut bytes = Vec::new();
        write(&reply, &mut bytes);
        let again = read(&bytes, usize::MAX, ReplyLimits::default());
        assert_eq!(format!("{again:?}"), format!("{:?}", (vec![reply], None::<ProtocolError>)));
    }
}

/// Returns the minimum number of bytes that a reply counts against the limit.
fn len(reply: &Reply) -> usize {
    match reply {
        Reply::Status(bytes) | Reply::Bytes(bytes) | Reply::Error(bytes) => 64 + bytes.len(),
        Reply::List(elements) | Reply::Map(elements) | Reply::Push(elements) => {
            64 + elements.iter().map(len).sum::<usize>()
        }
        Reply::Null | Reply::Integer(_) | Reply::Double(_) | Reply::Boolean(_) | Reply::Oversize => 64,
    }
}

fn write(reply: &Reply, out: &mut Vec<u8>) {
    let list = |out: &mut Vec<u8>, sign: char, len: usize, elements: &[Reply]| {
        out.extend(format!("{sign}{len}\r\n").bytes());
        for element in elements {
            write(element, out);
        }
    };
    let line = |out: &mut Vec<u8>, text: &[u8]| {
        out.extend(text);
        out.extend(b"\r\n");
    };
    match reply {
        Reply::Oversize => unreachable!("it is not written again"),
        Reply::Null => line(out, b"_"),
        Reply::Status(text) => line(out, &[b"+", text.as_slice()].concat()),
        Reply::Error(text) => {
            // An error in this form has a length, and may contain line ends.
            line(out, format!("!{}", text.len()).as_bytes());
            line(out, text);
        }
        Reply::Bytes(text) => {
            line(out, format!("${}", text.len()).as_bytes());
            line(out, text);
        }
        Reply::Integer(number) => line(out, format!(":{number}").as_bytes()),
        Reply::Double(number) => line(out, format!(",{number}").as_bytes()),
        Reply::Boolean(truth) => line(out, if *truth { b"#t" } else { b"#f" }),
        Reply::List(elements) => list(out, '*', elements.len(), elements),
        Reply::Map(elements) => list(out, '%', elements.len() / 2, elements),
        Reply::Push(elements) => list(out, '>', elements.len(), elements),
    }
}

pub(crate) fn seeds() -> Vec<crate::seeds::Seed> {
    let seed = |name, stream: &str| ("answer", name, [b"\x03", stream.as_bytes()].concat());
    vec![
        seed("simple", "+OK\r\n-ERR no\r\n:-7\r\n,1.5\r\n#t\r\n_\r\n$-1\r\n*-1\r\n(99\r\n"),
        seed("strings", "$3\r\na\r\n\r\n=7\r\ntxt:abc\r\n!6\r\nERR no\r\n$0\r\n\r\n"),
        seed("lists", "*2\r\n*0\r\n~1\r\n:1\r\n%1\r\n+a\r\n*1\r\n_\r\n"),
        seed("push", ":1\r\n>2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n:2\r\n"),
        seed("push-of-all", ">2\r\n$10\r\ninvalidate\r\n_\r\n"),
        seed("attribute", "|1\r\n+a\r\n:1\r\n*2\r\n:1\r\n|1\r\n+b\r\n:2\r\n:3\r\n"),
        seed("half", "*2\r\n$9\r\nabc"),
        seed("too-long", "$65\r\n"),
        seed("too-many", "*99999\r\n"),
        seed("skipped", &format!("*2\r\n$70\r\n{}\r\n:1\r\n:2\r\n", "a".repeat(70))),
        seed("too-deep", "*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n"),
        seed("no-length", "$x\r\n"),
        seed("no-sign", "hello\r\n"),
        seed("no-end", "$1\r\nabc\r\n"),
        seed("nan", ",nan\r\n,-inf\r\n"),
    ]
}
