//! Reads single replies from a connection and parses them.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// A reply, in either version of the protocol.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reply {
    /// A line with its sign: a simple string, an error, an integer, a double, a boolean, a big number, or a
    /// null.
    Line(String),
    /// A string with its sign, which is `$`, or `=` for a verbatim string. `None` is the null of RESP2.
    Bulk(char, Option<Vec<u8>>),
    /// Several replies with their sign. A map has two replies per pair. `None` is the null array of RESP2.
    Array(char, Option<Vec<Reply>>),
}

impl Reply {
    pub(crate) fn integer(&self) -> Option<i64> {
        match self {
            Self::Line(line) => line.strip_prefix(':')?.parse().ok(),
            _ => None,
        }
    }

    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bulk(_, bytes) => bytes.as_deref(),
            _ => None,
        }
    }

    /// Returns the text of a string reply, or an empty text if it is another reply.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(self.bytes().unwrap_or_default()).into_owned()
    }

    pub(crate) fn items(&self) -> &[Self] {
        match self {
            Self::Array(_, Some(items)) => items,
            _ => &[],
        }
    }

    pub(crate) fn error(&self) -> Option<&str> {
        match self {
            Self::Line(line) => line.strip_prefix('-'),
            _ => None,
        }
    }
}

pub(crate) struct RespClient {
    stream: BufReader<UnixStream>,
}

impl RespClient {
    pub(crate) fn connect(socket: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(Duration::from_mins(10)))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    pub(crate) fn ask<W: AsRef<[u8]>>(&mut self, words: &[W]) -> Reply {
        self.try_ask(words).unwrap()
    }

    /// Like [`ask`](Self::ask), for a server that may be killed.
    pub(crate) fn try_ask<W: AsRef<[u8]>>(&mut self, words: &[W]) -> io::Result<Reply> {
        self.stream.get_mut().write_all(&request_of(words))?;
        self.try_receive()
    }

    pub(crate) fn try_ask_all(&mut self, requests: &[&[&str]]) -> io::Result<Vec<Reply>> {
        let bytes: Vec<u8> = requests.iter().flat_map(|words| request_of(words)).collect();
        self.stream.get_mut().write_all(&bytes)?;
        requests.iter().map(|_| self.try_receive()).collect()
    }

    pub(crate) fn send<W: AsRef<[u8]>>(&mut self, words: &[W]) {
        self.stream.get_mut().write_all(&request_of(words)).unwrap();
    }

    /// Sends a line of words.
    pub(crate) fn send_line(&mut self, line: impl AsRef<[u8]>) {
        self.stream.get_mut().write_all(&[line.as_ref(), b"\r\n"].concat()).unwrap();
    }

    pub(crate) fn receive(&mut self) -> Reply {
        self.try_receive().unwrap()
    }

    fn try_receive(&mut self) -> io::Result<Reply> {
        let mut raw = Vec::new();
        self.stream.read_until(b'\n', &mut raw)?;
        // An incomplete line at the end of the connection is not a reply.
        let cut_off = || io::Error::new(ErrorKind::UnexpectedEof, "the server closed the connection");
        let line = String::from_utf8_lossy(raw.strip_suffix(b"\r\n").ok_or_else(cut_off)?).into_owned();
        let Some(sign) = line.chars().next() else { return Err(cut_off()) };
        let len = || line[1..].parse::<i64>().unwrap();
        Ok(match sign {
            '$' | '=' => {
                let Ok(len) = usize::try_from(len()) else { return Ok(Reply::Bulk(sign, None)) };
                let mut bytes = vec![0; len + 2];
                self.stream.read_exact(&mut bytes)?;
                bytes.truncate(len);
                Reply::Bulk(sign, Some(bytes))
            }
            '*' | '~' | '%' | '>' => {
                let Ok(len) = usize::try_from(len()) else { return Ok(Reply::Array(sign, None)) };
                let len = if sign == '%' { 2 * len } else { len };
                let items = (0..len).map(|_| self.try_receive()).collect::<io::Result<_>>()?;
                Reply::Array(sign, Some(items))
            }
            _ => Reply::Line(line),
        })
    }
}

fn request_of<W: AsRef<[u8]>>(words: &[W]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend(format!("${}\r\n", word.as_ref().len()).bytes());
        bytes.extend(word.as_ref());
        bytes.extend(b"\r\n");
    }
    bytes
}
