//! Functions for tests and fuzz targets. Applications do not need them.

use crate::protocol::parser::ReplyParser;
pub use crate::protocol::parser::{ProtocolError, ReplyLimits};
pub use crate::protocol::reply::Reply;

/// Parses the replies of a stream that arrives in parts. Each part except the last has `part` bytes. Returns
/// the replies, and the error that ended the stream, if there was one.
///
/// # Panics
/// Panics if the parser consumes more bytes than it has.
#[must_use]
pub fn read_replies(stream: &[u8], part: usize, limits: ReplyLimits) -> (Vec<Reply>, Option<ProtocolError>) {
    let (mut parser, mut start, mut replies) = (ReplyParser::new(limits), 0, Vec::new());
    let ends = (1..).map(|parts| part.max(1).saturating_mul(parts)).take_while(|end| *end < stream.len());
    for end in ends.chain([stream.len()]) {
        loop {
            let buffer = stream.get(start..end).unwrap_or_default();
            match parser.advance(buffer) {
                Err(error) => return (replies, Some(error)),
                Ok((taken, reply)) => {
                    assert!(taken <= buffer.len(), "it takes bytes that have not arrived");
                    start += taken;
                    match reply {
                        Some(reply) => replies.push(reply),
                        None => break,
                    }
                }
            }
        }
    }
    (replies, None)
}
