//! Commands on a master that Sentinels name, and removals that wait for replicas.

use std::net::TcpListener;

use crate::redis_process::RedisProcess;
use crate::scripted_sentinels::ScriptedSentinels;
use crate::support::{Place, larder, printed, transcript};

/// Starts a server that also listens on a free port of the loopback.
fn start(place: &Place) -> Option<(RedisProcess, u16)> {
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let arguments = ["--port", &port.to_string(), "--bind", "127.0.0.1"];
    Some((RedisProcess::start_or_skip(place.dir(), &arguments)?, port))
}

#[test]
fn the_master_that_a_majority_of_sentinels_names_is_read_and_changed() {
    let place = Place::new();
    let Some((server, port)) = start(&place) else { return };
    let sentinels = ScriptedSentinels::start(port);
    let (url, dir, key) = (sentinels.url(0, "prefix=shop"), place.dir(), "shop:1:page:x");
    let set = || assert_eq!(server.send(&format!("SET {key} text")).unwrap(), "+OK");
    let ok = |arguments: &[&str]| printed(dir, arguments, 0);
    set();
    assert!(ok(&["info", &url]).contains(&format!("redis://127.0.0.1:{port}, database 0")));
    assert_eq!(ok(&["keys", &url]), format!("page\t{key}\n"));
    assert_eq!(ok(&["get", "--raw", &url, key]), "text");
    assert_eq!(ok(&["ttl", &url, key]), "never\n");
    assert!(ok(&["why", &url, key]).contains("it expires never"));
    assert!(ok(&["stats", &url]).contains("connected clients"));
    assert!(ok(&["remove", &url, key]).starts_with("removed 1: "));
    set();
    assert!(ok(&["remove-prefix", &url, "shop:1:page:"]).starts_with("removed 1: "));
    set();
    assert!(ok(&["clear", &url]).starts_with("removed 1: "));
    let line = |exit| {
        let report = printed(dir, &["doctor", &url], exit);
        report.lines().find(|line| line.contains("sentinels")).unwrap().to_owned()
    };
    let agreed = line(9);
    assert!(agreed.contains("pass") && agreed.contains("3 of 3 name"), "{agreed}");
    // First, one Sentinel names another server. Then no majority names a server.
    sentinels.name(0..1, 1);
    let differs = line(9);
    assert!(differs.contains("warn") && differs.contains("2 of 3 name"), "{differs}");
    sentinels.silence(1..3, 0, true);
    let failed = transcript(&larder(dir, &["clear", &sentinels.url(0, "connect_timeout=200ms")]));
    assert!(
        failed.contains("no master is named by a majority") && failed.contains("code Some(8)"),
        "{failed}"
    );
}

#[test]
fn a_removal_that_too_few_replicas_have_is_an_error() {
    let place = Place::new();
    let Some(server) = RedisProcess::start_or_skip(place.dir(), &[]) else { return };
    let socket = server.socket.display();
    let url = format!("redis+unix://{socket}?prefix=shop&replicas=1&request_timeout=100ms");
    for arguments in [
        vec!["remove", &url, "shop:1:page:x"],
        vec!["remove-prefix", &url, "shop:1:page:"],
        vec!["clear", &url],
        vec!["clear", &url, "--keyspace", "page"],
    ] {
        assert_eq!(server.send("SET shop:1:page:x text").unwrap(), "+OK");
        let said = transcript(&larder(place.dir(), &arguments));
        assert!(said.contains("the removal was made, but 0 of 1 replicas have it"), "{arguments:?}: {said}");
        assert!(said.contains("code Some(8)"), "{arguments:?}: {said}");
        assert_eq!(server.send("EXISTS shop:1:page:x").unwrap(), ":0", "{arguments:?}");
    }
}
