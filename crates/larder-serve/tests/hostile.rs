//! Tests of hostile peers. Such peers must not affect a client that works at the same time.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::scope;
use std::time::Duration;

use larder_serve::{OutputLimits, RequestLimits};
use tokio::time::Instant;

use crate::support::{Client, Served, request};

struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % below
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        // Uses characters of the protocol often, so that the parser gets beyond the first byte.
        (0..len)
            .map(|_| match self.next(3) {
                0 => b"*$\r\n0123456789-+PING"[self.next(20)],
                1 => b"\r\n*1$4"[self.next(6)],
                _ => u8::try_from(self.next(256)).unwrap(),
            })
            .collect()
    }
}

/// Connects, sends hostile bytes, and disconnects in one of several ways.
fn attack(socket: &Path, random: &mut Random) {
    let Ok(mut stream) = UnixStream::connect(socket) else { return };
    stream.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
    let len = random.next(200) + 1;
    let bytes = match random.next(6) {
        0 => random.bytes(len),
        // The first part of a request.
        1 => request(&["SET", "half", &"x".repeat(1000)])[..600].to_vec(),
        // A length without the bytes that it announces.
        2 => b"*1048576\r\n$67108864\r\n".to_vec(),
        3 => b"*2\r\n$3\r\nGET\r\n$99999999999\r\n".to_vec(),
        // Many requests. The peer reads at most 64 bytes of the replies.
        4 => request(&["ECHO", &"y".repeat(1000)]).repeat(50),
        _ => [request(&["MULTI"]), random.bytes(len), b"\r\n".to_vec()].concat(),
    };
    // The server may already have closed the connection.
    drop(stream.write_all(&bytes));
    if random.next(2) == 0 {
        drop(stream.read(&mut [0; 64]));
    }
}

#[test]
fn a_good_client_notices_nothing_of_a_storm() {
    let served = Served::with(|builder| builder.threads(2));
    let is_over = AtomicBool::new(false);
    scope(|scope| {
        for attacker in 0..4 {
            let (served, is_over) = (&served, &is_over);
            scope.spawn(move || {
                let mut random = Random(attacker);
                while !is_over.load(Ordering::Relaxed) {
                    attack(&served.socket, &mut random);
                }
            });
        }
        let mut client = served.connect();
        for number in 0..500 {
            let (key, value) = (format!("key{}", number % 7), format!("value{number}"));
            client.expect(&["SET", &key, &value], "+OK\r\n");
            client.expect(&["GET", &key], &format!("${}\r\n{value}\r\n", value.len()));
            if number % 50 == 0 {
                client.expect(&["DEL", &key], ":1\r\n");
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
    served.connect().expect(&["PING"], "+PONG\r\n");
}

#[test]
fn a_request_beyond_a_limit_ends_its_connection_alone() {
    let limits =
        RequestLimits { bulk_len: 1 << 10, arguments: 8, request_len: 4 << 10, ..RequestLimits::default() };
    let served = Served::with(|builder| builder.request_limits(limits));
    let mut good = served.connect();
    good.expect(&["SET", "a", &"x".repeat(1024)], "+OK\r\n");
    for (request, error) in [
        ("*2\r\n$3\r\nGET\r\n$1025\r\n", "invalid bulk length"),
        ("*9\r\n", "invalid multibulk length"),
        ("*1\r\n:1\r\n", "expected '$', got ':'"),
    ] {
        let mut client = served.connect();
        client.send(request);
        client.receive(&format!("-ERR Protocol error: {error}\r\n"));
        client.expect_end();
    }
    let mut client = served.connect();
    client.send("a".repeat(70_000));
    client.receive("-ERR Protocol error: too big inline request\r\n");
    good.expect(&["PING"], "+PONG\r\n");
}

#[test]
fn a_request_of_http_is_no_command() {
    let served = Served::new();
    for first in ["POST / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: localhost\r\n"] {
        let mut client = served.connect();
        client.send(format!("{first}SET a 1\r\n"));
        let mut reply = String::new();
        client.stream.read_to_string(&mut reply).unwrap();
        assert!(!reply.contains("OK"), "{reply}");
    }
    served.connect().expect(&["GET", "a"], "$-1\r\n");
}

#[test]
fn a_slow_reader_is_cut_off_and_takes_no_memory_without_end() {
    let limits = OutputLimits { pause: 64 << 10, ..OutputLimits::default() };
    let served =
        Served::with(|builder| builder.output_limits(limits).write_timeout(Duration::from_millis(200)));
    let mut good = served.connect();
    good.expect(&["SET", "a", &"x".repeat(32 << 10)], "+OK\r\n");
    let mut slow = served.connect();
    slow.stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
    // The server stops reading when too many replies wait, so this client can't write any more at some point.
    let requests = request(&["GET", "a"]).repeat(100_000);
    let error = slow.stream.write_all(&requests).unwrap_err();
    assert!(matches!(error.kind(), std::io::ErrorKind::BrokenPipe | std::io::ErrorKind::ConnectionReset));
    good.expect(&["PING"], "+PONG\r\n");
    assert_eq!(good.bulk(&["CLIENT", "LIST"]).lines().count(), 1, "the slow reader is gone");
}

#[test]
fn one_reply_beyond_the_limit_ends_the_connection() {
    let limits = OutputLimits { max: 10_000, ..OutputLimits::default() };
    let served = Served::with(|builder| builder.output_limits(limits));
    let mut client = served.connect();
    client.expect(&["SET", "a", &"x".repeat(20_000)], "+OK\r\n");
    client.send(request(&["GET", "a"]));
    client.expect_end();
    served.connect().expect(&["GET", "b"], "$-1\r\n");
}

const IDLE: Duration = Duration::from_secs(1);

#[test]
fn an_idle_connection_is_closed_and_a_busy_one_is_not() {
    let served = Served::with(|builder| builder.idle_timeout(Some(IDLE)));
    let is_seen = (0..20).any(|_| a_busy_connection_outlives_an_idle_one(&served));
    assert!(is_seen, "the machine has stalled each time");
}

/// Keeps one connection busy until an idle one is closed. Returns false if the machine has stalled, so that
/// both connections were idle.
fn a_busy_connection_outlives_an_idle_one(served: &Served) -> bool {
    let is_answered = |client: &mut Client| {
        let sent = client.stream.write_all(&request(&["PING"]));
        sent.is_ok() && client.stream.read_exact(&mut [0; 7]).is_ok()
    };
    let mut last_use = Instant::now();
    let (mut busy, mut idle) = (served.connect(), served.connect());
    let idle_since = Instant::now();
    let mut is_used = is_answered(&mut idle);
    idle.stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let mut is_closed = false;
    while is_used && !is_closed {
        is_closed = idle.stream.read(&mut [0]).is_ok();
        assert!(!is_closed || idle_since.elapsed() >= IDLE, "it was closed too early");
        assert!(idle_since.elapsed() < Duration::from_mins(2), "the idle connection is still open");
        let now = Instant::now();
        is_used = is_answered(&mut busy);
        if is_used {
            last_use = now;
        }
    }
    assert!(is_used || last_use.elapsed() >= IDLE, "a busy connection was closed");
    is_used
}

#[test]
fn connections_beyond_the_maximum_are_refused_until_others_end() {
    let served = Served::with(|builder| builder.max_connections(2));
    let (mut first, mut second) = (served.connect(), served.connect());
    first.expect(&["PING"], "+PONG\r\n");
    second.expect(&["PING"], "+PONG\r\n");
    let mut third = served.connect();
    third.receive("-ERR max number of clients reached\r\n");
    third.expect_end();
    drop(first);
    // The server detects the disconnection after some time.
    loop {
        let mut fourth = served.connect();
        fourth.send(request(&["PING"]));
        let mut reply = [0; 7];
        if fourth.stream.read_exact(&mut reply).is_ok() && &reply == b"+PONG\r\n" {
            break;
        }
    }
}

#[test]
fn many_connections_are_served_at_the_same_time() {
    let served = Served::with(|builder| builder.max_connections(20_000));
    let possible = served.server.as_ref().unwrap().max_connections();
    // Both ends of each connection are in this process, so a connection takes two descriptors. 2,000 are left
    // for the tests that run at the same time.
    let wanted = (possible / 2).saturating_sub(1_000).clamp(50, 10_000);
    let mut clients: Vec<_> = (0..wanted).map(|_| served.connect()).collect();
    for client in &mut clients {
        client.send(request(&["SET", "a", "1"]));
    }
    for client in &mut clients {
        client.receive("+OK\r\n");
    }
    clients.truncate(1);
    clients[0].expect(&["PING"], "+PONG\r\n");
}

#[test]
fn a_peer_that_closes_its_half_gets_the_replies_to_what_it_has_sent() {
    let served = Served::new();
    let mut client = served.connect();
    client.send([request(&["SET", "a", "1"]), request(&["DEL", "a"]), request(&["GET", "a"])].concat());
    client.stream.shutdown(std::net::Shutdown::Write).unwrap();
    client.receive("+OK\r\n:1\r\n$-1\r\n");
    client.expect_end();
}

#[test]
fn a_shutdown_answers_what_has_arrived_and_ends() {
    let mut served = Served::new();
    let mut clients: Vec<_> = (0..20).map(|_| served.connect()).collect();
    for client in &mut clients {
        client.expect(&["PING"], "+PONG\r\n");
        client.send([request(&["SET", "a", "1"]), request(&["DEL", "a"]), request(&["PING"])].concat());
    }
    served.server.take().unwrap().shutdown();
    for client in &mut clients {
        let mut replies = String::new();
        client.stream.read_to_string(&mut replies).unwrap();
        let parts: Vec<_> = replies.split("\r\n").collect();
        assert!(matches!(parts[..], ["+OK", ":0" | ":1", "+PONG", ""]), "{replies:?}");
    }
    assert!(UnixStream::connect(&served.socket).is_err());
    served.cache.close().unwrap();
}
