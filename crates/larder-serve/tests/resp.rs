//! Reads replies off a connection, one at a time, as raw bytes and as a tree.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// A reply, in either version of the protocol.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reply {
    /// A line with its sign: a simple string, an error, an integer, a double, a boolean, a big number, a
    /// null.
    Line(String),
    /// A string with its sign: `$`, or `=` for a verbatim one. None is the null of RESP2.
    Bulk(char, Option<Vec<u8>>),
    /// Replies with their sign. A map has two replies for each pair. None is the null array of RESP2.
    Array(char, Option<Vec<Reply>>),
}

impl Reply {
    /// Returns the integer of an integer's reply.
    pub(crate) fn integer(&self) -> Option<i64> {
        match self {
            Self::Line(line) => line.strip_prefix(':')?.parse().ok(),
            _ => None,
        }
    }

    /// Returns the bytes of a string.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bulk(_, bytes) => bytes.as_deref(),
            _ => None,
        }
    }

    /// Returns the text of a string.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(self.bytes().unwrap_or_default()).into_owned()
    }

    /// Returns the replies of an array, a set or a map.
    pub(crate) fn items(&self) -> &[Self] {
        match self {
            Self::Array(_, Some(items)) => items,
            _ => &[],
        }
    }

    /// Returns the text of an error.
    pub(crate) fn error(&self) -> Option<&str> {
        match self {
            Self::Line(line) => line.strip_prefix('-'),
            _ => None,
        }
    }
}

/// A connection that reads whole replies.
pub(crate) struct RespClient {
    stream: BufReader<UnixStream>,
}

impl RespClient {
    pub(crate) fn connect(socket: &Path) -> std::io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(Duration::from_mins(10)))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Sends a request, and returns its reply.
    pub(crate) fn ask<W: AsRef<[u8]>>(&mut self, words: &[W]) -> Reply {
        self.send(words);
        self.receive()
    }

    pub(crate) fn send<W: AsRef<[u8]>>(&mut self, words: &[W]) {
        let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            bytes.extend(format!("${}\r\n", word.as_ref().len()).bytes());
            bytes.extend(word.as_ref());
            bytes.extend(b"\r\n");
        }
        self.stream.get_mut().write_all(&bytes).unwrap();
    }

    pub(crate) fn receive(&mut self) -> Reply {
        let mut line = String::new();
        let mut raw = Vec::new();
        self.stream.read_until(b'\n', &mut raw).unwrap();
        line.push_str(String::from_utf8_lossy(&raw).trim_end_matches("\r\n"));
        let Some(sign) = line.chars().next() else { panic!("the server closed the connection") };
        let len = || line[1..].parse::<i64>().unwrap();
        match sign {
            '$' | '=' => {
                let Ok(len) = usize::try_from(len()) else { return Reply::Bulk(sign, None) };
                let mut bytes = vec![0; len + 2];
                self.stream.read_exact(&mut bytes).unwrap();
                bytes.truncate(len);
                Reply::Bulk(sign, Some(bytes))
            }
            '*' | '~' | '%' | '>' => {
                let Ok(len) = usize::try_from(len()) else { return Reply::Array(sign, None) };
                let len = if sign == '%' { 2 * len } else { len };
                Reply::Array(sign, Some((0..len).map(|_| self.receive()).collect()))
            }
            _ => Reply::Line(line),
        }
    }
}
