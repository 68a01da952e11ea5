//! Parses replies and pushes from the bytes of a server, in both versions of the protocol.
//!
//! The parser keeps its position between calls, so it parses each element of a long list only once, even if
//! the list arrives in small parts. It checks each announced length against the limits before it reserves
//! memory. So a server, or another program at its address, can't make the client allocate more than
//! [`ReplyLimits::reply_len`] bytes and one buffer.
//!
//! A reply that exceeds the limits of its length is skipped to its end, and its bytes are dropped as they
//! arrive. It becomes [`Reply::Oversize`], so that only one request fails. A reply that is nested too
//! deeply, or is far too long to be skipped, is an error. A push that exceeds the limits is an error: its
//! content must not be lost, and closing the connection voids all values in memory.
//!
//! After an error, the start of the next reply is unknown, so the connection is closed.

use super::reply::Reply;

/// Maximum length of a line: a status, an error, or a number.
const MAX_LINE: usize = 64 << 10;
/// Maximum length of a string that is skipped, in bytes. By default, a server sends at most 512 MiB.
const MAX_SKIPPED: u64 = 4 << 30;
/// A list is skipped only if its announced length is at most this multiple of the limit of a reply.
const MAX_SKIPPED_LISTS: usize = 8;
/// Maximum number of bytes of an error's text that are kept. Errors are copied for each waiting request,
/// and logged.
const MAX_ERROR: usize = 1024;
/// Number of bytes that each element counts against the limit of a reply, in addition to its text.
const ELEMENT_LEN: usize = 64;

/// Limits on the size of a reply.
#[derive(Debug, Clone, Copy)]
pub struct ReplyLimits {
    /// Maximum length of one string, in bytes.
    pub bytes_len: usize,
    /// Maximum length of all strings in a reply, plus 64 bytes per element.
    pub reply_len: usize,
    /// Maximum nesting depth of lists.
    pub depth: usize,
}

impl Default for ReplyLimits {
    fn default() -> Self {
        Self { bytes_len: 80 << 20, reply_len: 256 << 20, depth: 8 }
    }
}

/// A violation of the protocol by the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// A reply begins with an unknown byte.
    #[error("a reply begins with the byte {0:#04x}")]
    Sign(u8),
    /// A number can't be read.
    #[error("a reply has a length or a number that can't be read")]
    Number,
    /// A line is too long.
    #[error("a line of a reply has more than 64 KiB")]
    Line,
    /// A string does not end at its announced length.
    #[error("a string of a reply does not end at its length")]
    End,
    /// A push, or a string or list that can't be skipped, is too large.
    #[error("a reply is larger than allowed")]
    TooLarge,
    /// Lists are nested too deeply.
    #[error("a reply has too many levels")]
    TooDeep,
}

/// The kind of a list, which decides what reply it becomes when it is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ListKind {
    List,
    Map,
    Push,
    /// Attributes in front of a reply, which the client ignores.
    Attribute,
}

/// A list that is not complete yet.
#[derive(Debug)]
struct OpenList {
    kind: ListKind,
    left: usize,
    elements: Vec<Reply>,
}

#[derive(Debug, Default)]
pub(crate) struct ReplyParser {
    limits: ReplyLimits,
    open: Vec<OpenList>,
    /// Number of bytes that the reply has counted against [`ReplyLimits::reply_len`].
    used: usize,
    /// Number of bytes that must be available before the parser tries again.
    needed: usize,
    /// Whether the reply exceeds the limits, so that its elements are counted but not kept.
    is_oversize: bool,
    /// Number of bytes of a string that are still to be skipped, including its end.
    skips: u64,
}

/// What the parser has found at the start of the bytes.
enum Token {
    /// A complete item, and its length in bytes.
    Whole(Reply, usize),
    /// The start of a list, and its length in bytes.
    Open(OpenList, usize),
    /// The start of a string to skip: its length in bytes, and the number of bytes to skip after it.
    Skip(usize, u64),
    /// Not a complete item. At least this number of bytes is needed.
    Incomplete(usize),
}

impl ReplyParser {
    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn new(limits: ReplyLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Continues to parse. Returns the number of consumed bytes, and a reply if one is complete.
    ///
    /// If no reply is complete, the caller must pass the bytes that were not consumed again, followed by more
    /// bytes.
    pub(crate) fn advance(&mut self, input: &[u8]) -> Result<(usize, Option<Reply>), ProtocolError> {
        let mut at = 0;
        loop {
            let skipped = usize::try_from(self.skips).unwrap_or(usize::MAX).min(input.len() - at);
            (at, self.skips) = (at + skipped, self.skips - skipped as u64);
            let rest = input.get(at..).unwrap_or_default();
            if self.skips > 0 {
                return Ok((at, None));
            }
            if skipped > 0
                && let Some(reply) = self.attach(Some(Reply::Oversize))
            {
                return Ok((at, Some(self.end_reply(reply))));
            }
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
                Token::Skip(len, skips) => {
                    (at, self.needed, self.skips) = (at + len, 0, skips);
                    continue;
                }
                Token::Whole(reply, len) => {
                    (at, self.needed) = (at + len, 0);
                    Some(reply)
                }
            };
            if let Some(reply) = self.attach(reply) {
                return Ok((at, Some(self.end_reply(reply))));
            }
        }
    }

    /// Ends a reply. Returns it, or [`Reply::Oversize`] if it exceeds the limits.
    fn end_reply(&mut self, reply: Reply) -> Reply {
        self.used = 0;
        if std::mem::take(&mut self.is_oversize) { Reply::Oversize } else { reply }
    }

    /// Returns whether a part of a reply was consumed, but not its end.
    pub(crate) fn is_within_reply(&self) -> bool {
        !self.open.is_empty() || self.skips > 0
    }

    /// Returns the number of bytes that [`ReplyParser::advance`] needs.
    pub(crate) fn needed(&self) -> usize {
        self.needed
    }

    /// Adds an element to the innermost list, and closes each list that is then complete. Returns the reply
    /// if no list remains open.
    fn attach(&mut self, mut element: Option<Reply>) -> Option<Reply> {
        loop {
            let Some(list) = self.open.last_mut() else { return element };
            // An attribute comes in front of an element, and is no element of the list.
            if let Some(element) = element {
                if !self.is_oversize {
                    list.elements.push(element);
                }
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
            b'-' => self.charge(line.len()).and_then(|()| whole(error(line))),
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

    /// Parses a string after the line with its length.
    fn string(&mut self, sign: u8, line: &[u8], input: &[u8], start: usize) -> Result<Token, ProtocolError> {
        if line == b"-1" {
            return self.charge(0).map(|()| Token::Whole(Reply::Null, start));
        }
        let len = length(line)?;
        // The length is checked before the bytes arrive, so that the buffer does not grow beyond the limit.
        if len > self.limits.bytes_len || self.used.saturating_add(len) > self.limits.reply_len {
            self.exceed()?;
        }
        if self.is_oversize {
            let skips = (len as u64).saturating_add(2);
            return if skips > MAX_SKIPPED {
                Err(ProtocolError::TooLarge)
            } else {
                Ok(Token::Skip(start, skips))
            };
        }
        let Some(text) = input.get(start..start + len + 2) else {
            return Ok(Token::Incomplete(start + len + 2));
        };
        self.charge(len)?;
        let Some(text) = text.strip_suffix(b"\r\n") else { return Err(ProtocolError::End) };
        let reply = match sign {
            b'!' => error(text),
            // The text begins with three letters and a colon, which name its format.
            b'=' => Reply::Bytes(text.get(4..).ok_or(ProtocolError::End)?.to_vec()),
            _ => Reply::Bytes(text.to_vec()),
        };
        Ok(Token::Whole(reply, start + len + 2))
    }

    /// Opens a list after the line with its length.
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
        let most = self.limits.reply_len / ELEMENT_LEN;
        if left > most.saturating_mul(MAX_SKIPPED_LISTS) {
            return Err(ProtocolError::TooLarge);
        }
        if kind == ListKind::Push && (left > most || self.is_oversize) {
            return Err(ProtocolError::TooLarge);
        }
        if left > most {
            self.exceed()?;
        }
        if self.open.len() >= self.limits.depth {
            return Err(ProtocolError::TooDeep);
        }
        self.charge(0)?;
        // The capacity grows with the elements that arrive, and not with the announced number.
        let elements = Vec::with_capacity(if self.is_oversize { 0 } else { left.min(64) });
        Ok(Token::Open(OpenList { kind, left, elements }, start))
    }

    /// Counts an element against the limit of the reply.
    fn charge(&mut self, len: usize) -> Result<(), ProtocolError> {
        self.used = self.used.saturating_add(len).saturating_add(ELEMENT_LEN);
        if self.used > self.limits.reply_len { self.exceed() } else { Ok(()) }
    }

    /// Marks the reply as too large, and drops what was read of it.
    fn exceed(&mut self) -> Result<(), ProtocolError> {
        if self.open.iter().any(|list| list.kind == ListKind::Push) {
            return Err(ProtocolError::TooLarge);
        }
        self.is_oversize = true;
        self.open.iter_mut().for_each(|list| list.elements = Vec::new());
        Ok(())
    }
}

impl OpenList {
    /// Returns the complete list as a reply, or `None` for an attribute.
    fn close(self) -> Option<Reply> {
        match self.kind {
            ListKind::List => Some(Reply::List(self.elements)),
            ListKind::Map => Some(Reply::Map(self.elements)),
            ListKind::Push => Some(Reply::Push(self.elements)),
            ListKind::Attribute => None,
        }
    }
}

/// Returns the line after the first byte, without its end. Returns `None` if the line is incomplete.
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

/// Returns an error of the server with the first bytes of its text.
fn error(text: &[u8]) -> Reply {
    Reply::Error(text.get(..MAX_ERROR).unwrap_or(text).to_vec())
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

/// Parses a length, which must consist of digits. `parse` alone would also accept a plus sign.
fn length(line: &[u8]) -> Result<usize, ProtocolError> {
    if !line.iter().all(u8::is_ascii_digit) {
        return Err(ProtocolError::Number);
    }
    text(line)?.parse().map_err(|_| ProtocolError::Number)
}

#[cfg(test)]
mod tests;
