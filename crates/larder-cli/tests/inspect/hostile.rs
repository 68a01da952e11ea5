//! Runs the subcommands on a file and on a socket that return hostile texts. Checks that the output never
//! moves the cursor, sets the title of the terminal, or has a forged line.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use larder::admin::{Admin, NewEntry, NewKeyspace};
use serde_json::{Value, json};

use crate::support::{Place, larder, transcript};

const FILE: &str = "shop.larder";

/// A text with a line that looks like an answer, and with control characters. They clear the screen, set the
/// title, ring the bell, move the cursor back and reverse text.
pub(crate) const EVIL: &str =
    "a\u{1B}[2J\u{1B}]0;title\u{7}\rb\u{8}\u{9B}31m\u{7F}\u{85}\u{202E}c\nFORGED\td";

/// Creates a file with hostile names, schemas, shapes, keys and values.
fn create(place: &Place) {
    let mut admin = Admin::create(place.path()).unwrap();
    let keyspace = |name: &str, shape: &str, value_format| NewKeyspace {
        name: name.to_owned(),
        version: 1,
        key_shape: shape.to_owned(),
        value_format,
        schema: Some(EVIL.to_owned()),
        fingerprint: 0,
    };
    let now = admin.now();
    let entry = |key: &[u8], value: &[u8]| NewEntry {
        key: key.to_vec(),
        written_at: now,
        expires_at: now.after(Duration::from_hours(1)),
        delete_after: now.after(Duration::from_hours(1)),
        fingerprint: None,
        compression: 0,
        value: Some(value.to_vec()),
    };
    let key = [EVIL.as_bytes(), b"\0\0"].concat();
    let text = [&[0xD9, u8::try_from(EVIL.len()).unwrap()], EVIL.as_bytes()].concat();
    for (name, shape, format) in [(EVIL, "string", 1), ("raw\n\u{1B}[2J", "string", 2), ("odd", EVIL, 0)] {
        admin.keyspace(keyspace(name, shape, format)).unwrap();
        let values = [&text[..], EVIL.as_bytes(), b"\xC1 is no MessagePack"];
        let written =
            values.iter().zip(b"abc").map(|(value, letter)| entry(&[&[*letter], &key[..]].concat(), value));
        admin.write(name, written.collect()).unwrap();
    }
    admin.close().unwrap();
}

/// Serves a socket that answers every peer with hostile texts.
fn serve(socket: &Path) {
    let listener = UnixListener::bind(socket).unwrap();
    std::thread::spawn(move || listener.incoming().for_each(|peer| answer(peer.unwrap())));
}

fn answer(peer: UnixStream) {
    let mut lines = BufReader::new(peer);
    let mut line = String::new();
    while lines.read_line(&mut line).is_ok_and(|len| len > 0) {
        let request: Value = serde_json::from_str(&line).unwrap_or_default();
        let entry = json!({
            "name": EVIL, "keyspace": EVIL, "key": EVIL, "key_bytes": EVIL, "keys": "string", "schema": EVIL,
            "is_open": true, "undecodable": 3, "misses": 9, "loads": 5, "load_failures": 5, "share": 0.5,
            "ended_at_ms": 1, "took": 1.0, "undecodable_cause": EVIL, "load_failure_cause": EVIL,
        });
        let of_lookups = json!({"samples": 9.0, "sampled_one_in": 1, "per_second": 1.0, "keys": [entry], "keyspaces": [entry, entry]});
        let reply = match request["do"].as_str().unwrap_or_default() {
            "hello" => {
                json!({"ok": {"larder": EVIL, "protocol": 1, "pid": 7, "verbs": [EVIL], "file": EVIL, "file_identity": EVIL}})
            }
            "stats" => {
                json!({"ok": {"keyspaces": [entry], "disk": {"off": EVIL, "quarantined": EVIL, "state": "suspended"}}})
            }
            "keyspaces" => json!({"ok": [entry]}),
            "hot" => json!({"ok": {"half_life": 60.0, "hits": of_lookups, "misses": of_lookups}}),
            "slow" => json!({"ok": {"threshold": 1.0, "total": 1, "loads": [entry]}}),
            "get" | "ttl" | "why" => {
                json!({"ok": {"key": EVIL, "state": if line.contains("dead") { "absent" } else { "live" },
                "ttl_ms": 9, "sequence": 3, "value_format": 9, "value_withheld": EVIL, "why": EVIL}})
            }
            "keys" => {
                json!({"ok": {"keys": [{"key": "0x610000", "state": "live"}, {"key": EVIL, "state": EVIL}]}})
            }
            "monitor" => json!({"ok": {"one_in": 1}}),
            _ => json!({"error": {"kind": EVIL, "cause": EVIL, "remedy": EVIL}}),
        };
        let mut reply = reply;
        reply["v"] = 1.into();
        let mut text = format!("{reply}\n");
        if request["do"] == "monitor" {
            for event in [
                json!({"v": 1, "seen": {"at_ms": 1, "operation": EVIL, "keyspace": EVIL, "key": EVIL}}),
                json!({"v": 1, "ok": {"ended": EVIL, "shown": 1, "missed": 0}}),
            ] {
                text.extend([event.to_string(), "\n".to_owned()]);
            }
        }
        if lines.get_mut().write_all(text.as_bytes()).is_err() {
            return;
        }
        line.clear();
    }
}

/// Runs a command, and checks that its output has no hostile effect. Returns the output.
pub(crate) fn said(place: &Place, arguments: &[&str]) -> String {
    let output = larder(place.dir(), arguments);
    let reply = transcript(&output);
    assert!(output.status.code().is_some_and(|code| code != 101), "{arguments:?}: {reply}");
    for bytes in [&output.stdout, &output.stderr] {
        let text = std::str::from_utf8(bytes).unwrap();
        let is_obeyed = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
        assert_eq!(text.find(is_obeyed).map(|at| &text[at..]), None, "{arguments:?}");
        // Only the output before the value is checked, because a text value may have several lines. JSON is
        // not checked, because only programs read it.
        let names = text.split("\nvalue ").next().unwrap();
        let is_forged = names.lines().any(|line| line.starts_with("FORGED")) || names.contains('\u{202E}');
        let is_forged = is_forged && !arguments.contains(&"--json");
        assert!(!is_forged, "{arguments:?}: {reply}");
    }
    reply
}

/// A name that no keyspace has.
const NONE: &str = "no\u{1B}[2J\nFORGED";

/// The address of a socket in a directory that does not exist.
const NO_SOCKET: &str = "unix:none/\u{1B}[2J\nFORGED";
const NO_FILE: &str = "file:none/\u{1B}[2J\nFORGED";

/// Returns commands on a file. Each key is a letter, then the hostile text.
fn of_file(keys: &[String; 3]) -> Vec<Vec<&str>> {
    let key: &str = &keys[0];
    let mut commands = Vec::new();
    for command in ["info", "keys", "verify", "stats", "doctor", "compact"] {
        commands.push(vec![command, FILE]);
    }
    // These arguments make the server fail to start. A running server would not end.
    for (url, address) in [("memory:", EVIL), ("memory:", NO_SOCKET), (NO_FILE, "unix:s")] {
        commands.push(vec!["serve", url, "--listen", address]);
    }
    for command in ["get", "ttl", "why"] {
        commands.push(vec![command, FILE, key]);
        for (key, keyspace) in
            [(key, EVIL), ("absent", EVIL), ("absent", "odd"), ("0x00", "odd"), (key, NONE)]
        {
            commands.push(vec![command, FILE, key, "--keyspace", keyspace]);
        }
    }
    for key in keys {
        for keyspace in [EVIL, "raw\n\u{1B}[2J"] {
            commands.push(vec!["get", FILE, key, "--full", "--keyspace", keyspace]);
        }
    }
    commands.extend([
        vec!["keys", FILE, "--long", "--all"],
        vec!["keys", FILE, "--keyspace", EVIL],
        vec!["keys", FILE, "--sort", "size"],
        vec!["keys", FILE, "--big"],
        vec!["keys", FILE, "--prefix", "a"],
        vec!["keys", FILE, "--prefix", EVIL, "--keyspace", EVIL],
        vec!["info", FILE, "--json"],
        vec!["keys", FILE, "--json"],
        vec!["export", FILE, "--output", "shop.export"],
        vec!["import", "other.larder", "shop.export", "--create"],
        vec!["import", "other.larder", "shop.export", "--replace"],
        vec!["import", FILE, "shop.export", "--keyspace", NONE],
        vec!["remove", "removed.larder", key, "--keyspace", EVIL],
        vec!["remove", "removed.larder", key],
        vec!["remove-prefix", "removed.larder", "a", "--keyspace", EVIL],
        vec!["remove-prefix", "removed.larder", EVIL],
        vec!["clear", "cleared.larder", "--keyspace", EVIL],
        vec!["clear", "cleared.larder", "--keyspace", NONE],
        vec!["top", FILE],
        vec!["check", "file:no\u{1B}[2J/\u{202E}x?memory=FORGED"],
    ]);
    commands
}

fn of_socket(key: &str) -> Vec<Vec<&str>> {
    const SOCKET: &str = "evil.sock";
    vec![
        vec!["doctor", FILE, "--seconds", "0", "--socket", SOCKET],
        vec!["doctor", SOCKET, "--seconds", "0"],
        vec!["stats", SOCKET],
        vec!["flush", SOCKET],
        vec!["info", SOCKET],
        vec!["keys", SOCKET],
        vec!["keys", SOCKET, "--long", "--keyspace", EVIL],
        vec!["get", SOCKET, key, "--keyspace", EVIL],
        vec!["get", "--raw", SOCKET, key, "--keyspace", EVIL],
        vec!["ttl", SOCKET, key],
        vec!["why", SOCKET, key],
        vec!["get", SOCKET, "0x64656164", "--keyspace", EVIL],
        vec!["get", SOCKET, "dead", "--keyspace", "none"],
        vec!["hot", SOCKET],
        vec!["slow", SOCKET],
        vec!["monitor", SOCKET],
        vec!["remove", SOCKET, key],
        vec!["remove", SOCKET, key, "--keyspace", EVIL],
        vec!["remove-prefix", SOCKET, "a", "--keyspace", EVIL],
        vec!["clear", SOCKET],
        vec!["clear", SOCKET, "--keyspace", "none"],
    ]
}

#[test]
fn no_subcommand_lets_a_control_character_through() {
    let place = Place::new();
    create(&place);
    serve(&place.dir().join("evil.sock"));
    std::fs::write(place.dir().join("shop.larder.damaged-\u{1B}[2J\nFORGED"), "").unwrap();
    let copy = |name: &str| std::fs::copy(place.path(), place.dir().join(name)).unwrap();
    copy("removed.larder");
    copy("cleared.larder");
    let keys = ["a", "b", "c"].map(|letter| format!("{letter}{EVIL}"));
    let commands = [of_file(&keys), of_socket(&keys[0])].concat();
    let mut all = String::new();
    for arguments in &commands {
        all += &said(&place, arguments);
    }
    for text in ["\\u{1B}[2J", "\\nFORGED", "\\u{9B}31m", "\\u{202E}"] {
        assert!(all.contains(text), "nothing was escaped as {text}");
    }
    let help = crate::support::stdout(&larder(place.dir(), &["--help"]));
    let listed = help.split_once("Commands:\n").unwrap().1.split_once("\n\nOptions").unwrap().0;
    let listed: BTreeSet<&str> =
        listed.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).collect();
    let tried: BTreeSet<&str> = commands.iter().map(|arguments| arguments[0]).collect();
    // These subcommands read no file and ask no process.
    let others = ["", "completions", "man", "help"];
    let missing: Vec<_> =
        listed.iter().filter(|command| !tried.contains(*command) && !others.contains(command)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
