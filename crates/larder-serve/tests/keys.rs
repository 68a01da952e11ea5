//! Tests what commands report about keys and connections: exact expiries, frequencies of use, words that
//! are safe to show, and values on disk.

use larder::{ByteSize, Cache};
use larder_serve::Server;

use crate::resp::{Reply, RespClient};
use crate::support::Served;

#[test]
fn an_expiry_is_reported_as_it_was_given() {
    let served = Served::new();
    let mut client = served.connect();
    let now = larder::clock::Clock::wall(&larder::clock::SystemClock::new()).as_millis();
    let at = (now + 3_600_000) / 1000 * 1000 + 499;
    client.expect(&["SET", "a", "1", "PXAT", &at.to_string()], "+OK\r\n");
    for _ in 0..50 {
        client.expect(&["PEXPIRETIME", "a"], &format!(":{at}\r\n"));
    }
    client.expect(&["EXPIRETIME", "a"], &format!(":{}\r\n", at / 1000));
    client.expect(&["SET", "b", "1"], "+OK\r\n");
    client.expect(&["PEXPIRETIME", "b"], ":-1\r\n");
    client.expect(&["EXPIRETIME", "none"], ":-2\r\n");
    // A transaction sees its own changes.
    client.expect(&["MULTI"], "+OK\r\n");
    for queued in [&["PEXPIREAT", "b", &at.to_string()][..], &["PEXPIRETIME", "b"], &["PEXPIRETIME", "a"]] {
        client.expect(queued, "+QUEUED\r\n");
    }
    client.expect(&["EXEC"], &format!("*3\r\n:1\r\n:{at}\r\n:{at}\r\n"));
}

#[test]
fn the_frequency_of_a_key_grows_with_its_uses_once_memory_has_been_full() {
    let served =
        Served::over(|builder| builder.memory_capacity(ByteSize::kib(256)).shards(1), |builder| builder);
    let mut client = RespClient::connect(&served.socket).unwrap();
    let mut freq = |key: &str| client.ask(&["OBJECT", "FREQ", key]);
    assert_eq!(freq("none"), Reply::Bulk('$', None));
    let mut fill = RespClient::connect(&served.socket).unwrap();
    fill.ask(&["SET", "hot", "1"]);
    assert_eq!(freq("hot").integer(), Some(0));
    let value = "x".repeat(1000);
    for round in 0..4 {
        for number in 0..200 {
            fill.ask(&["SET", &format!("{round}-{number}"), &value]);
            fill.ask(&["GET", "hot"]);
        }
        // Only committed values are evicted.
        fill.ask(&["WAIT", "0", "0"]);
    }
    let (hot, cold) = (freq("hot").integer().unwrap(), freq("3-199").integer().unwrap());
    assert!(hot > cold && hot <= 15, "{hot} and {cold}");
    let idle = client.ask(&["OBJECT", "IDLETIME", "hot"]);
    assert!(
        idle.error().is_some_and(|text| text.contains("An LFU maxmemory policy is selected")),
        "{idle:?}"
    );
}

#[test]
fn a_path_with_spaces_and_control_characters_is_one_word_of_a_list() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a b\n\x1b[31m");
    let cache = Cache::builder().open().unwrap();
    let server = Server::builder(&cache).listen(format!("unix:{}", path.display())).start().unwrap();
    let mut client = RespClient::connect(&path).unwrap();
    let list = client.ask(&["CLIENT", "LIST"]).text();
    assert_eq!(list.lines().count(), 1);
    let address = list.split(' ').nth(1).unwrap().strip_prefix("addr=").unwrap();
    assert!(address.ends_with("/a\\x20b\\x0a\\x1b[31m:0"), "{list}");
    // The word is the address that `CLIENT KILL` accepts.
    assert_eq!(
        client.ask(&["CLIENT", "KILL", "ADDR", address]).integer(),
        Some(0),
        "it skips its own connection"
    );
    assert_eq!(client.ask(&["CLIENT", "KILL", "ADDR", address, "SKIPME", "no"]).integer(), Some(1));
    drop(server);
}

/// As in Redis, a line break becomes a space, and any other byte is unchanged.
#[test]
fn an_error_repeats_control_characters_but_no_line_break() {
    let served = Served::new();
    served.connect().expect(
        &["\x1bno\tpe\x07", "a\r\nb\x01"],
        "-ERR unknown command '\x1bno\tpe\x07', with args beginning with: 'a  b\x01' \r\n",
    );
}

#[test]
fn mget_finds_values_in_memory_and_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let open = || Cache::builder().path(dir.path().join("shop.larder")).open().unwrap();
    let listen = format!("unix:{}", dir.path().join("s").display());
    let start = |cache: &Cache| Server::builder(cache).listen(&listen).start().unwrap();
    let cache = open();
    let server = start(&cache);
    let connect = || RespClient::connect(&dir.path().join("s")).unwrap();
    connect().ask(&["MSET", "a", "1", "b", "2", "c", ""]);
    drop(server);
    cache.close().unwrap();
    let cache = open();
    let server = start(&cache);
    let mut client = connect();
    client.ask(&["SET", "d", "4"]);
    let long = "k".repeat(5000);
    let found = |client: &mut RespClient, keys: &[&str]| {
        let words = [&["MGET"], keys].concat();
        let items = client.ask(&words);
        items
            .items()
            .iter()
            .map(|item| (*item != Reply::Bulk('$', None)).then(|| item.text()))
            .collect::<Vec<_>>()
    };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(found(&mut client, &["d", "d"]), [text("4"), text("4")]);
    for _ in 0..2 {
        assert_eq!(
            found(&mut client, &["d", "a", "none", "c", "a"]),
            [text("4"), text("1"), None, text(""), text("1")]
        );
        assert_eq!(found(&mut client, &["b", &long]), [text("2"), None]);
    }
    let stats = cache.stats();
    assert!(stats.keyspaces[0].disk_hits >= 3, "{stats:?}");
    drop(server);
}

#[test]
fn a_key_that_is_too_long_has_no_entry_and_a_command_that_would_store_one_fails() {
    let served = Served::new();
    let mut client = RespClient::connect(&served.socket).unwrap();
    let long = "k".repeat(5000);
    for words in
        [&["EXPIRE", &long, "100"][..], &["EXPIREAT", &long, "4000000000", "GT"], &["PERSIST", &long]]
    {
        assert_eq!(client.ask(words).integer(), Some(0), "{}", words[0]);
    }
    assert_eq!(client.ask(&["TTL", &long]).integer(), Some(-2));
    assert_eq!(client.ask(&["GETEX", &long, "EX", "5"]), Reply::Bulk('$', None));
    for words in [&["SET", &long, "1", "NX", "EX", "10"][..], &["SETEX", &long, "10", "1"], &["INCR", &long]]
    {
        let reply = client.ask(words);
        assert!(
            reply.error().is_some_and(|error| error.contains("use a shorter key")),
            "{}: {reply:?}",
            words[0]
        );
    }
}
