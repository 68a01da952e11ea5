//! Checks that `larder doctor` distinguishes the faults of services, which run as real processes.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fork::{Fork, fork};
use larder::clock::{Clock, ManualClock, SystemClock};
use larder::{Cache, CacheBuilder, KeyspaceDefinition};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::child::Owner;
use crate::support::{
    HOUR, PRODUCTS, Place, Product, RENAMED, larder, name_this_thread, printed, stderr, stdout, transcript,
};

const FILE: &str = "shop.larder";
/// A keyspace with more keys than the tested tier can hold.
const BLOBS: KeyspaceDefinition<u64, Vec<u8>> = KeyspaceDefinition::new("blob").ttl(HOUR);
const KEYS: u64 = 2_000;

/// Runs as a service with the fault that `task` names. Calls `ready` when the test may continue. Returns
/// false if the name is unknown.
pub(crate) fn works(task: &str, path: &Path, ready: &dyn Fn()) -> bool {
    let builder = || Cache::builder().path(path).control_socket(path.with_extension("sock"));
    match task {
        "thrash memory" => thrash(builder().memory_capacity(256 << 10).disk_capacity(64 << 20), ready),
        "thrash disk" => {
            // The write buffer is small, because uncommitted entries are served from memory and hide the
            // evictions of the disk.
            let builder = builder().memory_capacity(64 << 10).write_buffer(128 << 10);
            thrash(builder.disk_capacity(2 << 20), ready);
        }
        "lag" => lag(builder(), ready),
        "retype" => retype(&builder().open().unwrap(), ready),
        "orphan" => orphan(&builder().open().unwrap(), ready),
        _ => return false,
    }
    true
}

/// Looks up the keys of a fixed sequence, forever, and loads the missing ones.
fn thrash(builder: CacheBuilder, ready: &dyn Fn()) {
    let cache = builder.open().unwrap();
    let blobs = cache.keyspace(BLOBS).unwrap();
    for number in 0_u64.. {
        let key = (number * number) % KEYS + number % 7;
        blobs.get_or_load(&key, || Ok::<_, std::io::Error>(vec![7; 2_000])).unwrap();
        if number == 3 * KEYS {
            cache.flush().unwrap();
            ready();
        }
    }
}

/// Writes while the cache's clock runs hundreds of times faster than real time, so that the disk appears
/// slow.
fn lag(builder: CacheBuilder, ready: &dyn Fn()) {
    let clock = Arc::new(ManualClock::starting_at(SystemClock::new().wall()));
    let cache = builder.clock(clock.clone()).open().unwrap();
    let products = cache.keyspace(PRODUCTS).unwrap();
    ready();
    for price in 0.. {
        products.insert(&format!("P{}", price % 100), Product { name: "airtime".to_owned(), price }).unwrap();
        std::thread::park_timeout(Duration::from_micros(100));
        clock.advance(Duration::from_millis(100));
    }
}

/// Reads values that were written with another type, forever.
fn retype(cache: &Cache, ready: &dyn Fn()) {
    let products = cache.keyspace(RENAMED).unwrap();
    for number in 0_u64.. {
        products.get(&format!("P{}", number % 200));
        if number == 1_000 {
            ready();
        }
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

/// Forks with the cache open. Both processes run until they are killed; the child also ends with the test.
fn orphan(cache: &Cache, ready: &dyn Fn()) {
    let products = cache.keyspace(PRODUCTS).unwrap();
    products.insert("MTNVTU", Product { name: "airtime".to_owned(), price: 100 }).unwrap();
    cache.flush().unwrap();
    name_this_thread("shop-worker");
    match fork().unwrap() {
        Fork::Parent(_) => {
            ready();
            loop {
                std::thread::park();
            }
        }
        Fork::Child => {
            drop(std::io::stdin().read_line(&mut String::new()));
            std::process::exit(0);
        }
    }
}

fn complaints(place: &Place, arguments: &[&str]) -> Vec<Value> {
    let output = larder(place.dir(), &[&["doctor", "--json"], arguments].concat());
    let report: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", transcript(&output)));
    let lines = report["lines"].as_array().unwrap().iter();
    lines.filter(|line| matches!(line["verdict"].as_str(), Some("warn" | "fail"))).cloned().collect()
}

/// Checks that the report on a service has this warning, and has none of the warnings in `not`.
///
/// Repeats the check, because on a busy machine the service may do too little while it is watched.
fn finds(place: &Place, check: &str, not: &[&str]) -> Value {
    let mut seen = Vec::new();
    for _ in 0..20 {
        seen = complaints(place, &["shop.sock", "--seconds", "1"]);
        for line in &seen {
            assert!(!not.contains(&line["check"].as_str().unwrap()), "{line:#}");
        }
        if let Some(line) = seen.iter().find(|line| line["check"] == check) {
            return line.clone();
        }
    }
    panic!("{check} does not complain, but: {seen:#?}");
}

fn text<'a>(line: &'a Value, field: &str) -> &'a str {
    line[field].as_str().unwrap()
}

#[test]
fn memory_churn_and_disk_churn_are_distinguished() {
    let place = Place::new();
    let owner = Owner::start("thrash memory", &place.path());
    let line = finds(&place, "memory churn", &["disk churn", "values", "loads", "uncacheable"]);
    assert!(line["numbers"]["evictions_per_second"].as_f64() > Some(10.0), "{line:#}");
    assert!(text(&line, "found").contains("are read from disk"), "{line:#}");
    assert!(text(&line, "remedy").contains("raise `memory` in the service's URL (256 KiB now)"), "{line:#}");
    drop(owner);
    let place = Place::new();
    let _owner = Owner::start("thrash disk", &place.path());
    let line = finds(&place, "disk churn", &["values", "loads", "uncacheable"]);
    assert!(line["numbers"]["stay_seconds"].as_f64() < Some(3_600.0), "{line:#}");
    assert!(text(&line, "remedy").contains("raise `disk` in the service's URL (2 MiB now"), "{line:#}");
}

#[test]
fn a_slow_disk_is_reported_with_its_lag() {
    let place = Place::new();
    let _owner = Owner::start("lag", &place.path());
    let line = finds(&place, "flush", &["disk tier", "values", "memory churn", "disk churn"]);
    let (lag, interval) = (&line["numbers"]["least_lag_seconds"], &line["numbers"]["flush_interval_seconds"]);
    assert!(lag.as_f64() > interval.as_f64().map(|interval| 2.0 * interval), "{line:#}");
    assert!(text(&line, "remedy").contains("A crash loses what is not committed"), "{line:#}");
}

#[test]
fn values_of_another_type_are_reported_with_their_keyspace_and_reason() {
    let place = Place::new();
    let cache = Cache::builder().path(place.path()).open().unwrap();
    let products = cache.keyspace(PRODUCTS).unwrap();
    for number in 0..200 {
        let airtime = Product { name: "airtime".to_owned(), price: number };
        products.insert(&format!("P{number}"), airtime).unwrap();
    }
    drop(products);
    cache.close().unwrap();
    let _owner = Owner::start("retype", &place.path());
    let line = finds(&place, "values", &["memory churn", "disk churn", "flush", "uncacheable"]);
    assert!(text(&line, "found").contains("of product"), "{line:#}");
    let remedy = text(&line, "remedy");
    assert!(remedy.starts_with("product: the fields or variants were written under other names"), "{line:#}");
    assert!(remedy.contains("raise the keyspace's version"), "{line:#}");
}

/// Checks that commands name the process that holds the file.
fn tell_of_the_fork(place: &Place, owner: u32, child: u64) {
    let named = format!("held by process {child} (shop-worker), forked by process {owner}, which has ended");
    assert!(printed(place.dir(), &["info", FILE], 0).contains(&named));
    let json: Value = serde_json::from_str(&printed(place.dir(), &["info", FILE, "--json"], 0)).unwrap();
    assert_eq!(json["held_by"], serde_json::json!([{"pid": child, "name": "shop-worker"}]), "{json:#}");
    assert_eq!((&json["state"], &json["owner_has_ended"]), (&"in_use".into(), &true.into()), "{json:#}");
    for (asks, code) in [("flush", 4), ("hot", 4), ("slow", 4), ("monitor", 4)] {
        let output = larder(place.dir(), &[asks, FILE]);
        assert_eq!(output.status.code(), Some(code), "{}", transcript(&output));
        let back = format!("{named}; kill {child}, and start the service: its control socket comes back");
        assert!(stderr(&output).contains(&back), "{asks}: {}", transcript(&output));
    }
    let output = larder(place.dir(), &["clear", FILE, "--dry-run"]);
    assert_eq!((output.status.code(), &*stdout(&output)), (Some(0), "would remove 1 entry\n"));
    let refused = format!("larder: without --dry-run this would be refused now: the file is {named}\n");
    assert_eq!(stderr(&output), refused);
    let text = stdout(&larder(place.dir(), &["doctor", FILE]));
    for found in [
        format!("?     file size     process {owner} has ended: the limit of the next one is not known"),
        format!("?     monitoring    process {owner} has ended, and its control socket "),
    ] {
        assert!(text.contains(&found), "{found}\n{text}");
    }
    assert!(!text.contains("control=PATH"), "it has a socket: {text}");
    for refused in [&["clear", FILE][..], &["remove", FILE, "MTNVTU"], &["compact", FILE]] {
        let output = larder(place.dir(), refused);
        assert_eq!(output.status.code(), Some(4), "{}", transcript(&output));
        let named = format!("process {child} (shop-worker); end that (kill {child})");
        assert!(stderr(&output).contains(&named), "{refused:?}: {}", transcript(&output));
    }
}

#[test]
fn a_child_that_holds_the_file_of_its_parent_is_named_before_and_after_that_has_ended() {
    let place = Place::new();
    let owner = Owner::start("orphan", &place.path());
    let pid = owner.pid();
    let bad = complaints(&place, &[FILE, "--seconds", "0"]);
    let [forks] = &bad[..] else { panic!("{bad:#?}") };
    assert_eq!(forks["check"], "forks", "{forks:#}");
    let child = forks["numbers"]["holders"][0].as_u64().unwrap();
    let named = format!("process {child} (shop-worker), forked by process {pid}");
    assert!(text(forks, "found").contains(&named), "{forks:#}");
    let _held = owner.kill_and_keep_its_input();
    let bad = complaints(&place, &[FILE, "--seconds", "0"]);
    let line = bad.iter().find(|line| line["check"] == "owner").unwrap();
    assert_eq!(line["verdict"], "fail", "no service can start: {line:#}");
    let named = format!("process {pid} has ended, and process {child} (shop-worker), forked by it");
    assert!(text(line, "found").contains(&named), "{line:#}");
    tell_of_the_fork(&place, pid, child);
    assert!(
        text(line, "remedy").starts_with(&format!("kill {child}, and a new owner can open it")),
        "{line:#}"
    );
    let child = Pid::from_raw(i32::try_from(child).unwrap()).unwrap();
    kill_process(child, Signal::TERM).unwrap();
    let mut cache = Cache::builder().path(place.path()).open_timeout(Duration::from_mins(1)).open();
    cache.as_mut().unwrap().close().unwrap();
    assert_eq!(complaints(&place, &[FILE]), [] as [Value; 0]);
}
