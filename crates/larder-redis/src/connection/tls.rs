//! A socket with TLS.
//!
//! One lock protects the session. The lock is held while bytes are encrypted, decrypted or passed to the
//! socket, but never while a thread waits for the socket.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

/// Maximum number of bytes that are encrypted at once.
const MAX_PART: usize = 64 << 10;

/// Maximum number of times in a row that a read receives bytes without a decrypted byte. A record of the
/// maximum length takes fewer.
const MAX_FRUITLESS: u32 = 16;

/// A TLS session on a socket that never blocks.
#[derive(Debug)]
pub(crate) struct TlsSocket {
    pub(crate) tcp: TcpStream,
    session: Mutex<ClientConnection>,
}

fn invalid(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

impl TlsSocket {
    /// Starts a session. The handshake takes place during the first reads and writes. `authority` is a file
    /// with trusted certificates, which replace those of the system.
    pub(crate) fn new(tcp: TcpStream, host: &str, authority: Option<&Path>) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        match authority {
            Some(path) => {
                for certificate in CertificateDer::pem_file_iter(path).map_err(invalid)? {
                    roots.add(certificate.map_err(invalid)?).map_err(invalid)?;
                }
            }
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(invalid)?.with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::try_from(host.to_owned()).map_err(invalid)?;
        let session = ClientConnection::new(Arc::new(config), name).map_err(invalid)?;
        Ok(Self { tcp, session: Mutex::new(session) })
    }

    /// Reads decrypted bytes. Returns `WouldBlock` instead of waiting.
    ///
    /// Reads until the buffer is full or the socket has no more bytes. Otherwise bytes could remain in the
    /// session, and no event of the socket would report them. But a server may send session tickets for ever.
    /// So the read also ends after [`MAX_FRUITLESS`] attempts. The session has then decrypted all that it has
    /// received, so an event of the socket reports the rest.
    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut session = self.session.lock();
        let (mut filled, mut fruitless) = (0, 0);
        loop {
            let rest = buffer.get_mut(filled..).unwrap_or_default();
            if rest.is_empty() {
                return Ok(filled);
            }
            let outcome = match session.reader().read(rest) {
                Ok(read @ 1..) => {
                    (filled, fruitless) = (filled + read, 0);
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && fruitless < MAX_FRUITLESS => {
                    fruitless += 1;
                    self.receive(&mut session)
                }
                // The end of the stream, too many attempts, and all other errors.
                Ok(_) => Ok(false),
                Err(error) => Err(error),
            };
            match outcome {
                Ok(true) => {}
                Ok(false) => return Ok(filled),
                // The bytes that were already read come first. If the error lasts, the next read returns it.
                Err(_) if filled > 0 => return Ok(filled),
                Err(error) => return Err(error),
            }
        }
    }

    /// Decrypts received bytes, or receives more bytes. Returns false at the end of the stream.
    fn receive(&self, session: &mut ClientConnection) -> io::Result<bool> {
        // The session decrypts a limited part at once, so bytes that were received earlier may still be
        // encrypted.
        let has_more = |session: &mut ClientConnection| {
            let state = session.process_new_packets().map_err(invalid);
            // Sends bytes of the handshake, or an alert about an error. Bytes that remain are sent later.
            drop(self.send(session));
            state.map(|state| state.plaintext_bytes_to_read() > 0)
        };
        if has_more(session)? {
            return Ok(true);
        }
        if session.read_tls(&mut &self.tcp)? == 0 {
            return Ok(false);
        }
        has_more(session).map(|_| true)
    }

    /// Encrypts a part of the bytes, and sends what the socket has room for. Returns the length of the part.
    pub(crate) fn write(&self, buffer: &[u8]) -> io::Result<usize> {
        let mut session = self.session.lock();
        // Earlier encrypted bytes are sent first, so that at most one part waits.
        self.send(&mut session)?;
        let part = buffer.get(..buffer.len().min(MAX_PART)).unwrap_or(buffer);
        let taken = session.writer().write(part)?;
        if taken == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        match self.send(&mut session) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(taken),
        }
    }

    pub(crate) fn flush(&self) -> io::Result<()> {
        self.send(&mut self.session.lock())
    }

    fn send(&self, session: &mut ClientConnection) -> io::Result<()> {
        while session.wants_write() {
            session.write_tls(&mut &self.tcp)?;
        }
        Ok(())
    }
}
