//! Contract 2: an entry expires at its expiry, for each kind of TTL. TTLs and settings that are not valid
//! are refused.

use std::sync::Arc;
use std::time::Duration;

use larder::clock::{Clock, ManualClock};
use larder::{
    ByteSize, Cache, Change, Durability, Error, Follower, InsertOptions, KeyspaceDefinition, Load, MAX_TTL,
    Remaining, Timestamp, Ttl,
};

use crate::support::{HOUR, NAMES, Place};

const FOREVER: KeyspaceDefinition<String, String> = KeyspaceDefinition::new("forever").never_expires();
const KEPT: KeyspaceDefinition<String, String> =
    KeyspaceDefinition::new("kept").never_expires().memory_only();
const MINUTE: Duration = Duration::from_mins(1);

fn with(ttl: impl Into<Ttl>) -> InsertOptions {
    InsertOptions::new().ttl(ttl)
}

fn text(text: &str) -> String {
    text.to_owned()
}

#[test]
fn contract_2_an_entry_that_never_expires_outlives_every_other_and_a_restart() {
    let place = Place::new();
    let cache = place.open();
    let names = cache.keyspace(NAMES).unwrap();
    let (forever, kept) = (cache.keyspace(FOREVER).unwrap(), cache.keyspace(KEPT).unwrap());
    names.insert_with("never", text("a"), with(Ttl::Never)).unwrap();
    names.insert_with("longest", text("b"), with(MAX_TTL)).unwrap();
    forever.insert("default", text("c")).unwrap();
    forever.insert_with("hour", text("d"), with(HOUR)).unwrap();
    kept.insert("default", text("e")).unwrap();
    let ttls = || [forever.ttl("default"), kept.ttl("default"), names.ttl("never")];
    assert_eq!(ttls(), [Some(Remaining::Never); 3]);
    cache.flush().unwrap();
    place.clock.advance(20 * MAX_TTL);
    cache.sweep().unwrap();
    assert_eq!(ttls(), [Some(Remaining::Never); 3]);
    assert_eq!((names.count(), forever.count(), kept.count()), (1, 1, 1));
    let follower = Follower::open_with_clock(place.path(), place.clock.clone()).unwrap();
    assert_eq!(follower.keyspace(NAMES).ttl("never").unwrap(), Some(Remaining::Never));
    drop((names, forever, kept));
    cache.close().unwrap();
    let cache = place.open();
    let names = cache.keyspace(NAMES).unwrap();
    cache.sweep().unwrap();
    assert_eq!(
        (names.get("never").as_deref(), names.ttl("never")),
        (Some(&text("a")), Some(Remaining::Never))
    );
    // An entry that never expires can be removed like any other entry.
    assert!(names.remove("never").unwrap() && cache.keyspace(FOREVER).unwrap().remove("default").unwrap());
    cache.close().unwrap();
}

#[test]
fn contract_2_an_entry_that_never_expires_is_evicted_in_the_order_of_writing() {
    const BLOBS: KeyspaceDefinition<u64, Vec<u8>> = KeyspaceDefinition::new("blob").never_expires();
    let place = Place::new();
    let cache =
        place.builder().disk_capacity(ByteSize::mib(1)).memory_capacity(ByteSize::kib(64)).open().unwrap();
    let blobs = cache.keyspace(BLOBS).unwrap();
    // The entries are written in descending order of their keys.
    for key in (0..800_u64).rev() {
        blobs.insert(&key, vec![7; 4_000]).unwrap();
        place.clock.advance(Duration::from_millis(10));
        if key.is_multiple_of(20) {
            cache.flush().unwrap();
        }
    }
    let oldest = (700..800).filter(|key| blobs.contains_key(key)).count();
    let newest = (0..50).filter(|key| blobs.contains_key(key)).count();
    assert!(newest > 40 && oldest < 10, "{oldest} old and {newest} new entries are left");
}

#[test]
fn contract_2_a_time_to_expire_at_is_kept_and_one_that_has_come_removes() {
    let place = Place::new();
    let cache = place.open();
    let names = cache.keyspace(NAMES).unwrap();
    let now = place.clock.wall();
    names.insert_with("until", text("a"), with(now.after(MINUTE))).unwrap();
    names.insert_with("gone", text("b"), with(Ttl::Never).durability(Durability::Immediate)).unwrap();
    names.insert_with("gone", text("c"), with(now)).unwrap();
    assert_eq!((names.get("gone"), names.ttl("until")), (None, Some(MINUTE.into())));
    assert!(names.touch_with("until", now.after(2 * MINUTE)).unwrap());
    assert_eq!(names.ttl("until"), Some((2 * MINUTE).into()));
    place.clock.advance(MINUTE);
    assert!(names.touch_with("until", now.after(MINUTE)).unwrap(), "it was there, and is removed");
    assert!(!names.touch_with("until", now.after(HOUR)).unwrap());
    assert_eq!(names.count(), 0);
    // The copy of the file has the content that a crash would leave, so the removals must be durable.
    let crashed = Place::new();
    std::fs::copy(place.path(), crashed.path()).unwrap();
    assert!(crashed.open().keyspace(NAMES).unwrap().is_empty());
}

#[test]
fn contract_2_a_ttl_that_is_kept_is_that_of_the_entry_before() {
    let place = Place::new();
    let cache = place.open();
    let names = cache.keyspace(NAMES).unwrap();
    names.insert_with("new", text("a"), with(Ttl::Keep)).unwrap();
    assert_eq!(names.ttl("new"), Some(HOUR.into()), "there was none to keep");
    names.insert_with("short", text("b"), with(MINUTE)).unwrap();
    names.insert_with("never", text("c"), with(Ttl::Never)).unwrap();
    for _ in 0..2 {
        place.clock.advance(MINUTE / 4);
        names.insert_with("short", text("d"), with(Ttl::Keep)).unwrap();
        names.insert_with("never", text("d"), with(Ttl::Keep)).unwrap();
        assert!(names.touch_with("short", Ttl::Keep).unwrap());
        // In the next round, the entries are on disk.
        cache.flush().unwrap();
    }
    assert_eq!(names.ttl("short"), Some((MINUTE / 2).into()));
    assert_eq!(
        (names.ttl("never"), names.get("never").as_deref()),
        (Some(Remaining::Never), Some(&text("d")))
    );
    place.clock.advance(MINUTE / 2);
    names.insert_with("short", text("e"), with(Ttl::Keep)).unwrap();
    assert_eq!(names.ttl("short"), Some(HOUR.into()), "an expired entry has no TTL to keep");
    assert!(names.touch_with("short", Ttl::Never).unwrap() && names.touch("never").unwrap());
    assert_eq!((names.ttl("short"), names.ttl("never")), (Some(Remaining::Never), Some(HOUR.into())));
}

#[test]
fn contract_2_a_ttl_out_of_range_is_refused_and_changes_nothing() {
    let place = Place::new();
    let cache = place.open();
    let names = cache.keyspace(NAMES).unwrap();
    names.insert("name", text("a")).unwrap();
    let too_late = place.clock.wall().after(MAX_TTL + MINUTE);
    for ttl in
        [Ttl::For(Duration::ZERO), Ttl::For(2 * MAX_TTL), Ttl::Until(too_late), Ttl::Until(Timestamp::NEVER)]
    {
        let refused =
            [names.insert_with("name", text("b"), with(ttl)).map(|()| true), names.touch_with("name", ttl)];
        for refused in refused {
            assert!(
                matches!(refused, Err(Error::InvalidSetting { setting: "ttl", .. })),
                "{ttl:?} {refused:?}"
            );
        }
    }
    assert_eq!((names.get("name").as_deref(), names.ttl("name")), (Some(&text("a")), Some(HOUR.into())));
}

#[test]
fn contract_2_no_write_gives_an_entry_more_life_than_max_age() {
    const COUNTS: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("count").ttl(MINUTE);
    const CAPPED: KeyspaceDefinition<u64, u64> = COUNTS.max_age(HOUR);
    let place = Place::new();
    let cache = place.open();
    let (free, counts) = (cache.keyspace(COUNTS).unwrap(), cache.keyspace(CAPPED).unwrap());
    let left = || counts.ttl(1).and_then(Remaining::duration);
    let later = place.clock.wall().after(2 * HOUR);
    for ttl in [Ttl::Never, Ttl::For(2 * HOUR), Ttl::Until(later)] {
        type Write<'a> = &'a dyn Fn(Ttl);
        let writes: [Write<'_>; 5] = [
            &|ttl| counts.insert_with(1, 1, with(ttl)).unwrap(),
            &|ttl| counts.insert_many_with([(1, 1)], with(ttl)).unwrap(),
            &|ttl| assert!(counts.touch_with(1, ttl).unwrap()),
            &|ttl| _ = counts.modify(1, |_, _| Change::insert_for(1_u64, ttl)).unwrap(),
            &|ttl| {
                counts.remove(1).unwrap();
                let load = |_| Ok::<_, ()>(Load::CacheFor(Arc::new(1), ttl));
                counts.get_or_load_with(1, load).unwrap();
            },
        ];
        for (number, write) in writes.iter().enumerate() {
            write(ttl);
            assert_eq!(left(), Some(HOUR), "{ttl:?}, {number}");
            cache.flush().unwrap();
        }
    }
    assert!(counts.persist(1).unwrap());
    assert_eq!(left(), Some(HOUR));
    counts.insert(1, 1).unwrap();
    assert_eq!(left(), Some(MINUTE), "a shorter TTL stays");
    // An entry that was written before the limit was set keeps its expiry until the next write or touch.
    let renewals: [fn(&larder::Keyspace<u64, u64>); 3] = [
        |counts| assert!(counts.touch_with(1, Ttl::Keep).unwrap()),
        |counts| counts.insert_with(1, 2, with(Ttl::Keep)).unwrap(),
        |counts| _ = counts.increment(1, 1).unwrap(),
    ];
    for renew in renewals {
        free.insert_with(1, 1, with(Ttl::Never)).unwrap();
        assert_eq!(counts.ttl(1), Some(Remaining::Never));
        renew(&counts);
        assert_eq!(left(), Some(HOUR));
    }
}

#[test]
fn contract_2_a_max_age_that_contradicts_the_ttl_is_refused() {
    let place = Place::new();
    let cache = place.open();
    let plain = || KeyspaceDefinition::<u64, u64>::new("wrong");
    for (definition, error) in [
        (plain().max_age(HOUR), "max_age is 3600s; it may not be shorter than the ttl, which is 86400s"),
        (plain().never_expires().max_age(HOUR), "max_age is 3600s; it contradicts never_expires"),
        (plain().max_age(Duration::ZERO), "max_age is 0ns; it may be from 1ms to 316224000s"),
        (plain().max_age(2 * MAX_TTL), "max_age is 632448000s; it may be from 1ms to 316224000s"),
        (
            plain().ttl(HOUR).max_age(HOUR).absent_ttl(2 * HOUR),
            "absent_ttl is 7200s; it may not be longer than the max_age, which is 3600s",
        ),
    ] {
        assert_eq!(cache.keyspace(definition).unwrap_err().to_string(), error);
    }
    cache.keyspace(plain().ttl(HOUR).max_age(HOUR).absent_ttl(HOUR)).unwrap();
}

#[test]
fn contract_2_a_jitter_only_shortens_and_spreads_the_expiries() {
    const TTL: Duration = Duration::from_secs(10);
    const KEYS: u64 = 10_000;
    let clock = Arc::new(ManualClock::new());
    let cache = Cache::builder().clock(clock).open().unwrap();
    let spread = cache.keyspace(KeyspaceDefinition::<u64, u64>::new("spread").ttl(TTL).jitter(50)).unwrap();
    let together: Vec<_> = (0..KEYS / 2).map(|key| (key, key)).collect();
    for group in together.chunks(500) {
        spread.insert_many(group.iter().copied()).unwrap();
    }
    for key in KEYS / 2..KEYS {
        spread.insert(key, key).unwrap();
    }
    // Number of keys that expire in each 100 ms. The expiries spread over 50 such intervals, so an even share
    // is 200 keys.
    let mut expiries = [0_u64; 101];
    for key in 0..KEYS {
        let left = spread.ttl(key).and_then(Remaining::duration).unwrap();
        assert!(left >= TTL / 2 && left <= TTL, "{left:?}");
        expiries[usize::try_from(left.as_millis() / 100).unwrap()] += 1;
    }
    assert!(expiries.iter().all(|expiries| *expiries <= 400), "{expiries:?}");
    spread.insert_with(1, 1, InsertOptions::new().ttl(Ttl::Never)).unwrap();
    assert_eq!(spread.ttl(1), Some(Remaining::Never));
    let error = cache.keyspace(KeyspaceDefinition::<u64, u64>::new("wrong").jitter(101)).unwrap_err();
    assert_eq!(error.to_string(), "jitter is 101 %; it may be from 0 % to 100 %");
}
