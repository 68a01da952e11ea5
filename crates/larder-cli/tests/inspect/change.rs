//! Tests of the commands that change a cache: a file with and without an owner, a socket, and interruptions.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use larder::admin::Admin;
use larder::inspect::Inspector;
use larder::{Cache, KeyspaceDefinition};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::child::Owner;
use crate::support::{PRODUCTS, Place, Product, command, larder, printed, stderr, stdout, transcript};

const FILE: &str = "shop.larder";

fn json(place: &Place, arguments: &[&str]) -> Value {
    serde_json::from_str(&printed(place.dir(), &[arguments, &["--json"]].concat(), 0)).unwrap()
}

fn entries(place: &Place) -> u64 {
    let verified = Inspector::open(place.path()).unwrap().verify(&mut |_, _| {}).unwrap();
    assert!(verified.is_whole(), "{verified:?}");
    verified.records
}

#[test]
fn entries_are_removed_from_a_file_without_an_owner() {
    let place = Place::new();
    place.shop();
    let key = ["remove", FILE, "product_MTNVTU"];
    assert_eq!(json(&place, &[&key[..], &["--dry-run"]].concat()), json!({"removed": 1, "dry_run": true}));
    assert_eq!(printed(place.dir(), &key, 0), "removed 1 entry\n");
    assert_eq!(json(&place, &key), json!({"removed": 0, "dry_run": false}), "there is none now");
    printed(place.dir(), &["get", FILE, "product_MTNVTU"], 1);
    let prefix = ["remove-prefix", FILE, "MTN", "--keyspace", "product"];
    assert_eq!(printed(place.dir(), &[&prefix[..], &["--dry-run"]].concat(), 0), "would remove 1 entry\n");
    assert_eq!(entries(&place), 6);
    assert_eq!(printed(place.dir(), &prefix, 0), "removed 1 entry\n");
    // The expired entry does not count.
    let clear = ["clear", FILE, "--keyspace", "product"];
    assert_eq!(printed(place.dir(), &clear, 0), "removed 2 entries\n");
    assert_eq!(entries(&place), 2);
    assert_eq!(json(&place, &["clear", FILE, "--dry-run"])["removed"], 2);
    assert_eq!(printed(place.dir(), &["clear", FILE], 0), "removed 2 entries\n");
    assert_eq!(entries(&place), 0);
    let info = json(&place, &["info", FILE]);
    assert_eq!((&info["closed_cleanly"], &info["charged_bytes"]), (&true.into(), &0.into()), "{info:#}");
}

#[test]
fn invalid_input_is_refused_before_anything_is_removed() {
    let place = Place::new();
    place.shop();
    for (arguments, code, text) in [
        (&["remove", FILE, "MTNVTU"][..], 2, "Give --keyspace"),
        (&["remove-prefix", FILE, "MTN"], 2, "give --keyspace"),
        (&["remove-prefix", FILE, "", "--keyspace", "product"], 2, "`larder clear` is for that"),
        (&["clear", FILE, "--keyspace", "prodct"], 1, "there is no keyspace \"prodct\"; the file has"),
        (&["remove", FILE, "x", "--keyspace", "session"], 2, "no key of shape (i32, bytes)"),
        (&["clear", FILE, "--socket", "none.sock"], 3, "cannot reach a cache at none.sock"),
        (&["flush", "none.sock"], 3, "cannot reach a cache at none.sock"),
        (&["import", FILE, "none"], 3, "cannot read none"),
        (&["import", FILE, FILE], 5, "it is not an export of larder's"),
        (&["import", FILE, "."], 5, "not a regular file"),
    ] {
        let output = larder(place.dir(), arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", transcript(&output));
        assert!(stderr(&output).contains(text), "{arguments:?}: {}", transcript(&output));
    }
    assert_eq!(entries(&place), 7);
}

#[test]
fn a_file_in_use_is_left_to_its_owner_which_takes_removals_through_its_socket() {
    let place = Place::new();
    let mut owner = Owner::start("hold", &place.path());
    fs::write(place.dir().join("shop.export"), printed(place.dir(), &["export", FILE], 0)).unwrap();
    let socket = place.dir().join("shop.sock");
    let ask = format!("ask it, with --socket {}", socket.display());
    for (arguments, remedy) in [
        (&["remove", FILE, "P7", "--file-only"][..], &*ask),
        (&["remove-prefix", FILE, "P", "--file-only"], &*ask),
        (&["clear", FILE, "--file-only"], &*ask),
        (&["compact", FILE], "stop it, and compact the file before it is started again"),
        (&["import", FILE, "shop.export"], "larder import shop.larder shop.export"),
    ] {
        let output = larder(place.dir(), arguments);
        assert_eq!(output.status.code(), Some(4), "{arguments:?}: {}", transcript(&output));
        let said = stderr(&output);
        let owner = format!("process {} is writing to it", owner.pid());
        assert!(said.contains(&owner) && said.contains(remedy), "{arguments:?}: {said}");
    }
    assert_eq!(entries(&place), 301);
    assert_eq!(printed(place.dir(), &["clear", FILE, "--dry-run"], 0), "would remove 301 entries\n");
    assert_eq!(printed(place.dir(), &["clear", "shop.sock", "--dry-run"], 0), "would remove 301 entries\n");
    // The first command gets the file and the socket, and the others get the socket alone.
    let through = ["remove", FILE, "product_P7", "--socket", "shop.sock"];
    assert_eq!(printed(place.dir(), &through, 0), "removed 1 entry\n");
    assert_eq!(printed(place.dir(), &["remove", "shop.sock", "product_P8"], 0), "removed 1 entry\n");
    assert_eq!(printed(place.dir(), &["remove", "shop.sock", "P8"], 0), "removed 0 entries\n");
    printed(place.dir(), &["why", FILE, "product_P7"], 1);
    assert_eq!(json(&place, &["remove-prefix", "shop.sock", "P1"])["removed"], 111);
    assert_eq!(entries(&place), 188);
    assert!(printed(place.dir(), &["flush", "shop.sock"], 0).contains("has committed"));
    assert_eq!(
        printed(place.dir(), &["clear", "shop.sock", "--keyspace", "product"], 0),
        "removed 188 entries\n"
    );
    assert_eq!(json(&place, &["clear", "shop.sock"])["removed"], 0);
    assert_eq!(entries(&place), 0);
    owner.close();
}

#[test]
fn an_import_brings_an_export_back() {
    let place = Place::new();
    place.shop();
    for form in ["jsonl", "binary"] {
        larder(place.dir(), &["export", FILE, "--format", form, "-o", "shop.export"]);
        let fresh = Place::new();
        let export = place.dir().join("shop.export");
        let import = ["import", FILE, export.to_str().unwrap()];
        let refused = larder(fresh.dir(), &import);
        assert_eq!(refused.status.code(), Some(3), "{}", transcript(&refused));
        assert!(stderr(&refused).contains("--create makes one"), "{}", transcript(&refused));
        assert!(fs::read_dir(fresh.dir()).unwrap().next().is_none());
        let create = [&import[..], &["--create"]].concat();
        assert_eq!(json(&fresh, &[&create[..], &["--dry-run"]].concat())["written"], 6);
        assert!(fs::read_dir(fresh.dir()).unwrap().next().is_none());
        assert!(printed(fresh.dir(), &create, 0).starts_with("imported 6 entries into shop.larder\n"));
        assert_eq!(entries(&fresh), 6);
        let get = json(&fresh, &["get", FILE, "product_MTNVTU"]);
        assert_eq!(get["value_texts"][0], "MTN airtime");
        // The entry was written by a clock in the future. After the import, it does not live longer than its
        // TTL.
        assert!(get["ttl_ms"].as_u64().unwrap() <= 3_600_000);
    }
    // Imports into the file that was exported: no entry there is newer, and no entry is lost.
    let result = json(&place, &["import", FILE, "shop.export"]);
    assert_eq!((&result["written"], &result["kept_newer"]), (&6.into(), &0.into()));
    assert_eq!(entries(&place), 7);
    let ttl = printed(place.dir(), &["ttl", FILE, "product_MTNVTU"], 0);
    assert_eq!(ttl, "3540.000\n", "it expires when it did");
    let result = json(&place, &["import", FILE, "shop.export", "--keyspace", "session"]);
    assert_eq!(result["written"], 1);
    printed(place.dir(), &["import", FILE, "shop.export", "--keyspace", "none"], 1);
}

#[test]
fn newer_entries_are_kept_and_expired_ones_are_skipped() {
    let place = Place::new();
    place.shop();
    larder(place.dir(), &["export", FILE, "-o", "shop.export"]);
    let (cache, clock) = place.open();
    clock.advance(Duration::from_mins(40));
    let products = cache.keyspace(PRODUCTS).unwrap();
    products.insert("MTNVTU", Product { name: "newer".to_owned(), price: 1 }).unwrap();
    cache.close().unwrap();
    let imported = json(&place, &["import", FILE, "shop.export", "--dry-run"]);
    assert_eq!((&imported["written"], &imported["kept_newer"]), (&5.into(), &1.into()), "{imported}");
    let text = printed(place.dir(), &["import", FILE, "shop.export"], 0);
    assert!(text.contains("imported 5 entries") && text.contains("skipped 1 entry of which"), "{text}");
    assert_eq!(json(&place, &["get", FILE, "product_MTNVTU"])["value_texts"][0], "newer");
    let (cache, clock) = place.open();
    clock.advance(Duration::from_hours(2));
    let products = cache.keyspace(PRODUCTS).unwrap();
    products.insert("LATER", Product { name: "later".to_owned(), price: 1 }).unwrap();
    cache.close().unwrap();
    assert_eq!(json(&place, &["import", FILE, "shop.export"])["skipped_expired"], 6);
}

#[test]
fn another_version_is_refused_unless_it_is_to_be_replaced() {
    let place = Place::new();
    place.shop();
    larder(place.dir(), &["export", FILE, "-o", "shop.export"]);
    let (cache, _) = place.open();
    let newer: KeyspaceDefinition<String, Product> = PRODUCTS.version(2);
    cache.keyspace(newer).unwrap().insert("NEW", Product { name: "new".to_owned(), price: 1 }).unwrap();
    cache.close().unwrap();
    let refused = larder(place.dir(), &["import", FILE, "shop.export"]);
    assert_eq!(refused.status.code(), Some(1), "{}", transcript(&refused));
    assert!(stderr(&refused).contains("--replace retires"), "{}", transcript(&refused));
    assert_eq!(json(&place, &["get", FILE, "product_NEW"])["version"], 2);
    let result = json(&place, &["import", FILE, "shop.export", "--replace"]);
    assert_eq!((&result["replaced"], &result["written"]), (&json!(["product"]), &6.into()), "{result}");
    assert_eq!(json(&place, &["get", FILE, "product_MTNVTU"])["version"], 1);
    printed(place.dir(), &["get", FILE, "product_NEW"], 1);
}

#[test]
fn nothing_is_written_from_a_damaged_export() {
    let place = Place::new();
    place.shop();
    larder(place.dir(), &["export", FILE, "--format", "binary", "-o", "shop.export"]);
    let whole = fs::read(place.dir().join("shop.export")).unwrap();
    let before = fs::read(place.path()).unwrap();
    for len in (0..whole.len()).step_by(37) {
        fs::write(place.dir().join("shop.export"), &whole[..len]).unwrap();
        let output = larder(place.dir(), &["import", FILE, "shop.export"]);
        assert!(matches!(output.status.code(), Some(5 | 6)), "{len}: {}", transcript(&output));
    }
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 4;
    fs::write(place.dir().join("shop.export"), flipped).unwrap();
    printed(place.dir(), &["import", FILE, "shop.export"], 6);
    assert!(fs::read(place.path()).unwrap() == before);
}

#[test]
fn a_reader_that_goes_away_does_not_undo_a_change() {
    let place = Place::new();
    place.shop();
    larder(place.dir(), &["export", FILE, "-o", "shop.export"]);
    for arguments in [
        &["import", FILE, "shop.export"][..],
        &["compact", FILE],
        &["remove", FILE, "product_MTNVTU"],
        &["remove-prefix", FILE, "MTN", "--keyspace", "product"],
        &["clear", FILE],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = command(place.dir(), arguments).stdout(writer).output().unwrap();
        assert_eq!((output.status.code(), stderr(&output)), (Some(141), String::new()), "{arguments:?}");
    }
    assert_eq!(entries(&place), 0);
}

/// Creates a file that takes a while to compact.
fn large(place: &Place) {
    let cache = Cache::builder().path(place.path()).open().unwrap();
    let products = cache.keyspace(PRODUCTS).unwrap();
    for number in 0..30_000 {
        products.insert(&format!("P{number}"), Product { name: "x".repeat(300), price: number }).unwrap();
    }
    cache.flush().unwrap();
    products.remove_prefix("P1").unwrap();
    cache.close().unwrap();
    // Opening and closing completes the removal, so that no records of removed entries are left.
    Admin::open(place.path()).unwrap().close().unwrap();
}

fn interrupted(place: &Place, arguments: &[&str], after: Duration) -> Option<i32> {
    signalled(place, arguments, after, Signal::INT)
}

/// Runs a command, and sends a signal after a while. Returns its exit code, or `None` if the signal ended it.
fn signalled(place: &Place, arguments: &[&str], after: Duration, signal: Signal) -> Option<i32> {
    let mut child =
        command(place.dir(), arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::park_timeout(after);
    let pid = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
    let _ = kill_process(pid, signal);
    child.wait().unwrap().code()
}

#[test]
fn ctrl_c_loses_nothing_in_the_middle_of_a_compaction_and_of_an_import() {
    let place = Place::new();
    large(&place);
    let kept = entries(&place);
    larder(place.dir(), &["export", FILE, "--format", "binary", "-o", "shop.export"]);
    let len = || fs::metadata(place.path()).unwrap().len();
    let (before, mut codes, mut last) = (len(), Vec::new(), len());
    for ms in [20, 60, 120] {
        codes.push(interrupted(&place, &["compact", FILE], Duration::from_millis(ms)));
        assert_eq!(entries(&place), kept, "{codes:?}");
        assert!(len() <= last, "{codes:?}: {last} became {}", len());
        last = len();
    }
    let result = json(&place, &["compact", FILE]);
    let compacted = result["length"].as_u64().unwrap();
    assert!(compacted <= last && compacted < before, "{before}, {last}: {result}");
    assert_eq!(entries(&place), kept);
    assert_eq!(json(&place, &["compact", FILE])["length"], compacted, "there is nothing left to gain");
    assert!(!place.dir().join(format!("{FILE}.larder-new")).exists());
    let fresh = Place::new();
    let export = place.dir().join("shop.export");
    let import = ["import", FILE, export.to_str().unwrap(), "--create"];
    for ms in [200, 400, 800] {
        codes.push(interrupted(&fresh, &import, Duration::from_millis(ms)));
        if fresh.path().exists() {
            assert!(entries(&fresh) <= kept);
        }
    }
    // A signal before the handler is installed ends the command without an exit code. A quick command ends
    // before the signal.
    assert!(codes.iter().all(|code| matches!(code, Some(0 | 130) | None)), "{codes:?}");
    assert!(codes.contains(&Some(130)), "none was interrupted while it was at work: {codes:?}");
    assert_eq!(json(&fresh, &import)["written"], kept);
    assert_eq!(entries(&fresh), kept);
    assert!(
        stdout(&larder(fresh.dir(), &["compact", FILE])).starts_with("deleted 0 entries that had expired")
    );
}

#[test]
fn a_compaction_that_is_killed_leaves_the_file_whole_and_nothing_beside_it_for_long() {
    let place = Place::new();
    large(&place);
    let kept = entries(&place);
    let unfinished = place.dir().join(format!("{FILE}.larder-new"));
    let (mut cut_off, mut len) = (0, fs::metadata(place.path()).unwrap().len());
    for ms in (20..400).step_by(40) {
        signalled(&place, &["compact", FILE], Duration::from_millis(ms), Signal::KILL);
        cut_off += u64::from(unfinished.exists());
        assert_eq!(entries(&place), kept, "killed after {ms} ms");
        let now = fs::metadata(place.path()).unwrap().len();
        assert!(now <= len, "{len} became {now}");
        len = now;
    }
    larder::Cache::builder().path(place.path()).open().unwrap().close().unwrap();
    assert!(!unfinished.exists(), "the next owner removes what {cut_off} of them left");
    assert_eq!(entries(&place), kept);
}

#[test]
fn a_flush_succeeds_without_an_owner_and_fails_if_the_owner_serves_no_socket() {
    let place = Place::new();
    place.shop();
    let text = printed(place.dir(), &["flush", FILE], 0);
    assert_eq!(text, "nothing to flush: no process has shop.larder, and what is in it is committed\n");
    let json = printed(place.dir(), &["flush", FILE, "--json"], 0);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json, serde_json::json!({"flushed": false, "pid": null}));
    let output = larder(place.dir(), &["hot", FILE]);
    assert_eq!(output.status.code(), Some(2), "{}", transcript(&output));
    assert!(
        stderr(&output).contains("no process has shop.larder, and only a live cache"),
        "{}",
        transcript(&output)
    );
    let cache = place.open_shop();
    let output = larder(place.dir(), &["flush", FILE]);
    assert_eq!(output.status.code(), Some(8), "{}", transcript(&output));
    assert!(stderr(&output).contains("can't be asked; give it a control socket"), "{}", transcript(&output));
    let output = larder(place.dir(), &["clear", FILE, "--dry-run"]);
    let refused = format!("this would be refused now: process {} is writing to the file", std::process::id());
    assert!(stderr(&output).contains(&refused), "{}", transcript(&output));
    assert_eq!(
        (output.status.code(), stderr(&output).lines().count()),
        (Some(0), 1),
        "{}",
        transcript(&output)
    );
    cache.close().unwrap();
}
