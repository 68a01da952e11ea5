//! Tests of the limits on one request, and on the buffers of all connections.

use std::io::{ErrorKind, Read, Write};

use larder_serve::OutputLimits;

use crate::resp::{Reply, RespClient};
use crate::support::Served;

const MIB: usize = 1 << 20;

/// Returns a server that limits the replies of a connection to 8 MiB, and a client that has stored a value
/// of 1 MiB.
fn served() -> (Served, RespClient) {
    let served = limited(8 * MIB);
    let mut client = RespClient::connect(&served.socket).unwrap();
    client.ask(&["SET", "big", &"v".repeat(MIB)]);
    (served, client)
}

fn limited(max: usize) -> Served {
    let limits = OutputLimits { max, ..OutputLimits::default() };
    Served::with(|builder| builder.output_limits(limits))
}

fn is_too_large(reply: &Reply) -> bool {
    reply.error().is_some_and(|text| text.contains("may read and return up to"))
}

#[test]
fn a_request_for_the_same_large_value_many_times_is_refused_before_it_takes_the_memory() {
    let (_served, mut client) = served();
    let many: Vec<&str> = ["MGET"].into_iter().chain(std::iter::repeat_n("big", 20_000)).collect();
    // Without the limit, the replies would take about 20 GiB.
    assert!(is_too_large(&client.ask(&many)));
    assert_eq!(client.ask(&many[..=7]).items().len(), 7, "the connection goes on");
}

#[test]
fn a_transaction_whose_replies_are_too_large_changes_nothing() {
    let (_served, mut client) = served();
    client.ask(&["MULTI"]);
    client.ask(&["SET", "other", "1"]);
    for _ in 0..20_000 {
        client.send(&["GET", "big"]);
    }
    for _ in 0..20_000 {
        client.receive();
    }
    assert!(is_too_large(&client.ask(&["EXEC"])));
    assert_eq!(client.ask(&["EXISTS", "other"]).integer(), Some(0));
}

/// Sends `MULTI`, `SET other 1`, this number of requests, and `EXEC`. Returns the reply of `EXEC`.
fn exec_after(client: &mut RespClient, request: &[&str], count: usize) -> Reply {
    client.ask(&["MULTI"]);
    client.ask(&["SET", "other", "1"]);
    for _ in 0..count {
        client.send(request);
    }
    for _ in 0..count {
        client.receive();
    }
    client.ask(&["EXEC"])
}

#[test]
fn a_transaction_whose_replies_are_no_values_is_also_bounded() {
    let (_served, mut client) = served();
    let help = &["OBJECT", "HELP"][..];
    // The error repeats the option.
    let option = "x".repeat(1 << 10);
    for (request, count) in [(help, 40_000), (&["EXPIRE", "big", "1", &option], 20_000)] {
        let reply = exec_after(&mut client, request, count);
        assert!(is_too_large(&reply), "{request:?}: {} items", reply.items().len());
        assert_eq!(client.ask(&["EXISTS", "other"]).integer(), Some(0), "{request:?}");
    }
}

/// Without the limit, the replies of these `COMMAND`s would take about 130 MB. They use no entries, so their
/// length is known only when the changes are made.
#[test]
fn a_reply_without_entries_that_finds_no_room_in_a_transaction_is_an_error_in_its_place() {
    let (_served, mut client) = served();
    let reply = exec_after(&mut client, &["COMMAND"], 20_000);
    let [set, commands @ ..] = reply.items() else { panic!("{reply:?}") };
    assert_eq!(*set, Reply::Line("+OK".to_owned()));
    let first_error = commands.iter().position(|reply| reply.error().is_some()).unwrap();
    assert!(commands.len() == 20_000 && (1..4_000).contains(&first_error), "{first_error}");
    assert!(
        commands[first_error..]
            .iter()
            .all(|reply| { reply.error().is_some_and(|text| text.contains("no room for this one")) })
    );
    assert_eq!(client.ask(&["EXISTS", "other"]).integer(), Some(1));
    // The errors for these requests would not fit.
    let served = limited(64 << 10);
    let mut client = RespClient::connect(&served.socket).unwrap();
    assert!(is_too_large(&exec_after(&mut client, &["COMMAND"], 1_200)));
    assert_eq!(client.ask(&["EXISTS", "other"]).integer(), Some(0));
}

#[test]
fn a_transaction_does_not_hold_more_large_values_than_replies_may_have() {
    let (_served, mut client) = served();
    let value = "v".repeat(MIB);
    let keys: Vec<String> = (0..9).map(|number| format!("big{number}")).collect();
    for key in &keys {
        client.ask(&["SET", key, &value]);
    }
    let exec = |client: &mut RespClient, requests: &[Vec<&str>]| {
        client.ask(&["MULTI"]);
        for words in requests {
            client.ask(words);
        }
        client.ask(&["EXEC"])
    };
    let lengths: Vec<_> = keys.iter().map(|key| vec!["STRLEN", key.as_str()]).collect();
    assert!(is_too_large(&exec(&mut client, &lengths)));
    assert_eq!(exec(&mut client, &lengths[1..]).items().len(), 8);
    // Reading the same value again needs no more memory, and neither does replacing it.
    let again: Vec<_> = (0..100).map(|_| vec!["STRLEN", "big"]).collect();
    assert_eq!(exec(&mut client, &again).items().len(), 100);
    let replaced: Vec<_> = (0..20).map(|_| vec!["SETRANGE", "big", "0", "w"]).collect();
    assert_eq!(exec(&mut client, &replaced).items().len(), 20);
}

/// What a client says about itself is stored as long as it is connected.
#[test]
fn a_label_that_is_too_long_is_refused_and_one_in_the_slow_log_is_shortened() {
    let served = Served::new();
    let mut client = RespClient::connect(&served.socket).unwrap();
    let (longest, too_long) = ("n".repeat(1024), "n".repeat(MIB));
    for words in [
        &["CLIENT", "SETNAME"][..],
        &["CLIENT", "SETINFO", "lib-name"],
        &["CLIENT", "SETINFO", "lib-ver"],
        &["HELLO", "2", "SETNAME"],
    ] {
        let reply = client.ask(&[words, &[too_long.as_str()]].concat());
        assert!(reply.error().is_some_and(|text| text.contains("may have up to 1024 bytes")), "{words:?}");
        let reply = client.ask(&[words, &[longest.as_str()]].concat());
        assert_eq!(reply.error(), None, "{words:?}");
    }
    assert_eq!(client.ask(&["CLIENT", "GETNAME"]).text(), longest);
    client.ask(&["CONFIG", "SET", "slowlog-log-slower-than", "0"]);
    client.ask(&["EVAL", "return 1", "0"]);
    let newest = client.ask(&["SLOWLOG", "GET", "1"]);
    let name = newest.items()[0].items()[5].text();
    assert_eq!(name, format!("{}... (896 more bytes)", "n".repeat(128)));
}

#[test]
fn a_command_about_more_names_than_there_are_commands_is_refused() {
    let served = Served::new();
    let mut client = RespClient::connect(&served.socket).unwrap();
    let words = |subcommand, names| [&["COMMAND", subcommand][..], &vec!["get"; names]].concat();
    assert_eq!(client.ask(&words("INFO", 1024)).items().len(), 1024);
    assert_eq!(client.ask(&words("DOCS", 1024)).items().len(), 2048);
    for subcommand in ["INFO", "DOCS"] {
        let reply = client.ask(&words(subcommand, 1025));
        assert!(reply.error().is_some_and(|text| text.contains("takes up to 1024 names")), "{reply:?}");
    }
}

#[test]
fn a_walk_whose_reply_is_too_large_is_cut_off() {
    let served = limited(64 << 10);
    let mut client = RespClient::connect(&served.socket).unwrap();
    for number in 0..1000 {
        client.ask(&["SET", &format!("{number:0>100}"), "v"]);
    }
    served.connect().expect_end_after(&["KEYS", "*"]);
}

/// The bytes of the words take half of the bound, and their positions exceed it.
#[test]
fn the_positions_of_many_short_words_count_against_the_bound_of_all_buffers() {
    let served = Served::with(|builder| builder.buffer_memory(MIB));
    let mut client = served.connect();
    // The server may close the connection before it has received all words.
    drop(client.stream.write_all(format!("*70001\r\n{}", "$0\r\n\r\n".repeat(70_000)).as_bytes()));
    client.expect_end();
}

/// The buffers of two connections together exceed the bound. The connection with the larger buffer is
/// closed, although it sends nothing more.
#[test]
fn the_connection_that_holds_most_is_closed_when_all_buffers_exceed_their_bound() {
    let served = Served::with(|builder| builder.buffer_memory(MIB).threads(1));
    let (mut large, mut small, mut good) = (served.connect(), served.connect(), served.connect());
    let part = |key: &str, len: usize, sent: usize| {
        format!("*3\r\n$3\r\nSET\r\n$1\r\n{key}\r\n${len}\r\n{}", "v".repeat(sent))
    };
    // Each round trip lets the server receive what has arrived.
    let mut settle = || (0..10).for_each(|_| good.expect(&["PING"], "+PONG\r\n"));
    large.send(part("a", 1_000_000, 700_000));
    settle();
    small.send(part("b", 150_000, 100_000));
    settle();
    let ended = large.stream.read(&mut [0]);
    assert!(
        matches!(&ended, Ok(0)) || matches!(&ended, Err(error) if error.kind() == ErrorKind::ConnectionReset),
        "{ended:?}"
    );
    small.send(format!("{}\r\n", "v".repeat(50_000)));
    small.receive("+OK\r\n");
    settle();
}
