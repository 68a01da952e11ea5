//! Tests of the control socket from another process, and with peers that behave well or badly.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use larder::control::{Client, ClientError, MAX_LINE, MAX_PEERS, RefusalKind};
use larder::{Cache, Error};

use crate::support::child::{Worker, hear, say};
use crate::support::{HOUR, LOCK_WAIT, NAMES, Place, SetOnDrop, VERSIONS};

fn socket_of(path: &Path) -> PathBuf {
    path.with_extension("sock")
}

/// The task of a child process: serves a cache with a control socket. Inserts each key that the parent sends
/// with `put`, and reports whether the cache has each key that the parent sends with `get`.
pub(crate) fn answer_until_told(path: &Path) {
    let url = format!("file:{}?control={}", path.display(), socket_of(path).display());
    let cache = larder::CacheBuilder::from_url(&url).unwrap().open_timeout(LOCK_WAIT).open().unwrap();
    let names = cache.keyspace(NAMES).unwrap();
    say("open");
    loop {
        match hear().split_once(' ') {
            Some(("put", key)) => {
                names.insert(key, key.to_owned()).unwrap();
                cache.flush().unwrap();
                say("done");
            }
            Some(("get", key)) => say(if names.get(key).is_some() { "there" } else { "gone" }),
            _ => break,
        }
    }
    cache.close().unwrap();
}

fn started(place: &Place) -> Worker {
    let mut child = Worker::start("control", &place.path());
    assert_eq!(child.line().as_deref(), Some("open"));
    child
}

fn told(child: &mut Worker, line: &str) -> String {
    child.tell(line);
    child.line().unwrap()
}

fn raw(path: &Path) -> UnixStream {
    let stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
}

fn answer(stream: &UnixStream) -> serde_json::Value {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"))
}

#[test]
fn a_removal_through_the_socket_is_seen_at_once_and_outlives_a_kill() {
    let place = Place::new();
    let mut child = started(&place);
    let socket = socket_of(&place.path());
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    let mut client = Client::connect(&socket).unwrap();
    assert_eq!(client.server().pid, child.pid());
    for key in ["a", "b1", "b2", "c"] {
        assert_eq!(told(&mut child, &format!("put {key}")), "done");
    }
    let stats = client.stats().unwrap();
    assert_eq!(stats.disk.unwrap().entries, 4);
    assert_eq!(client.keyspaces().unwrap()[0].keys.as_deref(), Some("string"));
    assert_eq!(client.remove("name", "a").unwrap(), 1);
    assert_eq!(told(&mut child, "get a"), "gone");
    assert_eq!(client.remove_prefix("name", "b").unwrap(), 2);
    assert_eq!(client.remove("name", "0x62").unwrap(), 0);
    client.flush().unwrap();
    client.sweep().unwrap();
    let verified = client.verify().unwrap();
    assert_eq!((verified.damage, verified.records), (None, 1));
    child.kill();
    assert!(socket.exists(), "the killed process could not remove it");
    // The socket file is stale, and the next process replaces it.
    let mut child = started(&place);
    for (key, expected) in [("a", "gone"), ("b1", "gone"), ("b2", "gone"), ("c", "there")] {
        assert_eq!(told(&mut child, &format!("get {key}")), expected, "{key}");
    }
    let mut client = Client::connect(&socket).unwrap();
    assert_eq!(client.clear_all().unwrap(), 1);
    child.kill();
    let mut child = started(&place);
    assert_eq!(told(&mut child, "get c"), "gone");
    child.tell("end");
    child.wait();
    assert!(!socket.exists(), "it goes when the cache is closed");
    assert!(matches!(Client::connect(&socket), Err(ClientError::Connect { .. })));
}

#[test]
fn a_keyspace_that_the_process_has_not_opened_can_be_emptied() {
    let place = Place::new();
    {
        let cache = place.open();
        let (names, versions) = (cache.keyspace(NAMES).unwrap(), cache.keyspace(VERSIONS).unwrap());
        names.insert("a", String::new()).unwrap();
        versions.insert(&7, 1).unwrap();
        versions.insert(&8, 1).unwrap();
        cache.close().unwrap();
    }
    let socket = place.dir().join("a.sock");
    let cache = place.builder().control_socket(&socket).open().unwrap();
    let mut client = Client::connect(&socket).unwrap();
    let known = client.keyspaces().unwrap();
    let told: Vec<_> = known.iter().map(|row| (row.name.as_str(), row.is_open, row.disk_entries)).collect();
    assert_eq!(told, [("name", false, 1), ("version", false, 2)]);
    let Err(ClientError::Refused(refusal)) = client.remove("version", "7") else {
        panic!("its shape is not known")
    };
    assert_eq!(refusal.kind, RefusalKind::BadKey);
    assert_eq!(client.remove("version", "0x0000000000000007").unwrap(), 1);
    assert_eq!(client.clear("name").unwrap(), 1);
    assert!(cache.keyspace(NAMES).unwrap().is_empty());
    assert_eq!(cache.keyspace(VERSIONS).unwrap().keys().collect::<Vec<_>>(), [8]);
}

#[test]
fn what_stands_at_the_path_and_is_no_stale_socket_is_left_alone() {
    let place = Place::new();
    let file = place.dir().join("precious");
    fs::write(&file, "mine").unwrap();
    let link = place.dir().join("link");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let theirs = place.dir().join("theirs");
    let _listener = UnixListener::bind(&theirs).unwrap();
    for path in [&file, &link, &theirs, &place.dir().to_owned()] {
        let error = Cache::builder().path(place.path()).control_socket(path).open().unwrap_err();
        assert!(matches!(error, Error::ControlSocket { .. }), "{error}");
        assert!(
            error.to_string().contains("; choose another") || error.to_string().contains("of its own"),
            "{error}"
        );
    }
    assert_eq!(fs::read(&file).unwrap(), b"mine");
    UnixStream::connect(&theirs).unwrap();
    let long = place.dir().join("n".repeat(120));
    let error = Cache::builder().control_socket(long).open().unwrap_err();
    assert!(error.to_string().contains("shorter"), "{error}");
    // A stale socket file does not prevent opening, and no other file is left beside it.
    drop(UnixListener::bind(place.dir().join("stale")).unwrap());
    let cache = Cache::builder().control_socket(place.dir().join("stale")).open().unwrap();
    Client::connect(place.dir().join("stale")).unwrap();
    let second = Cache::builder().control_socket(place.dir().join("stale")).open().unwrap_err();
    assert!(second.to_string().contains("answers there"), "{second}");
    Client::connect(place.dir().join("stale")).unwrap();
    drop(cache);
    let left: Vec<_> = fs::read_dir(place.dir()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name == "stale" || name.to_string_lossy().starts_with('.')), "{left:?}");
}

#[test]
fn peers_that_send_too_much_or_garbage_are_told_and_others_are_served() {
    let place = Place::new();
    let socket = place.dir().join("a.sock");
    let _cache = Cache::builder().control_socket(&socket).open().unwrap();
    let garbage = raw(&socket);
    (&garbage).write_all(b"\xFF\xFE{\n\n{\"v\":9,\"do\":\"stats\"}\n{\"v\":1,\"do\":\"hello\"}\n").unwrap();
    let mut lines = BufReader::new(&garbage).lines();
    assert!(lines.next().unwrap().unwrap().contains("malformed"));
    assert!(lines.next().unwrap().unwrap().contains("unsupported_version"));
    assert!(lines.next().unwrap().unwrap().contains("\"ok\""), "a mistake does not end the conversation");
    let long = raw(&socket);
    drop((&long).write_all(&vec![b'x'; 2 * MAX_LINE]));
    assert_eq!(answer(&long)["error"]["kind"], "too_long");
    // A last line without a line break is still a line.
    let short = raw(&socket);
    (&short).write_all(b"{\"v\":1,\"do\":\"hello\"}").unwrap();
    short.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(answer(&short)["ok"]["protocol"], 1);
    // One peer sends half a line and then nothing. No other peer waits for it.
    let slow = raw(&socket);
    (&slow).write_all(b"{\"v\":1,").unwrap();
    // Another peer sends requests without end, and never reads a reply.
    let deaf = raw(&socket);
    deaf.set_nonblocking(true).unwrap();
    while (&deaf).write(b"{\"v\":1,\"do\":\"stats\"}\n").is_ok() {}
    for _ in 0..20 {
        Client::connect(&socket).unwrap().stats().unwrap();
    }
    (&slow).write_all(b"\"do\":\"hello\"}\n").unwrap();
    assert_eq!(answer(&slow)["ok"]["protocol"], 1);
}

#[test]
fn more_peers_than_are_served_are_told_so_and_closing_does_not_wait_for_them() {
    let place = Place::new();
    let socket = place.dir().join("a.sock");
    let cache = Cache::builder().control_socket(&socket).open().unwrap();
    let mut clients: Vec<_> = (0..MAX_PEERS).map(|_| Client::connect(&socket).unwrap()).collect();
    match Client::connect(&socket) {
        Err(ClientError::Refused(refusal)) => assert_eq!(refusal.kind, RefusalKind::Busy),
        // The request was sent after the socket was closed.
        Err(ClientError::Disconnected { .. }) => {}
        other => panic!("{other:?}"),
    }
    clients.pop();
    let mut client = (0..100).find_map(|_| Client::connect(&socket).ok()).unwrap();
    client.stats().unwrap();
    cache.close().unwrap();
    assert!(!socket.exists());
    assert!(matches!(client.stats(), Err(ClientError::Disconnected { .. })));
    let mut rest = Vec::new();
    assert!(UnixStream::connect(&socket).and_then(|mut stream| stream.read_to_end(&mut rest)).is_err());
}

#[test]
fn a_removal_under_way_is_no_handle_of_the_keyspace() {
    let place = Place::new();
    let socket = socket_of(&place.path());
    let cache = place.builder().control_socket(&socket).open().unwrap();
    drop(cache.keyspace(VERSIONS).unwrap());
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let clears = scope.spawn(|| {
            let mut client = Client::connect(&socket).unwrap();
            while !is_over.load(Ordering::SeqCst) {
                client.clear("version").unwrap();
            }
        });
        let _ends = SetOnDrop(&is_over);
        // Each opening of another version fails if a handle of the keyspace exists. A removal in progress
        // must not count as a handle. The openings and the removals wait for commits, so they overlap
        // often.
        for version in 0..200 {
            cache.keyspace(VERSIONS.version(version % 2)).unwrap();
        }
        is_over.store(true, Ordering::SeqCst);
        clears.join().unwrap();
    });
    let client = &mut Client::connect(&socket).unwrap();
    let before = client.stats().unwrap().invalidations;
    client.clear("version").unwrap();
    client.remove("version", "1").unwrap();
    client.remove_prefix("version", "0x00").unwrap();
    client.clear_all().unwrap();
    let told = client.stats().unwrap().invalidations;
    assert_eq!(told, before, "an operator's removal does not pass for one of the application");
    cache.keyspace(VERSIONS).unwrap().remove(&1).unwrap();
    assert_eq!(client.stats().unwrap().invalidations, before + 1, "also if there was nothing");
}

#[test]
fn the_time_that_an_entry_has_left_is_told_or_that_it_never_expires() {
    let place = Place::new();
    let cache = place.builder().control_socket(socket_of(&place.path())).open().unwrap();
    let names = cache.keyspace(NAMES).unwrap();
    names.insert("hour", "a".to_owned()).unwrap();
    names.insert_with("never", "b".to_owned(), larder::InsertOptions::new().ttl(larder::Ttl::Never)).unwrap();
    let mut client = Client::connect(socket_of(&place.path())).unwrap();
    for _ in 0..2 {
        assert_eq!(client.ttl("name", "hour").unwrap(), Some(HOUR.into()));
        assert_eq!(client.ttl("name", "never").unwrap(), Some(larder::Remaining::Never));
        assert_eq!(client.ttl("name", "none").unwrap(), None);
        cache.flush().unwrap();
    }
    cache.close().unwrap();
}
