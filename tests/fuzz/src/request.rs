//! Fuzzes requests in the Redis protocol. The parser reads any bytes up to their end or an error. Splitting
//! the stream into parts does not change the requests. A parsed request that is written and parsed again is
//! unchanged.

use larder_serve::RequestLimits;
use larder_serve::testing::Requests;

/// The function under test. The tests also pass a broken one.
pub(crate) type Read = fn(&[u8], usize, &RequestLimits) -> Requests;

const LIMITS: RequestLimits = RequestLimits { bulk_len: 64, arguments: 8, request_len: 256, inline_len: 64 };

pub(crate) fn check(read: Read, data: &[u8]) {
    let Some((part, stream)) = data.split_first() else { return };
    let whole = read(stream, usize::MAX, &LIMITS);
    for part in [1, usize::from(*part).max(2)] {
        assert_eq!(read(stream, part, &LIMITS), whole, "in parts of {part} bytes");
    }
    let (requests, error) = whole;
    if let Some(error) = error {
        assert!(error.starts_with("ERR Protocol error: "), "{error}");
    }
    for words in requests {
        assert!(!words.is_empty() && words.iter().map(Vec::len).sum::<usize>() <= LIMITS.request_len);
        let wide = RequestLimits { arguments: words.len(), ..RequestLimits::default() };
        assert_eq!(read(&request(&words), usize::MAX, &wide), (vec![words], None));
    }
}

fn request(words: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend(format!("${}\r\n", word.len()).bytes());
        bytes.extend(word);
        bytes.extend(b"\r\n");
    }
    bytes
}

pub(crate) fn seeds() -> Vec<crate::seeds::Seed> {
    let seed = |name, stream: &str| ("request", name, [b"\x03", stream.as_bytes()].concat());
    vec![
        seed("pipeline", "*2\r\n$3\r\nGET\r\n$1\r\na\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$0\r\n\r\n"),
        seed("lines", "PING\r\nset a \"b c\\x41\\n\" 'it\\'s'\r\n\r\nquit\n"),
        seed("empty", "*0\r\n*-1\r\n\r\n*1\r\n$4\r\nPING\r\n"),
        seed("binary", "*1\r\n$6\r\n\r\n\0*$\n\r\n"),
        seed("half", "*2\r\n$3\r\nGET\r\n$9\r\nabc"),
        seed("too-many", "*9\r\n$1\r\na\r\n"),
        seed("too-long", "*1\r\n$65\r\n"),
        seed("too-long-in-all", &format!("*8\r\n{}", format!("$64\r\n{}\r\n", "a".repeat(64)).repeat(8))),
        seed("no-length", "*x\r\n"),
        seed("no-bulk", "*1\r\n+OK\r\n"),
        seed("open-quote", "get \"a\r\n"),
        seed("long-line", &"a".repeat(65)),
    ]
}
