//! A server that replies to every request with the same bytes. It uses the same runtime as `larder serve`,
//! and shows what a request costs without a cache.

use std::io;
use std::path::Path;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::Builder;

/// The reply. Redis sends the same reply to `GET` of a key with the value `xxx`.
const REPLY: &[u8] = b"$3\r\nxxx\r\n";
const BUFFER_LEN: usize = 16 << 10;

/// Serves a Unix socket on one thread, until the process is killed.
///
/// # Errors
/// Fails if the socket can't be opened.
pub fn run(socket: &Path) -> io::Result<()> {
    Builder::new_current_thread().enable_io().build()?.block_on(async {
        let listener = UnixListener::bind(socket)?;
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(answer(stream));
        }
    })
}

async fn answer(mut stream: UnixStream) -> io::Result<()> {
    let mut received = Vec::with_capacity(BUFFER_LEN);
    let mut replies = Vec::with_capacity(BUFFER_LEN);
    while stream.read_buf(&mut received).await? > 0 {
        let mut read = 0;
        while let Some(len) = request_len(received.get(read..).unwrap_or_default()) {
            replies.extend_from_slice(REPLY);
            read += len;
        }
        received.drain(..read);
        stream.write_all(&replies).await?;
        replies.clear();
    }
    Ok(())
}

/// Returns the length of the first request, or `None` if the request is not complete. A request is an array
/// of texts, or a line.
fn request_len(bytes: &[u8]) -> Option<usize> {
    let first = line(bytes)?;
    let Some(count) = first.strip_prefix(b"*").map(number) else { return Some(first.len() + 2) };
    let mut len = first.len() + 2;
    for _ in 0..count? {
        let head = line(bytes.get(len..)?)?;
        len += head.len() + 2 + number(head.strip_prefix(b"$")?)? + 2;
    }
    (len <= bytes.len()).then_some(len)
}

/// Returns the bytes before the first line end.
fn line(bytes: &[u8]) -> Option<&[u8]> {
    bytes.get(..bytes.windows(2).position(|pair| pair == b"\r\n")?)
}

fn number(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::request_len;

    #[test]
    fn a_request_ends_after_its_last_text() {
        let get = b"*2\r\n$3\r\nGET\r\n$4\r\ntail\r\n";
        assert_eq!(request_len(&[get.as_slice(), b"*2\r\n"].concat()), Some(get.len()));
        for len in 0..get.len() {
            assert_eq!(request_len(&get[..len]), None, "{len}");
        }
        assert_eq!(request_len(b"WAIT 0 0\r\nrest"), Some(10));
    }
}
