//! Tests of servers that answer without end. The server decides when a walk, a reply or a script ends, so the
//! client must limit each of them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use larder::RemoteErrorKind;
use larder::remote::{RemoteResult, RemoteTier};
use larder_redis::inspect::{ServerInspector, WalkCursor, WalkFilter};
use larder_redis::{Error, RedisTier};

use crate::scripted_server::{Scripted, ScriptedServer, bulk};
use crate::support::{LIMIT, ask, eventually, key, open, records};

fn is_scan(words: &[String]) -> bool {
    words[0] == "SCAN" || (words[0] == "EVAL" && words[1].contains("'SCAN'"))
}

/// Returns the cursor in a request for a page: `SCAN CURSOR …`, or a script whose first argument is the
/// cursor.
fn cursor(words: &[String]) -> u64 {
    let keys: usize = if words[0] == "SCAN" { 0 } else { words[2].parse().unwrap() };
    words[if words[0] == "SCAN" { 1 } else { 3 + keys }].parse().unwrap()
}

/// Starts a server whose walks go from the cursor 0 to 5, and then from 5 to 3, for ever. Counts the pages.
fn circling(pages: &Arc<AtomicUsize>) -> ScriptedServer {
    let pages = pages.clone();
    ScriptedServer::start(move |words| {
        if !is_scan(words) {
            return Scripted::Usual;
        }
        pages.fetch_add(1, Ordering::SeqCst);
        let next = if cursor(words) == 5 { 3 } else { cursor(words) + 1 };
        let keys = format!("*1\r\n{}", bulk("larder:1:prices:k"));
        let count = if words[0] == "SCAN" { "" } else { ":1\r\n" };
        let fields = if words[0] == "SCAN" { 2 } else { 3 };
        Scripted::Reply(format!("*{fields}\r\n{}{count}{keys}", bulk(&next.to_string())))
    })
}

/// Runs a call on another thread. Panics if the call does not end in time.
fn ends<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, ended) = mpsc::channel();
    std::thread::spawn(move || sender.send(call()));
    ended.recv_timeout(LIMIT).expect("the server keeps the call forever")
}

fn is_endless<T: std::fmt::Debug>(result: RemoteResult<T>) {
    let error = result.unwrap_err();
    assert!(error.to_string().contains("does not end: it has returned to the cursor"), "{error}");
    assert!(error.kind() == RemoteErrorKind::Garbled && error.may_be_applied(), "{error:?}");
}

#[test]
fn a_removal_ends_if_the_walk_of_the_server_goes_in_a_circle() {
    let pages = Arc::default();
    let server = circling(&pages);
    let tier = Arc::new(open(&server.url("")));
    let removes = tier.clone();
    is_endless(ends(move || ask(|reply| removes.remove_range(key("a"), reply))));
    is_endless(ends(move || ask(|reply| tier.remove_all(reply))));
    assert!(pages.load(Ordering::SeqCst) < 40, "{pages:?}");
}

#[test]
fn a_tool_ends_if_the_walk_of_the_server_goes_in_a_circle() {
    let pages = Arc::default();
    let server = circling(&pages);
    let url = server.url("");
    let error = ends(move || {
        let mut inspector = ServerInspector::open(&url).unwrap();
        let cleared = inspector.clear(&WalkFilter::default()).unwrap_err();
        assert!(matches!(cleared, Error::EndlessWalk { .. }), "{cleared:?}");
        let (filter, mut cursor) = (WalkFilter::default(), WalkCursor::default());
        loop {
            match inspector.keys(&filter, cursor) {
                Ok(page) => cursor = page.next.expect("the server never ends a walk"),
                Err(error) => return error,
            }
        }
    });
    assert!(matches!(error, Error::EndlessWalk { .. }), "{error:?}");
    assert!(pages.load(Ordering::SeqCst) < 40, "{pages:?}");
}

#[test]
fn a_script_that_the_server_never_knows_is_an_error() {
    let server = ScriptedServer::start(|words| match words[0].as_str() {
        "EVAL" if !words[1].contains("local run") => Scripted::Reply("-NOSCRIPT really\r\n".to_owned()),
        _ => Scripted::Usual,
    });
    let tier = open(&server.url(""));
    let error = ends(move || ask(|reply| tier.get(key("k"), reply))).unwrap_err();
    assert!(error.to_string().contains("NOSCRIPT really"), "{error}");
}

#[test]
fn a_server_that_only_pushes_keeps_no_caller() {
    let server = ScriptedServer::start(|words| match words[0].as_str() {
        "EVAL" if !words[1].contains("local run") => {
            let push = format!(">2\r\n{}*1\r\n{}", bulk("invalidate"), bulk("larder:1:prices:k"));
            let (begin, end) = push.split_at(20);
            // The bytes that have arrived always end within a push.
            Scripted::Flood(begin.to_owned(), format!("{end}{}{begin}", push.repeat(1000)))
        }
        _ => Scripted::Usual,
    });
    let tier = RedisTier::open(&server.url("request_timeout=10ms&connect_timeout=10s")).unwrap();
    tier.register(records()).unwrap();
    let error = ends(move || ask(|reply| tier.get(key("k"), reply))).unwrap_err();
    assert_eq!((error.kind(), error.may_be_applied()), (RemoteErrorKind::Unavailable, true), "{error}");
}

#[test]
fn the_error_of_a_silent_server_names_the_limit_that_has_ended() {
    let server = ScriptedServer::start(|words| match words[0].as_str() {
        "INFO" => Scripted::Silence,
        _ => Scripted::Usual,
    });
    let (url, mut inspector) = (server.url("request_timeout=30ms&connect_timeout=10s"), None);
    // The opening has a lookup with the same limit, which a busy machine may exceed.
    eventually("the tool is connected", || {
        inspector = ServerInspector::open(&url).ok();
        inspector.is_some()
    });
    let error = inspector.unwrap().info().unwrap_err().to_string();
    assert!(error.contains("did not answer within 30 ms"), "{error}");
    let tier = RedisTier::open(&server.url("request_timeout=10s&connect_timeout=30ms")).unwrap();
    let is_named = |why: Error| why.to_string().contains("did not answer within 30 ms");
    eventually("the greeting fails in its limit", || tier.why_down().is_some_and(is_named));
}
