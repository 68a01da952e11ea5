//! Tests of peers, walks and disks that could delay the server, its shutdown, or other connections, and of
//! settings against such peers.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::time::Duration;

use larder::clock::ManualClock;
use larder::inspect::KeyShape;
use larder::testing::StallingDisk;
use larder::{Cache, CacheBuilder, Format, Keyspace, KeyspaceDefinition, MemoryLookup};
use larder_serve::{Address, OutputLimits, RemovalMode, Server, ServerBuilder};
use tokio::time::Instant;

use crate::modes::Stalled;
use crate::support::{Client, Served, request};

/// Returns the value of each of the 500 keys.
fn value() -> String {
    "x".repeat(2 << 10)
}

/// Starts a server with 500 keys, most of which are only on the disk. A walk over the keys reads the disk.
fn served_from_disk(disk: &StallingDisk, settings: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Served {
    served_from_disk_over(|cache| cache.stalling_disk(disk), settings)
}

/// Like [`served_from_disk`], with settings of the cache.
fn served_from_disk_over(
    cache: impl FnOnce(CacheBuilder) -> CacheBuilder,
    settings: impl FnOnce(ServerBuilder) -> ServerBuilder,
) -> Served {
    let small = |builder: CacheBuilder| cache(builder.memory_capacity(64 << 10).page_cache(64 << 10));
    let served = Served::over(small, settings);
    let mut client = served.connect();
    for number in 0..500 {
        client.expect(&["SET", &format!("key:{number}"), &value()], "+OK\r\n");
    }
    served.cache.flush().unwrap();
    served
}

/// Stalls the disk, and begins a walk over the keys, which does not end while this guard exists.
fn stalled_walk<'a>(disk: &'a StallingDisk, client: &mut Client) -> Stalled<'a> {
    let stalled = Stalled(disk);
    disk.stall_reads();
    client.send(request(&["KEYS", "*"]));
    disk.await_read();
    stalled
}

#[test]
fn connections_that_are_reset_at_once_do_not_delay_others() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::builder().path(dir.path().join("shop.larder")).open().unwrap();
    let server = Server::builder(&cache).listen("127.0.0.1:0").threads(1).start().unwrap();
    let Address::Tcp(address) = server.addresses()[0].clone() else { panic!("it listens at a TCP port") };
    let begin = Instant::now();
    for _ in 0..10 {
        for _ in 0..100 {
            let stream = TcpStream::connect(address).unwrap();
            // Dropping this stream resets the connection.
            rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
        }
        let mut client = TcpStream::connect(address).unwrap();
        client.write_all(&request(&["PING"])).unwrap();
        let mut reply = [0; 7];
        client.read_exact(&mut reply).unwrap();
        assert_eq!(&reply, b"+PONG\r\n");
        // With a pause of 50 ms for each connection, this would take 50 s. Without a pause, it takes a small
        // part of a second, so a machine may stall for long.
        assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
    }
}

#[test]
fn a_shutdown_does_not_wait_for_a_walk_over_the_keys() {
    let disk = StallingDisk::new();
    let settings = |builder: ServerBuilder| builder.threads(1).shutdown_timeout(Duration::from_millis(200));
    let mut from_disk = served_from_disk(&disk, settings);
    let mut client = from_disk.connect();
    let stalled = stalled_walk(&disk, &mut client);
    let server = from_disk.server.take().unwrap();
    let (sender, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        server.shutdown();
        sender.send(())
    });
    ended.recv_timeout(Duration::from_secs(15)).expect("the shutdown waits for the walk");
    client.expect_end();
    drop(stalled);
    from_disk.cache.close().unwrap();
}

#[test]
fn a_connection_inside_a_command_can_be_killed() {
    let disk = StallingDisk::new();
    let served = served_from_disk(&disk, |builder| builder.shutdown_timeout(Duration::from_millis(200)));
    let mut waiting = served.connect();
    waiting.expect(&["CLIENT", "ID"], ":2\r\n");
    let mut other = served.connect();
    let stalled = stalled_walk(&disk, &mut waiting);
    other.expect(&["CLIENT", "KILL", "ID", "2"], ":1\r\n");
    waiting.expect_end();
    drop(stalled);
}

#[test]
fn a_peer_that_has_gone_ends_its_command() {
    let disk = StallingDisk::new();
    let served = served_from_disk(&disk, |builder| builder.shutdown_timeout(Duration::from_millis(200)));
    let mut waiting = served.connect();
    let stalled = stalled_walk(&disk, &mut waiting);
    drop(waiting);
    let mut other = served.connect();
    let begin = Instant::now();
    while other.bulk(&["CLIENT", "LIST"]).lines().count() > 1 {
        assert!(begin.elapsed() < Duration::from_secs(15), "the connection is still there");
        std::thread::yield_now();
    }
    drop(stalled);
}

#[test]
fn a_setting_without_bound_means_never() {
    let limits = OutputLimits { pause: 64 << 10, ..OutputLimits::default() };
    let served = Served::with(|builder| {
        builder.idle_timeout(Some(Duration::MAX)).write_timeout(Duration::MAX).output_limits(limits)
    });
    let mut client = served.connect();
    let value = "x".repeat(1 << 20);
    client.expect(&["SET", "a", &value], "+OK\r\n");
    // The replies fill the socket, so the write timeout begins.
    for _ in 0..4 {
        client.send(request(&["GET", "a"]));
    }
    served.connect().expect(&["PING"], "+PONG\r\n");
    for _ in 0..4 {
        client.receive(&format!("$1048576\r\n{value}\r\n"));
    }
}

#[test]
fn limits_by_which_no_request_is_taken_are_refused() {
    let cache = Cache::builder().open().unwrap();
    let limits = OutputLimits { pending: 0, ..OutputLimits::default() };
    let started = Server::builder(&cache).listen("127.0.0.1:0").output_limits(limits).start();
    assert!(started.unwrap_err().to_string().contains("output_limits"));
}

#[test]
fn a_guest_that_does_not_authenticate_is_closed() {
    let served =
        Served::with(|builder| builder.password("open sesame").auth_timeout(Duration::from_millis(800)));
    // If the machine stalls, the timeout of a client may expire before its password arrives.
    let authenticated = || {
        let mut client = served.connect();
        let sent = client.stream.write_all(&request(&["AUTH", "open sesame"]));
        let mut reply = [0; 5];
        let is_served = sent.is_ok() && client.stream.read_exact(&mut reply).is_ok() && &reply == b"+OK\r\n";
        is_served.then_some(client)
    };
    let mut client = (0..20).find_map(|_| authenticated()).expect("the password is right");
    // The timeout of this guest expires after that of the client would have expired.
    served.connect().expect_end();
    client.expect(&["PING"], "+PONG\r\n");
    // `RESET` removes the authentication of the connection.
    client.expect(&["RESET"], "+RESET\r\n");
    client.expect_end();
}

#[test]
fn a_socket_whose_owner_takes_no_connection_is_in_use() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("s");
    let owner = UnixListener::bind(&socket).unwrap();
    rustix::net::listen(&owner, 0).unwrap();
    // This connection fills the queue of the socket, so another connect would wait for the owner.
    let _waiting = UnixStream::connect(&socket).unwrap();
    let cache = Cache::builder().open().unwrap();
    let started = Server::builder(&cache).listen(format!("unix:{}", socket.display())).start();
    assert!(started.unwrap_err().to_string().contains("another process has the socket"));
}

#[test]
fn a_disk_that_hangs_does_not_hold_up_the_connections_that_need_no_disk() {
    let (clock, disk) = (Arc::new(ManualClock::new()), StallingDisk::new());
    let cache = |cache: CacheBuilder| cache.clock(clock.clone()).stalling_disk(&disk);
    let served = served_from_disk_over(cache, |builder| builder.threads(1));
    let (mut client, value) = (served.connect(), value());
    // The event loop reads the file itself, and detects that the disk is slow.
    disk.slow_reads(&clock, Duration::from_millis(10));
    assert_eq!(client.bulk(&["GET", "key:1"]), value);
    disk.stall_reads();
    let mut waiting = [served.connect(), served.connect(), served.connect()];
    let requests: [&[&str]; 3] = [&["GET", "key:50"], &["APPEND", "key:100", "y"], &["MGET", "key:150"]];
    for (connection, words) in waiting.iter_mut().zip(requests) {
        connection.send(request(words));
    }
    disk.await_read();
    client.expect(&["PING"], "+PONG\r\n");
    assert_eq!(client.bulk(&["GET", "key:1"]), value, "memory has it");
    client.expect(&["SET", "count", "5"], "+OK\r\n");
    client.expect(&["INCR", "count"], ":6\r\n");
    disk.resume();
    let [get, append, mget] = &mut waiting;
    get.receive(&format!("$2048\r\n{value}\r\n"));
    append.receive(":2049\r\n");
    mget.receive(&format!("*1\r\n$2048\r\n{value}\r\n"));
}

/// Pages of an application, in a database that shows their keyspace.
const PAGE: KeyspaceDefinition<String, String> =
    KeyspaceDefinition::new("page").format(Format::Raw).never_expires();

/// Lists of an application, in memory only.
const LIST: KeyspaceDefinition<String, Vec<String>> =
    KeyspaceDefinition::new("list").never_expires().memory_only();

/// Starts a server for an application with 500 pages, most of which are only on the disk.
fn served_with_pages(
    cache: impl FnOnce(CacheBuilder) -> CacheBuilder,
    settings: impl FnOnce(ServerBuilder) -> ServerBuilder,
) -> (Served, Keyspace<String, String>) {
    let small = |builder: CacheBuilder| cache(builder.memory_capacity(512 << 10).page_cache(64 << 10));
    let served = Served::over(small, |builder| settings(builder.threads(1).keyspace("page")));
    let pages = served.cache.keyspace(PAGE).unwrap();
    for number in 0..500 {
        pages.insert(&format!("page:{number}"), value()).unwrap();
    }
    served.cache.flush().unwrap();
    (served, pages)
}

/// Returns the numbers of `count` pages that memory does not have.
fn pages_on_disk(cache: &Cache, count: usize) -> Vec<usize> {
    let pages = cache.untyped_keyspace("page").pin().unwrap();
    let shape: KeyShape = pages.info().unwrap().key_shape.parse().unwrap();
    let is_on_disk = |number: &usize| {
        let key = shape.parse_key(&format!("page:{number}")).unwrap();
        pages.try_get(&key, usize::MAX).unwrap() == MemoryLookup::Unknown
    };
    let found: Vec<usize> = (2..500).filter(is_on_disk).take(count).collect();
    assert_eq!(found.len(), count);
    found
}

/// More requests wait for the disk than there are threads for them.
#[test]
fn a_disk_that_hangs_does_not_hold_up_lookups_in_memory_of_an_application_s_keyspace() {
    let (clock, disk) = (Arc::new(ManualClock::new()), StallingDisk::new());
    let cache = |cache: CacheBuilder| cache.clock(clock.clone()).stalling_disk(&disk);
    let (served, pages) = served_with_pages(cache, |builder| builder.keyspace("list"));
    let (lists, value) = (served.cache.keyspace(LIST).unwrap(), value());
    lists.insert("long", vec!["entry of a long list".to_owned(); 5000]).unwrap();
    assert!(pages.get("page:1").is_some() && lists.get("long").is_some(), "memory has them from now on");
    let on_disk = pages_on_disk(&served.cache, 60);
    let connect = || {
        let mut client = served.connect();
        client.expect(&["SELECT", "16"], "+OK\r\n");
        client
    };
    let (mut client, mut monitor) = (connect(), served.connect());
    let mut waiting: Vec<_> = on_disk.iter().map(|number| (*number, connect())).collect();
    monitor.expect(&["MONITOR"], "+OK\r\n");
    let stalled = Stalled(&disk);
    disk.stall_reads();
    for (index, (number, connection)) in waiting.iter_mut().enumerate() {
        let key = format!("page:{number}");
        let words: &[&str] = match index % 3 {
            0 => &["GET", &key],
            1 => &["GETDEL", &key],
            _ => &["EXPIRE", &key, "60"],
        };
        connection.send(request(words));
        // The event loop has begun the command when the monitor has its line.
        assert!(monitor.line().contains(&key));
    }
    // The connections of these walks end, but the walks go on.
    for _ in 0..20 {
        let mut walking = connect();
        walking.send(request(&["DBSIZE"]));
        while !monitor.line().contains("DBSIZE") {}
    }
    disk.await_read();
    assert_eq!(client.bulk(&["GET", "page:1"]), value);
    client.expect(&["TTL", "page:1"], ":-1\r\n");
    client.expect(&["EXISTS", "page:1", "page:1"], ":2\r\n");
    client.expect(&["STRLEN", "page:1"], ":2048\r\n");
    client.expect(&["MGET", "page:1"], &format!("*1\r\n$2048\r\n{value}\r\n"));
    client.send(request(&["SET", "page:1", "y"]));
    assert!(client.line().starts_with("-ERR keyspace"));
    client.expect(&["EXPIRE", "page:1", "60"], ":1\r\n");
    client.expect(&["TTL", "page:1"], ":60\r\n");
    client.expect(&["SELECT", "17"], "+OK\r\n");
    // A thread encodes this value.
    client.expect(&["STRLEN", "long"], ":105003\r\n");
    drop(stalled);
    for (index, (_, connection)) in waiting.iter_mut().enumerate() {
        if index % 3 == 2 {
            connection.receive(":1\r\n");
        } else {
            connection.receive(&format!("$2048\r\n{value}\r\n"));
        }
    }
}

/// More removals wait for the disk than the library has worker threads.
#[test]
fn removals_of_an_application_s_entries_that_wait_for_the_disk_hold_up_no_other_removal() {
    for flush in [false, true] {
        let disk = StallingDisk::new();
        let removals = |builder: ServerBuilder| builder.removals(RemovalMode::Buffered);
        let (served, _pages) = served_with_pages(|cache| cache.stalling_disk(&disk), removals);
        let mut client = served.connect();
        client.expect(&["SET", "a", "1"], "+OK\r\n");
        let mut waiting: Vec<_> = pages_on_disk(&served.cache, 20)
            .into_iter()
            .map(|number| (format!("page:{number}"), served.connect()))
            .collect();
        let mut monitor = served.connect();
        monitor.expect(&["MONITOR"], "+OK\r\n");
        let stalled = Stalled(&disk);
        disk.stall_reads();
        for (key, connection) in &mut waiting {
            let words: &[&str] = if flush { &["FLUSHDB"] } else { &["DEL", key] };
            connection.send([request(&["SELECT", "16"]), request(words)].concat());
            // The event loop has begun the command when the monitor has its line.
            while !monitor.line().contains(words[0]) {}
        }
        disk.await_read();
        client.expect(&["DEL", "a"], ":1\r\n");
        drop(stalled);
        for (_, connection) in &mut waiting {
            connection.receive(if flush { "+OK\r\n+OK\r\n" } else { "+OK\r\n:1\r\n" });
        }
    }
}

/// The event loop begins the change, finds no room for the new value, and leaves it to a worker thread.
#[test]
fn a_change_that_waits_for_room_in_the_write_buffer_is_answered_once() {
    let disk = StallingDisk::new();
    let served = Served::over(|cache| cache.write_buffer(64 << 10).stalling_disk(&disk), |builder| builder);
    let mut client = served.connect();
    client.expect(&["SET", "count", "5"], "+OK\r\n");
    served.cache.flush().unwrap();
    let stalled = Stalled(&disk);
    disk.stall();
    // A value that is larger than the buffer holds all of its room until the commit.
    client.expect(&["SET", "large", &"x".repeat(100 << 10)], "+OK\r\n");
    client.send([request(&["INCR", "count"]), request(&["PING"])].concat());
    disk.await_sync();
    client.expect_nothing();
    served.connect().expect(&["GET", "count"], "$1\r\n5\r\n");
    drop(stalled);
    client.receive(":6\r\n+PONG\r\n");
}
