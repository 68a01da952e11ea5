//! Tests of requests and replies over a Unix socket and over TCP.

use std::io::{Read, Write};
use std::net::TcpStream;

use larder::Cache;
use larder_serve::{Address, Server};

use crate::support::{Served, request};

#[test]
fn a_command_is_found_in_any_case_after_the_same_command_and_after_another() {
    let served = Served::new();
    let mut client = served.connect();
    for (words, reply) in [
        (&["SET", "a", "1"][..], "+OK\r\n"),
        (&["sEt", "a", "2"], "+OK\r\n"),
        (&["SETEX", "a", "100", "3"], "+OK\r\n"),
        (&["set", "a", "4"], "+OK\r\n"),
        (&["se", "a", "5"], "-ERR unknown command 'se', with args beginning with: 'a' '5' \r\n"),
        (&["get", "a"], "$1\r\n4\r\n"),
    ] {
        client.expect(words, reply);
    }
}

#[test]
fn a_client_gets_what_it_has_set_until_it_deletes_it() {
    let served = Served::new();
    let mut client = served.connect();
    client.expect(&["PING"], "+PONG\r\n");
    client.expect(&["ping", "hello"], "$5\r\nhello\r\n");
    client.expect(&["ECHO", "a\r\nb"], "$4\r\na\r\nb\r\n");
    client.expect(&["GET", "a"], "$-1\r\n");
    client.expect(&["SET", "a", "1"], "+OK\r\n");
    client.expect(&["GET", "a"], "$1\r\n1\r\n");
    served.connect().expect(&["GET", "a"], "$1\r\n1\r\n");
    client.expect(&["DEL", "a", "b", "a"], ":1\r\n");
    client.expect(&["GET", "a"], "$-1\r\n");
    client.expect(&["UNLINK", "a"], ":0\r\n");
    client.expect(&["QUIT"], "+OK\r\n");
    client.expect_end();
}

#[test]
fn a_removal_in_a_pipeline_is_seen_by_the_requests_behind_it() {
    let served = Served::new();
    let mut client = served.connect();
    let pipeline: Vec<u8> = (0..100)
        .flat_map(|number| {
            let key = format!("key{number}");
            [request(&["SET", &key, "v"]), request(&["DEL", &key]), request(&["GET", &key])].concat()
        })
        .collect();
    client.send(pipeline);
    client.receive(&"+OK\r\n:1\r\n$-1\r\n".repeat(100));
}

#[test]
fn a_removal_that_was_answered_is_on_disk() {
    let served = Served::new();
    let mut client = served.connect();
    client.expect(&["SET", "a", "1"], "+OK\r\n");
    served.cache.flush().unwrap();
    let before = served.cache.stats().disk.unwrap().commits;
    client.send([request(&["DEL", "a"]), request(&["DEL", "b"]), request(&["DEL", "c"])].concat());
    client.receive(":1\r\n:0\r\n:0\r\n");
    let copy = served.dir.path().join("copy.larder");
    std::fs::copy(served.dir.path().join("shop.larder"), &copy).unwrap();
    assert!(served.cache.stats().disk.unwrap().commits > before);
    let copied = Cache::builder().path(copy).open().unwrap();
    assert_eq!(copied.stats().disk.unwrap().entries, 0);
}

#[test]
fn unknown_and_malformed_requests_are_answered_as_redis_does() {
    let served = Served::new();
    let mut client = served.connect();
    client.expect(&["nope", "a", "b"], "-ERR unknown command 'nope', with args beginning with: 'a' 'b' \r\n");
    client.expect(&["GET"], "-ERR wrong number of arguments for 'get' command\r\n");
    client.send("\r\nPING\r\nget 'a\r\n");
    client.receive("+PONG\r\n-ERR Protocol error: unbalanced quotes in request\r\n");
    client.expect_end();
}

#[test]
fn tcp_serves_the_same_cache_and_names_its_port() {
    let cache = Cache::builder().open().unwrap();
    let server = Server::builder(&cache).listen("127.0.0.1:0").start().unwrap();
    let [Address::Tcp(address)] = server.addresses() else { panic!("{:?}", server.addresses()) };
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(&request(&["SET", "a", "1"])).unwrap();
    client.write_all(&request(&["GET", "a"])).unwrap();
    let mut reply = [0; 12];
    client.read_exact(&mut reply).unwrap();
    assert_eq!(&reply, b"+OK\r\n$1\r\n1\r\n");
    server.shutdown();
    assert_eq!(client.read(&mut reply).unwrap(), 0);
}

#[test]
fn a_client_names_itself_and_others_see_it_until_it_is_killed() {
    let served = Served::new();
    let mut first = served.connect();
    first.expect(&["CLIENT", "ID"], ":1\r\n");
    let mut second = served.connect();
    first.expect(&["CLIENT", "GETNAME"], "$-1\r\n");
    first.expect(
        &["CLIENT", "SETNAME", "a b"],
        "-ERR Client names cannot contain spaces, newlines or special characters.\r\n",
    );
    first.expect(&["CLIENT", "SETNAME", "worker-1"], "+OK\r\n");
    first.expect(&["CLIENT", "SETINFO", "LIB-NAME", "redis-py"], "+OK\r\n");
    first.expect(&["CLIENT", "GETNAME"], "$8\r\nworker-1\r\n");
    let list = second.bulk(&["CLIENT", "LIST", "ID", "1"]);
    assert!(list.starts_with("id=1 addr=") && list.contains(" name=worker-1 "), "{list}");
    assert!(list.contains(" flags=U db=0 ") && list.contains(" cmd=client "), "{list}");
    assert!(list.contains(" lib-name=redis-py ") && list.ends_with('\n'), "{list}");
    second.expect(&["CLIENT", "KILL", "ID", "1"], ":1\r\n");
    first.expect_end();
    second.expect(&["CLIENT", "KILL", "ID", "1"], ":0\r\n");
    second.expect(&["CLIENT", "KILL", "nowhere:0"], "-ERR No such client\r\n");
    second.expect(&["CLIENT", "WHAT"], "-ERR unknown subcommand 'WHAT'. Try CLIENT HELP.\r\n");
    second.expect(&["CLIENT", "SETNAME"], "-ERR wrong number of arguments for 'client|setname' command\r\n");
}

#[test]
fn databases_are_apart_and_reset_goes_back_to_the_first() {
    let served = Served::with(|builder| builder.databases(3));
    let mut client = served.connect();
    client.expect(&["SET", "a", "0"], "+OK\r\n");
    client.expect(&["SELECT", "2"], "+OK\r\n");
    client.expect(&["GET", "a"], "$-1\r\n");
    client.expect(&["SELECT", "3"], "-ERR DB index is out of range\r\n");
    client.expect(&["SELECT", "-1"], "-ERR DB index is out of range\r\n");
    client.expect(&["SELECT", "x"], "-ERR value is not an integer or out of range\r\n");
    client.expect(&["RESET"], "+RESET\r\n");
    client.expect(&["GET", "a"], "$1\r\n0\r\n");
}

#[test]
fn hello_chooses_the_version_of_the_replies() {
    let served = Served::new();
    let mut client = served.connect();
    client.expect(&["HELLO", "4"], "-NOPROTO unsupported protocol version\r\n");
    client.expect(&["HELLO", "x"], "-ERR Protocol version is not an integer or out of range\r\n");
    client.expect(&["HELLO", "3", "WHAT"], "-ERR Syntax error in HELLO option 'WHAT'\r\n");
    client.expect(
        &["HELLO", "3", "SETNAME", "me"],
        "%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:3\r\n$2\r\nid\r\n\
         :1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n",
    );
    client.expect(&["GET", "a"], "_\r\n");
    client.expect(&["CLIENT", "GETNAME"], "$2\r\nme\r\n");
    client.expect(&["RESET"], "+RESET\r\n");
    client.expect(&["GET", "a"], "$-1\r\n");
}
