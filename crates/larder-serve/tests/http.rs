//! Tests of `/health` and `/metrics`.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use larder::Cache;
use larder::clock::ManualClock;
use larder::testing::remote::RemoteServer;
use larder_serve::{Address, Error, Server};

use crate::resp::RespClient;
use crate::support::Served;

/// Sends a request, and returns all bytes that the server sends before it closes the connection.
fn ask(served: &Served, request: &str) -> String {
    ask_server(served.server.as_ref().unwrap(), request)
}

fn ask_server(server: &Server, request: &str) -> String {
    let Some(Address::Tcp(address)) = server.http_address() else { panic!() };
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // The server may close the connection before it has read the whole request.
    drop(stream.write_all(request.as_bytes()));
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    String::from_utf8(answer).unwrap()
}

#[test]
fn the_metrics_count_the_hits_at_the_server_of_a_remote_tier() {
    let clock = Arc::new(ManualClock::new());
    let remote = RemoteServer::new(clock.clone());
    let open = || Cache::builder().remote(remote.node()).clock(clock.clone()).open().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let serve = |cache: &Cache, socket: &Path| {
        let address = format!("unix:{}", socket.display());
        Server::builder(cache).listen(address).http("127.0.0.1:0").start().unwrap()
    };
    let (sockets, caches) = (["a", "b"].map(|name| dir.path().join(name)), [open(), open()]);
    let [first, second] = [0, 1].map(|place| serve(&caches[place], &sockets[place]));
    let set = RespClient::connect(&sockets[0]).unwrap().ask(&["SET", "a", "1"]);
    assert_eq!(set.error(), None);
    // The memory of the second cache does not have the entry.
    assert_eq!(RespClient::connect(&sockets[1]).unwrap().ask(&["GET", "a"]).text(), "1");
    for (server, hits) in [(&first, 0), (&second, 1)] {
        let metrics = ask_server(server, "GET /metrics HTTP/1.0\r\n\r\n");
        assert!(metrics.contains(&format!("\nlarder_serve_remote_hits_total {hits}\n")), "{metrics}");
        assert!(metrics.contains("\nlarder_serve_remote_failures_total 0\n"), "{metrics}");
    }
    first.shutdown();
    second.shutdown();
}

#[test]
fn health_and_metrics_are_answered_and_anything_else_is_refused() {
    let served = Served::with(|builder| builder.http("127.0.0.1:0"));
    served.connect().expect(&["SET", "secret-key", "1"], "+OK\r\n");
    let health = ask(&served, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(health.starts_with("HTTP/1.1 200 OK\r\n") && health.ends_with("\r\n\r\nok\n"), "{health}");
    let metrics = ask(&served, "GET /metrics HTTP/1.0\r\n\r\n");
    assert!(metrics.contains("\nlarder_serve_requests_total 1\n"), "{metrics}");
    assert!(metrics.contains("\nlarder_serve_disk_on 1\n") && !metrics.contains("secret-key"), "{metrics}");
    let head = ask(&served, "HEAD /health HTTP/1.1\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    assert!(ask(&served, "GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
    assert!(ask(&served, "POST /health HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
    assert_eq!(ask(&served, &"a".repeat(10_000)), "");
}

#[test]
fn the_address_must_be_a_port_of_this_machine() {
    for wrong in ["unix:s", "9121", "0.0.0.0:0"] {
        let cache = larder::Cache::builder().open().unwrap();
        let builder = larder_serve::Server::builder(&cache).listen("127.0.0.1:0").http(wrong);
        let error = builder.start().unwrap_err();
        assert!(matches!(error, Error::InvalidSetting { setting: "http", .. }), "{error}");
    }
}
