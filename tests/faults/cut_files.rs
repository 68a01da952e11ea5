//! Tests of files that are cut, or whose beginning is overwritten (contract 5). If there is evidence that a
//! cache has accepted the file, the cache moves the file aside and starts. Otherwise the file is refused
//! and left unchanged, even at a path where a cache file was before.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use larder::inspect::Inspector;
use larder::{Cache, Error};
use redb::{Database, TableDefinition};

use crate::support::child::Worker;
use crate::support::{BLOBS, LOCK_WAIT, Place, Random};

/// Name of larder's metadata table, as redb's table list contains it.
const MARKER: &[u8] = b"larder.meta";
/// Lengths shorter than the first page. Such a file can't be a redb database.
const STUMPS: [u64; 9] = [1, 8, 9, 10, 64, 319, 320, 512, 551];

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Makes a cache file of a few hundred kilobytes, and closes its cache.
fn closed() -> Place {
    let place = Place::in_memory();
    fill(&place.path());
    assert!(beside(&place.path(), ".ballast").exists());
    place
}

/// Copies the files of a closed cache into a new directory. The copied cache file has another inode, so it is
/// another file to the cache.
fn copied(original: &Place) -> Place {
    let copy = Place::in_memory();
    for suffix in ["", ".lock", ".ballast"] {
        fs::copy(beside(&original.path(), suffix), beside(&copy.path(), suffix)).unwrap();
    }
    copy
}

fn fill(path: &Path) {
    let cache = Cache::builder().path(path).open().unwrap();
    let blobs = cache.keyspace(BLOBS).unwrap();
    for key in 0..200 {
        blobs.insert(&key, vec![7; 1_500]).unwrap();
    }
    drop(blobs);
    cache.close().unwrap();
}

/// Cuts a file in place, as `truncate -s` does.
fn cut(path: &Path, len: u64) {
    OpenOptions::new().write(true).open(path).unwrap().set_len(len).unwrap();
}

fn open(place: &Place) -> Result<Cache, Error> {
    Cache::builder().path(place.path()).open_timeout(LOCK_WAIT).open()
}

/// Checks that the service starts, and that the cut file is moved aside unchanged.
fn is_quarantined(place: &Place, what: &str) {
    let before = fs::read(place.path()).unwrap();
    // If the cut removed only free pages, the file may still be whole.
    if is_whole(place) {
        return;
    }
    let shown = Inspector::open(place.path()).and_then(|inspector| inspector.snapshot());
    assert!(matches!(shown, Err(Error::Damaged { .. })), "{what}: an inspector says {shown:?}");
    let cache = open(place).unwrap_or_else(|error| panic!("{what}: {error}"));
    let aside = cache.stats().disk.unwrap().quarantined.unwrap_or_else(|| panic!("{what}: nothing is aside"));
    assert!(fs::read(aside).unwrap() == before, "{what}: it was changed");
    let blobs = cache.keyspace(BLOBS).unwrap();
    assert_eq!(blobs.count(), 0, "{what}");
    blobs.insert(&1, vec![1]).unwrap();
    drop(blobs);
    cache.close().unwrap();
    assert_eq!(open(place).unwrap().keyspace(BLOBS).unwrap().count(), 1, "{what}");
}

/// Returns whether an inspector can open the file. If so, checks that a cache moves the file aside, or finds
/// every value.
fn is_whole(place: &Place) -> bool {
    if Inspector::open(place.path()).is_err() {
        return false;
    }
    let cache = open(place).unwrap();
    let blobs = cache.keyspace(BLOBS).unwrap();
    let is_right = |key| blobs.get(&key).is_some_and(|blob| *blob == [7; 1_500]);
    assert!(cache.stats().disk.unwrap().quarantined.is_some() || (0..200).all(is_right));
    true
}

/// Checks that the cache refuses the file twice, and changes neither the file nor its directory.
fn is_refused(place: &Place, what: &str) {
    let before = fs::read(place.path()).unwrap();
    let names = |place: &Place| {
        let mut names: Vec<_> =
            fs::read_dir(place.dir()).unwrap().map(|file| file.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let beside = names(place);
    for _ in 0..2 {
        let refused = open(place).expect_err(what);
        assert!(matches!(refused, Error::Foreign { .. }), "{what}: {refused}");
        assert!(fs::read(place.path()).unwrap() == before, "{what}: it was changed");
        assert_eq!(names(place), beside, "{what}");
    }
}

fn lengths(len: u64, random: &mut Random) -> Vec<u64> {
    let mut lengths = vec![552, 553, 4_095, 4_096, 4_097, len / 4, len / 2, len - 4_096, len - 1];
    lengths.extend((0..20).map(|_| 552 + random.below(len - 552)));
    lengths
}

#[test]
fn contract_5_a_file_of_ours_that_is_cut_anywhere_is_moved_aside() {
    let original = closed();
    let len = fs::metadata(original.path()).unwrap().len();
    for len in lengths(len, &mut Random::new(7)).into_iter().chain(STUMPS) {
        // A file that is this short is recognized only by its inode, so this case can't use a copy.
        let place = if STUMPS.contains(&len) { closed() } else { copied(&original) };
        cut(&place.path(), len);
        is_quarantined(&place, &format!("cut to {len} bytes"));
    }
    let place = closed();
    cut(&place.path(), 0);
    assert!(
        open(&place).unwrap().stats().disk.unwrap().quarantined.is_none(),
        "an empty file is initialised"
    );
}

#[test]
fn contract_5_a_file_of_ours_that_a_crash_left_and_that_is_cut_is_moved_aside() {
    for len in [STUMPS[2], STUMPS[6], 552, 4_096, 50_000] {
        let place = Place::new();
        let mut worker = Worker::start("hold", &place.path());
        assert_eq!(worker.line().as_deref(), Some("open"));
        worker.kill();
        cut(&place.path(), len);
        is_quarantined(&place, &format!("cut to {len} bytes after a crash"));
    }
}

#[test]
fn contract_5_a_file_of_ours_with_another_beginning_is_moved_aside() {
    let original = closed();
    for len in [1, 9, 64, 320, 600, 4_096, 8_192] {
        for byte in [0, b'x'] {
            let place = copied(&original);
            let file = OpenOptions::new().write(true).open(place.path()).unwrap();
            file.write_all_at(&vec![byte; len], 0).unwrap();
            is_quarantined(&place, &format!("{len} bytes of {byte} at its beginning"));
        }
    }
}

#[test]
fn contract_5_a_cut_file_is_known_without_its_lock() {
    let original = closed();
    let len = fs::metadata(original.path()).unwrap().len();
    for len in lengths(len, &mut Random::new(8)) {
        let place = copied(&original);
        fs::remove_file(beside(&place.path(), ".lock")).unwrap();
        cut(&place.path(), len);
        is_quarantined(&place, &format!("cut to {len} bytes, without its lock"));
    }
}

/// Puts bytes at a path. With `in_place`, overwrites the existing file, as `cp` does. Otherwise renames a new
/// file over it, as `mv` and `rsync` do.
fn put(path: &Path, bytes: &[u8], in_place: bool) {
    if in_place {
        fs::write(path, bytes).unwrap();
    } else {
        let other = beside(path, ".other");
        fs::write(&other, bytes).unwrap();
        fs::rename(&other, path).unwrap();
    }
}

fn other_database() -> Vec<u8> {
    let place = Place::in_memory();
    let db = Database::create(place.path()).unwrap();
    let txn = db.begin_write().unwrap();
    {
        let mut letters = txn.open_table(TableDefinition::<u64, &[u8]>::new("letters")).unwrap();
        for number in 0..300 {
            letters.insert(number, vec![b'l'; 1_000].as_slice()).unwrap();
        }
    }
    txn.commit().unwrap();
    drop(db);
    fs::read(place.path()).unwrap()
}

/// Returns files of other programs, which no cache has accepted.
fn strangers() -> Vec<(String, Vec<u8>)> {
    let database = other_database();
    let text = b"Dear larder.meta, larder.entries and larder.expiry: ".repeat(500);
    let mut strangers =
        vec![("a database".to_owned(), database.clone()), ("a text".to_owned(), text.clone())];
    for len in lengths(database.len() as u64, &mut Random::new(9)) {
        let len = usize::try_from(len).unwrap();
        strangers.push((format!("a database cut to {len}"), database[..len].to_vec()));
    }
    for len in [1, 9, 100, 551, 552, 5_000] {
        strangers.push((format!("a text cut to {len}"), text[..len].to_vec()));
    }
    strangers.push(("zeros".to_owned(), vec![0; 100_000]));
    strangers
}

#[test]
fn contract_5_a_file_that_was_never_ours_is_refused_where_one_of_ours_stood() {
    let original = closed();
    for (what, bytes) in strangers() {
        for in_place in [false, true] {
            // A short file could be recognized only by its inode, so this case needs a cache that was not
            // copied.
            let place = if bytes.len() < 552 { closed() } else { copied(&original) };
            put(&place.path(), &bytes, in_place);
            is_refused(&place, &format!("{what}, in place: {in_place}"));
        }
    }
    // A cut database that is too short to show its owner is refused, because its inode is not that of the
    // cache file.
    for len in STUMPS {
        let place = closed();
        put(&place.path(), &other_database()[..usize::try_from(len).unwrap()], false);
        is_refused(&place, &format!("a database cut to {len}"));
    }
}

#[test]
fn contract_5_a_stranger_is_refused_after_ours_was_moved_aside() {
    let original = closed();
    for (what, bytes) in strangers().into_iter().step_by(5) {
        let place = copied(&original);
        let len = fs::metadata(place.path()).unwrap().len();
        cut(&place.path(), len / 2);
        // The damaged file is moved aside. With `is_crash`, the old lock is restored, as if the process had
        // crashed before it changed the lock.
        let lock = fs::read(beside(&place.path(), ".lock")).unwrap();
        open(&place).unwrap().close().unwrap();
        for is_crash in [false, true] {
            if is_crash {
                fs::write(beside(&place.path(), ".lock"), &lock).unwrap();
            }
            put(&place.path(), &bytes, false);
            is_refused(&place, &format!("{what}, after a crash: {is_crash}"));
        }
    }
}

#[test]
fn contract_5_another_caches_file_is_not_ours_by_what_ours_left() {
    let (ours, other) = (closed(), closed());
    let whole = fs::read(other.path()).unwrap();
    let mut refused = 0;
    for len in lengths(whole.len() as u64, &mut Random::new(10)).into_iter().chain(STUMPS) {
        let bytes = &whole[..usize::try_from(len).unwrap()];
        // The table name is enough evidence that the file is larder's.
        if bytes.windows(MARKER.len()).any(|part| part == MARKER) {
            continue;
        }
        let place = if STUMPS.contains(&len) { closed() } else { copied(&ours) };
        put(&place.path(), bytes, false);
        is_refused(&place, &format!("another cache's file, cut to {len}"));
        refused += 1;
    }
    assert!(refused > 10, "{refused}");
    // The cache accepts a whole file of larder, and then recognizes it after a cut.
    let place = closed();
    put(&place.path(), &whole, false);
    open(&place).unwrap().close().unwrap();
    cut(&place.path(), 600);
    is_quarantined(&place, "a file that was put here whole, opened, and cut");
}

#[test]
fn the_lock_file_of_a_closed_cache_names_its_file_and_no_process() {
    let place = closed();
    let left = fs::read_to_string(beside(&place.path(), ".lock")).unwrap();
    let identity = Inspector::open(place.path()).unwrap().snapshot().unwrap().file().identity.unwrap();
    assert!(left.starts_with(&format!("\nfile={identity}\n")), "{left:?}");
    let cache = open(&place).unwrap();
    let held = fs::read_to_string(beside(&place.path(), ".lock")).unwrap();
    assert!(held.starts_with(&std::process::id().to_string()) && held.contains(&format!("file={identity}")));
    drop(cache);
}
