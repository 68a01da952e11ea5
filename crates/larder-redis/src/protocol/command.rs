//! Encodes requests, which are arrays of strings.

use std::io::Write as _;

/// An encoded request.
///
/// The head of the array is not included. So if the server no longer knows a script, the script can be sent
/// again with its text, without copying the arguments.
#[derive(Debug, Clone)]
pub(crate) struct Command {
    words: usize,
    tail: Vec<u8>,
}

impl Command {
    /// Returns a request with one word.
    pub(crate) fn new(name: &str) -> Self {
        let mut command = Self::tail();
        command.push(name);
        command
    }

    /// Returns the end of a request. [`Command::write_after`] adds the words in front of it.
    pub(crate) fn tail() -> Self {
        Self { words: 0, tail: Vec::with_capacity(128) }
    }

    pub(crate) fn arg(mut self, word: impl AsRef<[u8]>) -> Self {
        self.push(word);
        self
    }

    pub(crate) fn number(self, number: impl std::fmt::Display) -> Self {
        self.arg(number.to_string())
    }

    pub(crate) fn push(&mut self, word: impl AsRef<[u8]>) {
        self.words += 1;
        write_word(&mut self.tail, &[word.as_ref()]);
    }

    /// Adds a word that consists of these parts.
    pub(crate) fn push_parts(&mut self, parts: &[&[u8]]) {
        self.words += 1;
        write_word(&mut self.tail, parts);
    }

    pub(crate) fn append(&mut self, other: &Self) {
        self.words += other.words;
        self.tail.extend_from_slice(&other.tail);
    }

    pub(crate) fn len(&self) -> usize {
        self.tail.len()
    }

    /// Appends the request to a buffer, with the words of `head` in front of its own.
    pub(crate) fn write_after(&self, head: &[&[u8]], buffer: &mut Vec<u8>) {
        write_header(buffer, b'*', self.words + head.len());
        for word in head {
            write_word(buffer, &[word]);
        }
        buffer.extend_from_slice(&self.tail);
    }
}

fn write_word(buffer: &mut Vec<u8>, parts: &[&[u8]]) {
    write_header(buffer, b'$', parts.iter().map(|part| part.len()).sum());
    for part in parts {
        buffer.extend_from_slice(part);
    }
    buffer.extend_from_slice(b"\r\n");
}

fn write_header(buffer: &mut Vec<u8>, sign: u8, number: usize) {
    buffer.push(sign);
    // Writing to a vector does not fail.
    drop(write!(buffer, "{number}\r\n"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_an_array_of_strings() {
        let mut command = Command::new("SET").arg([0xff, b'\r', b'\n']).number(-7);
        command.push_parts(&[b"ab", b"", b"c"]);
        let mut buffer = Vec::new();
        command.write_after(&[], &mut buffer);
        assert_eq!(buffer, b"*4\r\n$3\r\nSET\r\n$3\r\n\xff\r\n\r\n$2\r\n-7\r\n$3\r\nabc\r\n");
    }

    #[test]
    fn words_can_be_put_before_a_tail() {
        let mut buffer = Vec::new();
        Command::tail().arg("1").arg("k").write_after(&[b"EVALSHA", b"abc"], &mut buffer);
        assert_eq!(buffer, b"*4\r\n$7\r\nEVALSHA\r\n$3\r\nabc\r\n$1\r\n1\r\n$1\r\nk\r\n");
    }
}
