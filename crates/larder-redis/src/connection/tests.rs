//! Tests of a connection whose thread waits for each reply. The test chooses the bytes that the server
//! sends.

mod circuit;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::connect::Attempt;
use super::greeting::{Greeting, Input};
use super::sentinels::SentinelsHandle;
use super::stream::{PollWaker, Socket};
use super::*;
use crate::clock::SystemBootClock;
use crate::protocol::command::Command;
use crate::protocol::reply::Reply;

/// How long a test waits for an event before it fails.
const LIMIT: Duration = Duration::from_secs(20);

/// Waits until a condition holds.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let (_sender, never) = std::sync::mpsc::channel::<()>();
    for _ in 0..LIMIT.as_millis() {
        if is_so() {
            return;
        }
        let _ = never.recv_timeout(Duration::from_millis(1));
    }
    panic!("not within {LIMIT:?}: {what}");
}

/// Reads the words of a request. Returns `None` at the end of the stream.
fn read_request(stream: &mut impl BufRead) -> Option<Vec<String>> {
    let mut line = String::new();
    stream.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let count: usize = line.trim_end().strip_prefix('*')?.parse().ok()?;
    let word = |_| {
        let mut len = String::new();
        stream.read_line(&mut len).ok()?;
        let mut word = vec![0; len.trim_end().strip_prefix('$')?.parse::<usize>().ok()? + 2];
        stream.read_exact(&mut word).ok()?;
        Some(String::from_utf8_lossy(&word).trim_end().to_owned())
    };
    (0..count).map(word).collect()
}

/// Sends two requests over a socket. The peer first sends `before`, then answers each request with an
/// element of `answers`.
fn ask_twice(before: &str, answers: [&'static str; 2]) -> [Result<Reply, Error>; 2] {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    theirs.write_all(before.as_bytes()).unwrap();
    let (socket, mut input) = (Arc::new(Socket::Unix(ours)), Input::new());
    let peer = std::thread::spawn(move || {
        let mut requests = BufReader::new(theirs.try_clone().unwrap());
        for answer in answers {
            if read_request(&mut requests).is_none() {
                return;
            }
            theirs.write_all(answer.as_bytes()).unwrap();
        }
    });
    let (waker, is_closed) = (PollWaker::new().unwrap(), AtomicBool::new(false));
    let clock = SystemBootClock;
    let asked = [0, 1].map(|_| {
        let mut greeting = Greeting {
            socket: &socket,
            input: &mut input,
            waker: &waker,
            clock: &clock,
            settings: &Settings::from_url("redis://none").unwrap(),
            is_closed: &is_closed,
            until: clock.now() + LIMIT,
            limit: LIMIT,
        };
        greeting.ask(&Command::new("PING"))
    });
    socket.shutdown();
    peer.join().unwrap();
    asked
}

#[test]
fn an_answer_without_a_request_is_the_answer_to_no_other_request() {
    let status = |text: &str| Ok(Reply::Status(text.into()));
    let push = ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n";
    assert_eq!(ask_twice(push, ["+a\r\n", "+b\r\n"]), [status("a"), status("b")]);
    let is_refused = |answer: &Result<Reply, Error>| {
        answer.as_ref().is_err_and(|why| why.to_string().contains("an answer without a request"))
    };
    let asked = ask_twice("+early\r\n", ["+a\r\n", "+b\r\n"]);
    assert!(is_refused(&asked[0]), "{asked:?}");
    let asked = ask_twice("", ["+a\r\n+a\r\n", "+b\r\n"]);
    assert!(asked.iter().any(is_refused), "{asked:?}");
    assert_ne!(asked[1], status("a"));
}

/// The clock stands still, so the time limit of the attempt never ends.
#[test]
fn the_search_for_a_master_ends_when_the_last_sentinel_has_failed() {
    // Nothing listens on port 1.
    let settings = Settings::from_url("redis-sentinel://127.0.0.1:1/mymaster?connect_timeout=60s").unwrap();
    let clock = Arc::new(circuit::ManualClock::default());
    let (sender, found) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let (waker, is_closed) = (Arc::new(PollWaker::new().unwrap()), AtomicBool::new(false));
        let handle = SentinelsHandle::start(&settings, clock.clone(), waker.clone()).unwrap().unwrap();
        let until = clock.now() + settings.timing.connect;
        let attempt = Attempt { waker: &waker, clock: &*clock, is_closed: &is_closed, until };
        sender.send(handle.0.find_master(attempt).map(drop))
    });
    let error = found.recv_timeout(LIMIT).expect("the search ends").unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
}
