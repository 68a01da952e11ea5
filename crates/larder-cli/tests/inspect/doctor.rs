//! Tests of `larder doctor`: a healthy file passes, and each planted fault is found by its own check.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use larder::clock::{Clock, ManualClock, SystemClock};
use larder::{Cache, CacheBuilder, InsertOptions, KeyspaceDefinition, Timestamp};
use redb::{Database, ReadableTable, TableDefinition};
use serde_json::Value;

use crate::child::Owner;
use crate::support::{PRODUCTS, Place, Product, larder, printed, stderr, stdout, transcript};

const FILE: &str = "shop.larder";

/// Creates a file whose clock watermark is the current time.
fn healthy() -> Place {
    let place = Place::new();
    fill(Cache::builder().path(place.path()));
    place
}

/// Stores 200 products.
fn fill(builder: CacheBuilder) {
    let cache = builder.disk_capacity(64 << 20).open().unwrap();
    let products = cache.keyspace(PRODUCTS).unwrap();
    for number in 0..200 {
        products
            .insert(&format!("P{number}"), Product { name: "airtime".to_owned(), price: number })
            .unwrap();
    }
    cache.close().unwrap();
}

/// Runs `larder doctor`. Returns the worst verdict, and the warnings and failures.
fn examined(dir: &Path, target: &str, more: &[&str]) -> (String, Vec<(String, String, String)>) {
    let output = larder(dir, &[&["doctor", target, "--json", "--seconds", "0"], more].concat());
    let report: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", transcript(&output)));
    let verdict = report["verdict"].as_str().unwrap().to_owned();
    let expected = match &*verdict {
        "pass" => 0,
        "warn" => 9,
        _ => 10,
    };
    assert_eq!(output.status.code(), Some(expected), "{report:#}");
    let text = |line: &Value, field: &str| line[field].as_str().unwrap_or_default().to_owned();
    let lines = report["lines"].as_array().unwrap().iter();
    let bad = lines.filter(|line| matches!(line["verdict"].as_str(), Some("warn" | "fail")));
    let bad = bad.map(|line| {
        assert!(line["remedy"].is_string(), "{line} has no remedy");
        (text(line, "check"), text(line, "verdict"), text(line, "found"))
    });
    (verdict, bad.collect())
}

/// Checks that the named check, and no other, finds a planted fault.
fn finds(place: &Place, check: &str, verdict: &str, text: &str) {
    finds_at(place, FILE, check, verdict, text);
}

fn finds_at(place: &Place, target: &str, check: &str, verdict: &str, text: &str) {
    let (worst, bad) = examined(place.dir(), target, &[]);
    assert_eq!(worst, verdict, "{bad:?}");
    let [(found_by, found_as, found)] = &bad[..] else { panic!("not one line: {bad:?}") };
    assert_eq!((&**found_by, &**found_as), (check, verdict), "{found}");
    assert!(found.contains(text), "{found}");
}

#[test]
fn a_healthy_file_passes_closed_and_in_use() {
    let place = healthy();
    assert_eq!(examined(place.dir(), FILE, &[]), ("pass".to_owned(), vec![]));
    let url = format!("file:{}?memory=16MiB&disk=64MiB", place.path().display());
    assert_eq!(examined(place.dir(), &url, &["--deep"]), ("pass".to_owned(), vec![]));
    let text = printed(place.dir(), &["doctor", FILE], 0);
    assert!(text.contains("pass  integrity     every page and 200 records are whole"), "{text}");
    let mut owner = Owner::start("hold", &place.path());
    for more in [&[][..], &["--socket", "shop.sock"]] {
        assert_eq!(examined(place.dir(), FILE, more), ("pass".to_owned(), vec![]));
    }
    assert_eq!(examined(place.dir(), "shop.sock", &[]), ("pass".to_owned(), vec![]));
    let url = format!("{url}&control={}", place.dir().join("shop.sock").display());
    assert_eq!(examined(place.dir(), &url, &[]), ("pass".to_owned(), vec![]));
    // The command finds the owner through the file, and the file through the owner's socket.
    for target in [FILE, "shop.sock"] {
        let text = printed(place.dir(), &["doctor", target, "--seconds", "1"], 0);
        let socket = place.dir().join("shop.sock");
        for found in [
            "pass  disk tier     on, and has not failed since the start",
            "pass  integrity     every page and ",
            &format!(
                "answers on its control socket {}",
                if target == FILE { socket.to_str().unwrap() } else { target }
            ),
        ] {
            assert!(text.contains(found), "{target}: {found}\n{text}");
        }
    }
    owner.close();
}

#[test]
fn fault_1_a_cache_in_memory_alone() {
    let place = Place::new();
    finds_at(&place, "memory:?memory=16MiB", "persistence", "warn", "in memory alone");
}

#[test]
fn a_process_at_work_in_memory_alone_may_be_meant_to_be() {
    let place = Place::new();
    let socket = place.dir().join("shop.sock");
    let cache = Cache::builder().memory_capacity(16 << 20).control_socket(&socket).open().unwrap();
    let products = cache.keyspace(PRODUCTS).unwrap();
    products.insert("MTNVTU", Product { name: "airtime".to_owned(), price: 100 }).unwrap();
    let url = format!("memory:?memory=16MiB&control={}", socket.display());
    for target in ["shop.sock", &url] {
        assert_eq!(examined(place.dir(), target, &[]), ("pass".to_owned(), vec![]), "{target}");
        let text = printed(place.dir(), &["doctor", target, "--seconds", "0"], 0);
        assert!(text.contains("?     persistence   the cache is in memory alone"), "{target}: {text}");
        assert!(!text.contains("room on disk"), "{target}: {text}");
    }
    drop(cache);
}

#[test]
fn fault_2_more_memory_than_there_is() {
    let place = healthy();
    let url = format!("file:{}?memory=16TiB", place.path().display());
    finds_at(&place, &url, "memory", "fail", "the cache may use 16 TiB");
}

#[test]
fn fault_3_more_disk_than_there_is() {
    let place = healthy();
    let url = format!("file:{}?memory=1MiB&page_cache=1MiB&disk=16TiB", place.path().display());
    finds_at(&place, &url, "room on disk", "warn", "the file may grow by");
}

#[test]
fn fault_4_others_may_use_the_file() {
    let place = healthy();
    let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    set(&place.path(), 0o644);
    finds(&place, "permissions", "warn", "other users may read it (mode 644)");
    set(&place.path(), 0o666);
    finds(&place, "permissions", "fail", "other users may write to it (mode 666)");
    set(&place.path(), 0o600);
    set(place.dir(), 0o777);
    finds(&place, "directory", "fail", "may replace files");
    set(place.dir(), 0o700);
    for mode in [0o666, 0o644, 0o640] {
        set(&place.dir().join("shop.larder.lock"), mode);
        finds(&place, "lock file", "warn", "keep it locked");
    }
}

#[test]
fn fault_5_a_clock_that_is_behind() {
    let place = Place::new();
    place.open_shop().close().unwrap();
    let (_, bad) = examined(place.dir(), FILE, &[]);
    assert_eq!((&*bad[0].0, &*bad[0].1, bad.len()), ("clock", "fail", 1), "{bad:?}");
}

#[test]
fn fault_6_a_last_owner_that_was_killed() {
    let place = Place::new();
    Owner::start("hold", &place.path()).kill();
    finds(&place, "owner", "warn", "ended without closing it");
}

#[test]
fn fault_7_a_damaged_record_and_damaged_pages() {
    let place = healthy();
    let entries: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("larder.entries");
    let db = Database::open(place.path()).unwrap();
    let txn = db.begin_write().unwrap();
    {
        let mut table = txn.open_table(entries).unwrap();
        let mut record = table.get(&b"\0\0\0\x01P7\0\0"[..]).unwrap().unwrap().value().to_vec();
        *record.last_mut().unwrap() ^= 1;
        table.insert(&b"\0\0\0\x01P7\0\0"[..], record.as_slice()).unwrap();
    }
    txn.commit().unwrap();
    db.close().unwrap();
    finds(&place, "integrity", "fail", "1 records are damaged");
    let place = healthy();
    let mut bytes = fs::read(place.path()).unwrap();
    let places: Vec<usize> = (0..bytes.len() - 7).filter(|&at| bytes[at..].starts_with(b"airtime")).collect();
    for at in places {
        bytes[at] ^= 1;
    }
    fs::write(place.path(), bytes).unwrap();
    finds(&place, "integrity", "fail", "its pages are damaged");
}

#[test]
fn fault_8_a_file_that_is_too_long_for_its_contents() {
    let place = healthy();
    let cache = Cache::builder().path(place.path()).open().unwrap();
    let products = cache.keyspace(PRODUCTS).unwrap();
    for number in 0..20_000 {
        products.insert(&format!("Q{number}"), Product { name: "x".repeat(2_500), price: number }).unwrap();
    }
    cache.flush().unwrap();
    // The remaining entries are spread over the pages of the file.
    let gone: Vec<String> = (0..20_000).filter(|n| n % 50 != 0).map(|n| format!("Q{n}")).collect();
    products.remove_many(&gone).unwrap();
    cache.close().unwrap();
    finds(&place, "length", "warn", "for entries that are charged");
    printed(place.dir(), &["compact", FILE], 0);
    assert_eq!(examined(place.dir(), FILE, &[]).0, "pass", "the remedy helps");
}

#[test]
fn fault_9_leftovers_of_damage_and_crashes() {
    let place = healthy();
    let damaged = place.dir().join("shop.larder.damaged-1700000000000");
    fs::write(&damaged, "x").unwrap();
    finds(&place, "leftovers", "warn", "shop.larder.damaged-1700000000000");
    fs::remove_file(damaged).unwrap();
    fs::write(place.dir().join("shop.larder.discarded-7"), "x").unwrap();
    finds(&place, "leftovers", "warn", "a crash left shop.larder.discarded-7");
}

#[test]
fn fault_10_no_ballast() {
    let place = healthy();
    fs::remove_file(place.dir().join("shop.larder.ballast")).unwrap();
    finds(&place, "ballast", "warn", "no space is reserved");
}

#[test]
fn fault_11_old_versions_that_take_room() {
    let place = healthy();
    let db = Database::open(place.path()).unwrap();
    let txn = db.begin_write().unwrap();
    let retired = TableDefinition::<u32, u64>::new("larder.retired");
    txn.open_table(retired).unwrap().insert(9, 5_120).unwrap();
    txn.commit().unwrap();
    db.close().unwrap();
    finds(&place, "old versions", "warn", "still charged 5 KiB");
    printed(place.dir(), &["compact", FILE], 0);
    assert_eq!(examined(place.dir(), FILE, &[]).0, "pass", "the remedy helps");
}

#[test]
fn fault_12_many_entries_that_have_expired() {
    const BRIEF: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("brief");
    let (place, hour, now) = (Place::new(), Duration::from_hours(1), SystemClock::new().wall().as_millis());
    // The file is written a minute ago, because no cache continues at an earlier time than its file.
    let clock = Arc::new(ManualClock::starting_at(Timestamp::from_millis(now - 60_000)));
    let builder = || Cache::builder().path(place.path()).sweep_interval(hour).clock(clock.clone());
    fill(builder());
    let cache = builder().open().unwrap();
    let brief = cache.keyspace(BRIEF).unwrap();
    for number in 0..2_000 {
        brief.insert_with(&number, 1, InsertOptions::new().ttl(Duration::from_secs(2))).unwrap();
    }
    cache.close().unwrap();
    finds(&place, "expired", "warn", "2000 of 2200 entries have expired");
    assert!(printed(place.dir(), &["compact", FILE], 0).starts_with("deleted 2000 entries"));
    assert_eq!(examined(place.dir(), FILE, &[]).0, "pass", "the remedy helps");
}

#[test]
fn fault_13_a_socket_that_does_not_answer() {
    let place = healthy();
    let mut owner = Owner::start("hold", &place.path());
    let (_, bad) = examined(place.dir(), FILE, &["--socket", "none.sock"]);
    assert_eq!((&*bad[0].0, bad.len()), ("monitoring", 1), "{bad:?}");
    owner.close();
}

#[test]
fn several_faults_are_found_together_and_the_worst_decides() {
    let place = healthy();
    fs::remove_file(place.dir().join("shop.larder.ballast")).unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o666)).unwrap();
    let (worst, bad) = examined(place.dir(), FILE, &[]);
    assert_eq!((&*worst, bad.len()), ("fail", 2), "{bad:?}");
    let text = stdout(&larder(place.dir(), &["doctor", FILE]));
    assert!(text.contains("FAIL  permissions") && text.contains("→ chmod 600 shop.larder"), "{text}");
}

#[test]
fn doctor_needs_a_cache() {
    let place = Place::new();
    let mut command = crate::support::command(place.dir(), &["doctor"]);
    let output = command.env_remove("LARDER_URL").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", transcript(&output));
    for (target, code, text) in [
        ("redis://:secret@127.0.0.1:1/1", 8, "no connection to redis://127.0.0.1:1"),
        ("redis://:secret@127.0.0.1/x", 2, "its database is not a number"),
        ("file:x?disk=1KiB", 2, "disk_capacity is 1 KiB"),
        ("file:none.larder", 3, "there is no file"),
    ] {
        let output = larder(place.dir(), &["doctor", target]);
        assert_eq!(output.status.code(), Some(code), "{}", transcript(&output));
        assert!(
            stderr(&output).contains(text) && !stderr(&output).contains("secret"),
            "{}",
            transcript(&output)
        );
    }
}
