//! Sends a fixed list of unusual requests to a real redis-server and to this server, and compares the
//! replies.

use crate::redis_server::RedisServer;
use crate::resp::{Reply, RespClient};
use crate::support::Served;

/// Requests whose replies are equal, in this order.
const REQUESTS: &[&[&str]] = &[
    // A hash of another length is no script, whatever follows.
    &["EVALSHA", "ff", "x"],
    &["EVALSHA", "ffffffffffffffffffffffffffffffffffffffff", "x"],
    &["EVALSHA", "ffffffffffffffffffffffffffffffffffffffff", "0"],
    &["SLOWLOG", "GET", "x"],
    &["SLOWLOG", "GET", "1", "2"],
    &["slowlog", "get", "-2"],
    &["MULTI"],
    &["MONITOR"],
    &["SET", "", "1"],
    &["EXEC"],
    &["KEYS", "*"],
    &["KEYS", "**"],
    &["KEYS", ""],
    &["SCAN", "-0", "COUNT", "100"],
    &["SCAN", "+0", "COUNT", "100"],
    &["SCAN", "0", "MATCH", "**", "COUNT", "100"],
    &["SCAN", "-"],
    &["SCAN", "--1"],
    &["SCAN", "1x"],
    &["SCAN", " 0"],
    &["SCAN", "18446744073709551616"],
    &["CLIENT", "LIST", "ID", "0"],
    &["CLIENT", "LIST", "ID", "-1", "99999"],
    &["CLIENT", "LIST", "ID", "x"],
    &["CLIENT", "LIST", "TYPE", "foo"],
    &["CLIENT", "KILL", "TYPE", "foo"],
    &["CLIENT", "KILL", "TYPE", "Replica"],
    &["CLIENT", "KILL", "ID", "0"],
    &["CLIENT", "SETNAME", "a b"],
    &["CONFIG", "SET", "slowlog-max-len"],
    &["CONFIG", "SET", "slowlog-max-len", "7", "x"],
    &["CONFIG", "SET", "nope", "1"],
    &["CONFIG", "SET", "slowlog-max-len", "7", "nope", "1"],
    &["CONFIG", "SET", "Slowlog-Max-Len", "x"],
    &["CONFIG", "SET", "latency-monitor-threshold", "-1", "slowlog-log-slower-than", "x"],
    &["CONFIG", "SET", "slowlog-log-slower-than", "-2"],
    &["CONFIG", "SET", "slowlog-max-len", "7", "SLOWLOG-max-len", "8"],
    &["CONFIG", "SET", "slowlog-max-len", "7", "latency-monitor-threshold", "3"],
    &["CONFIG", "GET", "slowlog-max-len"],
    &["CONFIG", "nope"],
    &["CONFIG", "HELP", "x"],
    &["SCRIPT", "HELP", "x"],
    &["COMMAND", "HELP", "x"],
    &["COMMAND", "GETKEYS", "EVAL", "s", "2", "a", "b", "c"],
    &["COMMAND", "GETKEYS", "EVALSHA", "s", "0", "a"],
    &["COMMAND", "GETKEYS", "EVAL", "s", "3", "a"],
    &["COMMAND", "GETKEYS", "EVAL", "s", "x", "a"],
    &["COMMAND", "GETKEYS", "EVAL", "s"],
    &["COMMAND", "GETKEYS", "PING", "a", "b", "c"],
    &["COMMAND", "GETKEYS", "GET", "a", "b"],
    &["COMMAND", "GETKEYS", "MSET", "a", "1", "b", "2"],
    &["COMMAND", "GETKEYS", "nope"],
    &["HELLO", "2", "nope"],
    &["EXPIRE", "a", "1", "no\0pe"],
    &["EXPIRE", "a", "1", "no\r\npe\n\r\n"],
    &["EXPIRE", "a", "1", "\r\n\r"],
    &["SET", "a", "v", "PXAT", "1"],
    &["GET", "a"],
];

/// Lines of words. The words of some are separated by other characters than a space.
const LINES: &[&str] = &["ECHO a\u{b}b", "ECHO a\u{c}b", "\u{b} ECHO\ta", "ECHO \"a\"\u{b}"];

/// Returns a redis-server and a server, each with a client, or `None` if no redis-server is installed.
fn both() -> Option<(RedisServer, RespClient, Served, RespClient)> {
    let (redis, served) = (RedisServer::start()?, Served::new());
    let clients = [&redis.socket, &served.socket].map(|socket| RespClient::connect(socket).unwrap());
    let [of_redis, of_larder] = clients;
    Some((redis, of_redis, served, of_larder))
}

#[test]
fn unusual_requests_are_answered_as_redis_answers_them() {
    let Some((_redis, mut redis, _served, mut larder)) = both() else { return };
    let mut differences = Vec::new();
    let mut compare = |request: String, expected: Reply, found: Reply| {
        if expected != found {
            differences.push(format!("{request}\nredis  {expected:?}\nlarder {found:?}"));
        }
    };
    for words in REQUESTS {
        compare(format!("{words:?}"), redis.ask(words), larder.ask(words));
    }
    for line in LINES {
        let [expected, found] = [&mut redis, &mut larder].map(|client| {
            client.send_line(line);
            client.receive()
        });
        compare(format!("{line:?}"), expected, found);
    }
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n\n"));
}

/// The connection ends after each of these requests.
#[test]
fn a_byte_in_the_place_of_an_argument_is_repeated_as_redis_repeats_it() {
    let Some((redis, _, served, _)) = both() else { return };
    for byte in [b'x', b'\xff', b'\x80', b'\n', b'\r', b'\x01', b'\''] {
        let [expected, found] = [&redis.socket, &served.socket].map(|socket| {
            let mut client = RespClient::connect(socket).unwrap();
            client.send_line([b"*1\r\n", &[byte][..]].concat());
            client.receive()
        });
        assert_eq!(expected, found, "{byte}");
    }
}

#[test]
fn a_monitor_that_asks_again_gets_no_reply() {
    let Some((redis, mut of_redis, served, mut of_larder)) = both() else { return };
    for (client, socket) in [(&mut of_redis, &redis.socket), (&mut of_larder, &served.socket)] {
        assert_eq!(client.ask(&["MONITOR"]), Reply::Line("+OK".to_owned()));
        client.send(&["MONITOR"]);
        client.send(&["ECHO", "a"]);
        RespClient::connect(socket).unwrap().ask(&["ECHO", "last"]);
        let replies: Vec<Reply> = (0..3).map(|_| client.receive()).collect();
        assert!(!replies.contains(&Reply::Line("+OK".to_owned())), "{replies:?}");
    }
}

/// Returns the IDs in the lines of a `CLIENT LIST`.
fn ids(reply: &Reply) -> Vec<String> {
    let text = reply.text();
    text.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

#[test]
fn a_list_of_clients_has_the_order_of_the_given_ids() {
    let Some((_redis, mut redis, _served, mut larder)) = both() else { return };
    for client in [&mut redis, &mut larder] {
        let own = client.ask(&["CLIENT", "ID"]).integer().unwrap().to_string();
        let listed = client.ask(&["CLIENT", "LIST", "ID", &own, "99999", &own]);
        assert_eq!(ids(&listed), [format!("id={own}"), format!("id={own}")]);
    }
    for words in [["COMMAND", "HELP"], ["CONFIG", "HELP"], ["SCRIPT", "HELP"], ["CLIENT", "HELP"]] {
        for client in [&mut redis, &mut larder] {
            let help = client.ask(&words);
            assert!(matches!(&help.items()[0], Reply::Line(line) if line.starts_with('+')), "{help:?}");
        }
    }
}
