//! Tests of a time to idle in combination with commits (contract 2), early expiration, and an import.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use larder::clock::ManualClock;
use larder::{
    ByteSize, Cache, EncodeKey, Follower, KeyWriter, Keyspace, KeyspaceDefinition, Load, LoadPolicy,
    Remaining,
};
use serde::{Deserialize, Deserializer, Serialize};

use crate::support::simulated::wait_until;
use crate::support::{HOUR, Place};

const IDLE: Duration = Duration::from_mins(8);
/// Maximum time between the last use of an entry and its expiry.
const LIFE: Duration = Duration::from_mins(9);

thread_local! {
    /// A function that runs once, when this thread decodes a [`Decoded`].
    static WHILE_DECODED: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Decoded(u64);

impl<'de> Deserialize<'de> for Decoded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename = "Decoded")]
        struct Plain(u64);
        if let Some(run) = WHILE_DECODED.take() {
            run();
        }
        Plain::deserialize(deserializer).map(|plain| Self(plain.0))
    }
}

#[test]
fn contract_2_a_use_counts_although_a_commit_comes_while_the_entry_is_read_from_disk() {
    type Commit = fn(&Keyspace<u64, Decoded>);
    let sessions: KeyspaceDefinition<u64, Decoded> =
        KeyspaceDefinition::new("session").ttl(HOUR).time_to_idle(IDLE);
    let commits: [(Commit, bool); 3] = [
        (|sessions| sessions.insert(2, Decoded(2)).unwrap(), true),
        (|sessions| sessions.insert(1, Decoded(10)).unwrap(), true),
        (|sessions| assert!(sessions.remove(1).unwrap()), false),
    ];
    for (commit, is_left) in commits {
        let place = Place::new();
        let cache = place.open();
        cache.keyspace(sessions).unwrap().insert(1, Decoded(10)).unwrap();
        cache.close().unwrap();
        let cache = place.open();
        let sessions = cache.keyspace(sessions).unwrap();
        place.clock.advance(Duration::from_mins(7));
        let while_decoded = (cache.clone(), sessions.clone());
        WHILE_DECODED.set(Some(Box::new(move || {
            let (cache, sessions) = while_decoded;
            thread::spawn(move || {
                commit(&sessions);
                cache.flush().unwrap();
            })
            .join()
            .unwrap();
        })));
        let unread = || cache.stats().disk.map(|disk| (disk.unstamped_uses, disk.unfound));
        let before = unread();
        assert_eq!(sessions.get(1).as_deref(), Some(&Decoded(10)));
        assert_eq!(unread(), before, "a use of an entry that was removed meanwhile is not a lost use");
        let left = sessions.ttl(1).and_then(Remaining::duration);
        assert_eq!(left, is_left.then_some(LIFE));
        cache.close().unwrap();
    }
}

#[test]
fn contract_2_a_large_removal_counts_entries_that_live_by_a_use_alone() {
    let place = Place::new();
    let cache = place.builder().memory_capacity(ByteSize::kib(64)).range_rows(1).open().unwrap();
    let blobs: KeyspaceDefinition<u64, Vec<u8>> =
        KeyspaceDefinition::new("blob").ttl(HOUR).time_to_idle(IDLE);
    let blobs = cache.keyspace(blobs).unwrap();
    // These values are too large for memory, so they are on disk only.
    for key in 0..3 {
        blobs.insert(key, vec![7; 100_000]).unwrap();
    }
    cache.flush().unwrap();
    place.clock.advance(Duration::from_mins(7));
    assert!(blobs.get(0).is_some() && blobs.get(1).is_some());
    place.clock.advance(Duration::from_mins(5));
    assert!(blobs.peek(2).is_none(), "it was not used");
    assert_eq!(blobs.clear().unwrap(), 2);
}

/// Early expiration depends only on the TTL, because an entry in use does not expire by its time to idle.
#[test]
fn early_expiration_goes_by_the_ttl_of_an_entry_in_use() {
    let clock = Arc::new(ManualClock::new());
    let cache = Cache::builder().clock(clock.clone()).stepped(7).open().unwrap();
    let sessions: KeyspaceDefinition<u64, u64> =
        KeyspaceDefinition::new("session").ttl(HOUR).time_to_idle(IDLE);
    let sessions = cache.keyspace(sessions).unwrap();
    let of_loader = clock.clone();
    let loader = move |_: &u64, _: Option<Arc<u64>>| {
        of_loader.advance(Duration::from_mins(3));
        Ok::<_, ()>(Load::Cache(Arc::new(10)))
    };
    let loading = sessions.with_loader(LoadPolicy::new().early_expiration(1.0), loader).unwrap();
    let lookups_until_a_refresh = || {
        (1..=1_000).find(|_| {
            assert_eq!(loading.get(1).unwrap().value.as_deref(), Some(&10));
            loading.keyspace().stats().refreshes > 0
        })
    };
    assert_eq!(lookups_until_a_refresh(), None, "P = e^-20, and by its time to idle e^-3");
    clock.advance(Duration::from_mins(7));
    assert_eq!(lookups_until_a_refresh(), None, "P = e^-17, and by its time to idle e^-3");
    for _ in 0..8 {
        clock.advance(Duration::from_mins(6));
        let _ = loading.get(1).unwrap();
    }
    let lookups = lookups_until_a_refresh();
    assert!(loading.keyspace().stats().refreshes > 0, "P = e^-1.7: {lookups:?}");
    cache.close().unwrap();
}

#[test]
fn contract_2_every_use_reaches_the_disk_without_a_flush() {
    const SESSIONS: u64 = 1_000;
    let sessions = KeyspaceDefinition::<u64, u64>::new("session").ttl(HOUR).time_to_idle(IDLE);
    for capacity in [ByteSize::mib(256), ByteSize::mib(4)] {
        let place = Place::new();
        let cache = place.builder().disk_capacity(capacity).open().unwrap();
        let users = cache.keyspace(sessions).unwrap();
        for key in 0..SESSIONS {
            users.insert(key, key).unwrap();
        }
        cache.flush().unwrap();
        place.clock.advance(Duration::from_mins(5));
        assert!((0..SESSIONS).all(|key| users.get(key).is_some()));
        // The sweep starts a series of commits, which write the stamps.
        cache.sweep().unwrap();
        wait_until("every use is on disk", || {
            let follower = Follower::open_with_clock(place.path(), place.clock.clone()).unwrap();
            let on_disk = follower.keyspace(sessions);
            (0..SESSIONS).all(|key| on_disk.ttl(&key).unwrap() == Some(LIFE.into()))
        });
    }
}

/// A form of a key that counts how often it is written.
struct Counted(u64, Cell<u32>);

impl EncodeKey<u64> for Counted {
    fn encode(&self, out: &mut KeyWriter) {
        self.1.set(self.1.get() + 1);
        out.u64(self.0);
    }
}

#[test]
fn a_hit_encodes_its_key_only_if_it_extends_the_life_of_the_entry() {
    let place = Place::new();
    let cache = place.open();
    let users = cache.keyspace(KeyspaceDefinition::<u64, u64>::new("user").time_to_idle(IDLE)).unwrap();
    users.insert(1, 10).unwrap();
    let key = Counted(1, Cell::new(0));
    for _ in 0..3 {
        assert!(users.get(&key).is_some());
        assert_eq!(key.1.take(), 2, "the key is hashed and compared");
    }
    place.clock.advance(LIFE / 2);
    assert!(users.get(&key).is_some());
    assert_eq!(key.1.take(), 3, "the key is also encoded");
    assert_eq!(users.ttl(1), Some(Remaining::For(LIFE)));
}

/// The entry is on disk only. Its loader fails, so the refresh itself does not renew the entry.
#[test]
fn a_refresh_of_an_entry_that_memory_lacks_is_no_use_of_it() {
    const MINUTE: Duration = Duration::from_mins(1);
    const USERS: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("user").ttl(HOUR).time_to_idle(IDLE);
    let place = Place::new();
    let cache = place.open();
    cache.keyspace(USERS).unwrap().insert(1, 10).unwrap();
    cache.close().unwrap();
    let cache = place.open();
    let users = cache.keyspace(USERS).unwrap();
    let loading = users.with_loader(LoadPolicy::new(), |_: &u64, _| Err::<Load<u64>, ()>(())).unwrap();
    place.clock.advance(7 * MINUTE);
    let left = || users.ttl(1).and_then(Remaining::duration);
    let before = left();
    assert!(before < Some(3 * MINUTE), "{before:?}");
    _ = loading.refresh(1).unwrap();
    assert_eq!(left(), before, "a refresh extends no life");
    assert_eq!(users.get(1).as_deref(), Some(&10));
    assert!(left() > Some(8 * MINUTE), "a lookup extends the life");
}
