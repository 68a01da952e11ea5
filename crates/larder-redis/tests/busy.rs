//! Tests of slow scripts on the server. While a script runs, the server replies to some commands, but pushes
//! nothing.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::node::{Node, NodeFault};
use crate::server::RedisServer;
use crate::support::{LIMIT, eventually, key, now, pause};

const BOUND: Duration = Duration::from_millis(100);

struct RawClient(UnixStream);

impl RawClient {
    fn open(server: &RedisServer) -> Self {
        let stream = UnixStream::connect(server.socket()).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        Self(stream)
    }

    fn send(&mut self, line: &str) {
        self.0.write_all(format!("{line}\r\n").as_bytes()).unwrap();
    }

    fn line(&mut self) -> String {
        let (mut line, mut byte) = (Vec::new(), [0]);
        while byte != *b"\n" {
            self.0.read_exact(&mut byte).unwrap();
            line.extend(byte);
        }
        String::from_utf8(line).unwrap().trim_end().to_owned()
    }
}

/// Returns a script that keeps the server busy for `ms` milliseconds. In servers that are newer than 7.0,
/// `TIME` does not advance within a script. There the script ends after `ms` milliseconds of processor time.
/// Some builds of 7.0 have no `os`.
fn slow(ms: u64) -> String {
    format!(
        "EVAL \"local t = redis.call('TIME') local ends = t[1] * 1000 + t[2] / 1000 + {ms} \
         local has_clock, clock = pcall(function() return os.clock end) \
         local spent = has_clock and clock() * 1000 + {ms} repeat local u = redis.call('TIME') \
         until u[1] * 1000 + u[2] / 1000 > ends or has_clock and clock() * 1000 > spent return 1\" 0"
    )
}

#[test]
fn memory_answers_nothing_older_than_the_bound_while_a_slow_script_runs() {
    for tracking in ["per-key", "broadcast"] {
        let Some(server) = RedisServer::start(&["--lua-time-limit", "600"]) else { return };
        let url = server.url(&format!("staleness=100ms&request_timeout=10s&tracking={tracking}"));
        let node = Node::open(&url, NodeFault::None);
        assert!(node.set(&key("k"), b"old"));
        eventually("memory answers", || {
            node.get(&key("k"), || ());
            node.hit(&key("k")).is_some()
        });
        let [mut writer, mut second] = [RawClient::open(&server), RawClient::open(&server)];
        // The change and the script arrive while the server is stopped. So it reads both in one turn, and
        // acknowledges the change when the script has exceeded the busy threshold.
        server.signal("STOP");
        writer.send("SET larder:1:prices:k new");
        second.send(&slow(1200));
        server.signal("CONT");
        assert_eq!(writer.line(), "+OK");
        let acknowledged = now();
        let mut oldest = Duration::ZERO;
        while acknowledged.elapsed() < Duration::from_millis(800) {
            let asked = acknowledged.elapsed();
            if node.hit(&key("k")).is_some_and(|found| found == b"old") {
                oldest = oldest.max(asked);
            }
            pause(Duration::from_millis(1));
        }
        println!("{tracking}: the oldest answer was {oldest:?} old");
        assert!(oldest <= BOUND, "{tracking}: an answer was {oldest:?} old");
        assert_eq!(second.line(), ":1");
        eventually("memory answers again", || {
            node.get(&key("k"), || ());
            node.hit(&key("k")).is_none_or(|found| found != b"old") && node.tier.why_down().is_none()
        });
        eventually("the validity goes on", || node.tier_is_current());
    }
}
