//! Functions for tests and fuzz targets. Programs do not need them.

pub use crate::failpoint::{Failpoint, set_failpoint};

use crate::protocol::limits::RequestLimits;
use crate::protocol::parser::{Parsed, Parser};

/// The requests of a stream, each with its words, and the error that ended the stream, if there was one.
pub type Requests = (Vec<Vec<Vec<u8>>>, Option<String>);

/// Reads the requests of a stream whose bytes arrive in parts. Each part but the last has `part` bytes.
///
/// # Panics
/// If the parser asks for fewer bytes than it has, or takes more than it has.
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
                Err(error) => return (requests, Some(error.0)),
            };
            assert!(0 < len && len <= buffer.len(), "it takes bytes that have not arrived");
            parser.reset();
            start += len;
        }
    }
    (requests, None)
}
