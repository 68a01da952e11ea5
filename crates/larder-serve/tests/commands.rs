//! Tests of commands whose replies are not compared with Redis: walks, transactions of two clients,
//! scripts, durability, `INFO`, and unsupported commands.

use std::collections::BTreeSet;

use larder::Cache;
use larder_serve::{OutputLimits, Server};

use crate::resp::{Reply, RespClient};
use crate::support::Served;

fn peer(served: &Served) -> RespClient {
    RespClient::connect(&served.socket).unwrap()
}

/// Walks over the keys with `SCAN`, and returns the keys that it has found. Between two calls, passes the
/// number of the earlier call to `between`.
fn walk(peer: &mut RespClient, options: &[&str], mut between: impl FnMut(usize)) -> Vec<String> {
    let (mut cursor, mut keys) = ("0".to_owned(), Vec::new());
    for call in 0.. {
        let reply = peer.ask(&[&["SCAN", &cursor], options].concat());
        let [next, found] = reply.items() else { panic!("{reply:?}") };
        keys.extend(found.items().iter().map(Reply::text));
        cursor = next.text();
        if cursor == "0" {
            break;
        }
        between(call);
    }
    keys
}

#[test]
fn a_walk_returns_each_key_that_is_there_all_the_time() {
    let served = Served::new();
    let mut writer = peer(&served);
    let keys: BTreeSet<String> = (0..200).map(|number| format!("key:{number:03}")).collect();
    for key in &keys {
        writer.ask(&["SET", key, "1"]);
    }
    let mut walker = peer(&served);
    // During the walk, all entries are written to disk, and other keys are added and removed.
    let found = walk(&mut walker, &["COUNT", "7"], |call| {
        if call == 3 {
            served.cache.flush().unwrap();
        }
        writer.ask(&["SET", &format!("key:{call:03}x"), "1"]);
        writer.ask(&["DEL", &format!("key:{call:03}x"), "nothing"]);
    });
    let found: BTreeSet<String> = found.into_iter().filter(|key| !key.ends_with('x')).collect();
    assert_eq!(found, keys);
    let some = walk(&mut walker, &["MATCH", "key:00?", "COUNT", "50"], |_| {});
    assert_eq!(some.len(), 10);
    assert!(walk(&mut walker, &["TYPE", "hash", "COUNT", "50"], |_| {}).is_empty());
    assert_eq!(walker.ask(&["DBSIZE"]).integer(), Some(200));
}

/// A client may choose any `COUNT`. Without a bound, each of these calls would hold all keys.
#[test]
fn a_call_of_a_walk_ends_early_if_its_keys_take_much_memory() {
    let all = ["COUNT", "9223372036854775807"];
    let limits = OutputLimits { max: 64 << 10, ..OutputLimits::default() };
    for (limits, count, len) in [(limits, 1_000, 100), (OutputLimits::default(), 4_300, 4_000)] {
        let served = Served::with(|builder| builder.output_limits(limits));
        let mut client = peer(&served);
        let keys: BTreeSet<String> = (0..count).map(|number| format!("{number:0>len$}")).collect();
        for key in &keys {
            client.ask(&["SET", key, ""]);
        }
        let mut calls = 1;
        let found = walk(&mut client, &all, |_| calls += 1);
        assert!(calls > 1, "the first call returns all {count} keys");
        assert!(found.len() == keys.len() && found.into_iter().collect::<BTreeSet<_>>() == keys);
        if limits == OutputLimits::default() {
            calls = 1;
            walk(&mut client, &[&all[..], &["MATCH", "none"]].concat(), |_| calls += 1);
            assert!(calls > 1, "the first call reads all {count} keys ahead");
        }
    }
}

#[test]
fn a_removed_key_is_not_returned_by_a_later_call_of_a_walk() {
    let served = Served::new();
    let mut client = peer(&served);
    for number in 0..30 {
        client.ask(&["SET", &format!("key:{number:02}"), "1"]);
    }
    let mut other = peer(&served);
    let found = walk(&mut client, &["COUNT", "10"], |call| {
        if call == 0 {
            other.ask(&["DEL", "key:15", "key:29"]);
        }
    });
    assert_eq!(found.len(), 28);
    assert!(!found.contains(&"key:15".to_owned()) && !found.contains(&"key:29".to_owned()));
}

#[test]
fn a_cursor_works_from_any_connection_and_a_forgotten_one_is_an_error() {
    let served = Served::new();
    let mut first = peer(&served);
    for number in 0..30 {
        first.ask(&["SET", &format!("key:{number:02}"), "1"]);
    }
    let begun = first.ask(&["SCAN", "0"]);
    let cursor = begun.items()[0].text();
    drop(first);
    let mut second = peer(&served);
    let (once, again) = (second.ask(&["SCAN", &cursor]), second.ask(&["SCAN", &cursor]));
    assert_eq!(once.items()[1], again.items()[1], "a call may be repeated");
    assert_eq!(once.items()[1].items()[0].text(), "key:10");
    assert_eq!(second.ask(&["SELECT", "1"]), Reply::Line("+OK".to_owned()));
    assert!(
        second.ask(&["SCAN", &cursor]).error().unwrap().contains("has forgotten it"),
        "of another database"
    );
    assert!(second.ask(&["SCAN", "4711"]).error().unwrap().contains("has forgotten it"));
}

#[test]
fn a_watched_key_that_changes_and_changes_back_fails_the_transaction() {
    let served = Served::new();
    let (mut first, mut second) = (peer(&served), peer(&served));
    let exec = |client: &mut RespClient| {
        client.ask(&["MULTI"]);
        client.ask(&["SET", "out", "1"]);
        client.ask(&["EXEC"])
    };
    // Setting and deleting a key leaves no entry, but breaks the watch.
    first.ask(&["WATCH", "a"]);
    second.ask(&["SET", "a", "1"]);
    second.ask(&["DEL", "a"]);
    assert_eq!(exec(&mut first), Reply::Array('*', None));
    assert_eq!(first.ask(&["EXISTS", "out"]).integer(), Some(0));
    first.ask(&["WATCH", "a"]);
    second.ask(&["SET", "a", "1"]);
    first.ask(&["UNWATCH"]);
    assert_eq!(exec(&mut first).items().len(), 1);
    first.ask(&["WATCH", "a"]);
    second.ask(&["EXPIRE", "a", "1000"]);
    assert_eq!(exec(&mut first), Reply::Array('*', None));
}

#[test]
fn a_transaction_is_seen_whole_or_not_at_all() {
    let served = Served::new();
    let mut writer = peer(&served);
    writer.ask(&["MSET", "a", "0", "b", "0"]);
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reader = peer(&served);
            let mut seen = 0;
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                let both = reader.ask(&["MGET", "a", "b"]);
                assert_eq!(both.items()[0], both.items()[1], "half of a transaction");
                seen += 1;
            }
            seen
        });
        for number in 1..200 {
            let number = number.to_string();
            writer.send(&["MULTI"]);
            writer.send(&["SET", "a", &number]);
            writer.send(&["INCRBY", "b", "1"]);
            writer.send(&["EXEC"]);
            let replies: Vec<_> = (0..4).map(|_| writer.receive()).collect();
            assert_eq!(replies[3].items().len(), 2, "{replies:?}");
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(reader.join().unwrap() > 0);
    });
}

#[test]
fn a_transaction_selects_databases_and_runs_other_commands_at_their_places() {
    let served = Served::new();
    let mut client = peer(&served);
    let queued =
        [vec!["SET", "a", "0"], vec!["SELECT", "1"], vec!["SET", "a", "1"], vec!["PING"], vec!["GET", "a"]];
    client.ask(&["MULTI"]);
    for words in &queued {
        assert_eq!(client.ask(words), Reply::Line("+QUEUED".to_owned()));
    }
    let reply = client.ask(&["EXEC"]);
    let line = |text: &str| Reply::Line(text.to_owned());
    let got = Reply::Bulk('$', Some(b"1".to_vec()));
    assert_eq!(reply.items(), [line("+OK"), line("+OK"), line("+OK"), line("+PONG"), got]);
    assert_eq!(client.ask(&["GET", "a"]).text(), "1", "the connection stays at database 1");
    client.ask(&["MULTI"]);
    assert!(client.ask(&["FLUSHDB"]).error().unwrap().contains("not allowed inside a transaction"));
    assert!(client.ask(&["EXEC"]).error().unwrap().starts_with("EXECABORT"));
}

#[test]
fn a_removal_by_any_command_is_on_disk_when_it_is_answered() {
    let served = Served::new();
    let mut client = peer(&served);
    let removals: [&[&str]; 7] = [
        &["DEL", "k"],
        &["GETDEL", "k"],
        &["EXPIRE", "k", "0"],
        &["PEXPIREAT", "k", "1"],
        &["GETEX", "k", "PXAT", "1"],
        &["SET", "k", "v", "PXAT", "1"],
        &["FLUSHDB"],
    ];
    for words in removals {
        client.ask(&["SET", "k", "v"]);
        served.cache.flush().unwrap();
        client.ask(words);
        let copy = served.dir.path().join("copy.larder");
        std::fs::copy(served.dir.path().join("shop.larder"), &copy).unwrap();
        let copied = Cache::builder().path(&copy).open().unwrap();
        assert_eq!(copied.stats().disk.unwrap().entries, 0, "{words:?}");
        drop(copied);
        std::fs::remove_file(copy).unwrap();
    }
}

#[test]
fn known_scripts_run_and_others_are_refused() {
    let served = Served::new();
    let mut client = peer(&served);
    client.ask(&["SET", "lock", "token", "PX", "100000"]);
    let release = "c3f8721cbb97f72bc19e972846bd7aaf91901658";
    assert_eq!(client.ask(&["EVALSHA", release, "1", "lock", "other"]).integer(), Some(0));
    assert_eq!(client.ask(&["EVALSHA", release, "1", "lock", "token"]).integer(), Some(1));
    assert_eq!(client.ask(&["EXISTS", "lock"]).integer(), Some(0));
    let found = client.ask(&["SCRIPT", "EXISTS", release, "ff"]);
    assert_eq!(found.items().iter().filter_map(Reply::integer).collect::<Vec<_>>(), [1, 0]);
    for words in [vec!["EVAL", "return 1", "0"], vec!["SCRIPT", "LOAD", "return 1"]] {
        assert!(client.ask(&words).error().unwrap().starts_with("ERR larder has no Lua interpreter"));
    }
    assert!(client.ask(&["EVALSHA", "ff", "0"]).error().unwrap().starts_with("NOSCRIPT"));
    // The script of a window reads the expiry only when the window begins.
    let mut window = |key: &str, expiry: &str| {
        client.ask(&["EVALSHA", "628bd136a573a06b346879695681af12ccef300f", "1", key, expiry, "1"])
    };
    assert_eq!(window("hits", "60").integer(), Some(1));
    assert_eq!(["60", "0", "x"].map(|expiry| window("hits", expiry).integer()), [Some(2), Some(3), Some(4)]);
    assert_eq!(window("short", "0").integer(), Some(1));
    assert!(window("wrong", "x").error().is_some_and(|text| text.contains("not an integer")));
    assert_eq!(client.ask(&["EXISTS", "short"]).integer(), Some(0));
    assert!(client.ask(&["TTL", "hits"]).integer().is_some_and(|seconds| (1..=60).contains(&seconds)));
}

#[test]
fn commands_on_other_kinds_of_values_say_what_larder_is_for() {
    let served = Served::new();
    let mut client = peer(&served);
    for words in
        [&["LPUSH", "a", "1"][..], &["HSET", "a", "b", "c"], &["SUBSCRIBE", "a"], &["RENAME", "a", "b"]]
    {
        assert!(
            client.ask(words).error().unwrap().contains("larder is a cache of single values"),
            "{words:?}"
        );
    }
}

#[test]
fn wait_answers_when_the_writes_are_on_disk() {
    let served = Served::new();
    let mut client = peer(&served);
    client.ask(&["SET", "a", "1"]);
    assert_eq!(client.ask(&["WAIT", "1", "0"]).integer(), Some(1));
    assert_eq!(served.cache.stats().disk.unwrap().entries, 1);
}

#[test]
fn wait_answers_0_without_a_file_because_no_write_is_on_disk() {
    let cache = Cache::builder().open().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("s");
    let server = Server::builder(&cache).listen(format!("unix:{}", socket.display())).start().unwrap();
    let mut client = RespClient::connect(&socket).unwrap();
    client.ask(&["SET", "a", "1"]);
    assert_eq!(client.ask(&["WAIT", "0", "0"]).integer(), Some(0));
    assert_eq!(client.ask(&["WAIT", "1", "1000"]).integer(), Some(0));
    server.shutdown();
}

#[test]
fn the_sections_of_info_have_the_fields_that_dashboards_read() {
    let served = Served::new();
    let mut client = peer(&served);
    client.ask(&["SET", "a", "1"]);
    client.ask(&["GET", "a"]);
    client.ask(&["GET", "b"]);
    let info = client.ask(&["INFO"]).text();
    for field in [
        "# Server",
        "redis_version:7.",
        "uptime_in_seconds:",
        "# Clients",
        "connected_clients:1",
        "used_memory:",
        "used_memory_human:",
        "maxmemory:",
        "maxmemory_policy:allkeys-lfu",
        "# Persistence",
        "loading:0",
        "total_commands_processed:",
        "keyspace_hits:1\r\n",
        "keyspace_misses:1\r\n",
        "evicted_keys:0",
        "expired_keys:0",
        "db0:keys=1,",
    ] {
        assert!(info.contains(field), "{field} is missing in {info}");
    }
    let stats = client.ask(&["INFO", "stats"]).text();
    assert!(stats.starts_with("# Stats\r\n") && !stats.contains("# Memory"));
    client.ask(&["CONFIG", "RESETSTAT"]);
    let stats = client.ask(&["INFO", "stats"]).text();
    assert!(stats.contains("keyspace_hits:0\r\n") && stats.contains("rejected_connections:0\r\n"));
    let settings = client.ask(&["CONFIG", "GET", "maxmem*"]);
    assert_eq!(settings.items().len(), 4);
}

#[test]
fn a_key_that_is_watched_again_takes_no_further_place() {
    let served = Served::new();
    let (mut first, mut second) = (peer(&served), peer(&served));
    for _ in 0..1100 {
        assert_eq!(first.ask(&["WATCH", "a"]), Reply::Line("+OK".to_owned()));
    }
    second.ask(&["SET", "a", "1"]);
    // A repeated `WATCH` keeps the earlier watch, which has detected the change.
    first.ask(&["WATCH", "a"]);
    first.ask(&["MULTI"]);
    first.ask(&["SET", "out", "1"]);
    assert_eq!(first.ask(&["EXEC"]), Reply::Array('*', None));
}
