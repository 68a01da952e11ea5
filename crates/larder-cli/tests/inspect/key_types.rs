//! Tests that commands read and show keys of several shapes, in a live process, in a file, and in a file
//! that an import created.

use std::path::Path;

use larder::{Cache, Key, KeyspaceDefinition};

use crate::support::{Place, printed};

const FILE: &str = "shop.larder";
const SOCKET: &str = "shop.sock";

type Visit = (Option<String>, bool, [u8; 2]);

const VISITS: KeyspaceDefinition<Visit, u64> = KeyspaceDefinition::new("visit");
const GRADES: KeyspaceDefinition<char, u64> = KeyspaceDefinition::new("grade");
const FLAGS: KeyspaceDefinition<bool, u64> = KeyspaceDefinition::new("flag");
const NAMES: KeyspaceDefinition<Option<String>, u64> = KeyspaceDefinition::new("name");

fn fill<K: Key>(cache: &Cache, definition: KeyspaceDefinition<K, u64>, keys: &[K]) {
    let keyspace = cache.keyspace(definition).unwrap();
    for key in keys {
        keyspace.insert(key, 7).unwrap();
    }
}

/// Keyspaces: the name, the keys in order, and a prefix with the keys that begin with it.
const SHOWN: [(&str, &[&str], &str, &[&str]); 3] = [
    (
        "visit",
        &[
            r#"(None, true, b"\x00\xFF")"#,
            r#"(Some("MTN"), false, b"ab")"#,
            r#"(Some("MTNVTU"), true, b"ab")"#,
        ],
        r#"(Some("MTN"),)"#,
        &[r#"(Some("MTN"), false, b"ab")"#],
    ),
    ("name", &["None", r#"Some("MTN")"#, r#"Some("MTNVTU")"#], "Some(MTNV)", &[r#"Some("MTNVTU")"#]),
    ("flag", &["false", "true"], "0x01", &["true"]),
];

fn lines(dir: &Path, arguments: &[&str]) -> Vec<String> {
    printed(dir, arguments, 0).lines().map(|line| line.split('\t').next_back().unwrap().to_owned()).collect()
}

#[test]
fn every_command_reads_keys_as_it_shows_them() {
    let place = Place::new();
    let dir = place.dir();
    let cache = Cache::builder().path(place.path()).control_socket(dir.join(SOCKET)).open().unwrap();
    let some = |text: &str| Some(text.to_owned());
    let visits = [(None, true, [0, 0xFF]), (some("MTN"), false, *b"ab"), (some("MTNVTU"), true, *b"ab")];
    fill(&cache, VISITS, &visits);
    fill(&cache, GRADES, &['\'', 'a']);
    fill(&cache, FLAGS, &[true, false]);
    fill(&cache, NAMES, &[None, some("MTN"), some("MTNVTU")]);
    cache.flush().unwrap();

    assert!(printed(dir, &["get", SOCKET, "--keyspace", "grade", "a"], 0).contains("'a'"));
    assert!(printed(dir, &["why", SOCKET, "--keyspace", "grade", r"'\''"], 0).contains(r"'\''"));
    assert!(printed(dir, &["remove", SOCKET, "--keyspace", "name", "None"], 0).contains('1'));
    let name = cache.keyspace(NAMES).unwrap();
    assert!(name.get(&None::<&str>).is_none() && name.get(&Some("MTN")).is_some());
    name.insert(&None::<&str>, 7).unwrap();
    cache.close().unwrap();

    printed(dir, &["export", FILE, "--output", "shop.export"], 0);
    printed(dir, &["import", "again.larder", "shop.export", "--create"], 0);
    for file in [FILE, "again.larder"] {
        for (keyspace, keys, prefix, begun) in SHOWN {
            assert_eq!(lines(dir, &["keys", file, "--keyspace", keyspace]), keys);
            assert_eq!(lines(dir, &["keys", file, "--keyspace", keyspace, "--prefix", prefix]), begun);
            for key in keys {
                for command in ["get", "why"] {
                    let answer = printed(dir, &[command, file, "--keyspace", keyspace, key], 0);
                    assert!(answer.contains(key), "{answer}");
                }
            }
        }
    }
}
