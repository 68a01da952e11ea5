//! A server on a Unix socket, and a client that sends and receives raw bytes.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use larder::{Cache, CacheBuilder};
use larder_serve::{Server, ServerBuilder};

/// How long a test waits for a reply before it fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server whose cache has a file, in a temporary directory.
pub(crate) struct Served {
    pub(crate) server: Option<Server>,
    pub(crate) cache: Cache,
    pub(crate) socket: PathBuf,
    pub(crate) dir: tempfile::TempDir,
}

impl Served {
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder)
    }

    /// Starts a server. `settings` changes its settings.
    pub(crate) fn with(settings: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Self {
        Self::over(|builder| builder, settings)
    }

    /// Starts a server. `cache` changes the settings of the cache, and `settings` those of the server.
    pub(crate) fn over(
        cache: impl FnOnce(CacheBuilder) -> CacheBuilder,
        settings: impl FnOnce(ServerBuilder) -> ServerBuilder,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let cache = cache(Cache::builder().path(dir.path().join("shop.larder"))).open().unwrap();
        let socket = dir.path().join("s");
        let builder = Server::builder(&cache).listen(format!("unix:{}", socket.display()));
        let server = Some(settings(builder).start().unwrap());
        Self { server, cache, socket, dir }
    }

    pub(crate) fn connect(&self) -> Client {
        let stream = UnixStream::connect(&self.socket).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Client { stream }
    }
}

pub(crate) struct Client {
    pub(crate) stream: UnixStream,
}

pub(crate) fn request(words: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend(format!("${}\r\n{word}\r\n", word.len()).bytes());
    }
    bytes
}

impl Client {
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    pub(crate) fn expect(&mut self, words: &[&str], reply: &str) {
        self.send(request(words));
        self.receive(reply);
    }

    pub(crate) fn line(&mut self) -> String {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).unwrap();
            line.push(byte[0]);
        }
        String::from_utf8(line).unwrap()
    }

    /// Sends a request, and returns the text of its reply. The reply must be a bulk string.
    pub(crate) fn bulk(&mut self, words: &[&str]) -> String {
        self.send(request(words));
        let header = self.line();
        let len = header.strip_prefix('$').unwrap_or_else(|| panic!("{header}")).trim();
        let mut bytes = vec![0; len.parse::<usize>().unwrap() + 2];
        self.stream.read_exact(&mut bytes).unwrap();
        String::from_utf8(bytes[..bytes.len() - 2].to_vec()).unwrap()
    }

    /// Checks that the next bytes are this reply.
    pub(crate) fn receive(&mut self, reply: &str) {
        let mut received = vec![0; reply.len()];
        let mut len = 0;
        while len < reply.len() {
            match self.stream.read(&mut received[len..]) {
                Ok(0) => break,
                Ok(more) => len += more,
                Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&received[..len])),
            }
            if !reply.as_bytes().starts_with(&received[..len]) {
                break;
            }
        }
        assert_eq!(String::from_utf8_lossy(&received[..len]), reply);
    }

    /// Sends a request, and checks that the server closes the connection without a reply.
    pub(crate) fn expect_end_after(&mut self, words: &[&str]) {
        self.send(request(words));
        self.expect_end();
    }

    /// Checks that the server sends nothing for 200 ms.
    pub(crate) fn expect_nothing(&mut self) {
        self.stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let mut received = [0; 64];
        let read = self.stream.read(&mut received);
        assert!(
            read.is_err(),
            "{:?}",
            read.map(|len| String::from_utf8_lossy(&received[..len]).into_owned())
        );
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
    }

    /// Checks that the server closes the connection without sending more bytes.
    pub(crate) fn expect_end(&mut self) {
        let mut left = Vec::new();
        if let Err(error) = self.stream.read_to_end(&mut left) {
            // A connection that was reset has also ended. After the read timeout, it is still open.
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "the connection has not ended: {error}");
        }
        assert_eq!(String::from_utf8_lossy(&left), "");
    }
}
