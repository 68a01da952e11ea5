//! The least client of Redis that is needed: GET and SET of bytes, one request and its answer at a time.
//!
//! Less than what a program would use, and so a little faster.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

/// Where a server listens.
#[derive(Debug, Clone)]
pub enum Address {
    /// A port on the loopback interface.
    Tcp(u16),
    /// The path of a Unix socket.
    Unix(std::path::PathBuf),
}

trait Stream: Read + Write {}
impl<S: Read + Write> Stream for S {}

/// A connection.
pub struct Connection {
    stream: BufReader<Box<dyn Stream>>,
    request: Vec<u8>,
    line: Vec<u8>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn open(address: &Address) -> io::Result<Self> {
        let stream: Box<dyn Stream> = match address {
            Address::Tcp(port) => {
                let stream = TcpStream::connect(("127.0.0.1", *port))?;
                stream.set_nodelay(true)?;
                Box::new(stream)
            }
            Address::Unix(path) => Box::new(UnixStream::connect(path)?),
        };
        Ok(Self { stream: BufReader::new(stream), request: Vec::new(), line: Vec::new() })
    }

    /// Sends a command and reads its answer: bytes, or none.
    ///
    /// # Errors
    /// Those of the socket, and what the server answers as an error.
    pub fn ask(&mut self, parts: &[&[u8]]) -> io::Result<Option<Vec<u8>>> {
        self.send(parts)?;
        self.stream.get_mut().write_all(&self.request)?;
        self.answer()
    }

    /// Sends many `SET`s at once and reads the answers.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn set_all(&mut self, pages: &[(Vec<u8>, Vec<u8>)]) -> io::Result<()> {
        let mut all = Vec::new();
        for (key, value) in pages {
            self.send(&[b"SET", key, value])?;
            all.extend_from_slice(&self.request);
        }
        self.stream.get_mut().write_all(&all)?;
        for _ in pages {
            self.answer()?;
        }
        Ok(())
    }

    fn send(&mut self, parts: &[&[u8]]) -> io::Result<()> {
        self.request.clear();
        write!(self.request, "*{}\r\n", parts.len())?;
        for part in parts {
            write!(self.request, "${}\r\n", part.len())?;
            self.request.extend_from_slice(part);
            self.request.extend_from_slice(b"\r\n");
        }
        Ok(())
    }

    fn answer(&mut self) -> io::Result<Option<Vec<u8>>> {
        self.line.clear();
        self.stream.read_until(b'\n', &mut self.line)?;
        let text = String::from_utf8_lossy(&self.line).trim_end().to_owned();
        let Some((kind, rest)) = text.split_at_checked(1) else {
            return Err(io::Error::other("the server closed the connection"));
        };
        match kind {
            "+" | ":" => Ok(Some(rest.as_bytes().to_vec())),
            "$" => {
                let Ok(len) = rest.parse::<usize>() else { return Ok(None) };
                let mut bytes = vec![0; len + 2];
                self.stream.read_exact(&mut bytes)?;
                bytes.truncate(len);
                Ok(Some(bytes))
            }
            _ => Err(io::Error::other(text)),
        }
    }
}
