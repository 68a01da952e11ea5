//! Writes replies in RESP2 or RESP3. A command chooses the type of its reply, and the buffer writes it for
//! the connection's version.

use super::number::write_integer;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Version {
    /// The version of every new connection.
    #[default]
    Resp2,
    /// The version with maps, sets, doubles, booleans, a single null, and pushes. Clients select it with
    /// `HELLO 3`.
    Resp3,
}

/// Replies that are written, but not yet sent.
///
/// A small request can ask for the same large value thousands of times. So the buffer checks its length while
/// replies are written. It leaves out the first reply beyond the maximum, and all replies after it.
/// [`is_too_large`](ReplyBuffer::is_too_large) then returns true, and the replies are not sent.
#[derive(Debug)]
pub(crate) struct ReplyBuffer {
    /// The replies. [`append`](ReplyBuffer::append) and direct changes do not check the maximum.
    pub(crate) bytes: Vec<u8>,
    pub(crate) version: Version,
    max: usize,
    is_too_large: bool,
}

/// Maximum number of bytes that a reply adds to its value, and maximum length of a number.
pub(crate) const MAX_HEADER: usize = 24;

/// A position in a [`ReplyBuffer`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReplyMark {
    len: usize,
    is_too_large: bool,
}

impl ReplyBuffer {
    /// Returns an empty buffer for up to `max` bytes.
    pub(crate) const fn new(version: Version, max: usize) -> Self {
        Self { bytes: Vec::new(), version, max, is_too_large: false }
    }

    /// Returns an empty buffer of the same version and maximum.
    pub(crate) const fn empty_copy(&self) -> Self {
        Self::new(self.version, self.max)
    }

    pub(crate) const fn is_too_large(&self) -> bool {
        self.is_too_large
    }

    /// Changes the maximum length of all replies. A reply that was left out stays left out.
    pub(crate) const fn set_max(&mut self, max: usize) {
        self.max = max;
    }

    /// Returns how many more bytes may be written.
    pub(crate) const fn room(&self) -> usize {
        if self.is_too_large { 0 } else { self.max.saturating_sub(self.bytes.len()) }
    }

    /// Returns the present end of the replies, for [`rewind`](Self::rewind).
    pub(crate) const fn mark(&self) -> ReplyMark {
        ReplyMark { len: self.bytes.len(), is_too_large: self.is_too_large }
    }

    /// Removes the replies that were written since `mark`.
    pub(crate) fn rewind(&mut self, mark: ReplyMark) {
        self.bytes.truncate(mark.len);
        self.is_too_large = mark.is_too_large;
    }

    /// Removes the replies that were written since `mark`, and returns them.
    pub(crate) fn take_since(&mut self, mark: ReplyMark) -> Vec<u8> {
        self.bytes.split_off(mark.len.min(self.bytes.len()))
    }

    pub(crate) fn append(&mut self, mut replies: Vec<u8>) {
        if self.bytes.is_empty() {
            self.bytes = replies;
        } else {
            self.bytes.append(&mut replies);
        }
    }

    /// Appends the replies of another buffer, or leaves them out if they do not fit, or if the other buffer
    /// has left out a reply.
    pub(crate) fn append_all(&mut self, replies: Self) {
        self.is_too_large |= replies.is_too_large;
        if self.fits(replies.bytes.len()) {
            self.append(replies.bytes);
        }
    }

    /// Returns whether this number of bytes fits. If it does not, nothing is written from now on.
    fn fits(&mut self, len: usize) -> bool {
        self.is_too_large |= len > self.room();
        !self.is_too_large
    }

    /// Writes a line of text, such as `OK`. The text must not contain a line break.
    pub(crate) fn simple(&mut self, text: &str) {
        if self.fits(text.len() + 3) {
            self.bytes.push(b'+');
            self.bytes.extend_from_slice(text.as_bytes());
            self.end_line();
        }
    }

    pub(crate) fn ok(&mut self) {
        self.constant(b"+OK\r\n");
    }

    /// Writes an error, whose text starts with a code. As in Redis, line breaks at the end of the text are
    /// left out, and any other line break becomes a space, because it would end the reply. Any other byte is
    /// unchanged. The text may repeat words of the request.
    pub(crate) fn error(&mut self, text: &(impl AsRef<[u8]> + ?Sized)) {
        let text = text.as_ref();
        let end = text.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
        let text = text.get(..end).unwrap_or_default();
        if self.fits(text.len() + 3) {
            self.bytes.push(b'-');
            let safe = text.iter().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte });
            self.bytes.extend(safe);
            self.end_line();
        }
    }

    pub(crate) fn integer(&mut self, value: i64) {
        if self.fits(MAX_HEADER) {
            self.bytes.push(b':');
            write_integer(&mut self.bytes, value);
            self.end_line();
        }
    }

    pub(crate) fn count(&mut self, value: u64) {
        self.integer(i64::try_from(value).unwrap_or(i64::MAX));
    }

    pub(crate) fn bulk(&mut self, value: &[u8]) {
        self.string(b'$', b"", value);
    }

    /// Writes a string of `prefix` and `value`, or leaves it out if it does not fit.
    fn string(&mut self, sign: u8, prefix: &[u8], value: &[u8]) {
        let len = prefix.len() + value.len();
        if !self.fits(len + MAX_HEADER) {
            return;
        }
        self.bytes.reserve(len + MAX_HEADER);
        self.header(sign, len);
        self.bytes.extend_from_slice(prefix);
        self.bytes.extend_from_slice(value);
        self.end_line();
    }

    /// Writes a null for a missing value.
    pub(crate) fn null(&mut self) {
        self.by_version(b"$-1\r\n", b"_\r\n");
    }

    /// Writes a null array, such as the reply of an `EXEC` that was not executed.
    pub(crate) fn null_array(&mut self) {
        self.by_version(b"*-1\r\n", b"_\r\n");
    }

    /// Begins an array. The caller must then write `len` replies.
    pub(crate) fn array(&mut self, len: usize) {
        self.header(b'*', len);
    }

    /// Writes an array of lines of text, such as the reply to a `HELP`.
    pub(crate) fn lines(&mut self, lines: &[&str]) {
        self.array(lines.len());
        for line in lines {
            self.simple(line);
        }
    }

    /// Begins a set. The caller must then write `len` replies.
    pub(crate) fn set(&mut self, len: usize) {
        let sign = if self.version == Version::Resp3 { b'~' } else { b'*' };
        self.header(sign, len);
    }

    /// Begins a map. The caller must then write `pairs` pairs of replies. In RESP2, a map is an array.
    pub(crate) fn map(&mut self, pairs: usize) {
        match self.version {
            Version::Resp3 => self.header(b'%', pairs),
            Version::Resp2 => self.header(b'*', pairs.saturating_mul(2)),
        }
    }

    /// Writes a text that a client shows to a person unchanged, such as the text of `INFO`.
    pub(crate) fn verbatim(&mut self, text: &str) {
        match self.version {
            Version::Resp2 => self.bulk(text.as_bytes()),
            Version::Resp3 => self.string(b'=', b"txt:", text.as_bytes()),
        }
    }

    fn by_version(&mut self, resp2: &[u8], resp3: &[u8]) {
        self.constant(if self.version == Version::Resp3 { resp3 } else { resp2 });
    }

    fn constant(&mut self, reply: &[u8]) {
        if self.fits(reply.len()) {
            self.bytes.extend_from_slice(reply);
        }
    }

    fn header(&mut self, sign: u8, len: usize) {
        if self.fits(MAX_HEADER) {
            self.bytes.push(sign);
            write_integer(&mut self.bytes, i64::try_from(len).unwrap_or(i64::MAX));
            self.end_line();
        }
    }

    fn end_line(&mut self) {
        self.bytes.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::{ReplyBuffer, Version};

    #[test]
    fn a_text_beyond_the_maximum_is_left_out_in_both_versions() {
        let text = "x".repeat(40);
        for version in [Version::Resp2, Version::Resp3] {
            let mut reply = ReplyBuffer::new(version, 80);
            reply.verbatim(&text);
            assert!(!reply.is_too_large(), "{version:?}");
            let len = reply.bytes.len();
            reply.verbatim(&text);
            assert!(reply.is_too_large() && reply.bytes.len() == len, "{version:?}");
        }
    }

    #[test]
    fn an_error_has_no_line_break() {
        for (text, line) in [("ERR a\r\nb", "-ERR a  b"), ("ERR a\n\r\n", "-ERR a"), ("\r\n", "-")] {
            let mut reply = ReplyBuffer::new(Version::Resp2, 100);
            reply.error(text);
            assert_eq!(String::from_utf8_lossy(&reply.bytes), format!("{line}\r\n"));
        }
    }

    #[test]
    fn the_room_ends_at_the_maximum_and_with_the_first_reply_that_is_left_out() {
        let mut reply = ReplyBuffer::new(Version::Resp2, 100);
        reply.ok();
        assert_eq!(reply.room(), 95);
        reply.set_max(10);
        assert_eq!(reply.room(), 5);
        reply.simple("long");
        assert_eq!((reply.room(), reply.bytes.len()), (0, 5));
    }

    #[test]
    fn a_reply_of_each_kind_that_does_not_fit_is_left_out_with_all_that_follow() {
        let kinds: [fn(&mut ReplyBuffer); 10] = [
            |reply| reply.simple("text"),
            ReplyBuffer::ok,
            |reply| reply.error("ERR text"),
            |reply| reply.integer(1),
            |reply| reply.bulk(b"text"),
            ReplyBuffer::null,
            ReplyBuffer::null_array,
            |reply| reply.array(1),
            |reply| reply.set(1),
            |reply| reply.map(1),
        ];
        for version in [Version::Resp2, Version::Resp3] {
            for (number, write) in kinds.into_iter().enumerate() {
                let mut reply = ReplyBuffer::new(version, 100);
                let begin = reply.mark();
                (0..100).for_each(|_| write(&mut reply));
                let len = reply.bytes.len();
                assert!(reply.is_too_large() && (60..=100).contains(&len), "{version:?} {number}: {len}");
                reply.null();
                assert_eq!(reply.bytes.len(), len, "{version:?} {number}");
                reply.rewind(begin);
                write(&mut reply);
                assert!(!reply.is_too_large() && !reply.bytes.is_empty(), "{version:?} {number}");
            }
        }
    }
}
