//! Tests of users and their code during an outage:
//!
//! - A clock that panics on the writer thread.
//! - A listener that calls the cache.
//! - A user who replaces the cache file.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use larder::clock::{Clock, ManualClock};
use larder::testing::{DiskOperation, Failure};
use larder::{Cache, DiskState, Event, Keyspace, MAX_RETRY_DELAY, Timestamp};

use crate::support::NAMES;
use crate::support::simulated::{PATH, SimulatedPlace, disk_of, open_swept, state_of, wait_until};

/// A clock that panics once, on the writer thread.
#[derive(Debug, Default)]
struct PanickingClock {
    time: ManualClock,
    is_armed: AtomicBool,
    /// Whether the payload of the panic is a [`Payload`] instead of a text.
    has_payload: bool,
}

/// The payload of a panic. Its `Drop` panics, too.
struct Payload;

impl Drop for Payload {
    fn drop(&mut self) {
        panic!("planted, in the drop of a payload");
    }
}

impl Clock for PanickingClock {
    fn monotonic(&self) -> Duration {
        let is_writer = std::thread::current().name() == Some("larder-writer");
        if is_writer && self.is_armed.swap(false, Ordering::SeqCst) {
            assert!(self.has_payload, "planted");
            std::panic::panic_any(Payload);
        }
        self.time.monotonic()
    }

    fn wall(&self) -> Timestamp {
        self.time.wall()
    }

    fn on_jump(&self, wake: Box<dyn Fn() + Send + Sync>) {
        self.time.on_jump(wake);
    }
}

#[test]
fn a_writer_that_panics_costs_the_file_and_nothing_else() {
    panic_on_the_writer(PanickingClock::default(), "planted");
}

#[test]
fn a_writer_whose_panic_has_a_payload_that_panics_costs_the_file_and_nothing_else() {
    let clock = PanickingClock { has_payload: true, ..PanickingClock::default() };
    panic_on_the_writer(clock, "without a message");
}

fn panic_on_the_writer(clock: PanickingClock, message: &str) {
    let place = SimulatedPlace::new();
    let clock = Arc::new(clock);
    // With this interval, the writer runs only steps that a call requests. Otherwise the panic could occur in
    // another step.
    let builder = place.builder().flush_interval(Duration::from_hours(1));
    let cache = open_swept(builder.clock(clock.clone()));
    let names = cache.keyspace(NAMES).unwrap();
    names.insert("old", "old".to_owned()).unwrap();
    cache.flush().unwrap();
    names.insert("new", "new".to_owned()).unwrap();
    clock.is_armed.store(true, Ordering::SeqCst);
    assert!(names.remove("old").is_err(), "how much the writer had done is unknown");
    wait_until("the tier is off", || state_of(&cache) == DiskState::Discarded);
    assert!(disk_of(&cache).off.unwrap().contains(&format!("the writer panicked: {message}")));
    assert_eq!((names.get("old"), names.get("new").is_some()), (None, true));
    assert!(!place.disk.files().contains(&PATH.into()));
    assert!(names.remove("new").unwrap());
    clock.time.advance(MAX_RETRY_DELAY);
    assert!(cache.flush().is_err(), "`new` waited when the file went: it is told once");
    cache.flush().unwrap();
    assert_eq!(state_of(&cache), DiskState::On);
    names.insert("late", "late".to_owned()).unwrap();
    cache.close().unwrap();
    let names = place.builder().clock(clock).open().unwrap().keyspace(NAMES).unwrap();
    assert_eq!(names.keys().collect::<Vec<_>>(), ["late"]);
}

/// The cache and the keyspace that a listener uses.
type Handle = Arc<Mutex<Option<(Cache, Keyspace<String, String>)>>>;

#[test]
fn a_listener_may_call_the_cache_and_may_panic() {
    let place = SimulatedPlace::new();
    let handle: Handle = Arc::default();
    let (called, in_listener) = (Arc::new(AtomicU64::new(0)), handle.clone());
    let counted = called.clone();
    let listen = move |event: &Event| {
        let guard = in_listener.lock().unwrap();
        let (cache, names) = guard.as_ref().unwrap();
        drop(names.remove("told"));
        drop(cache.flush());
        drop(cache.stats());
        drop(guard);
        counted.fetch_add(1, Ordering::SeqCst);
        panic!("planted, after {event}");
    };
    let cache = open_swept(place.builder().on_event(listen));
    let names = cache.keyspace(NAMES).unwrap();
    names.insert("told", "committed".to_owned()).unwrap();
    cache.flush().unwrap();
    *handle.lock().unwrap() = Some((cache.clone(), names.clone()));
    place.disk.fail_every(&[DiskOperation::Write, DiskOperation::Sync, DiskOperation::SetLen], Failure::Io);
    names.insert("new", "new".to_owned()).unwrap();
    assert!(cache.flush().is_err());
    // The removal in the listener could not be committed. So the file was discarded, which is the second
    // event.
    wait_until("both events are told", || called.load(Ordering::SeqCst) == 2);
    assert_eq!((state_of(&cache), names.get("told")), (DiskState::Discarded, None));
    place.disk.heal();
    place.clock.advance(MAX_RETRY_DELAY);
    wait_until("the recovery is told", || called.load(Ordering::SeqCst) == 3);
    *handle.lock().unwrap() = None;
    cache.close().unwrap();
}

#[test]
fn another_file_in_the_place_of_a_suspended_one_is_neither_served_nor_touched() {
    let place = SimulatedPlace::new();
    let cache = place.open();
    let names = cache.keyspace(NAMES).unwrap();
    names.insert("old", "older".to_owned()).unwrap();
    cache.flush().unwrap();
    let older = place.disk.read(PATH).unwrap();
    names.insert("old", "newer".to_owned()).unwrap();
    place.disk.fail_every(&DiskOperation::CHANGES, Failure::Io);
    assert!(cache.flush().is_err());
    // The user restores a backup while the disk tier is off.
    place.disk.heal();
    place.disk.unlink(PATH);
    place.disk.write(PATH, &older);
    place.clock.advance(MAX_RETRY_DELAY);
    assert!(cache.flush().is_err());
    assert_eq!(state_of(&cache), DiskState::Suspended);
    assert_eq!(names.get("old").as_deref().map(String::as_str), Some("newer"));
    assert!(names.remove("old").is_err(), "a restart would find it in the file that is not ours to touch");
    assert_eq!(names.get("old"), None);
    assert_eq!(place.disk.read(PATH).unwrap(), older);
}
