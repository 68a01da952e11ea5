//! Commands on servers that answer with hostile texts and numbers.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use crate::hostile::{EVIL, said};
use crate::support::Place;

/// The answers of a server. The greeting is the answers to `HELLO`, `SELECT` and `CLIENT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answers {
    /// Each text is hostile.
    Texts,
    /// Each answer after the greeting is an error with a hostile text.
    Errors,
    /// Each answer after the greeting has another form than the request expects.
    Forms,
    /// The connection ends after the greeting.
    End,
    /// Each page of a walk names the cursor 7 as the next one.
    Circle,
    /// Each number is this text.
    Numbers(&'static str),
}

/// The fields of `INFO` that are numbers.
const NUMBERS: [&str; 19] = [
    "aof_enabled",
    "connected_clients",
    "connected_slaves",
    "evicted_keys",
    "expired_keys",
    "instantaneous_ops_per_sec",
    "keyspace_hits",
    "keyspace_misses",
    "maxclients",
    "maxmemory",
    "rdb_last_save_time",
    "rdb_saves",
    "server_time_usec",
    "total_commands_processed",
    "total_error_replies",
    "tracking_clients",
    "tracking_total_keys",
    "uptime_in_seconds",
    "used_memory",
];

/// Returns the answer of a server whose numbers are all this text. A walk has three pages.
fn with_numbers(words: &[String], number: &str) -> String {
    match words[0].as_str() {
        "SELECT" | "CLIENT" => "+OK\r\n".to_owned(),
        "INFO" => bulk(&NUMBERS.map(|name| format!("{name}:{number}\r\n")).concat()),
        "CONFIG" => format!("%1\r\n{}{}", bulk(&words[2]), bulk(number)),
        "GET" => bulk("a b world"),
        "SCAN" => {
            let next = match words[1].as_str() {
                "0" => number,
                _ if words[1] == number => "1",
                _ => "0",
            };
            format!("*2\r\n{}*1\r\n{}", bulk(next), bulk("shop:1:raw:k"))
        }
        "EVAL" if words[3].contains("list") => {
            format!("*6\r\n{}:{number}\r\n_\r\n:{number}\r\n:{number}\r\n_\r\n", bulk("list"))
        }
        "EVAL" if words[3].contains("long") => {
            format!("*6\r\n{}:{number}\r\n_\r\n:{number}\r\n:{number}\r\n_\r\n", bulk("string"))
        }
        "EVAL" => {
            let (kind, value) = (bulk("string"), bulk("value"));
            format!("*6\r\n{kind}:{number}\r\n_\r\n:{number}\r\n:{number}\r\n{value}")
        }
        _ => format!(":{number}\r\n"),
    }
}

/// Serves a socket, in the protocol of Redis.
fn serve(socket: &Path, answers: Answers) {
    let listener = UnixListener::bind(socket).unwrap();
    std::thread::spawn(move || listener.incoming().for_each(|peer| drop(answer(&peer.unwrap(), answers))));
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

fn answer(peer: &UnixStream, answers: Answers) -> std::io::Result<()> {
    let mut input = BufReader::new(peer);
    let mut line = String::new();
    while input.read_line(&mut line)? > 0 {
        let count: usize = line.trim_end().trim_start_matches('*').parse().unwrap();
        let mut words = Vec::new();
        for _ in 0..count {
            line.clear();
            input.read_line(&mut line)?;
            let mut word = vec![0; line.trim_end()[1..].parse::<usize>().unwrap() + 2];
            input.read_exact(&mut word)?;
            words.push(String::from_utf8_lossy(&word[..word.len() - 2]).into_owned());
        }
        line.clear();
        let flat = EVIL.replace(['\r', '\n'], " ");
        let key = |name: &str| bulk(&format!("shop:1:{name}"));
        let of_texts = match words[0].as_str() {
            "SELECT" | "CLIENT" => "+OK\r\n".to_owned(),
            "INFO" => {
                let names = [
                    "redis_version",
                    "maxmemory_policy",
                    "used_memory_human",
                    "maxmemory_human",
                    "aof_enabled",
                ];
                let fields = names.map(|name| format!("{name}:{flat}\r\n")).concat();
                bulk(&format!("{fields}maxmemory:1\r\nkeyspace_hits:{}\r\n{EVIL}", u64::MAX))
            }
            "CONFIG" => format!("%1\r\n{}{}", bulk(&words[2]), bulk(EVIL)),
            "GET" => bulk(&format!("a b {EVIL}")),
            "SCAN" if answers == Answers::Circle => {
                format!("*2\r\n{}*1\r\n{}", bulk("7"), bulk("shop:1:raw:k"))
            }
            "SCAN" => {
                let keys =
                    [EVIL, &format!("{EVIL}:k"), &format!("raw:{EVIL}"), "product_x"].map(key).concat();
                format!("*2\r\n{}*4\r\n{keys}", bulk("0"))
            }
            "EVAL" if words[3].contains("list") => {
                format!("*6\r\n{}:-1\r\n_\r\n:9\r\n:0\r\n_\r\n", bulk(EVIL))
            }
            "EVAL" => format!("*6\r\n{}:-1\r\n_\r\n:9\r\n:5\r\n{}", bulk("string"), bulk(EVIL)),
            _ => ":3\r\n".to_owned(),
        };
        let hello = "%2\r\n+role\r\n+master\r\n+mode\r\n+standalone\r\n".to_owned();
        let reply = match (words[0].as_str(), answers) {
            ("HELLO", _) => hello,
            (_, Answers::Numbers(number)) => with_numbers(&words, number),
            ("SELECT" | "CLIENT", _) | (_, Answers::Texts | Answers::Circle) => of_texts,
            (_, Answers::Errors) => format!("!{}\r\n{EVIL}\r\n", EVIL.len()),
            (_, Answers::Forms) => "*2\r\n:-7\r\n#t\r\n".to_owned(),
            (_, Answers::End) => return Ok(()),
        };
        let mut output = peer;
        output.write_all(reply.as_bytes())?;
    }
    Ok(())
}

#[test]
fn no_command_on_a_server_lets_a_control_character_through() {
    let place = Place::new();
    let mut all = String::new();
    for answers in [Answers::Texts, Answers::Errors, Answers::Forms, Answers::End] {
        let name = format!("{answers:?}.sock");
        serve(&place.dir().join(&name), answers);
        let url = format!("redis+unix://{}?prefix=shop", place.dir().join(&name).display());
        let evil = format!("shop:1:raw:{EVIL}");
        for arguments in [
            vec!["info", &url],
            vec!["info", &url, "--json"],
            vec!["keys", &url],
            vec!["keys", &url, "--long"],
            vec!["keys", &url, "--json"],
            vec!["keys", &url, "--prefix", &evil],
            vec!["get", &url, &evil],
            vec!["get", &url, EVIL],
            vec!["get", &url, &evil, "--json"],
            vec!["get", &url, "shop:1:list:x"],
            vec!["ttl", &url, &evil],
            vec!["why", &url, &evil],
            vec!["why", &url, "shop:1:list:x"],
            vec!["stats", &url],
            vec!["doctor", &url],
            vec!["remove", &url, &evil],
            vec!["remove", "--dry-run", &url, &evil],
            vec!["remove-prefix", &url, &evil],
            vec!["clear", &url],
            vec!["clear", &url, "--keyspace", EVIL],
            vec!["verify", &url],
        ] {
            let said = said(&place, &arguments);
            if answers != Answers::Texts && arguments[0] != "verify" {
                assert!(
                    said.contains("code Some(8)") || said.contains("code Some(2)"),
                    "{answers:?} {arguments:?}: {said}"
                );
            }
            all += &said;
        }
    }
    for text in ["\\u{1B}[2J", "\\nFORGED", "0x73686F703A313A"] {
        assert!(all.contains(text), "nothing was escaped as {text}");
    }
}

#[test]
fn no_number_of_a_server_ends_a_command() {
    let place = Place::new();
    // An integer reply is a signed 64-bit number, but a field of `INFO` is a text.
    let numbers = [u64::MAX.to_string(), i64::MAX.to_string(), "-1".into(), "x".into(), String::new()];
    for (at, number) in numbers.into_iter().enumerate() {
        let name = format!("{at}.sock");
        serve(&place.dir().join(&name), Answers::Numbers(number.leak()));
        let url = format!("redis+unix://{}?prefix=shop&replicas=1", place.dir().join(&name).display());
        for arguments in [
            vec!["info", &url],
            vec!["keys", &url, "--long"],
            vec!["get", &url, "shop:1:raw:k"],
            vec!["get", &url, "shop:1:raw:long"],
            vec!["ttl", &url, "shop:1:raw:k"],
            vec!["why", &url, "shop:1:raw:k"],
            vec!["why", &url, "shop:1:raw:long"],
            vec!["why", &url, "shop:1:list:x"],
            vec!["stats", &url],
            vec!["doctor", &url],
            vec!["remove", &url, "shop:1:raw:k"],
            vec!["remove-prefix", &url, "shop:1:raw:k"],
            vec!["clear", &url],
        ] {
            let said = said(&place, &arguments);
            if ["doctor", "stats"].contains(&arguments[0]) {
                assert!(!said.contains("code Some(8)"), "{at} {arguments:?}: {said}");
            }
        }
    }
}

#[test]
fn a_walk_that_the_server_does_not_end_is_a_failure_that_says_so() {
    let place = Place::new();
    serve(&place.dir().join("circle.sock"), Answers::Circle);
    let url = format!("redis+unix://{}?prefix=shop", place.dir().join("circle.sock").display());
    for arguments in [
        vec!["keys", &url],
        vec!["keys", &url, "--long", "--json"],
        vec!["info", &url],
        vec!["clear", &url, "--dry-run"],
        vec!["clear", &url],
        vec!["remove-prefix", &url, "shop:1:raw:k"],
    ] {
        let said = said(&place, &arguments);
        assert!(said.contains("code Some(8)"), "{arguments:?}: {said}");
        assert!(said.contains("does not end: it has returned to the cursor"), "{arguments:?}: {said}");
    }
}
