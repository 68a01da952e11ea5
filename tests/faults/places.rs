//! Tests of cache files in several kinds of directories and file systems, with the permissions and limits
//! that apply there.
//!
//! In some tests, a child process mounts a real file system in its own mount namespace, if it is allowed to
//! (as root). Otherwise these tests print that they are left out.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use larder::admin::Admin;
use larder::testing::{DiskOperation, Failure};
use larder::{ByteSize, Cache, DiskState, Error, Event, Follower, MAX_LENGTH_PER_CAPACITY};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::support::child::{Worker, say};
use crate::support::simulated::{PATH, SimulatedPlace, disk_of, state_of};
use crate::support::{BLOBS, NAMES, Place};

/// Maximum length of a file under the limit of these tests, in bytes.
const LIMIT: u64 = 16 << 20;
/// The unit of `ulimit -f`, in bytes.
const BLOCK: u64 = 512;

/// Lowers the maximum length of files that this process may write. larder refuses a write beyond the limit by
/// itself, so the process gets no signal for it.
pub(crate) fn lower_file_size_limit(bytes: u64) {
    let maximum = getrlimit(Resource::Fsize).maximum;
    setrlimit(Resource::Fsize, Rlimit { current: Some(bytes), maximum }).unwrap();
}

#[test]
fn contract_6_a_limit_on_the_length_of_files_bounds_the_file_and_ends_no_process() {
    let place = Place::new();
    let blocks = u32::try_from(LIMIT / BLOCK).unwrap();
    let worker = Worker::start_limited("limited", &place.path(), blocks);
    let (said, status) = worker.wait();
    assert!(status.success(), "{status}: {said:?}");
    assert_eq!(said, ["stayed within it"]);
}

/// Runs in a child process. Writes more bytes than the limit allows for the file.
pub(crate) fn stay_within(path: &Path) -> &'static str {
    let (sender, events) = std::sync::mpsc::channel();
    let listen = move |event: &Event| drop(sender.send(event.clone()));
    let cache =
        Cache::builder().path(path).disk_capacity(ByteSize::mib(512)).on_event(listen).open().unwrap();
    let told = events.recv().unwrap();
    assert!(matches!(&told, Event::DiskLimited { cause } if cause.contains("ulimit -f")), "{told}");
    let capacity = ByteSize::bytes(LIMIT / MAX_LENGTH_PER_CAPACITY);
    assert_eq!(cache.stats().disk.unwrap().capacity, capacity);
    let blobs = cache.keyspace(BLOBS).unwrap();
    for key in 0..1_000 {
        blobs.insert(&key, vec![7; 50_000]).unwrap();
        if key % 20 == 0 {
            cache.flush().unwrap();
        }
    }
    assert_eq!(cache.stats().disk.unwrap().state, DiskState::On);
    assert!(cache.stats().disk.unwrap().evictions > 0);
    assert!(fs::metadata(path).unwrap().len() <= LIMIT);
    cache.close().unwrap();
    "stayed within it"
}

#[test]
fn contract_6_a_limit_that_leaves_no_room_for_a_file_is_an_error_with_the_way_out() {
    let place = Place::new();
    let (said, status) = Worker::start_limited("refused", &place.path(), 100).wait();
    assert!(status.success(), "{status}: {said:?}");
    assert!(said[0].contains("ulimit -f") && said[0].contains("raise that limit"), "{said:?}");
    assert!(!place.path().exists());
}

/// Runs in a child process. Reports the error with which the cache fails to open, or that it was opened.
pub(crate) fn say_the_refusal(path: &Path) {
    match Cache::builder().path(path).open() {
        Ok(cache) => {
            cache.close().unwrap();
            say("it was opened");
        }
        Err(error) => say(&error.to_string()),
    }
}

/// Runs in a child process. Compacts a file, and reports the result.
pub(crate) fn say_the_compaction(path: &Path) {
    let mut admin = Admin::open(path).unwrap();
    let compacted = admin.compact(&mut || true);
    admin.close().unwrap();
    say(&compacted.map_or_else(|error| error.to_string(), |done| format!("it was compacted: {done:?}")));
}

/// Runs in a child process. Reports the name that a follower of the file finds.
pub(crate) fn say_the_followed_name(path: &Path) {
    let found = Follower::open(path).and_then(|follower| follower.keyspace(NAMES).get("key"));
    say(&found.map_or_else(|error| error.to_string(), |name| format!("found {name:?}")));
}

/// Runs a command as root in a new mount namespace, and then opens a cache in a child. Returns the report of
/// the child, or `None` if mounting is not allowed.
fn refusal_after(command: &str, path: &Path) -> Option<String> {
    said_after(command, "refused", path)
}

/// Runs a command in a new mount namespace, and then a task in a child. Returns the report of the child, or
/// `None` if mounting is not allowed.
fn said_after(command: &str, task: &str, path: &Path) -> Option<String> {
    let mut may = Command::new("unshare");
    may.args(["-m", "mount", "-t", "tmpfs", "none", "/tmp"]).stdout(Stdio::null()).stderr(Stdio::null());
    if !may.status().is_ok_and(|status| status.success()) {
        eprintln!("left out: this process may mount nothing");
        return None;
    }
    let (said, status) = Worker::start_mounted(task, path, command).wait();
    assert!(status.success(), "{status}: {said:?}");
    Some(said.join("\n"))
}

#[test]
fn a_file_that_is_a_mount_point_is_refused_with_what_to_mount() {
    for is_empty in [true, false] {
        let place = Place::new();
        if is_empty {
            fs::write(place.path(), "").unwrap();
        } else {
            place.open().close().unwrap();
        }
        let before = fs::read(place.path()).unwrap();
        let path = place.path().display().to_string();
        let Some(said) = refusal_after(&format!("mount --bind {path} {path}"), &place.path()) else { return };
        assert!(said.contains("a mount point") && said.contains("mount the directory"), "{said}");
        assert!(fs::read(place.path()).unwrap() == before, "it was changed");
        assert!(!place.dir().join("shop.larder.larder-new").exists());
        place.open().close().unwrap();
    }
}

#[test]
fn a_full_or_read_only_file_system_is_an_error_with_the_way_out() {
    let place = Place::new();
    let directory = place.dir().display().to_string();
    let full = format!("mount -t tmpfs -o size=40k none {directory}");
    let Some(said) = refusal_after(&full, &place.path()) else { return };
    assert!(said.contains("the disk is full") && said.contains("free some room"), "{said}");
    let read_only = format!("mount -t tmpfs -o ro none {directory}");
    let said = refusal_after(&read_only, &place.path()).unwrap();
    assert!(said.contains("ead-only") && said.contains("Follower"), "{said}");
    let fits = format!("mount -t tmpfs -o size=4m none {directory}");
    assert_eq!(refusal_after(&fits, &place.path()).unwrap(), "it was opened");
}

#[test]
fn a_follower_reads_a_file_on_a_read_only_file_system() {
    let place = Place::new();
    let cache = Cache::builder().path(place.path()).open().unwrap();
    cache.keyspace(NAMES).unwrap().insert("key", "value".to_owned()).unwrap();
    cache.close().unwrap();
    let directory = place.dir().display();
    let read_only = format!("mount --bind {directory} {directory} && mount -o remount,bind,ro {directory}");
    let Some(said) = refusal_after(&read_only, &place.path()) else { return };
    assert!(said.contains("ead-only"), "the file system can be written to: {said}");
    assert_eq!(said_after(&read_only, "read", &place.path()).unwrap(), "found Some(\"value\")");
}

#[test]
fn a_full_disk_without_a_file_is_an_error_with_the_way_out_and_the_ballast_makes_room() {
    let place = SimulatedPlace::new();
    place.disk.set_capacity(Some(20 << 10));
    let refused = place.builder().open().unwrap_err();
    assert!(
        matches!(refused, Error::Io { .. }) && refused.to_string().contains("free some room"),
        "{refused}"
    );
    let left = place.disk.files();
    assert!(left.iter().all(|file| file.to_string_lossy().ends_with(".lock")), "{left:?}");
    place.disk.set_capacity(None);
    place.open().close().unwrap();
    // The cache file is gone, the ballast is still there, and other files fill the rest of the disk.
    place.disk.unlink(PATH);
    assert!(place.disk.files().iter().any(|file| file.to_string_lossy().ends_with(".ballast")));
    place.disk.set_capacity(Some(place.disk.used()));
    let cache = place.open();
    let names = cache.keyspace(NAMES).unwrap();
    names.insert("key", "value".to_owned()).unwrap();
    cache.flush().unwrap();
    assert_eq!(state_of(&cache), DiskState::On);
}

#[test]
fn a_full_disk_with_a_file_that_a_crash_left_opens_by_the_ballast_or_names_the_way_out() {
    let place = SimulatedPlace::new();
    let cache = place.open();
    let names = cache.keyspace(NAMES).unwrap();
    for key in 0..500 {
        names.insert(&key.to_string(), "x".repeat(300)).unwrap();
    }
    cache.flush().unwrap();
    for has_ballast in [true, false] {
        let crashed = place.moved_to(place.disk.copy());
        if !has_ballast {
            crashed.disk.unlink(format!("{PATH}.ballast"));
        }
        crashed.disk.set_capacity(Some(crashed.disk.used()));
        match crashed.builder().open() {
            Ok(cache) => assert!(cache.keyspace(NAMES).unwrap().get("7").is_some()),
            Err(error) if !has_ballast => assert!(error.to_string().contains("free some room"), "{error}"),
            Err(error) => panic!("the ballast made no room: {error}"),
        }
        crashed.disk.set_capacity(None);
        assert!(
            crashed.open().keyspace(NAMES).unwrap().get("7").is_some(),
            "the failed attempts lost nothing"
        );
    }
}

#[test]
fn a_directory_that_cannot_be_synced_is_told_once_and_costs_no_outage() {
    let place = SimulatedPlace::new();
    place.disk.fail_every(&[DiskOperation::SyncDirectory], Failure::Unsupported);
    let cache = place.open();
    let names = cache.keyspace(NAMES).unwrap();
    names.insert("key", "value".to_owned()).unwrap();
    cache.flush().unwrap();
    let told = place.wait_for_events(1);
    assert!(
        matches!(&told[..], [Event::DiskLimited { cause }] if cause.contains("loss of power")),
        "{told:?}"
    );
    // A damaged file is moved aside and replaced, although the directory can't be synced.
    place.disk.write(PATH, &[0; 100]);
    drop(cache.verify());
    assert!(names.remove("key").is_ok() && names.get("key").is_none());
    assert_eq!((state_of(&cache), disk_of(&cache).quarantines), (DiskState::On, 1));
    cache.close().unwrap();
}

#[test]
fn a_compaction_without_room_for_the_copy_says_how_much_it_takes_and_changes_nothing() {
    let place = Place::new();
    // All entries are committed together. Commits at other moments would leave other free pages in the file,
    // and with many of them there is room for the copy.
    let cache = Cache::builder().path(place.path()).stepped(1).open().unwrap();
    let blobs = cache.keyspace(BLOBS).unwrap();
    for key in 0..100 {
        blobs.insert(&key, vec![7; 9_000]).unwrap();
    }
    cache.close().unwrap();
    fs::remove_file(place.dir().join("shop.larder.ballast")).unwrap();
    let (path, there) = (place.path().display().to_string(), place.dir().display().to_string());
    // The file system has room for this file and 200 KiB. Opening the file needs some of that room.
    let size = (fs::metadata(place.path()).unwrap().len() >> 10) + 200;
    let mount = format!(
        "mkdir {there}/full && mount -t tmpfs -o size={size}k none {there}/full && cp {path} {there}/full"
    );
    let moved = place.dir().join("full/shop.larder");
    let Some(said) = said_after(&mount, "compact", &moved) else { return };
    assert!(said.contains("cannot compact") && said.contains("free so much room"), "{said}");
    fs::remove_dir_all(place.dir().join("full")).unwrap();
    let mount = mount.replace(&format!("size={size}k"), "size=64m");
    let said = said_after(&mount, "compact", &moved).unwrap();
    assert!(said.contains("it was compacted"), "{said}");
}
