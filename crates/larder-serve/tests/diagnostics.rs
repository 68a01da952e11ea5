//! Tests of `SLOWLOG`, `LATENCY` and `MONITOR`, and of their settings.

use std::time::Duration;

use larder::testing::StallingDisk;
use tokio::time::Instant;

use crate::resp::{Reply, RespClient};
use crate::support::{Served, request};

fn texts(reply: &Reply) -> Vec<String> {
    reply.items().iter().map(Reply::text).collect()
}

#[test]
fn slow_requests_are_kept_with_their_words_and_no_password_is_among_them() {
    let served = Served::with(|builder| builder.password("open sesame"));
    let mut client = RespClient::connect(&served.socket).unwrap();
    client.ask(&["AUTH", "open sesame"]);
    client.ask(&["CLIENT", "SETNAME", "worker-1"]);
    let setting = client.ask(&["CONFIG", "GET", "slowlog-*"]);
    assert_eq!(texts(&setting), ["slowlog-log-slower-than", "10000", "slowlog-max-len", "128"]);
    client.ask(&["CONFIG", "SET", "slowlog-log-slower-than", "0", "slowlog-max-len", "3"]);
    client.ask(&["SLOWLOG", "RESET"]);
    client.ask(&["AUTH", "open sesame"]);
    let long = "x".repeat(200);
    client.ask(&["MSET", "a", &long]);
    let many: Vec<String> = (0..40).map(|number| number.to_string()).collect();
    client.ask(&[&["DEL".to_owned()][..], &many].concat());
    client.ask(&["MULTI"]);
    client.ask(&["MSET", "b", "1"]);
    client.ask(&["EXEC"]);
    client.ask(&["CONFIG", "SET", "slowlog-log-slower-than", "-1"]);
    let kept = client.ask(&["SLOWLOG", "GET", "-1"]);
    let words: Vec<Vec<String>> = kept.items().iter().map(|request| texts(&request.items()[3])).collect();
    assert_eq!(words.len(), 3, "{words:?}");
    assert_eq!(words[0], ["EXEC"]);
    assert_eq!(words[1].len(), 32);
    assert_eq!(words[1][31], "... (10 more arguments)");
    assert_eq!(words[2], ["MSET", "a", &format!("{}... (72 more bytes)", "x".repeat(128))]);
    let newest = kept.items()[0].items();
    assert!(newest[1].integer().is_some_and(|time| time > 1_700_000_000), "{newest:?}");
    assert!(newest[2].integer().is_some_and(|micros| micros >= 0), "{newest:?}");
    assert!(newest[4].text().ends_with(":0") && newest[5].text() == "worker-1", "{newest:?}");
    assert_eq!(client.ask(&["SLOWLOG", "LEN"]).integer(), Some(3));
    assert_eq!(client.ask(&["SLOWLOG", "GET", "1"]).items().len(), 1);
    client.ask(&["SLOWLOG", "RESET"]);
    assert_eq!(client.ask(&["SLOWLOG", "LEN"]).integer(), Some(0));
    let error = client.ask(&["SLOWLOG", "GET", "-2"]);
    assert_eq!(error.error(), Some("ERR count should be greater than or equal to -1"));
    assert!(client.ask(&["SLOWLOG", "HELP"]).items().len() > 3);
}

#[test]
fn a_command_on_a_large_entry_is_measured_even_if_it_need_not_wait() {
    let served = Served::new();
    let mut client = RespClient::connect(&served.socket).unwrap();
    let large = "x".repeat(65 << 10);
    client.ask(&["SET", "large", &large]);
    client.ask(&["SET", "small", "x"]);
    client.ask(&["CONFIG", "SET", "slowlog-log-slower-than", "0"]);
    for (key, value) in [("small", "x"), ("large", "x"), ("new", large.as_str())] {
        client.ask(&["APPEND", key, value]);
    }
    client.ask(&["CONFIG", "SET", "slowlog-log-slower-than", "-1"]);
    let kept = client.ask(&["SLOWLOG", "GET", "-1"]);
    let words = kept.items().iter().map(|request| texts(&request.items()[3]));
    let keys: Vec<_> = words.filter(|words| words[0] == "APPEND").map(|words| words[1].clone()).collect();
    assert_eq!(keys, ["new", "large"]);
}

#[test]
fn the_settings_of_diagnostics_change_together_or_not_at_all() {
    let served = Served::new();
    let mut client = RespClient::connect(&served.socket).unwrap();
    let refused = client.ask(&["CONFIG", "SET", "slowlog-max-len", "7", "latency-monitor-threshold", "-1"]);
    assert!(refused.error().is_some_and(|text| text.contains("'latency-monitor-threshold'")), "{refused:?}");
    assert_eq!(texts(&client.ask(&["CONFIG", "GET", "slowlog-max-len"]))[1], "128");
    let refused = client.ask(&["CONFIG", "SET", "slowlog-max-len", "100000"]);
    assert!(refused.error().is_some_and(|text| text.contains("between 0 and 1024")), "{refused:?}");
    let refused = client.ask(&["CONFIG", "SET", "slowlog-max-len", "7", "maxmemory", "1"]);
    assert!(refused.error().is_some_and(|text| text.contains("immutable")), "{refused:?}");
    assert_eq!(texts(&client.ask(&["CONFIG", "GET", "slowlog-max-len"]))[1], "128");
}

#[test]
fn latencies_above_the_threshold_are_kept_for_each_event() {
    let disk = StallingDisk::new();
    let served = Served::over(|builder| builder.stalling_disk(&disk), |builder| builder);
    let mut client = RespClient::connect(&served.socket).unwrap();
    let doctor = |client: &mut RespClient| client.ask(&["LATENCY", "DOCTOR"]).text();
    assert!(doctor(&mut client).contains("is off"));
    client.ask(&["SET", "a", "1"]);
    served.cache.flush().unwrap();
    client.ask(&["CONFIG", "SET", "latency-monitor-threshold", "2"]);
    assert!(client.ask(&["LATENCY", "HISTORY", "commit"]).items().is_empty());
    disk.stall();
    client.send(&["DEL", "a"]);
    disk.await_sync();
    let since = Instant::now();
    while since.elapsed() < Duration::from_millis(5) {
        std::thread::yield_now();
    }
    disk.resume();
    assert_eq!(client.receive().integer(), Some(1));
    let latest = client.ask(&["LATENCY", "LATEST"]);
    let commit = latest.items().iter().find(|event| event.items()[0].text() == "commit");
    let commit = commit.unwrap_or_else(|| panic!("{latest:?}")).items();
    assert!(commit[2].integer() >= Some(2) && commit[3].integer() >= commit[2].integer(), "{commit:?}");
    let history = client.ask(&["LATENCY", "HISTORY", "commit"]);
    assert_eq!(history.items()[0].items()[1], commit[2]);
    assert!(doctor(&mut client).contains("- commit: in 1 of the seconds"), "{}", doctor(&mut client));
    assert_eq!(client.ask(&["LATENCY", "RESET", "nothing"]).integer(), Some(0));
    assert_eq!(client.ask(&["LATENCY", "RESET", "commit"]).integer(), Some(1));
    assert!(client.ask(&["LATENCY", "HISTORY", "commit"]).items().is_empty());
}

/// Returns a line of `MONITOR` without the time and the address.
fn shown(line: &str) -> String {
    let (time, rest) = line.split_once(" [").unwrap();
    assert!(time.starts_with('+') && time.split_once('.').unwrap().1.len() == 6, "{line}");
    let (address, words) = rest.split_once("] ").unwrap();
    let (db, path) = address.split_once(" unix:").unwrap();
    assert!(path.ends_with("/s"), "{line}");
    format!("{db} {words}")
}

#[test]
fn a_monitor_sees_the_requests_of_all_others_and_no_secret() {
    let served = Served::with(|builder| builder.password("open sesame"));
    let mut monitor = RespClient::connect(&served.socket).unwrap();
    assert!(monitor.ask(&["MONITOR"]).error().is_some_and(|text| text.starts_with("NOAUTH")));
    monitor.ask(&["AUTH", "open sesame"]);
    assert_eq!(monitor.ask(&["MONITOR"]), Reply::Line("+OK".to_owned()));
    let mut client = served.connect();
    client.expect(&["AUTH", "open sesame"], "+OK\r\n");
    client.expect(&["SELECT", "3"], "+OK\r\n");
    client.send(request(&["SET", "a\n", "\"\u{e9}\""]));
    client.receive("+OK\r\n");
    client.expect(&["CONFIG", "RESETSTAT"], "+OK\r\n");
    client.expect(&["MULTI"], "+OK\r\n");
    client.expect(&["GET", "b"], "+QUEUED\r\n");
    client.expect(&["DISCARD"], "+OK\r\n");
    let expected = [
        r#"0 "SELECT" "3""#,
        r#"3 "SET" "a\n" "\"\xc3\xa9\"""#,
        r#"3 "MULTI""#,
        r#"3 "GET" "b""#,
        r#"3 "DISCARD""#,
    ];
    for line in expected {
        let Reply::Line(received) = monitor.receive() else { panic!("a line is expected") };
        assert_eq!(shown(&received), line);
    }
    // A monitor also sees its own requests, and gets their replies.
    monitor.send(&["ECHO", "hello"]);
    let replies = [monitor.receive(), monitor.receive()];
    assert!(replies.iter().any(|reply| reply.text() == "hello"), "{replies:?}");
    monitor.send(&["RESET"]);
    while monitor.receive() != Reply::Line("+RESET".to_owned()) {}
    client.expect(&["PING"], "+PONG\r\n");
    assert!(monitor.ask(&["PING"]).error().is_some_and(|text| text.starts_with("NOAUTH")));
}

#[test]
fn a_monitor_that_takes_no_lines_is_cut_off_and_delays_no_request() {
    let served = Served::new();
    let mut monitor = served.connect();
    monitor.expect(&["MONITOR"], "+OK\r\n");
    let mut client = RespClient::connect(&served.socket).unwrap();
    let value = "x".repeat(64 << 10);
    // The lines for these requests exceed the buffers of the socket, the output and the monitor's queue.
    for _ in 0..400 {
        client.ask(&["ECHO", &value]);
        if client.ask(&["CLIENT", "LIST"]).text().lines().count() == 1 {
            break;
        }
    }
    let begin = Instant::now();
    while client.ask(&["CLIENT", "LIST"]).text().lines().count() > 1 {
        assert!(begin.elapsed() < Duration::from_secs(20), "the monitor is still there");
    }
    assert!(client.ask(&["INFO", "stats"]).text().contains("client_output_buffer_limit_disconnections:1"));
}
