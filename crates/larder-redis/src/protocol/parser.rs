//! Reads replies and pushes from the bytes of a server, in both versions of the protocol.
//!
//! The parser stores its place between two calls, so it reads a long list that arrives in small parts only
//! once. Each announced length is checked against the limits before memory is reserved for it. So a server,
//! or another program at its address, can't make the client allocate more than [`ReplyLimits::reply_len`]
//! bytes and one buffer.
//!
//! After an error, the place of the next reply is unknown, so the connection is closed.

use super::reply::Reply;

/// Maximum length of a line: a status, an error, or a number.
const MAX_LINE: usize = 64 << 10;
/// Bytes that an element counts against the limit of a reply, besides the bytes of its text.
const ELEMENT_LEN: usize = 64;

/// The limits of a reply.
#[derive(Debug, Clone, Copy)]
pub struct ReplyLimits {
    /// Maximum number of bytes of one string.
    pub bytes_len: usize,
    /// Maximum number of bytes of all strings of a reply, plus 64 bytes for each element.
    pub reply_len: usize,
    /// Maximum depth of lists within lists.
    pub depth: usize,
}

impl Default for ReplyLimits {
    fn default() -> Self {
        Self { bytes_len: 80 << 20, reply_len: 256 << 20, depth: 8 }
    }
}

/// The error of a server that violates the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// A reply begins with an unknown sign.
    #[error("a reply begins with the byte {0:#04x}")]
    Sign(u8),
    /// A number can't be read.
    #[error("a reply has a length or a number that can't be read")]
    Number,
    /// A line has no end.
    #[error("a line of a reply has more than 64 KiB")]
    Line,
    /// A string does not end at its announced length.
    #[error("a string of a reply does not end at its length")]
    End,
    /// A reply is too large.
    #[error("a reply is larger than allowed")]
    TooLarge,
    /// Lists are nested too deeply.
    #[error("a reply has too many levels")]
    TooDeep,
}

/// The kind of a list, which decides the reply once its elements have arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ListKind {
    List,
    Map,
    Push,
    /// Additional data before a reply. The client does not use it.
    Attribute,
}

/// A list whose elements are arriving.
#[derive(Debug)]
struct OpenList {
    kind: ListKind,
    /// The number of elements that have not arrived.
    left: usize,
    elements: Vec<Reply>,
}

/// The parser of one connection.
#[derive(Debug, Default)]
pub(crate) struct ReplyParser {
    limits: ReplyLimits,
    open: Vec<OpenList>,
    /// The part that the reply has used of [`ReplyLimits::reply_len`].
    used: usize,
    /// The number of bytes that must have arrived before the parser tries again.
    needed: usize,
}

/// The item at the start of the bytes.
enum Token {
    /// A complete item, and its length in bytes.
    Whole(Reply, usize),
    /// The beginning of a list, and its length in bytes.
    Open(OpenList, usize),
    /// More bytes are needed. This is the needed total number.
    Incomplete(usize),
}

impl ReplyParser {
    /// Creates a parser with other limits than the defaults.
    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn new(limits: ReplyLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Reads on. Returns the number of bytes that were taken, and a reply if one is complete.
    ///
    /// Without a reply, the bytes that were not taken are given again, with more bytes behind them.
    pub(crate) fn advance(&mut self, input: &[u8]) -> Result<(usize, Option<Reply>), ProtocolError> {
        let mut at = 0;
        loop {
            let rest = input.get(at..).unwrap_or_default();
            if rest.len() < self.needed.max(1) {
                return Ok((at, None));
            }
            let reply = match self.token(rest)? {
                Token::Incomplete(needed) => {
                    self.needed = needed;
                    return Ok((at, None));
                }
                Token::Open(list, len) => {
                    (at, self.needed) = (at + len, 0);
                    if list.left > 0 {
                        self.open.push(list);
                        continue;
                    }
                    list.close()
                }
                Token::Whole(reply, len) => {
                    (at, self.needed) = (at + len, 0);
                    Some(reply)
                }
            };
            if let Some(reply) = self.attach(reply) {
                self.used = 0;
                return Ok((at, Some(reply)));
            }
        }
    }

    /// Returns the number of bytes that [`ReplyParser::advance`] waits for.
    pub(crate) fn needed(&self) -> usize {
        self.needed
    }

    /// Adds an element to the innermost list, and closes the lists that it completes. Returns the reply if no
    /// list is open any more.
    fn attach(&mut self, mut element: Option<Reply>) -> Option<Reply> {
        loop {
            let Some(list) = self.open.last_mut() else { return element };
            // An attribute comes before an element, and is not an element of the list.
            if let Some(element) = element {
                list.elements.push(element);
                list.left -= 1;
            }
            if list.left > 0 {
                return None;
            }
            element = self.open.pop().and_then(OpenList::close);
        }
    }

    fn token(&mut self, input: &[u8]) -> Result<Token, ProtocolError> {
        let sign = *input.first().unwrap_or(&0);
        let Some(line) = line(input)? else { return Ok(Token::Incomplete(input.len() + 1)) };
        let after_line = 1 + line.len() + 2;
        let whole = |reply| Ok(Token::Whole(reply, after_line));
        match sign {
            b'$' | b'=' | b'!' => self.string(sign, line, input, after_line),
            b'*' | b'~' | b'%' | b'>' | b'|' => self.list(sign, line, after_line),
            b'+' | b'(' => self.charge(line.len()).and_then(|()| whole(Reply::Status(line.to_vec()))),
            b'-' => self.charge(line.len()).and_then(|()| whole(Reply::Error(line.to_vec()))),
            b':' => self.charge(0).and_then(|()| whole(Reply::Integer(number(line)?))),
            b',' => self.charge(0).and_then(|()| whole(Reply::Double(double(line)?))),
            b'_' => self.charge(0).and_then(|()| whole(Reply::Null)),
            b'#' => self.charge(0).and_then(|()| match line {
                b"t" => whole(Reply::Boolean(true)),
                b"f" => whole(Reply::Boolean(false)),
                _ => Err(ProtocolError::Number),
            }),
            other => Err(ProtocolError::Sign(other)),
        }
    }

    /// Reads a string that follows the line with its length.
    fn string(&mut self, sign: u8, line: &[u8], input: &[u8], start: usize) -> Result<Token, ProtocolError> {
        if line == b"-1" {
            return self.charge(0).map(|()| Token::Whole(Reply::Null, start));
        }
        let len = length(line)?;
        // The length is checked before the parser waits for the bytes, so that the buffer does not grow
        // towards a forbidden length.
        if len > self.limits.bytes_len || self.used.saturating_add(len) > self.limits.reply_len {
            return Err(ProtocolError::TooLarge);
        }
        let Some(text) = input.get(start..start + len + 2) else {
            return Ok(Token::Incomplete(start + len + 2));
        };
        self.charge(len)?;
        let Some(text) = text.strip_suffix(b"\r\n") else { return Err(ProtocolError::End) };
        let reply = match sign {
            b'!' => Reply::Error(text.to_vec()),
            // The text begins with three letters and a colon, which name its kind.
            b'=' => Reply::Bytes(text.get(4..).ok_or(ProtocolError::End)?.to_vec()),
            _ => Reply::Bytes(text.to_vec()),
        };
        Ok(Token::Whole(reply, start + len + 2))
    }

    /// Opens a list that follows the line with its length.
    fn list(&mut self, sign: u8, line: &[u8], start: usize) -> Result<Token, ProtocolError> {
        if line == b"-1" && sign == b'*' {
            return self.charge(0).map(|()| Token::Whole(Reply::Null, start));
        }
        let (kind, per_entry) = match sign {
            b'%' => (ListKind::Map, 2),
            b'|' => (ListKind::Attribute, 2),
            b'>' => (ListKind::Push, 1),
            _ => (ListKind::List, 1),
        };
        let left = length(line)?.checked_mul(per_entry).ok_or(ProtocolError::TooLarge)?;
        if left > self.limits.reply_len / ELEMENT_LEN {
            return Err(ProtocolError::TooLarge);
        }
        if self.open.len() >= self.limits.depth {
            return Err(ProtocolError::TooDeep);
        }
        self.charge(0)?;
        // The memory grows with the elements that arrive, not with the announced number.
        let elements = Vec::with_capacity(left.min(64));
        Ok(Token::Open(OpenList { kind, left, elements }, start))
    }

    /// Counts an element against the limit of the reply.
    fn charge(&mut self, len: usize) -> Result<(), ProtocolError> {
        self.used = self.used.saturating_add(len).saturating_add(ELEMENT_LEN);
        if self.used > self.limits.reply_len { Err(ProtocolError::TooLarge) } else { Ok(()) }
    }
}

impl OpenList {
    /// Returns the list as a reply. Returns `None` for an attribute.
    fn close(self) -> Option<Reply> {
        match self.kind {
            ListKind::List => Some(Reply::List(self.elements)),
            ListKind::Map => Some(Reply::Map(self.elements)),
            ListKind::Push => Some(Reply::Push(self.elements)),
            ListKind::Attribute => None,
        }
    }
}

/// Returns the line after the sign, without its end. Returns `None` if the line has not arrived.
fn line(input: &[u8]) -> Result<Option<&[u8]>, ProtocolError> {
    let rest = input.get(1..).unwrap_or_default();
    let part = rest.get(..rest.len().min(MAX_LINE)).unwrap_or_default();
    let Some(end) = part.iter().position(|byte| *byte == b'\r') else {
        return if rest.len() >= MAX_LINE { Err(ProtocolError::Line) } else { Ok(None) };
    };
    match rest.get(end + 1) {
        None => Ok(None),
        Some(b'\n') => Ok(rest.get(..end)),
        Some(_) => Err(ProtocolError::End),
    }
}

fn text(line: &[u8]) -> Result<&str, ProtocolError> {
    std::str::from_utf8(line).map_err(|_| ProtocolError::Number)
}

fn number(line: &[u8]) -> Result<i64, ProtocolError> {
    text(line)?.parse().map_err(|_| ProtocolError::Number)
}

fn double(line: &[u8]) -> Result<f64, ProtocolError> {
    text(line)?.parse().map_err(|_| ProtocolError::Number)
}

/// Returns a length. It must consist of digits. `parse` would accept a sign, and no server sends a sign.
fn length(line: &[u8]) -> Result<usize, ProtocolError> {
    if !line.iter().all(u8::is_ascii_digit) {
        return Err(ProtocolError::Number);
    }
    text(line)?.parse().map_err(|_| ProtocolError::Number)
}

#[cfg(test)]
mod tests;
