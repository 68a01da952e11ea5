//! Tests of when the server replies to removals and writes, and of walks while the disk fails.

use larder::testing::{Failure, SimulatedVolume, StallingDisk};
use larder_serve::{RemovalMode, WriteMode};

use crate::resp::RespClient;
use crate::support::{Served, request};

/// Returns a server on a disk that can stall. Removals in database 2 are buffered.
fn stalling() -> (StallingDisk, Served) {
    let disk = StallingDisk::new();
    let served = Served::over(
        |builder| builder.stalling_disk(&disk),
        |builder| builder.databases(3).removals_of(2, RemovalMode::Buffered),
    );
    (disk, served)
}

/// Resumes the disk when this value is dropped, even if a test has failed. Otherwise the shutdown of the
/// server would wait for the disk.
pub(crate) struct Stalled<'a>(pub(crate) &'a StallingDisk);

impl Drop for Stalled<'_> {
    fn drop(&mut self) {
        self.0.resume();
    }
}

#[test]
fn flushall_waits_for_the_commit_if_any_database_asks_for_that() {
    let (disk, served) = stalling();
    let mut client = served.connect();
    client.expect(&["SET", "a", "1"], "+OK\r\n");
    client.expect(&["SELECT", "2"], "+OK\r\n");
    served.cache.flush().unwrap();
    let stalled = Stalled(&disk);
    disk.stall();
    client.expect(&["FLUSHDB"], "+OK\r\n");
    client.send(request(&["FLUSHALL"]));
    disk.await_sync();
    client.expect_nothing();
    drop(stalled);
    client.receive("+OK\r\n");
}

#[test]
fn the_replies_before_a_request_that_waits_are_sent_at_once() {
    let (disk, served) = stalling();
    let mut clients = [served.connect(), served.connect()];
    let mut monitor = served.connect();
    monitor.expect(&["MONITOR"], "+OK\r\n");
    let stalled = Stalled(&disk);
    disk.stall();
    let (set, wait) = (request(&["SET", "a", "1"]), request(&["WAIT", "1", "0"]));
    let exec = [request(&["MULTI"]), request(&["PING"]), wait.clone(), request(&["EXEC"])].concat();
    clients[0].send([set.clone(), wait.clone()].concat());
    clients[0].receive("+OK\r\n");
    clients[1].send([set, exec].concat());
    clients[1].receive("+OK\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n");
    // A monitor gets the lines while its own request waits, its own line too.
    monitor.send(&wait);
    served.connect().expect(&["PING", "last"], "$4\r\nlast\r\n");
    while !monitor.line().contains("last") {}
    for client in &mut clients {
        client.expect_nothing();
    }
    drop(stalled);
    clients[0].receive(":1\r\n");
    clients[1].receive("*2\r\n+PONG\r\n:1\r\n");
    monitor.receive(":1\r\n");
}

#[test]
fn a_walk_in_an_outage_is_an_error_and_not_an_early_end() {
    let disk = SimulatedVolume::new();
    let served = Served::over(|builder| builder.path("/cache/shop.larder").volume(&disk), |builder| builder);
    let mut client = RespClient::connect(&served.socket).unwrap();
    client.ask(&["SET", "a", "1"]);
    served.cache.flush().unwrap();
    assert_eq!(client.ask(&["DBSIZE"]).integer(), Some(1));
    disk.fail_from(0, Failure::Io);
    client.ask(&["SET", "b", "1"]);
    assert!(served.cache.flush().is_err());
    for words in [&["SCAN", "0"][..], &["KEYS", "*"], &["DBSIZE"], &["RANDOMKEY"]] {
        let reply = client.ask(words);
        assert!(reply.error().is_some_and(|text| text.contains("keys would be left out")), "{reply:?}");
    }
    disk.heal();
}

/// Requests that remove a key, the replies before the reply to the removal, and that reply.
type Removal = (Vec<u8>, &'static str, &'static str);

/// Returns removals that remove a key in different ways. Each of them removes another key.
fn removals() -> Vec<Removal> {
    let unlock = "
        local token = redis.call('get', KEYS[1])
        if not token or token ~= ARGV[1] then
            return 0
        end
        redis.call('del', KEYS[1])
        return 1
    ";
    vec![
        (request(&["DEL", "key:0"]), "", ":1\r\n"),
        (request(&["UNLINK", "key:1"]), "", ":1\r\n"),
        (request(&["GETDEL", "key:2"]), "", "$1\r\nv\r\n"),
        (request(&["PEXPIRE", "key:3", "0"]), "", ":1\r\n"),
        (request(&["EVAL", unlock, "1", "key:4", "v"]), "", ":1\r\n"),
        (request(&["SET", "key:6", "w", "PXAT", "1"]), "", "+OK\r\n"),
        (request(&["GETEX", "key:7", "EXAT", "1"]), "", "$1\r\nv\r\n"),
        (
            [request(&["MULTI"]), request(&["DEL", "key:5"]), request(&["ECHO", "e"]), request(&["EXEC"])]
                .concat(),
            "+OK\r\n+QUEUED\r\n+QUEUED\r\n",
            "*2\r\n:1\r\n$1\r\ne\r\n",
        ),
    ]
}

#[test]
fn each_removal_is_answered_when_it_is_durable_unless_its_database_is_buffered() {
    for database in ["0", "2"] {
        let (disk, served) = stalling();
        let mut setup = served.connect();
        setup.expect(&["SELECT", database], "+OK\r\n");
        for number in 0..8 {
            setup.expect(&["SET", &format!("key:{number}"), "v"], "+OK\r\n");
        }
        let mut clients: Vec<_> = removals().into_iter().map(|removal| (served.connect(), removal)).collect();
        for (client, _) in &mut clients {
            client.expect(&["SELECT", database], "+OK\r\n");
        }
        served.cache.flush().unwrap();
        let stalled = Stalled(&disk);
        disk.stall();
        for (client, (requests, earlier, reply)) in &mut clients {
            client.send(requests);
            client.receive(earlier);
            if database == "2" {
                client.receive(reply);
            }
        }
        if database == "0" {
            disk.await_sync();
            for (client, _) in &mut clients {
                client.expect_nothing();
            }
            // No client finds the keys, although the removals are not committed yet.
            let keys: Vec<String> = (0..8).map(|number| format!("key:{number}")).collect();
            let exists: Vec<&str> = ["EXISTS"].into_iter().chain(keys.iter().map(String::as_str)).collect();
            setup.expect(&exists, ":0\r\n");
            drop(stalled);
            for (client, (_, _, reply)) in &mut clients {
                client.receive(reply);
            }
        }
    }
}

#[test]
fn the_durable_changes_of_a_pipeline_share_commits_and_are_answered_in_order() {
    let served = Served::with(|builder| builder.writes_of(1, WriteMode::Durable));
    let mut client = served.connect();
    client.expect(&["SELECT", "1"], "+OK\r\n");
    served.cache.flush().unwrap();
    let commits = || served.cache.stats().disk.unwrap().commits;
    let before = commits();
    let mut pipeline = Vec::new();
    let mut replies = String::new();
    for number in 1..=100 {
        pipeline.extend(request(&["INCR", "count"]));
        pipeline.extend(request(&["SET", "a", "v"]));
        pipeline.extend(request(&["GETDEL", "a"]));
        pipeline.extend([request(&["MULTI"]), request(&["SET", "b", "1"]), request(&["EXEC"])].concat());
        replies.push_str(&[":", &number.to_string(), "\r\n+OK\r\n$1\r\nv\r\n"].concat());
        replies.push_str("+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n");
    }
    client.send(pipeline);
    client.receive(&replies);
    let shared = commits() - before;
    assert!(shared < 200, "{shared} commits for 400 durable changes");
    // A copy of the file contains both entries, so they are on disk.
    let copy = served.dir.path().join("copy.larder");
    std::fs::copy(served.dir.path().join("shop.larder"), &copy).unwrap();
    let copied = larder::Cache::builder().path(copy).open().unwrap();
    assert_eq!(copied.stats().disk.unwrap().entries, 2);
}
