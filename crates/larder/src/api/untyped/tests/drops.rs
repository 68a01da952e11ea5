//! Tests of dropped values: which thread drops a value that the application replaces during a lookup, and a
//! `Drop` that panics.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Sender, channel};
use std::thread::{ThreadId, current};

use serde::{Deserialize, Serialize, Serializer};

use super::*;

thread_local! {
    /// Runs in the next `Serialize` of a value on this thread.
    static WHILE_ENCODING: RefCell<Option<Box<dyn FnOnce()>>> = RefCell::default();
    /// Whether the `Drop` of the next [`Fragile`] that this thread decodes panics.
    static ARMS_DECODED: Cell<bool> = const { Cell::new(false) };
}

#[derive(Debug, Deserialize)]
#[serde(from = "u64")]
struct TellsDrop {
    number: u64,
    /// Gets the id of the thread that drops the value.
    dropped: Option<Sender<ThreadId>>,
}

impl From<u64> for TellsDrop {
    fn from(number: u64) -> Self {
        Self { number, dropped: None }
    }
}

impl Serialize for TellsDrop {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(run) = WHILE_ENCODING.take() {
            run();
        }
        serializer.serialize_u64(self.number)
    }
}

impl Drop for TellsDrop {
    fn drop(&mut self) {
        if let Some(dropped) = self.dropped.take() {
            dropped.send(current().id()).unwrap();
        }
    }
}

#[test]
fn an_event_loop_that_has_the_last_handle_of_a_value_does_not_drop_it() {
    const TOLD: KeyspaceDefinition<String, TellsDrop> =
        KeyspaceDefinition::new("told").memory_only().never_expires();
    let cache = Cache::builder().open().unwrap();
    let told = cache.keyspace(TOLD).unwrap();
    let untyped = pinned(&cache, "told");
    for panics in [false, true] {
        let (sender, dropped) = channel();
        told.insert("MTN", TellsDrop { number: 7, dropped: Some(sender) }).unwrap();
        let replacing = told.clone();
        let replace = move || {
            replacing.insert("MTN", TellsDrop::from(8)).unwrap();
            assert!(!panics, "planned");
        };
        WHILE_ENCODING.set(Some(Box::new(replace)));
        let found = catch_unwind(AssertUnwindSafe(|| untyped.try_get(&text("MTN"), 9).unwrap()));
        assert_eq!(found.ok(), (!panics).then(|| MemoryLookup::Found(vec![7])));
        let dropped_by = dropped.recv_timeout(Duration::from_mins(1)).expect("it is dropped");
        assert_ne!(dropped_by, current().id());
    }
    assert_eq!(untyped.try_get(&text("MTN"), 9).unwrap(), MemoryLookup::Found(vec![8]));
}

#[derive(Debug, Serialize, Deserialize)]
struct Fragile {
    number: u64,
    #[serde(skip, default = "arms_decoded")]
    is_armed: bool,
}

fn arms_decoded() -> bool {
    ARMS_DECODED.take()
}

impl Drop for Fragile {
    fn drop(&mut self) {
        assert!(!self.is_armed, "planned");
    }
}

/// The call has the only handle of the value, because memory does not have the entry.
#[test]
fn a_value_on_disk_whose_drop_panics_is_read_and_removed() {
    const FRAGILE: KeyspaceDefinition<String, Fragile> = KeyspaceDefinition::new("fragile");
    let disk = SimulatedVolume::new();
    let open = || Cache::builder().path("/cache/shop.larder").volume(&disk).open().unwrap();
    let cache = open();
    cache.keyspace(FRAGILE).unwrap().insert("MTN", Fragile { number: 7, is_armed: false }).unwrap();
    cache.close().unwrap();
    let cache = open();
    let _fragile = cache.keyspace(FRAGILE).unwrap();
    let untyped = pinned(&cache, "fragile");
    ARMS_DECODED.set(true);
    assert!(untyped.get(&text("MTN")).unwrap().is_some());
    assert!(!ARMS_DECODED.replace(true), "the value was decoded");
    assert!(untyped.shorten(&text("MTN"), Timestamp::from_millis(1)).unwrap() == Shortened::Done);
    assert!(!ARMS_DECODED.take(), "the value was decoded again");
}
