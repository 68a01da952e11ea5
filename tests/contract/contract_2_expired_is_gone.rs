//! Contract 2: no lookup returns an entry past its expiry, even if the clock jumps.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use larder::admin::Admin;
use larder::clock::{Clock, ManualClock, SystemClock};
use larder::testing::SimulatedVolume;
use larder::{Cache, Follower, InsertOptions, SweepReport, Timestamp};

use crate::support::{HOUR, NAMES, Place};

const MINUTE: Duration = Duration::from_mins(1);

fn insert(names: &larder::Keyspace<String, String>, key: &str, ttl: Duration) {
    names.insert_with(key, key.to_owned(), InsertOptions::new().ttl(ttl)).unwrap();
}

#[test]
fn contract_2_an_entry_lives_for_its_ttl_in_either_tier_and_not_longer() {
    let place = Place::new();
    let cache = place.open();
    let names = cache.keyspace(NAMES).unwrap();
    insert(&names, "buffered", MINUTE);
    assert_eq!(names.ttl("buffered"), Some(MINUTE.into()));
    insert(&names, "clean", MINUTE);
    cache.flush().unwrap();
    insert(&names, "buffered", MINUTE);
    place.clock.advance(Duration::from_millis(59_999));
    assert!(names.contains_key("buffered") && names.get("clean").is_some());
    assert_eq!(names.ttl("clean"), Some(Duration::from_millis(1).into()));
    place.clock.advance(Duration::from_millis(1));
    for key in ["buffered", "clean"] {
        assert!(names.get(key).is_none() && !names.contains_key(key) && names.ttl(key).is_none(), "{key}");
    }
    assert_eq!(names.count(), 0);
    assert!(!names.remove("clean").unwrap(), "an expired entry is not there to be removed");
}

#[test]
fn contract_2_an_entry_expires_while_the_cache_is_closed() {
    let place = Place::new();
    let cache = place.open();
    insert(&cache.keyspace(NAMES).unwrap(), "short", MINUTE);
    insert(&cache.keyspace(NAMES).unwrap(), "long", HOUR);
    cache.close().unwrap();
    place.clock.advance(2 * MINUTE);
    let cache = place.open();
    let names = cache.keyspace(NAMES).unwrap();
    assert!(names.get("short").is_none());
    assert_eq!(names.ttl("long"), Some((58 * MINUTE).into()));
}

#[test]
fn contract_2_a_clock_set_back_never_prolongs_a_life() {
    let place = Place::new();
    let cache = place.open();
    let names = cache.keyspace(NAMES).unwrap();
    insert(&names, "name", MINUTE);
    place.clock.set_wall(Timestamp::from_millis(0));
    assert_eq!(names.ttl("name"), Some(MINUTE.into()));
    place.clock.advance(MINUTE);
    assert!(names.get("name").is_none());
}

#[test]
fn contract_2_a_clock_set_back_between_two_runs_never_prolongs_a_life() {
    let place = Place::new();
    let start = place.clock.wall();
    let cache = place.open();
    insert(&cache.keyspace(NAMES).unwrap(), "name", 2 * MINUTE);
    place.clock.advance(MINUTE);
    insert(&cache.keyspace(NAMES).unwrap(), "later", HOUR);
    cache.close().unwrap();
    // The clock is set back to the time of the first insert. When the cache was closed, one of the two
    // minutes had passed.
    place.clock.set_wall(start);
    let cache = place.open();
    let names = cache.keyspace(NAMES).unwrap();
    assert_eq!(names.ttl("name"), Some(MINUTE.into()));
    place.clock.advance(MINUTE);
    assert!(names.get("name").is_none());
    assert!(names.get("later").is_some());
}

#[test]
fn contract_2_a_clock_far_behind_the_last_run_drops_everything() {
    let place = Place::new();
    let start = place.clock.wall();
    let cache = place.open();
    let names = cache.keyspace(NAMES).unwrap();
    place.clock.set_wall(start.after(10 * HOUR));
    insert(&names, "name", 20 * HOUR);
    cache.close().unwrap();
    place.clock.set_wall(start);
    let cache = place.open();
    let names = cache.keyspace(NAMES).unwrap();
    assert!(names.get("name").is_none() && names.is_empty());
    assert_eq!(cache.stats().disk.unwrap().recovered_entries, 0);
    insert(&names, "new", MINUTE);
    assert_eq!(names.ttl("new"), Some(MINUTE.into()), "time goes on from the wall clock");
}

#[test]
fn contract_2_a_clock_set_forward_only_causes_misses() {
    let place = Place::new();
    let start = place.clock.wall();
    let cache = place.open();
    let names = cache.keyspace(NAMES).unwrap();
    insert(&names, "old", MINUTE);
    place.clock.set_wall(start.after(HOUR));
    assert!(names.get("old").is_none());
    insert(&names, "new", MINUTE);
    place.clock.set_wall(start);
    assert_eq!(names.ttl("new"), Some(MINUTE.into()), "set back again, the new entry keeps its own life");
}

#[test]
fn contract_2_touching_gives_a_full_life_again() {
    let place = Place::new();
    let cache = place.open();
    let names = cache.keyspace(NAMES).unwrap();
    insert(&names, "clean", MINUTE);
    cache.flush().unwrap();
    insert(&names, "buffered", MINUTE);
    place.clock.advance(MINUTE / 2);
    for key in ["clean", "buffered"] {
        assert!(names.touch(key).unwrap());
        assert_eq!(names.ttl(key), Some(HOUR.into()));
    }
    cache.close().unwrap();
    let cache = place.open();
    let names = cache.keyspace(NAMES).unwrap();
    assert_eq!(names.ttl("clean"), Some(HOUR.into()), "the new life is on disk");
    place.clock.advance(HOUR);
    assert!(!names.touch("clean").unwrap(), "an expired entry can't be touched");
    assert!(names.get("clean").is_none());
}

#[test]
fn contract_2_the_sweeper_deletes_what_expired_and_nothing_else() {
    let place = Place::new();
    let cache = place.open();
    let names = cache.keyspace(NAMES).unwrap();
    for number in 0..2_500 {
        insert(&names, &format!("short {number}"), MINUTE);
        insert(&names, &format!("long {number}"), HOUR);
    }
    // This write extends the life of the entry. The old row in the expiry order must not remove the extended
    // entry.
    insert(&names, "short 7", HOUR);
    cache.flush().unwrap();
    assert_eq!(cache.stats().disk.unwrap().entries, 5_000);
    place.clock.advance(2 * MINUTE);
    // Advancing the clock woke the sweeper, which may have swept before this call.
    let SweepReport { .. } = cache.sweep().unwrap();
    let stats = cache.stats();
    let disk = stats.disk.unwrap();
    assert_eq!((disk.entries, disk.expirations), (2_501, 2_499));
    assert_eq!(stats.memory.entries, 2_501);
    assert_eq!(names.count(), 2_501);
    assert!(names.contains_key("short 7"));
}

/// The clock of a follower may be behind the owner's clock. An entry that had expired at the last commit
/// stays expired.
#[test]
fn contract_2_a_follower_goes_by_the_files_time_where_its_own_clock_is_behind() {
    let place = Place::new();
    let ago = |minutes: u64| Timestamp::from_millis(SystemClock::new().wall().as_millis() - minutes * 60_000);
    place.clock.set_wall(ago(10));
    let cache = place.open();
    let names = cache.keyspace(NAMES).unwrap();
    insert(&names, "short", MINUTE);
    insert(&names, "long", HOUR);
    insert(&names, "removed", HOUR);
    cache.close().unwrap();
    let behind = Arc::new(ManualClock::starting_at(place.clock.wall()));
    let follower = Follower::open_with_clock(place.path(), behind).unwrap().keyspace(NAMES);
    assert_eq!(follower.get("short").unwrap().as_deref(), Some("short"));
    assert_eq!(follower.ttl("long").unwrap(), Some(HOUR.into()));
    // The commit of this removal stores the system's time in the file, and sweeps nothing.
    let mut admin = Admin::open(place.path()).unwrap();
    let key = admin.keyspaces()[0].shape().unwrap().parse_key("removed").unwrap();
    assert!(admin.remove("name", &key).unwrap());
    admin.close().unwrap();
    assert_eq!(follower.get("short").unwrap(), None);
    assert_eq!(follower.ttl("short").unwrap(), None);
    assert_eq!(follower.keys().unwrap(), ["long"]);
    let left = follower.ttl("long").unwrap().unwrap();
    assert!(left <= 50 * MINUTE, "{left:?} are left by the file's time");
}

/// A clock that can be set to any time of its range. Its time changes only when the test sets it.
#[derive(Debug)]
struct Extreme {
    monotonic: Mutex<Duration>,
    wall_ms: AtomicU64,
}

impl Extreme {
    fn advance(&self, by: Duration) {
        let mut monotonic = self.monotonic.lock().unwrap();
        *monotonic = monotonic.saturating_add(by);
        let by = u64::try_from(by.as_millis()).unwrap();
        self.wall_ms.store(self.wall_ms.load(Ordering::SeqCst).saturating_add(by), Ordering::SeqCst);
    }
}

impl Clock for Extreme {
    fn monotonic(&self) -> Duration {
        *self.monotonic.lock().unwrap()
    }

    fn wall(&self) -> Timestamp {
        Timestamp::from_millis(self.wall_ms.load(Ordering::SeqCst))
    }
}

#[test]
fn contract_2_no_clock_makes_an_entry_immortal() {
    let signed_end = i64::MAX.unsigned_abs();
    let walls = [
        0,
        1,
        1_893_456_000_000,
        signed_end - 70_000,
        signed_end - 1,
        signed_end,
        u64::MAX - 70_000,
        u64::MAX - 30_000,
        u64::MAX,
    ];
    let monotonics = [0, signed_end - 1, signed_end, u64::MAX - 30_000, u64::MAX].map(Duration::from_millis);
    let monotonics = monotonics.into_iter().chain([Duration::MAX.saturating_sub(MINUTE), Duration::MAX]);
    for (wall, monotonic) in monotonics.flat_map(|monotonic| walls.map(|wall| (wall, monotonic))) {
        for is_on_disk in [false, true] {
            let (disk, wall_ms) = (SimulatedVolume::new(), AtomicU64::new(wall));
            let clock = Arc::new(Extreme { monotonic: Mutex::new(monotonic), wall_ms });
            let builder = Cache::builder().clock(clock.clone()).shards(1).flush_interval(HOUR);
            let builder = if is_on_disk { builder.path("/shop.larder").volume(&disk) } else { builder };
            let cache = builder.clone().open().unwrap();
            let names = cache.keyspace(NAMES.ttl(MINUTE)).unwrap();
            names.insert("dies", "dies".to_owned()).unwrap();
            cache.flush().unwrap();
            clock.advance(Duration::from_millis(59_999));
            // At the end of the range, time can't advance, and every entry is expired.
            if wall <= u64::MAX - 70_000 {
                assert!(names.contains_key("dies"), "{wall} {monotonic:?}: too soon");
            }
            clock.advance(Duration::from_millis(1));
            let is_gone =
                names.get("dies").is_none() && !names.contains_key("dies") && names.keys().next().is_none();
            assert!(is_gone, "{wall} {monotonic:?}: it outlives its TTL");
            cache.sweep().unwrap();
            let stats = cache.stats();
            assert_eq!(
                stats.memory.entries + stats.disk.map_or(0, |disk| disk.entries),
                0,
                "{wall} {monotonic:?}"
            );
            cache.close().unwrap();
            builder.open().unwrap().close().unwrap();
        }
    }
}
