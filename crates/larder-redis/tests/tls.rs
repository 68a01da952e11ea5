//! Tests of TLS with a certificate that is made for the test.

use std::path::Path;
use std::process::{Command, Stdio};

use larder_redis::{Error, RedisTier};

use crate::failover::Sentinel;
use crate::redis_process::server_command;
use crate::server::{RedisServer, free_port};
use crate::skip::skip;
use crate::support::{ask, eventually, key, open};
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

#[test]
fn an_encrypted_connection_carries_large_values_and_many_requests() {
    let dir = tempfile::tempdir().unwrap();
    if !has_tls(dir.path()) || !made_certificate(dir.path()) {
        return;
    }
    let (certificate, private) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    let port = free_port();
    let arguments = [
        "--tls-port",
        &port.to_string(),
        "--tls-cert-file",
        certificate.to_str().unwrap(),
        "--tls-key-file",
        private.to_str().unwrap(),
        "--tls-auth-clients",
        "no",
        "--bind",
        "127.0.0.1",
    ];
    let Some(server) = RedisServer::start(&arguments) else { return };
    let url = format!("rediss://localhost:{port}");
    let error = RedisTier::open(&url).map(drop).unwrap_err();
    assert!(
        matches!(error, Error::Unsupported { .. }),
        "the certificate is of no known authority: {error:?}"
    );
    let url = format!("{url}/0?ca={}", certificate.display());
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

#[test]
fn sentinels_and_the_master_that_they_name_are_reached_with_tls() {
    let dir = tempfile::tempdir().unwrap();
    if !has_tls(dir.path()) || !made_certificate(dir.path()) {
        return;
    }
    let [certificate, private] = ["cert.pem", "key.pem"].map(|name| dir.path().join(name));
    let [master, sentinel] = [free_port(), free_port()];
    let settings = |port: u16| {
        let (port, certificate, private) = (port.to_string(), certificate.display(), private.display());
        let pairs = [("tls-port", port), ("tls-cert-file", certificate.to_string())];
        let more = [("tls-key-file", private.to_string()), ("tls-ca-cert-file", certificate.to_string())];
        let last = [("tls-auth-clients", "no".to_owned()), ("bind", "127.0.0.1".to_owned())];
        [pairs, more, last].concat()
    };
    let arguments: Vec<_> =
        settings(master).into_iter().flat_map(|(name, value)| [format!("--{name}"), value]).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let Some(_server) = RedisServer::start(&arguments) else { return };
    let mut lines: Vec<_> =
        settings(sentinel).into_iter().map(|(name, value)| format!("{name} {value}")).collect();
    for line in ["port 0", "tls-replication yes"] {
        lines.push(line.to_owned());
    }
    // The certificate is for a name, and not for an address, so the Sentinel must use host names.
    for line in ["resolve-hostnames yes", "announce-hostnames yes"] {
        lines.push(format!("sentinel {line}"));
    }
    lines.push(format!("sentinel monitor mymaster localhost {master} 1"));
    let _sentinel = Sentinel::start(dir.path(), "sentinel.conf", &lines);
    let options = format!("connect_timeout=5s&request_timeout=20s&ca={}", certificate.display());
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
    let port = free_port();
    let Some(_server) = RedisServer::start(&["--port", &port.to_string(), "--bind", "127.0.0.1"]) else {
        return;
    };
    let error =
        RedisTier::open(&format!("rediss://localhost:{port}?connect_timeout=1s")).map(|tier| tier.why_down());
    assert!(!matches!(error, Ok(None)), "{error:?}");
    let tier = open(&format!("redis://127.0.0.1:{port}"));
    assert!(ask(|reply| tier.get(key("k"), reply)).unwrap().is_none(), "TCP without TLS");
}
