//! Runs commands on paths of the wrong kind. Checks the exit code, and that the remedy fits the path.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

use redb::{Database, TableDefinition};

use crate::support::{Place, larder, stderr, stdout, transcript};

const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("larder.meta");

/// Commands that read or change a file, with `CACHE` instead of the cache.
const COMMANDS: [&[&str]; 14] = [
    &["info", "CACHE"],
    &["keys", "CACHE"],
    &["get", "CACHE", "MTNVTU"],
    &["ttl", "CACHE", "MTNVTU"],
    &["why", "CACHE", "MTNVTU"],
    &["verify", "CACHE"],
    &["export", "CACHE"],
    &["doctor", "CACHE"],
    &["stats", "CACHE"],
    &["remove", "CACHE", "MTNVTU"],
    &["remove-prefix", "CACHE", "MTN"],
    &["clear", "CACHE"],
    &["compact", "CACHE"],
    &["import", "CACHE", "empty.export"],
];

/// A path, the expected exit code, and words of the remedy. `asks` has the exit code and the words for
/// commands that ask a process.
struct Target {
    path: &'static str,
    code: i32,
    remedy: &'static [&'static str],
    asks: Option<(i32, &'static str)>,
}

const WHERE: &str = "LARDER_URL";

const TARGETS: &[Target] = &[
    Target { path: "missing", code: 3, remedy: &["there is no file", WHERE], asks: None },
    Target { path: "nowhere/at/all", code: 3, remedy: &["there is no file", WHERE], asks: None },
    Target { path: "empty-directory", code: 5, remedy: &["it is a directory", WHERE], asks: None },
    Target {
        path: "directory",
        code: 5,
        remedy: &["it is a directory; give the cache file in it: ", "directory/shop.larder"],
        asks: None,
    },
    Target {
        path: "link",
        code: 5,
        remedy: &["symbolic link; give what it leads to:", "whole.larder"],
        asks: None,
    },
    Target { path: "foreign", code: 5, remedy: &["is not a larder file", WHERE], asks: None },
    Target { path: "empty", code: 5, remedy: &["is not a larder file: it is empty", WHERE], asks: None },
    Target {
        path: "whole.larder.lock",
        code: 5,
        remedy: &["it belongs to ", "whole.larder: give that"],
        asks: None,
    },
    Target {
        path: "newer",
        code: 7,
        remedy: &["its format is 9", "the version that the service has"],
        asks: None,
    },
    Target {
        path: "damaged",
        code: 6,
        remedy: &["it is damaged", "moves it aside", "restart the service"],
        asks: None,
    },
    Target { path: "/dev/null", code: 5, remedy: &["it is a device or a pipe", WHERE], asks: None },
    Target {
        path: "dead.sock",
        code: 5,
        remedy: &["it is a socket", "`larder stats ", "dead.sock` asks the process behind it"],
        asks: Some((8, "has ended: start it, or give the cache file")),
    },
    Target {
        path: "other.sock",
        code: 5,
        remedy: &["it is a socket", "`larder stats ", "other.sock` asks the process behind it"],
        asks: Some((5, "is it the control socket of a larder")),
    },
];

fn prepare(place: &Place) {
    place.shop();
    let at = |name: &str| place.dir().join(name);
    fs::create_dir(at("empty-directory")).unwrap();
    fs::create_dir(at("directory")).unwrap();
    fs::copy(place.path(), at("directory/shop.larder")).unwrap();
    fs::write(at("directory/shop.larder.lock"), "").unwrap();
    fs::copy(place.path(), at("whole.larder")).unwrap();
    fs::write(at("whole.larder.lock"), "4711\n").unwrap();
    std::os::unix::fs::symlink("whole.larder", at("link")).unwrap();
    fs::write(at("foreign"), "root:x:0:0:root:/root:/bin/bash\n").unwrap();
    fs::write(at("empty"), "").unwrap();
    fs::copy(place.path(), at("newer")).unwrap();
    let db = Database::open(at("newer")).unwrap();
    let txn = db.begin_write().unwrap();
    txn.open_table(META).unwrap().insert("format", 9_u32.to_be_bytes().as_slice()).unwrap();
    txn.commit().unwrap();
    db.close().unwrap();
    let mut bytes = fs::read(place.path()).unwrap();
    bytes[4096..].fill(0xAB);
    bytes[8192..8203].copy_from_slice(b"larder.meta");
    fs::write(at("damaged"), bytes).unwrap();
    drop(UnixListener::bind(at("dead.sock")).unwrap());
    let other = UnixListener::bind(at("other.sock")).unwrap();
    std::thread::spawn(move || {
        for peer in other.incoming().flatten() {
            drop((&peer).write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
        }
    });
    let header = larder_export::Header { exported_at_ms: 0, sequence: 0 };
    let export = larder_export::Writer::new(Vec::new(), larder_export::Form::Binary, header).unwrap();
    fs::write(at("empty.export"), export.finish(larder_export::Skipped::default()).unwrap()).unwrap();
}

fn names(directory: &Path) -> Vec<String> {
    let files = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn each_command_says_what_each_wrong_path_is_and_what_to_do() {
    let place = Place::new();
    prepare(&place);
    let before = names(place.dir());
    for target in TARGETS {
        for words in COMMANDS {
            let words: Vec<&str> =
                words.iter().map(|word| if *word == "CACHE" { target.path } else { *word }).collect();
            let output = larder(place.dir(), &words);
            let said = stderr(&output);
            let code = output.status.code();
            let is_asked =
                target.asks.is_some_and(|(asked, says)| code == Some(asked) && said.contains(says));
            let is_read = code == Some(target.code) && target.remedy.iter().all(|words| said.contains(words));
            assert!(is_asked || is_read, "{words:?}: {}", transcript(&output));
            assert!(
                said.starts_with("larder: ") && said.lines().count() == 1,
                "{words:?}: {}",
                transcript(&output)
            );
            assert!(stdout(&output).is_empty(), "{words:?}: {}", transcript(&output));
            // The first three are texts of the library that do not help the user of a command. The last is
            // the start of a panic message.
            for wrong in ["move the file away;", "one to be created", "open it read-only", "thread '"] {
                assert!(!said.contains(wrong), "{words:?}: {said}");
            }
        }
    }
    assert_eq!(names(place.dir()), before, "nothing is made or removed");
}

#[test]
fn without_permission_the_owner_of_the_file_is_named() {
    let place = Place::new();
    place.shop();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o000)).unwrap();
    // Root may read every file, so the rest does not apply.
    if fs::File::open(place.path()).is_ok() {
        return;
    }
    for words in COMMANDS {
        let words: Vec<&str> =
            words.iter().map(|word| if *word == "CACHE" { "shop.larder" } else { *word }).collect();
        let output = larder(place.dir(), &words);
        assert_eq!(output.status.code(), Some(8), "{words:?}: {}", transcript(&output));
        assert!(stderr(&output).contains("run as its owner, user "), "{words:?}: {}", transcript(&output));
    }
}

#[test]
fn for_a_file_of_another_program_a_command_that_names_it_is_suggested() {
    let place = Place::new();
    place.shop();
    let _other = Database::open(place.path()).unwrap();
    for words in [&["info", "shop.larder"][..], &["keys", "shop.larder"], &["verify", "shop.larder"]] {
        let output = larder(place.dir(), words);
        assert_eq!(output.status.code(), Some(4), "{words:?}: {}", transcript(&output));
        assert!(stderr(&output).contains("`fuser "), "{words:?}: {}", transcript(&output));
    }
}

#[test]
fn for_a_socket_the_same_command_on_its_file_is_suggested() {
    let place = Place::new();
    let socket = place.dir().join("shop.sock");
    let _cache = larder::Cache::builder().path(place.path()).control_socket(&socket).open().unwrap();
    let export = Place::new();
    prepare(&export);
    let export = export.dir().join("empty.export");
    for (words, code, command) in [
        (&["verify", "shop.sock"][..], 5, "larder verify /"),
        (&["export", "shop.sock"], 5, "larder export /"),
        (&["compact", "shop.sock"], 5, "stop it, and give the file: larder compact /"),
        (&["import", "shop.sock", export.to_str().unwrap()], 5, "give the file: larder import /"),
        (&["import", "shop.larder", "shop.sock"], 5, "it is a socket, not an export"),
    ] {
        let output = larder(place.dir(), words);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {}", transcript(&output));
        assert!(stderr(&output).contains(command), "{words:?}: {}", transcript(&output));
        let names_file = stderr(&output).contains(&place.path().display().to_string());
        assert!(names_file || words[2..].contains(&"shop.sock"), "{words:?}: {}", transcript(&output));
    }
}

#[test]
fn an_empty_argument_is_reported_as_empty() {
    let place = Place::new();
    place.shop();
    let others: [&[&str]; 11] = [
        &["top", "CACHE"],
        &["hot", "CACHE"],
        &["slow", "CACHE"],
        &["monitor", "CACHE"],
        &["flush", "CACHE"],
        &["check", "CACHE"],
        &["import", "shop.larder", "CACHE"],
        &["export", "shop.larder", "--output", "CACHE"],
        &["doctor", "shop.larder", "--socket", "CACHE"],
        &["clear", "shop.larder", "--socket", "CACHE"],
        &["get", "CACHE"],
    ];
    for words in COMMANDS.iter().chain(&others) {
        let words: Vec<&str> = words.iter().map(|word| if *word == "CACHE" { "" } else { *word }).collect();
        let output = larder(place.dir(), &words);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {}", transcript(&output));
        let said = "larder: the argument is empty; is a shell variable unset?\n";
        assert_eq!(stderr(&output), said, "{words:?}");
    }
    let output = larder(place.dir(), &["info", "", "--json"]);
    assert!(stderr(&output).starts_with("{\"error\":\"the argument is empty"), "{}", transcript(&output));
}
