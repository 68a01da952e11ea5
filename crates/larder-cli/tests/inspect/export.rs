//! Tests of exports: their content, and that an output file is never incomplete.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::process::Stdio;
use std::time::Duration;

use larder_export::{Form, Item, Reader};
use serde_json::Value;

use crate::support::{Place, Product, command, larder, printed, stderr, transcript};

fn items(bytes: &[u8]) -> Vec<Item> {
    Reader::new(bytes).unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn both_formats_have_the_same_live_entries() {
    let place = Place::new();
    place.shop();
    let lines = printed(place.dir(), &["export", "shop.larder"], 0);
    let output =
        larder(place.dir(), &["export", "shop.larder", "--format", "binary", "-o", "shop.export", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", transcript(&output));
    let binary = fs::read(place.dir().join("shop.export")).unwrap();
    assert_eq!(items(&binary), items(lines.as_bytes()));
    assert_eq!(Reader::new(&binary[..]).unwrap().form(), Form::Binary);
    let told: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!((&told["entries"], &told["skipped_expired"]), (&6.into(), &1.into()), "{told}");
    let said = stderr(&larder(place.dir(), &["export", "shop.larder"]));
    assert_eq!(said, "exported 6 entries, as change 7 left them\nskipped 1 that had expired\n");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(place.dir().join("shop.export")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "it is as private as the cache");
    }
}

#[test]
fn one_keyspace_is_exported_alone() {
    let place = Place::new();
    place.shop();
    let lines = printed(place.dir(), &["export", "shop.larder", "--keyspace", "data_package"], 0);
    assert_eq!(items(lines.as_bytes()).len(), 3);
}

#[test]
fn an_output_that_cannot_be_written_is_8_and_is_named() {
    let place = Place::new();
    place.shop();
    let output = larder(place.dir(), &["export", "shop.larder", "--output", "missing/shop.export"]);
    assert_eq!(output.status.code(), Some(8), "{}", transcript(&output));
    assert!(stderr(&output).contains("cannot write missing/shop.export: "), "{}", transcript(&output));
    let full = fs::File::options().write(true).open("/dev/full");
    if let Ok(full) = full {
        let output = command(place.dir(), &["export", "shop.larder"]).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(8), "{}", transcript(&output));
        assert!(stderr(&output).contains("cannot write the output"), "{}", transcript(&output));
    }
}

#[cfg(unix)]
#[test]
fn an_export_replaces_a_regular_file_and_nothing_else() {
    let place = Place::new();
    place.shop();
    let cache = fs::read(place.path()).unwrap();
    std::os::unix::fs::symlink("shop.larder", place.dir().join("link")).unwrap();
    std::os::unix::fs::symlink("shop.export", place.dir().join("named")).unwrap();
    fs::copy(place.path(), place.dir().join("other.larder")).unwrap();
    std::os::unix::fs::symlink("other.larder.ballast", place.dir().join("ballast")).unwrap();
    fs::write(place.dir().join("other.larder.ballast"), "larder").unwrap();
    let listed = || fs::read_dir(place.dir()).unwrap().map(|found| found.unwrap().file_name());
    let names: BTreeSet<OsString> = listed().collect();
    for (output, text) in [
        (".", "not a regular file"),
        ("/dev/null", "not a regular file"),
        ("shop.larder", "the cache file itself"),
        ("./shop.larder", "the cache file itself"),
        ("link", "the cache file itself"),
        ("other.larder", "a cache file"),
        ("shop.larder.lock", "belongs to a cache file"),
        ("./shop.larder.ballast", "belongs to a cache file"),
        ("shop.larder.larder-new", "belongs to a cache file"),
        ("other.larder.lock", "belongs to a cache file"),
        ("ballast", "belongs to a cache file"),
    ] {
        let output = larder(place.dir(), &["export", "shop.larder", "--output", output]);
        assert_eq!(output.status.code(), Some(2), "{}", transcript(&output));
        assert!(stderr(&output).contains(text), "{}", transcript(&output));
    }
    assert!(fs::read(place.path()).unwrap() == cache);
    assert_eq!(listed().collect::<BTreeSet<OsString>>(), names, "nothing was made");
    assert_eq!(fs::read(place.dir().join("other.larder.ballast")).unwrap(), b"larder");
    fs::write(place.dir().join("shop.export"), "the last one").unwrap();
    printed(place.dir(), &["export", "shop.larder", "--output", "named"], 0);
    assert!(fs::symlink_metadata(place.dir().join("named")).unwrap().is_symlink());
    assert!(larder_export::check(&fs::read(place.dir().join("shop.export")).unwrap()[..]).is_ok());
}

/// Creates a file that takes a while to export.
fn large(place: &Place) {
    let (cache, _) = place.open();
    let products = cache.keyspace(crate::support::PRODUCTS).unwrap();
    for number in 0..400 {
        let product = Product { name: "x".repeat(30_000), price: number };
        products.insert(&number.to_string(), product).unwrap();
    }
    cache.close().unwrap();
}

#[cfg(unix)]
#[test]
fn an_export_that_is_interrupted_leaves_nothing_behind() {
    use rustix::process::{Pid, Signal, kill_process};

    let place = Place::new();
    large(&place);
    fs::write(place.dir().join("shop.export"), "the last one").unwrap();
    let names = || fs::read_dir(place.dir()).unwrap().count();
    let before = names();
    let mut was_interrupted = 0;
    for round in 0..20_u64 {
        let arguments = ["export", "shop.larder", "-o", "shop.export"];
        let mut child = command(place.dir(), &arguments).stderr(Stdio::piped()).spawn().unwrap();
        // Waits until the unfinished file exists or the command has ended.
        while names() == before && child.try_wait().unwrap().is_none() {
            std::hint::spin_loop();
        }
        larder_wait(Duration::from_millis(round));
        let signal = if round % 2 == 0 { Signal::INT } else { Signal::TERM };
        let _ = kill_process(Pid::from_child(&child), signal);
        let output = child.wait_with_output().unwrap();
        assert_eq!(names(), before, "{}", transcript(&output));
        let export = fs::read(place.dir().join("shop.export")).unwrap();
        if output.status.code() == Some(130) {
            was_interrupted += 1;
            assert!(stderr(&output).contains("interrupted"), "{}", transcript(&output));
        } else {
            assert_eq!(output.status.code(), Some(0), "{}", transcript(&output));
        }
        assert!(export == b"the last one" || larder_export::check(&export[..]).is_ok(), "it is half there");
    }
    assert!(was_interrupted > 0, "no round was interrupted while it was at work");
}

#[cfg(unix)]
#[test]
fn an_export_whose_reader_is_slow_is_interrupted_too() {
    use rustix::process::{Pid, Signal, kill_process};

    let place = Place::new();
    large(&place);
    let mut child = command(place.dir(), &["export", "shop.larder"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut [0; 100]).unwrap();
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let mut rest = Vec::new();
    out.read_to_end(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(
        !rest.ends_with(b"}\n") || !rest.windows(10).any(|part| part == b"\"checksum\""),
        "it has no end"
    );
}

/// Waits for a time, so that the other process is interrupted at varying points of its work.
fn larder_wait(time: Duration) {
    let clock = larder::clock::SystemClock::new();
    while larder::clock::Clock::monotonic(&clock) < time {
        std::hint::spin_loop();
    }
}
