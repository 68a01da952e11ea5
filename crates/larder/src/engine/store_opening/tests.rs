use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use redb::{Database, TableDefinition};

use crate::api::cache::Cache;
use crate::config::CacheBuilder;
use crate::error::Error;
use crate::ops::admin::Admin;

const OTHER: TableDefinition<'_, u64, u64> = TableDefinition::new("other");
const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("larder.meta");

/// Returns every path below a directory, with the bytes of each file.
fn content(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let there = fs::symlink_metadata(&path).unwrap();
        if there.is_dir() {
            found.extend(content(&path));
            found.insert(path, b"a directory".to_vec());
        } else {
            let bytes = if there.is_file() { fs::read(&path).unwrap() } else { b"no file".to_vec() };
            found.insert(path, bytes);
        }
    }
    found
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// A path at which a cache can't be opened, and a function that prepares the path.
struct Case {
    name: &'static str,
    path: &'static str,
    prepare: fn(&Path) -> Option<Box<dyn std::any::Any>>,
}

fn other_database(path: &Path) -> Database {
    let db = Database::create(path).unwrap();
    let txn = db.begin_write().unwrap();
    txn.open_table(OTHER).unwrap().insert(1, 2).unwrap();
    txn.commit().unwrap();
    db
}

/// Creates a cache file without the files beside it, as if the cache file had been copied.
fn copied_cache(path: &Path) {
    let made = path.with_extension("made");
    Cache::builder().path(&made).open().unwrap().close().unwrap();
    fs::rename(&made, path).unwrap();
    for suffix in [".lock", ".ballast"] {
        drop(fs::remove_file(beside(&made, suffix)));
    }
}

const CASES: &[Case] = &[
    Case { name: "a directory", path: "dir", prepare: |_| None },
    Case {
        name: "a symbolic link",
        path: "link",
        prepare: |dir| {
            symlink("elsewhere", dir.join("link")).unwrap();
            None
        },
    },
    Case {
        name: "a socket",
        path: "shop.sock",
        prepare: |dir| Some(Box::new(UnixListener::bind(dir.join("shop.sock")).unwrap())),
    },
    Case {
        name: "a foreign file",
        path: "letters",
        prepare: |dir| {
            fs::write(dir.join("letters"), "letters").unwrap();
            None
        },
    },
    Case {
        name: "a database of another program",
        path: "other",
        prepare: |dir| {
            other_database(&dir.join("other")).close().unwrap();
            None
        },
    },
    Case {
        name: "a database that another program has open",
        path: "other",
        prepare: |dir| Some(Box::new(other_database(&dir.join("other")))),
    },
    Case {
        name: "a damaged database without a sign of larder",
        path: "damaged",
        prepare: |dir| {
            fs::write(dir.join("damaged"), b"redb\x1A\x0A\xA9\x0D\x0A and nothing of it").unwrap();
            None
        },
    },
    Case {
        name: "a newer format",
        path: "newer",
        prepare: |dir| {
            copied_cache(&dir.join("newer"));
            let db = Database::open(dir.join("newer")).unwrap();
            let txn = db.begin_write().unwrap();
            txn.open_table(META).unwrap().insert("format", 9_u32.to_be_bytes().as_slice()).unwrap();
            txn.commit().unwrap();
            db.close().unwrap();
            None
        },
    },
    Case {
        name: "somebody's file in the place of the lock",
        path: "Cargo",
        prepare: |dir| {
            fs::write(dir.join("Cargo.lock"), "# This file is generated\n").unwrap();
            None
        },
    },
    Case {
        name: "somebody's file in the place of an unfinished one",
        path: "shop",
        prepare: |dir| {
            fs::write(dir.join("shop.larder-new"), "letters").unwrap();
            None
        },
    },
    Case {
        name: "an empty file, and somebody's in the place of an unfinished one",
        path: "shop",
        prepare: |dir| {
            fs::write(dir.join("shop"), "").unwrap();
            fs::write(dir.join("shop.larder-new"), "letters").unwrap();
            None
        },
    },
    Case {
        name: "an empty file, and a directory in the place of an unfinished one",
        path: "shop",
        prepare: |dir| {
            fs::write(dir.join("shop"), "").unwrap();
            fs::create_dir(dir.join("shop.larder-new")).unwrap();
            None
        },
    },
    Case {
        name: "a directory in the place of the lock",
        path: "shop",
        prepare: |dir| {
            fs::create_dir(dir.join("shop.lock")).unwrap();
            None
        },
    },
    Case { name: "a directory that is a file", path: "file/below/shop", prepare: |_| None },
    Case { name: "a directory below a name that can't be", path: "new/NNN/shop", prepare: |_| None },
    Case { name: "a name that is too long", path: "NNN", prepare: |_| None },
    Case { name: "a name that leaves no room, in a new directory", path: "new/below/MMM", prepare: |_| None },
];

/// Expands the names in a path. `NNN` is a name that is too long for a file system. `MMM` is a valid name,
/// but the names of the files beside the cache file are then too long.
fn expanded(dir: &Path, path: &str) -> PathBuf {
    dir.join(path.replace("NNN", &"n".repeat(300)).replace("MMM", &"m".repeat(240)))
}

fn prepared() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("dir")).unwrap();
    fs::write(dir.path().join("file"), "letters").unwrap();
    dir
}

#[test]
fn an_opening_that_is_refused_leaves_everything_as_it_was() {
    for case in CASES {
        let dir = prepared();
        let _held = (case.prepare)(dir.path());
        let path = expanded(dir.path(), case.path);
        let before = content(dir.path());
        for opening in ["a cache", "an admin", "an admin that makes the file"] {
            let refused = match opening {
                "a cache" => Cache::builder().path(&path).open().map(drop),
                "an admin" => Admin::open(&path).map(drop),
                _ => Admin::create(&path).map(drop),
            };
            assert!(refused.is_err(), "{opening}: {}", case.name);
            assert!(content(dir.path()) == before, "{opening}: {}: {refused:?}", case.name);
        }
    }
}

#[test]
fn a_device_is_refused_by_its_own_name() {
    for path in ["/dev/null", "/dev"] {
        let refused = Cache::builder().path(path).open().unwrap_err();
        assert!(refused.to_string().contains(&format!("{path}:")), "{refused}");
        assert!(!Path::new(&format!("{path}.lock")).exists());
    }
}

#[cfg(feature = "control")]
#[test]
fn a_socket_that_can_not_be_made_is_refused_before_the_file_is_made() {
    for socket in ["file", "dir", "file/below/s.sock", "NNN", "new/NNN/s.sock"] {
        let dir = prepared();
        let before = content(dir.path());
        let builder = Cache::builder().path(dir.path().join("shop.larder"));
        let refused = builder.control_socket(expanded(dir.path(), socket)).open();
        assert!(matches!(refused, Err(Error::ControlSocket { .. })), "{socket}: {refused:?}");
        assert!(content(dir.path()) == before, "{socket}: {refused:?}");
    }
}

#[test]
fn a_setting_that_is_refused_leaves_everything_as_it_was() {
    let dir = prepared();
    let before = content(dir.path());
    let path = dir.path().join("new/shop.larder");
    for builder in [
        Cache::builder().path(&path).memory_capacity(1),
        Cache::builder().path(dir.path().join("new/")),
        Cache::builder().path(dir.path().join("new/..")),
    ] {
        assert!(matches!(CacheBuilder::open(builder), Err(Error::InvalidSetting { .. })));
    }
    assert!(content(dir.path()) == before);
}

#[test]
fn a_cache_that_opens_keeps_its_directories_and_its_lock() {
    let dir = prepared();
    let path = dir.path().join("new/below/shop.larder");
    Cache::builder().path(&path).open().unwrap().close().unwrap();
    assert!(path.exists() && beside(&path, ".lock").exists());
}
