//! Tests which cache a command uses: the given path or URL, or the cache of `LARDER_URL`.

use std::fs;
use std::process::Output;

use crate::child::Owner;
use crate::support::{Place, command, larder, printed, stderr, stdout, transcript};

/// Runs the command with a value of `LARDER_URL`.
fn with_url(place: &Place, url: &str, arguments: &[&str]) -> Output {
    command(place.dir(), arguments).env("LARDER_URL", url).output().unwrap()
}

fn url(place: &Place) -> String {
    format!("file:{}?memory=16MiB&disk=64MiB", place.path().display())
}

/// Commands that read a cache: the words without the cache, and the position of the cache among them.
const LOOKS: [(&[&str], usize); 9] = [
    (&["info"], 1),
    (&["keys", "--keyspace", "product"], 1),
    (&["get", "product_MTNVTU"], 1),
    (&["get", "product_MTNVTU", "--raw"], 1),
    (&["ttl", "product_MTNVTU"], 1),
    (&["why", "product_MTNVTU"], 1),
    (&["verify"], 1),
    (&["stats"], 1),
    (&["export", "--keyspace", "session"], 1),
];

fn with_cache<'a>((words, at): (&[&'a str], usize), cache: &'a str) -> Vec<&'a str> {
    [&words[..at], &[cache], &words[at..]].concat()
}

/// Returns the lines of the output without the time of an export and its checksum.
fn comparable(output: &Output) -> Vec<String> {
    let lines = stdout(output).lines().map(str::to_owned).collect::<Vec<_>>();
    lines.into_iter().filter(|line| !line.contains("exported_at_ms") && !line.contains("checksum")).collect()
}

#[test]
fn a_command_takes_the_file_of_the_environment_and_says_so() {
    let place = Place::new();
    place.shop();
    let (url, path) = (url(&place), place.path().display().to_string());
    for look in LOOKS {
        let given = larder(place.dir(), &with_cache(look, &path));
        assert_eq!(given.status.code(), Some(0), "{look:?}: {}", transcript(&given));
        let taken = with_url(&place, &url, look.0);
        assert_eq!(taken.status.code(), Some(0), "{look:?}: {}", transcript(&taken));
        assert_eq!(comparable(&taken), comparable(&given), "{look:?}");
        let first = format!("larder: the cache is {path}, of LARDER_URL\n");
        assert!(stderr(&taken).starts_with(&first), "{look:?}: {}", transcript(&taken));
        assert!(!stderr(&given).contains("LARDER_URL"), "{look:?}: {}", transcript(&given));
    }
    let json = with_url(&place, &url, &["info", "--json"]);
    let note: serde_json::Value = serde_json::from_slice(&json.stderr).unwrap();
    assert_eq!(note["note"], format!("the cache is {path}, of LARDER_URL"));
}

#[test]
fn a_url_takes_the_place_of_the_file() {
    let place = Place::new();
    place.shop();
    let url = url(&place);
    for look in LOOKS {
        let by_path = larder(place.dir(), &with_cache(look, "shop.larder"));
        let by_url = larder(place.dir(), &with_cache(look, &url));
        assert_eq!(by_url.status.code(), Some(0), "{look:?}: {}", transcript(&by_url));
        assert!(!stderr(&by_url).contains("LARDER_URL"), "{look:?}: {}", transcript(&by_url));
        assert_eq!(comparable(&by_url).len(), comparable(&by_path).len(), "{look:?}");
    }
    // An argument takes precedence, even if the environment is invalid.
    let output = with_url(&place, "nonsense", &["get", "shop.larder", "product_MTNVTU"]);
    assert_eq!((output.status.code(), &*stderr(&output)), (Some(0), ""));
    let output = with_url(&place, "nonsense", &["info"]);
    assert_eq!(output.status.code(), Some(2), "{}", transcript(&output));
    assert!(stderr(&output).contains("a URL begins with file:"), "{}", transcript(&output));
    // The name of this file looks like a URL.
    fs::copy(place.path(), place.dir().join("file:shop")).unwrap();
    printed(place.dir(), &["info", "./file:shop"], 0);
    printed(place.dir(), &["info", "file:missing"], 3);
}

#[test]
fn changes_are_made_in_the_file_of_the_environment() {
    let place = Place::new();
    place.shop();
    let url = url(&place);
    printed(place.dir(), &["export", "shop.larder", "--output", "shop.export"], 0);
    let done = |arguments: &[&str], said: &str| {
        let output = with_url(&place, &url, arguments);
        assert_eq!(output.status.code(), Some(0), "{}", transcript(&output));
        assert!(stdout(&output).contains(said), "{arguments:?}: {}", transcript(&output));
        assert!(stderr(&output).contains("of LARDER_URL"), "{arguments:?}: {}", transcript(&output));
    };
    done(&["remove", "product_MTNVTU", "--dry-run"], "would remove 1 entry");
    done(&["remove", "product_MTNVTU"], "removed 1 entry");
    done(&["remove-prefix", "MTN", "--keyspace", "product"], "removed 1 entry");
    done(&["clear", "--keyspace", "session"], "removed 1 entry");
    done(&["clear", "--dry-run"], "would remove 3 entries");
    done(&["import", "shop.export"], "imported 6 entries");
    done(&["compact"], "deleted");
}

#[test]
fn everything_is_removed_only_from_a_cache_that_is_given() {
    let place = Place::new();
    place.shop();
    let output = with_url(&place, &url(&place), &["clear"]);
    assert_eq!(output.status.code(), Some(2), "{}", transcript(&output));
    assert!(
        stderr(&output).contains("give it") && stderr(&output).contains("--keyspace"),
        "{}",
        transcript(&output)
    );
    assert!(stderr(&output).contains(&place.path().display().to_string()), "{}", transcript(&output));
    printed(place.dir(), &["get", "shop.larder", "product_MTNVTU"], 0);
    printed(place.dir(), &["clear", &url(&place)], 0);
    printed(place.dir(), &["get", "shop.larder", "product_MTNVTU"], 1);
}

#[test]
fn a_cache_without_a_key_is_not_taken_as_a_key_of_another_cache() {
    let place = Place::new();
    place.shop();
    fs::copy(place.path(), place.dir().join("other.larder")).unwrap();
    fs::write(place.dir().join("MTNVTU"), "a file that is no cache").unwrap();
    for command in ["get", "ttl", "why", "remove", "remove-prefix"] {
        for word in ["other.larder", "file:other.larder", "memory:"] {
            let output = with_url(&place, &url(&place), &[command, word, "--keyspace", "product"]);
            assert_eq!(output.status.code(), Some(2), "{command} {word}: {}", transcript(&output));
            let said = stderr(&output);
            assert!(said.contains(&format!("larder {command} FILE")), "{command} {word}: {said}");
        }
    }
    let output = with_url(&place, &url(&place), &["get", "MTNVTU", "--keyspace", "product"]);
    assert_eq!(output.status.code(), Some(0), "a key may have the name of a file: {}", transcript(&output));
    // A quoted shell variable that is not set yields an empty argument.
    for words in [&["get", "", "product_MTNVTU"][..], &["clear", ""], &["info", ""]] {
        let output = with_url(&place, &url(&place), words);
        assert!(
            !output.status.success() && !stderr(&output).contains("LARDER_URL\n"),
            "{}",
            transcript(&output)
        );
    }
    printed(place.dir(), &["get", "shop.larder", "product_MTNVTU"], 0);
}

#[test]
fn without_a_cache_each_command_says_what_to_give() {
    let place = Place::new();
    let commands: [&[&str]; 16] = [
        &["info"],
        &["keys"],
        &["get", "KEY"],
        &["ttl", "KEY"],
        &["why", "KEY"],
        &["verify"],
        &["export"],
        &["stats"],
        &["flush"],
        &["remove", "KEY"],
        &["remove-prefix", "KEY"],
        &["clear"],
        &["compact"],
        &["import", "EXPORT"],
        &["doctor"],
        &["check"],
    ];
    for words in commands {
        for url in ["", "\n"] {
            let output = with_url(&place, url, words);
            assert_eq!(output.status.code(), Some(2), "{words:?}: {}", transcript(&output));
            let said = stderr(&output);
            assert!(said.contains("ive ") && said.contains("LARDER_URL"), "{words:?}: {said}");
            assert!(output.stdout.is_empty() && !said.contains('\0'), "{words:?}: {said}");
        }
    }
    let output = with_url(&place, "memory:", &["info"]);
    assert_eq!(output.status.code(), Some(2), "{}", transcript(&output));
    assert!(stderr(&output).contains("control=PATH"), "{}", transcript(&output));
}

#[test]
fn the_socket_of_the_url_is_asked_while_a_process_answers_there() {
    let place = Place::new();
    let url = format!("file:shop.larder?control={}", place.dir().join("shop.sock").display());
    let owner = Owner::start("hold", &place.path());
    let output = with_url(&place, &url, &["stats"]);
    assert_eq!(output.status.code(), Some(0), "{}", transcript(&output));
    assert!(stdout(&output).contains("hit rate"), "{}", transcript(&output));
    assert!(stderr(&output).contains("shop.sock, of LARDER_URL"), "{}", transcript(&output));
    let output = with_url(&place, &url, &["flush"]);
    assert!(stdout(&output).contains("has committed everything"), "{}", transcript(&output));
    let output = with_url(&place, &url, &["remove", "MTNVTU", "--keyspace", "product"]);
    assert!(stdout(&output).contains("removed 1 entry"), "{}", transcript(&output));
    assert!(stderr(&output).contains(" through "), "{}", transcript(&output));
    // `--file-only` does not ask the process.
    let output = with_url(&place, &url, &["stats", "--file-only"]);
    assert!(stdout(&output).starts_with("since "), "{}", transcript(&output));
    assert!(stderr(&output).contains("shop.larder, of LARDER_URL"), "{}", transcript(&output));
    let words = ["remove", "P2", "--keyspace", "product", "--file-only"];
    let output = with_url(&place, &url, &words);
    assert_eq!(output.status.code(), Some(4), "{}", transcript(&output));
    owner.kill();
    // After the crash, no process answers at the socket, so the file is read.
    let output = with_url(&place, &url, &["stats"]);
    assert_eq!(output.status.code(), Some(0), "{}", transcript(&output));
    assert!(stdout(&output).starts_with("since "), "{}", transcript(&output));
    let output = with_url(&place, &url, &["remove", "P1", "--keyspace", "product"]);
    assert!(stdout(&output).contains("removed 1 entry"), "{}", transcript(&output));
}

#[test]
fn a_socket_that_is_given_is_not_asked_about_the_file_of_the_environment() {
    let place = Place::new();
    let _owner = Owner::start("hold", &place.path());
    let other = Place::new();
    other.shop();
    let words = ["remove", "MTNVTU", "--keyspace", "product", "--socket", "shop.sock"];
    let output = with_url(&place, &url(&other), &words);
    assert!(stdout(&output).contains("removed 1 entry"), "{}", transcript(&output));
    assert!(!stderr(&output).contains("of LARDER_URL"), "{}", transcript(&output));
    printed(other.dir(), &["get", "shop.larder", "product_MTNVTU"], 0);
}

#[test]
fn the_help_shows_that_the_cache_may_be_left_out() {
    let place = Place::new();
    for (words, usage) in [
        (["get", "--help"], "larder get [OPTIONS] [FILE] <KEY>"),
        (["info", "--help"], "larder info [OPTIONS] [FILE]"),
        (["remove", "--help"], "larder remove [OPTIONS] [FILE|SOCKET] <KEY>"),
        (["import", "--help"], "larder import [OPTIONS] [FILE] <EXPORT>"),
    ] {
        let help = printed(place.dir(), &words, 0);
        assert!(help.contains(usage) && help.contains("LARDER_URL") && !help.contains('\0'), "{help}");
    }
    assert!(!printed(place.dir(), &["man"], 0).contains('\0'));
    assert!(!printed(place.dir(), &["completions", "bash"], 0).contains('\0'));
}
