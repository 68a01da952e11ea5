//! Tests of the file size limit (`ulimit -f`). A command must say what it could not write, and must leave no
//! unfinished file. The signal of a write beyond the limit must not end the command.

use std::fs;
use std::process::{Command, Output};

use larder::Cache;

use crate::support::{Place, larder, stderr, stdout, transcript};

const FILE: &str = "shop.larder";
const PAGES: larder::KeyspaceDefinition<u64, String> =
    larder::KeyspaceDefinition::new("page").ttl(std::time::Duration::from_hours(1));

/// Creates a file of about a megabyte.
fn place() -> Place {
    let place = Place::new();
    let cache = Cache::builder().path(place.path()).open().unwrap();
    let pages = cache.keyspace(PAGES).unwrap();
    for number in 0..400 {
        pages.insert(&number, format!("page {number} ").repeat(250)).unwrap();
    }
    cache.close().unwrap();
    place
}

/// Runs a command with a file size limit in KiB. The signal of the limit has its default action.
fn limited(place: &Place, kib: u64, arguments: &[&str], to: &str) -> Output {
    let mut shell = Command::new("sh");
    let line = format!("ulimit -f {}; exec \"$0\" \"$@\"{to}", kib * 2);
    shell.arg("-c").arg(line).arg(env!("CARGO_BIN_EXE_larder")).args(arguments);
    shell.current_dir(place.dir()).output().unwrap()
}

fn names(place: &Place) -> Vec<String> {
    let files = fs::read_dir(place.dir()).unwrap();
    let mut names: Vec<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_write_beyond_the_limit_fails_and_leaves_no_unfinished_file() {
    let place = place();
    let before = names(&place);
    let bytes = fs::read(place.path()).unwrap();
    for (arguments, to) in [
        (&["export", FILE, "-o", "shop.export"][..], ""),
        (&["export", FILE], " > cut"),
        (&["compact", FILE], ""),
    ] {
        let output = limited(&place, 64, arguments, to);
        assert_eq!(output.status.code(), Some(8), "{arguments:?}: {}", transcript(&output));
        let said = stderr(&output);
        assert!(said.contains("ile too large") || said.contains("ulimit -f"), "{arguments:?}: {said}");
        drop(fs::remove_file(place.dir().join("cut")));
        assert_eq!(names(&place), before, "{arguments:?}");
    }
    let export = larder(place.dir(), &["export", FILE, "--format", "binary", "-o", "shop.export"]);
    assert!(export.status.success(), "{}", transcript(&export));
    let import = limited(&place, 256, &["import", "other.larder", "shop.export", "--create"], "");
    assert_eq!(import.status.code(), Some(8), "{}", transcript(&import));
    assert!(stderr(&import).contains("ulimit -f"), "{}", transcript(&import));
    assert!(!bytes.is_empty());
    let kept = larder(place.dir(), &["verify", FILE]);
    assert!(kept.status.success(), "{}", transcript(&kept));
}

#[test]
fn doctor_and_check_report_the_capacity_that_the_limit_allows() {
    let place = place();
    let url = format!("file:{}?disk=1GiB", place.path().display());
    let doctor = limited(&place, 32 << 10, &["doctor", &url], "");
    assert_eq!(doctor.status.code(), Some(9), "{}", transcript(&doctor));
    assert!(stdout(&doctor).contains("the capacity is no more than 16 MiB"), "{}", transcript(&doctor));
    let check = limited(&place, 32 << 10, &["check", &url], "");
    assert!(check.status.success(), "{}", transcript(&check));
    let said = stdout(&check);
    assert!(said.contains("a file of at most 16 MiB") && said.contains("ulimit -f"), "{said}");
    let small = format!("file:{}?disk=8MiB", place.path().display());
    let doctor = limited(&place, 32 << 10, &["doctor", &small], "");
    assert!(!stdout(&doctor).contains("is no more than"), "{}", transcript(&doctor));
}
