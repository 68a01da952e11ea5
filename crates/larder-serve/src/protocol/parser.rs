//! Parses the requests in a buffer. A request is an array of bulk strings, or a line of words.
//!
//! The parser keeps its position between calls, so it parses each argument only once, even if a request
//! arrives byte by byte. It checks each announced length against the limits before the bytes arrive, so a
//! peer can't make the server allocate more memory than the limits allow. After an error, the start of the
//! next request is unknown, so the server closes the connection.

use super::arguments::{Arguments, Span};
use super::inline;
use super::limits::RequestLimits;
use super::number::integer;

/// Maximum length of a line that announces a length, as in Redis.
const MAX_HEADER: usize = 64 << 10;

/// A violation of the protocol by the peer. Except for a request that is too long, the text is the same as
/// in Redis. It may repeat a byte of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProtocolError(pub(crate) Vec<u8>);

/// What the parser has found at the start of the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// A request of this length. [`Parser::arguments`] returns its words until [`Parser::reset`] is called.
    Request(usize),
    /// This number of bytes without a request: an empty line, or an array without elements.
    Nothing(usize),
    /// A request of which only a part has arrived. It has at least this number of bytes.
    Incomplete(usize),
}

/// The number in the line before an array or an argument. `None` if the line has no valid number.
struct Header(Option<i64>);

/// The parser of one connection. It keeps its position in the request at the start of the buffer.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    spans: Vec<Span>,
    /// The bytes of an inline request, without quotes and escapes. `None` for any other request.
    unquoted: Option<Vec<u8>>,
    /// Position up to which the request is parsed.
    at: usize,
    /// Number of arguments that have not arrived yet. `None` before their number is known.
    left: Option<usize>,
    /// Length of the argument at `at`. `None` before this length is known.
    bulk: Option<usize>,
}

impl Parser {
    /// Continues to parse a buffer that begins with the same request as in the last call.
    pub(crate) fn advance(&mut self, buffer: &[u8], limits: &RequestLimits) -> Result<Parsed, ProtocolError> {
        match buffer.first() {
            None => Ok(Parsed::Incomplete(1)),
            Some(b'*') => self.advance_array(buffer, limits),
            Some(_) => self.advance_line(buffer, limits),
        }
    }

    /// Returns the words of the parsed request at the start of the buffer.
    pub(crate) fn arguments<'a>(&'a self, buffer: &'a [u8]) -> Arguments<'a> {
        Arguments::new(self.unquoted.as_deref().unwrap_or(buffer), &self.spans)
    }

    /// Returns the number of words of the parsed request.
    pub(crate) const fn words(&self) -> usize {
        self.spans.len()
    }

    /// Prepares for the next request. The caller must also remove this request from the buffer.
    pub(crate) fn reset(&mut self) {
        // The memory of a request with many arguments is freed. Otherwise the connection would keep it until
        // its end.
        if self.spans.capacity() > 1024 {
            self.spans = Vec::new();
        }
        self.spans.clear();
        self.unquoted = None;
        (self.at, self.left, self.bulk) = (0, None, None);
    }

    /// Returns the memory that the parser uses beside the buffer, in bytes.
    pub(crate) fn heap_len(&self) -> usize {
        self.spans.capacity() * size_of::<Span>() + self.unquoted.as_ref().map_or(0, Vec::capacity)
    }

    fn advance_array(&mut self, buffer: &[u8], limits: &RequestLimits) -> Result<Parsed, ProtocolError> {
        let mut left = match self.left {
            Some(left) => left,
            None => match self.header(buffer, "too big mbulk count string")? {
                None => return Ok(Parsed::Incomplete(buffer.len() + 1)),
                Some(Header(count)) => self.begin_array(count, limits)?,
            },
        };
        while left > 0 {
            self.left = Some(left);
            let len = match self.bulk {
                Some(len) => len,
                None => match buffer.get(self.at) {
                    None => return Ok(Parsed::Incomplete(buffer.len() + 1)),
                    Some(b'$') => match self.header(buffer, "too big bulk count string")? {
                        None => return Ok(Parsed::Incomplete(buffer.len() + 1)),
                        Some(Header(len)) => self.begin_bulk(len, limits)?,
                    },
                    Some(other) => {
                        return Err(error([b"expected '$', got '", &[*other][..], b"'"].concat()));
                    }
                },
            };
            let end = self.at + len;
            if buffer.len() < end + 2 {
                self.bulk = Some(len);
                return Ok(Parsed::Incomplete(end + 2));
            }
            self.spans.push(Span { start: self.at, end });
            (self.at, self.bulk) = (end + 2, None);
            left -= 1;
        }
        self.left = Some(0);
        Ok(if self.spans.is_empty() { Parsed::Nothing(self.at) } else { Parsed::Request(self.at) })
    }

    /// Parses the line at `at`: a sign and a length. Returns `None` if the line has not arrived completely.
    fn header(&mut self, buffer: &[u8], too_long: &str) -> Result<Option<Header>, ProtocolError> {
        let rest = buffer.get(self.at + 1..).unwrap_or_default();
        let line = rest.get(..rest.len().min(MAX_HEADER)).unwrap_or_default();
        let Some(end) = line.iter().position(|byte| *byte == b'\r') else {
            return if rest.len() >= MAX_HEADER { Err(error(too_long)) } else { Ok(None) };
        };
        if rest.len() < end + 2 {
            return Ok(None);
        }
        let number = integer(line.get(..end).unwrap_or_default());
        self.at += 1 + end + 2;
        Ok(Some(Header(number)))
    }

    fn begin_array(&mut self, count: Option<i64>, limits: &RequestLimits) -> Result<usize, ProtocolError> {
        let count = match count {
            Some(count) if count <= 0 => 0,
            Some(count) => usize::try_from(count).unwrap_or(usize::MAX),
            None => return Err(error("invalid multibulk length")),
        };
        if count > limits.arguments {
            let is_guest = limits.arguments == RequestLimits::UNAUTHENTICATED.arguments;
            let which = if is_guest { "unauthenticated" } else { "invalid" };
            return Err(error(format!("{which} multibulk length")));
        }
        // The memory grows with the arguments that arrive, and not with the announced number.
        self.spans.reserve(count.min(64));
        Ok(count)
    }

    fn begin_bulk(&mut self, len: Option<i64>, limits: &RequestLimits) -> Result<usize, ProtocolError> {
        let Some(len) = len.and_then(|len| usize::try_from(len).ok()) else {
            return Err(error("invalid bulk length"));
        };
        if len > limits.bulk_len {
            let is_guest = limits.bulk_len == RequestLimits::UNAUTHENTICATED.bulk_len;
            let which = if is_guest { "unauthenticated" } else { "invalid" };
            return Err(error(format!("{which} bulk length")));
        }
        if self.at.saturating_add(len) > limits.request_len {
            return Err(error("too big request"));
        }
        Ok(len)
    }

    fn advance_line(&mut self, buffer: &[u8], limits: &RequestLimits) -> Result<Parsed, ProtocolError> {
        let fresh = buffer.get(self.at..).unwrap_or_default();
        let Some(end) = fresh.iter().position(|byte| *byte == b'\n').map(|end| self.at + end) else {
            self.at = buffer.len();
            let is_too_long = buffer.len() > limits.inline_len;
            return if is_too_long {
                Err(error("too big inline request"))
            } else {
                Ok(Parsed::Incomplete(buffer.len() + 1))
            };
        };
        if end > limits.inline_len {
            return Err(error("too big inline request"));
        }
        let line = buffer.get(..end).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let mut unquoted = Vec::with_capacity(line.len());
        if !inline::split(line, &mut unquoted, &mut self.spans) {
            return Err(error("unbalanced quotes in request"));
        }
        self.unquoted = Some(unquoted);
        Ok(if self.spans.is_empty() { Parsed::Nothing(end + 1) } else { Parsed::Request(end + 1) })
    }
}

fn error(what: impl AsRef<[u8]>) -> ProtocolError {
    ProtocolError([b"ERR Protocol error: ", what.as_ref()].concat())
}

#[cfg(test)]
mod tests;
