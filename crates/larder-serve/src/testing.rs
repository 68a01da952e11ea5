//! Functions for tests and fuzz targets. Applications do not need them.

pub use crate::failpoint::{Failpoint, set_failpoint};

use crate::protocol::limits::RequestLimits;
use crate::protocol::parser::{Parsed, Parser};

/// The words of each request in a stream, and the error that ended the stream, if there was one.
pub type Requests = (Vec<Vec<Vec<u8>>>, Option<String>);

/// Parses the requests of a stream that arrives in parts. Each part except the last has `part` bytes.
///
/// # Panics
/// Panics if the parser waits for bytes that have already arrived, consumes bytes that have not arrived, or
/// consumes none.
#[must_use]
pub fn read_requests(stream: &[u8], part: usize, limits: &RequestLimits) -> Requests {
    let (mut parser, mut start, mut requests) = (Parser::default(), 0, Vec::new());
    let ends = (1..).map(|parts| part.max(1).saturating_mul(parts)).take_while(|end| *end < stream.len());
    for end in ends.chain([stream.len()]) {
        loop {
            let buffer = stream.get(start..end).unwrap_or_default();
            let len = match parser.advance(buffer, limits) {
                Ok(Parsed::Incomplete(needed)) => {
                    assert!(needed > buffer.len(), "it asks for bytes that it has");
                    break;
                }
                Ok(Parsed::Nothing(len)) => len,
                Ok(Parsed::Request(len)) => {
                    requests.push(parser.arguments(buffer).from(0).map(<[u8]>::to_vec).collect());
                    len
                }
                Err(error) => return (requests, Some(String::from_utf8_lossy(&error.0).into_owned())),
            };
            assert!(0 < len && len <= buffer.len(), "it takes bytes that have not arrived");
            parser.reset();
            start += len;
        }
    }
    (requests, None)
}
