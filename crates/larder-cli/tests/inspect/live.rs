//! Tests of files that another process uses, and of a file left by a killed process.

use serde_json::Value;

use crate::child::Owner;
use crate::support::{Place, command, larder, printed, stderr, transcript};

const FILE: &str = "shop.larder";

fn json(place: &Place, arguments: &[&str]) -> Value {
    serde_json::from_str(&printed(place.dir(), arguments, 0)).unwrap()
}

#[test]
fn a_file_is_read_while_its_owner_holds_it() {
    let place = Place::new();
    let mut owner = Owner::start("hold", &place.path());
    let info = json(&place, &["info", FILE, "--json"]);
    assert_eq!((&info["state"], &info["owner_pid"]), (&"in_use".into(), &owner.pid().into()), "{info:#}");
    assert_eq!((&info["entries"], &info["closed_cleanly"]), (&301.into(), &false.into()));
    let text = printed(place.dir(), &["info", FILE], 0);
    assert!(text.contains(&format!("in use by process {}", owner.pid())), "{text}");
    let get = json(&place, &["get", FILE, "product_MTNVTU", "--json"]);
    assert_eq!((&get["state"], &get["value_texts"][0]), (&"live".into(), &"MTN airtime".into()));
    printed(place.dir(), &["get", FILE, "product_NONE"], 1);
    printed(place.dir(), &["verify", FILE], 0);
    owner.close();
    let info = json(&place, &["info", FILE, "--json"]);
    assert_eq!((&info["state"], &info["owner_pid"]), (&"closed".into(), &Value::Null));
}

#[test]
fn every_command_works_beside_an_owner_that_commits_without_a_pause() {
    let place = Place::new();
    let owner = Owner::start("write", &place.path());
    let mut sequences = Vec::new();
    for _ in 0..5 {
        let info = json(&place, &["info", FILE, "--json"]);
        assert_eq!((&info["state"], &info["entries"]), (&"in_use".into(), &301.into()), "{info:#}");
        sequences.push(info["sequence"].as_u64().unwrap());
        assert_eq!(printed(place.dir(), &["keys", FILE], 0).lines().count(), 301);
        let export = printed(place.dir(), &["export", FILE], 0);
        assert!(larder_export::check(export.as_bytes()).is_ok());
        let output = larder(place.dir(), &["verify", FILE, "--json"]);
        let verified: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(verified["is_whole"], true, "{verified:#}");
        let expected = if verified["pages"] == "whole" { 0 } else { 4 };
        assert_eq!(output.status.code(), Some(expected), "{}", transcript(&output));
        let why = json(&place, &["why", FILE, "product_P7", "--json"]);
        assert_eq!(why["state"], "live");
    }
    let are_followed = sequences.is_sorted() && sequences.first() < sequences.last();
    assert!(are_followed, "its commits are followed: {sequences:?}");
    drop(owner);
}

#[test]
fn after_a_crash_a_file_is_read_as_its_next_owner_will_find_it() {
    let place = Place::new();
    Owner::start("write", &place.path()).kill();
    let before = std::fs::read(place.path()).unwrap();
    let info = json(&place, &["info", FILE, "--json"]);
    assert_eq!((&info["state"], &info["owner_pid"]), (&"crashed".into(), &Value::Null), "{info:#}");
    assert_eq!(info["entries"], 301);
    let text = printed(place.dir(), &["info", FILE], 0);
    assert!(text.contains("left by a crash"), "{text}");
    printed(place.dir(), &["get", FILE, "product_MTNVTU"], 0);
    printed(place.dir(), &["verify", FILE], 0);
    assert_eq!(printed(place.dir(), &["keys", FILE], 0).lines().count(), 301);
    assert!(std::fs::read(place.path()).unwrap() == before, "looking changes nothing");
    let mut owner = Owner::start("hold", &place.path());
    let sequence = json(&place, &["info", FILE, "--json"])["sequence"].as_u64();
    assert!(sequence > info["sequence"].as_u64());
    owner.close();
}

#[test]
fn a_reader_that_goes_away_ends_the_command_quietly() {
    let place = Place::new();
    let _owner = Owner::start("hold", &place.path());
    for arguments in [
        &["info", FILE][..],
        &["info", FILE, "--json"],
        &["keys", FILE],
        &["keys", FILE, "--json"],
        &["get", FILE, "MTNVTU"],
        &["get", FILE, "MTNVTU", "--raw"],
        &["ttl", FILE, "MTNVTU"],
        &["why", FILE, "MTNVTU"],
        &["verify", FILE],
        &["doctor", FILE],
        &["doctor", FILE, "--json"],
        &["flush", "shop.sock"],
        &["stats", "shop.sock"],
        &["stats", FILE, "--json"],
        &["export", FILE],
        &["export", FILE, "--format", "binary"],
        &["completions", "bash"],
        &["man"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = command(place.dir(), arguments).stdout(writer).output().unwrap();
        assert_eq!(output.status.code(), Some(141), "{arguments:?}");
        // A command that asks the owner of the file says so on standard error.
        let said = stderr(&output);
        let is_quiet = said.is_empty() || (said.contains("asked process ") && said.lines().count() == 1);
        assert!(is_quiet, "{arguments:?}: {said}");
    }
}

#[test]
fn a_service_sends_its_statistics_through_its_socket() {
    let place = Place::new();
    let owner = Owner::start("serve", &place.path());
    let stats = || json(&place, &["stats", "shop.sock", "--json"]);
    while stats()["memory"]["hits"].as_u64() < Some(3_000) {
        std::thread::yield_now();
    }
    let text = printed(place.dir(), &["stats", "shop.sock"], 0);
    assert!(text.contains("product") && text.contains("hit rate"), "{text}");
    let report: Value = serde_json::from_slice(
        &larder(place.dir(), &["doctor", FILE, "--socket", "shop.sock", "--json"]).stdout,
    )
    .unwrap();
    let line = |check: &str| {
        let lines = report["lines"].as_array().unwrap();
        lines.iter().find(|line| line["check"] == check).unwrap()["verdict"].clone()
    };
    for check in ["monitoring", "disk tier", "flush", "hit rate", "invalidation", "memory", "room on disk"] {
        assert_eq!(line(check), "pass", "{report:#}");
    }
    let file = json(&place, &["stats", FILE, "--json"]);
    assert!(file["lifetime"]["loads"].as_u64() > Some(0), "{file}");
    drop(owner);
    let output = larder(place.dir(), &["stats", "shop.sock"]);
    assert_eq!(output.status.code(), Some(8), "{}", transcript(&output));
}

#[test]
fn top_says_that_it_needs_a_terminal() {
    let place = Place::new();
    let _owner = Owner::start("hold", &place.path());
    for target in [FILE, "shop.sock", "none"] {
        let output = larder(place.dir(), &["top", target]);
        assert_eq!(output.status.code(), Some(2), "{}", transcript(&output));
        assert_eq!(
            stderr(&output),
            format!("larder: top needs a terminal; `larder stats {target}` prints once, to any output\n")
        );
        assert!(output.stdout.is_empty());
    }
}
