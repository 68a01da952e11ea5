//! Tests of TLS with a certificate that is made for the test.

use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use larder_redis::inspect::ServerInspector;
use larder_redis::{Error, RedisTier};
use rustls::crypto::cipher::{OutboundChunks, OutboundPlainMessage};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{
    ConnectionTrafficSecrets, ContentType, ProtocolVersion, ServerConfig, ServerConnection, StreamOwned,
    SupportedCipherSuite,
};

use crate::failover::Sentinel;
use crate::redis_process::server_command;
use crate::scripted_sentinels::read_words;
use crate::scripted_server::{bulk, usual};
use crate::server::{RedisServer, free_port};
use crate::skip::skip;
use crate::support::{LIMIT, ask, eventually, key, open, patient};
use larder::remote::{Life, RemoteTier, SetCondition};

/// Returns whether the server was built with TLS. Otherwise prints that. Without a certificate, a server with
/// a port for TLS ends at once: it asks for the certificate, or it does not know TLS.
fn has_tls(dir: &Path) -> bool {
    let mut command = server_command();
    command.args(["--port", "0", "--tls-port", &free_port().to_string()]).current_dir(dir);
    let Ok(output) = command.output() else {
        skip("this machine has no redis-server");
        return false;
    };
    let knows_tls = String::from_utf8_lossy(&output.stdout).contains("tls-cert-file");
    if !knows_tls {
        skip("the server was built without TLS");
    }
    knows_tls
}

/// Makes a self-signed certificate for `localhost`. Returns whether openssl has made it. Otherwise prints
/// that.
fn made_certificate(dir: &Path) -> bool {
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]);
    command.args([
        "-addext",
        "subjectAltName=DNS:localhost",
        "-addext",
        "basicConstraints=critical,CA:FALSE",
    ]);
    command.args(["-keyout", "key.pem", "-out", "cert.pem"]).current_dir(dir);
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    let is_made = status.is_ok_and(|status| status.success());
    if !is_made {
        skip("this machine has no openssl");
    }
    is_made
}

/// A server that listens for TLS, with a certificate for `localhost`.
struct TlsServer {
    server: RedisServer,
    port: u16,
    certificate: PathBuf,
    _dir: tempfile::TempDir,
}

impl TlsServer {
    /// Returns `None`, and prints why, if this machine has no such server or no openssl.
    fn start() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        if !has_tls(dir.path()) || !made_certificate(dir.path()) {
            return None;
        }
        let [certificate, private] = ["cert.pem", "key.pem"].map(|name| dir.path().join(name));
        let certificates = ["--tls-cert-file", certificate.to_str()?, "--tls-key-file", private.to_str()?];
        let arguments = [certificates.as_slice(), &["--tls-auth-clients", "no"]].concat();
        let (server, port) = RedisServer::start_on_port("--tls-port", &arguments)?;
        Some(Self { server, port, certificate, _dir: dir })
    }

    /// Returns the URL, with the certificate.
    fn url(&self) -> String {
        let options = patient(&format!("ca={}", self.certificate.display()));
        format!("rediss://localhost:{}/0?{options}", self.port)
    }
}

#[test]
fn an_encrypted_connection_carries_large_values_and_many_requests() {
    let Some(tls) = TlsServer::start() else { return };
    let (server, port) = (&tls.server, tls.port);
    let url = format!("rediss://localhost:{port}");
    let error = RedisTier::open(&url).map(drop).unwrap_err();
    assert!(
        matches!(error, Error::Unsupported { .. }),
        "the certificate is of no known authority: {error:?}"
    );
    let url = tls.url();
    let wrong_name = url.replace("localhost", "127.0.0.1");
    assert!(RedisTier::open(&wrong_name).is_err(), "the certificate is for another name");
    let tier = open(&url);
    eventually("it is connected", || tier.why_down().is_none());
    let large: Vec<u8> = (0..8 << 20).map(|at: u32| (at % 251) as u8).collect();
    let set = ask(|reply| tier.set(key("large"), large.clone(), Life::Never, SetCondition::Always, reply));
    assert!(set.unwrap());
    assert!(ask(|reply| tier.get(key("large"), reply)).unwrap().is_some_and(|found| found.bytes == large));
    std::thread::scope(|scope| {
        for thread in 0..4_u8 {
            let tier = &tier;
            scope.spawn(move || {
                for round in 0..200_u8 {
                    let name = key(&format!("{thread}"));
                    let bytes = vec![round; usize::from(round) * 100];
                    let set = |reply| {
                        tier.set(name.clone(), bytes.clone(), Life::Never, SetCondition::Always, reply);
                    };
                    assert!(ask(set).unwrap());
                    assert_eq!(ask(|reply| tier.get(name.clone(), reply)).unwrap().unwrap().bytes, bytes);
                }
            });
        }
    });
    let before = tier.generation();
    assert_ne!(server.cli(&["CLIENT", "KILL", "TYPE", "normal"]), "0");
    eventually("the loss is seen", || tier.generation() != before);
    eventually("it is connected again", || ask(|reply| tier.get(key("large"), reply)).is_ok());
}

type Served = Result<(), Box<dyn std::error::Error>>;

/// A server in the same process. Its thread ends with the process.
struct OwnServer {
    port: u16,
    /// The number of its open connections.
    connections: Arc<AtomicUsize>,
}

impl OwnServer {
    /// Starts a server with the certificate in a directory. `serve` serves a connection after its handshake.
    fn start(dir: &Path, serve: fn(ServerConnection, TcpStream) -> Served) -> Self {
        let certificates = CertificateDer::pem_file_iter(dir.join("cert.pem")).unwrap();
        let certificates = certificates.map(Result::unwrap).collect();
        let private = PrivateKeyDer::from_pem_file(dir.join("key.pem")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.unwrap().with_no_client_auth().with_single_cert(certificates, private);
        let mut config = config.unwrap();
        config.enable_secret_extraction = true;
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = connections.clone();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (mut client, config, count) = (client.unwrap(), config.clone(), count.clone());
                std::thread::spawn(move || {
                    count.fetch_add(1, Ordering::SeqCst);
                    let mut session = ServerConnection::new(config).unwrap();
                    // An error says that the client has ended the connection.
                    if session.complete_io(&mut client).is_ok() {
                        drop(serve(session, client));
                    }
                    count.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { port, connections }
    }

    /// Returns the URL, with the certificate in the directory.
    fn url(&self, dir: &Path, options: &str) -> String {
        let authority = dir.join("cert.pem");
        let options = patient(&format!("ca={}&{options}", authority.display()));
        format!("rediss://localhost:{}/0?{options}", self.port)
    }
}

/// Answers the requests of a tool. The server has a string under each key that ends with its length. It sends
/// each answer at once.
fn serve_strings(mut session: ServerConnection, client: TcpStream) -> Served {
    session.set_buffer_limit(None);
    let mut input = BufReader::new(StreamOwned::new(session, client));
    while let Some(words) = read_words(&mut input) {
        let answer = match words[0].as_str() {
            "EVAL" => {
                let len: usize = words[3].rsplit(':').next().unwrap_or_default().parse()?;
                let state = format!("{}:-1\r\n_\r\n:0\r\n:{len}\r\n", bulk("string"));
                format!("*6\r\n{state}{}", bulk(&"x".repeat(len)))
            }
            _ => usual(&words),
        };
        input.get_mut().write_all(answer.as_bytes())?;
    }
    Ok(())
}

/// The client reads 64 KiB at once. The session receives more at once, and no event of the socket reports it.
#[test]
fn a_tool_reads_values_whose_last_bytes_are_received_with_earlier_ones() {
    let dir = tempfile::tempdir().unwrap();
    if !made_certificate(dir.path()) {
        return;
    }
    let server = OwnServer::start(dir.path(), serve_strings);
    let url = server.url(dir.path(), "request_timeout=60s");
    let (sender, found) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for more in (0..=16 << 10).step_by(512) {
            let len = (64 << 10) + more;
            // The buffer of a tool grows with its first large value.
            let mut inspector = ServerInspector::open(&url).unwrap();
            let slot = inspector.slot(format!("larder:1:plain:{len}").as_bytes());
            sender.send((len, slot.map(|slot| slot.bytes.len()))).unwrap();
        }
    });
    for _ in (0..=16 << 10).step_by(512) {
        let (len, found) = found.recv_timeout(LIMIT).expect("the tool does not wait until its limit");
        assert_eq!(found, Ok(len));
    }
}

/// A `NewSessionTicket` of TLS 1.3: its length, the lifetime, the mask of the age, a nonce, a ticket, and no
/// extensions.
const TICKET: [u8; 19] = [4, 0, 0, 15, 0, 0, 28, 32, 0, 0, 0, 0, 1, 7, 0, 1, 7, 0, 0];

/// Sends nothing but session tickets, for ever.
fn flood(session: ServerConnection, mut client: TcpStream) -> Served {
    let Some(SupportedCipherSuite::Tls13(suite)) = session.negotiated_cipher_suite() else { return Ok(()) };
    let (mut number, secrets) = session.dangerous_extract_secrets()?.tx;
    let (ConnectionTrafficSecrets::Aes128Gcm { key, iv }
    | ConnectionTrafficSecrets::Aes256Gcm { key, iv }
    | ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv }) = secrets
    else {
        return Ok(());
    };
    let mut encrypter = suite.aead_alg.encrypter(key, iv);
    loop {
        let mut records = Vec::new();
        for _ in 0..100 {
            let (typ, version) = (ContentType::Handshake, ProtocolVersion::TLSv1_2);
            let ticket = OutboundPlainMessage { typ, version, payload: OutboundChunks::Single(&TICKET) };
            records.extend(encrypter.encrypt(ticket, number)?.encode());
            number += 1;
        }
        client.write_all(&records)?;
    }
}

#[test]
fn a_server_that_sends_tickets_for_ever_keeps_no_thread() {
    let dir = tempfile::tempdir().unwrap();
    if !made_certificate(dir.path()) {
        return;
    }
    let server = OwnServer::start(dir.path(), flood);
    let url = server.url(dir.path(), "connect_timeout=1s");
    let tier = RedisTier::open(&url).unwrap();
    let is_late = |why: Error| why.to_string().contains("did not answer within 1000 ms");
    eventually("the greeting ends by its limit", || tier.why_down().is_some_and(is_late));
    drop(tier);
    eventually("the client ends the connection", || server.connections.load(Ordering::SeqCst) == 0);
}

#[test]
fn sentinels_and_the_master_that_they_name_are_reached_with_tls() {
    let dir = tempfile::tempdir().unwrap();
    if !has_tls(dir.path()) || !made_certificate(dir.path()) {
        return;
    }
    let [certificate, private] = ["cert.pem", "key.pem"].map(|name| dir.path().join(name));
    let [certificate, private] = [certificate, private].map(|path| path.display().to_string());
    let settings = [
        ("tls-cert-file", certificate.as_str()),
        ("tls-key-file", &private),
        ("tls-ca-cert-file", &certificate),
        ("tls-auth-clients", "no"),
    ];
    let arguments: Vec<_> =
        settings.iter().flat_map(|(name, value)| [format!("--{name}"), (*value).to_owned()]).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let Some((_server, master)) = RedisServer::start_on_port("--tls-port", &arguments) else { return };
    let sentinel = free_port();
    let mut lines: Vec<_> = settings.iter().map(|(name, value)| format!("{name} {value}")).collect();
    lines.push(format!("tls-port {sentinel}"));
    for line in ["bind 127.0.0.1", "port 0", "tls-replication yes"] {
        lines.push(line.to_owned());
    }
    // The certificate is for a name, and not for an address, so the Sentinel must use host names.
    for line in ["resolve-hostnames yes", "announce-hostnames yes"] {
        lines.push(format!("sentinel {line}"));
    }
    lines.push(format!("sentinel monitor mymaster localhost {master} 1"));
    let _sentinel = Sentinel::start(dir.path(), "sentinel.conf", &lines);
    let options = patient(&format!("ca={certificate}"));
    let url = format!("rediss-sentinel://localhost:{sentinel}/mymaster?{options}");
    let tier = open(&url);
    eventually("it is connected", || tier.why_down().is_none());
    assert!(ask(|reply| tier.get(key("k"), reply)).unwrap().is_none());
    // An untrusted certificate is an error, also on the connection to a Sentinel.
    let untrusted = url.split("&ca=").next().unwrap();
    let error = RedisTier::open(untrusted).map(drop).unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");
}

#[test]
fn a_server_without_tls_is_an_error() {
    let Some((_server, port)) = RedisServer::start_with_port(&[]) else { return };
    let error =
        RedisTier::open(&format!("rediss://localhost:{port}?connect_timeout=1s")).map(|tier| tier.why_down());
    assert!(!matches!(error, Ok(None)), "{error:?}");
    let tier = open(&format!("redis://127.0.0.1:{port}"));
    assert!(ask(|reply| tier.get(key("k"), reply)).unwrap().is_none(), "TCP without TLS");
}
