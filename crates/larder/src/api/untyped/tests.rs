#[cfg(feature = "async")]
mod begun_removals;
mod drops;
mod replaced;

use std::cell::Cell;
use std::time::Duration;

use super::*;
use crate::api::cache::Cache;
use crate::api::keyspace::definition::KeyspaceDefinition;
use crate::engine::keyspaces::open_keyspace::{MemoryLookup, Shortened};
use crate::format::codec::compression::Compression;
use crate::format::codec::format::Format;
use crate::sys::clock::{Clock, ManualClock};
use crate::testing::remote::RemoteServer;
use crate::testing::{Failure, SimulatedVolume};
use crate::units::Timestamp;

const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");

fn pinned(cache: &Cache, name: &str) -> PinnedKeyspace {
    cache.untyped_keyspace(name).pin().unwrap()
}

/// Returns the encoded key of a text.
fn text(key: &str) -> Vec<u8> {
    "string".parse::<crate::ops::inspect::KeyShape>().unwrap().parse_key(key).unwrap()
}

#[test]
fn a_value_has_the_same_bytes_with_and_without_the_application_in_each_format() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.larder");
    let long = "airtime ".repeat(100);
    let formats = [Format::Bincode, Format::MessagePack, Format::Raw];
    let definition = |format| match format {
        Format::Bincode => KeyspaceDefinition::<String, String>::new("b").compress(Compression::Lz4, 64),
        Format::MessagePack => KeyspaceDefinition::new("m").format(format).version(3),
        Format::Raw => KeyspaceDefinition::new("r").format(format).compress(Compression::Lz4, 64),
    };
    let mut shown = Vec::new();
    for is_open in [true, false] {
        let cache = Cache::builder().path(&path).open().unwrap();
        for format in formats {
            let definition = definition(format);
            if is_open {
                cache.keyspace(definition).unwrap().insert("MTN", long.clone()).unwrap();
            }
            let untyped = pinned(&cache, definition.name());
            let info = untyped.info().unwrap();
            assert_eq!((info.is_open, info.is_memory_only), (is_open, false));
            assert_eq!((info.value_format, info.key_shape.as_str()), (format.code(), "string"));
            assert_eq!(info.version, definition.schema_version());
            shown.push(untyped.get(&text("MTN")).unwrap().unwrap());
            assert_eq!(untyped.get(&text("GLO")).unwrap(), None);
            let max = if is_open { usize::MAX } else { 0 };
            let from_memory = untyped.try_get(&text("MTN"), max).unwrap();
            match from_memory {
                MemoryLookup::Found(value) if is_open => assert_eq!(Some(&value), shown.last()),
                from_memory => assert_eq!((from_memory, is_open), (MemoryLookup::Unknown, false)),
            }
            assert_eq!(untyped.keys_after(None).unwrap().collect::<Vec<_>>(), [text("MTN")]);
            assert_eq!(untyped.keys_after(Some(&text("MTN"))).unwrap().count(), 0);
        }
        assert_eq!(cache.stats().requests(), 0, "a lookup without types is not counted");
        assert!(is_open || cache.stats().memory.entries == 0, "and copies nothing into memory");
        cache.close().unwrap();
    }
    let (open, closed) = shown.split_at(formats.len());
    assert_eq!(open, closed);
    assert_eq!(open[2], long.as_bytes());
}

#[test]
fn a_lookup_in_memory_finds_what_memory_knows_and_stops_at_the_maximum_length() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.larder");
    let words = || (0..100).map(|number| format!("word {number}")).collect::<Vec<_>>();
    let formats = [Format::Bincode, Format::MessagePack];
    let definition = |format| {
        let name = if format == Format::Bincode { "b" } else { "m" };
        KeyspaceDefinition::<String, Vec<String>>::new(name).format(format).never_expires()
    };
    for is_reopened in [false, true] {
        let cache = Cache::builder().path(&path).open().unwrap();
        for format in formats {
            let lists = cache.keyspace(definition(format)).unwrap();
            let untyped = pinned(&cache, lists.name());
            let key = text("MTN");
            if is_reopened {
                assert_eq!(untyped.try_get(&key, usize::MAX).unwrap(), MemoryLookup::Unknown);
                assert_eq!(untyped.try_expires_at(&key).unwrap(), MemoryLookup::Unknown);
                assert_eq!(lists.get("MTN").as_deref(), Some(&words()));
            } else {
                lists.insert("MTN", words()).unwrap();
            }
            let value = untyped.get(&key).unwrap().unwrap();
            assert_eq!(untyped.try_get(&key, value.len()).unwrap(), MemoryLookup::Found(value.clone()));
            for max in [0, 1, 100, value.len() - 1] {
                assert_eq!(untyped.try_get(&key, max).unwrap(), MemoryLookup::TooLong, "{max}");
            }
            let expires_at = untyped.try_expires_at(&key).unwrap();
            assert_eq!(expires_at, MemoryLookup::Found(Timestamp::NEVER));
        }
        cache.close().unwrap();
    }
    // Without a file, memory knows every key.
    let cache = Cache::builder().open().unwrap();
    let prices = cache.keyspace(PRICE).unwrap();
    prices.insert("MTN", 7).unwrap();
    let untyped = pinned(&cache, "price");
    assert_eq!(untyped.try_get(&text("GLO"), 9).unwrap(), MemoryLookup::Absent);
    assert!(untyped.remove(&text("MTN")).unwrap());
    assert_eq!(untyped.try_get(&text("MTN"), 9).unwrap(), MemoryLookup::Absent);
    assert_eq!(untyped.try_expires_at(&text("MTN")).unwrap(), MemoryLookup::Absent);
}

#[test]
fn a_lookup_is_repeated_if_the_application_opens_the_keyspace_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.larder");
    let cache = Cache::builder().path(&path).open().unwrap();
    cache.keyspace(PRICE).unwrap().insert("MTN", 7).unwrap();
    cache.close().unwrap();
    let cache = Cache::builder().path(&path).open().unwrap();
    let untyped = pinned(&cache, "price");
    let opened = Cell::new(None);
    let looks = Cell::new(0);
    let found = untyped.look(&text("MTN"), |found, full| {
        looks.set(looks.get() + 1);
        if let Some(typed) = &found.typed {
            return typed.read(&found.detached, full);
        }
        // The application takes the entry into memory, before the handle looks for it there.
        let prices = cache.keyspace(PRICE).unwrap();
        assert_eq!(prices.get("MTN").as_deref(), Some(&7));
        opened.set(Some(prices));
        Ok(found.keyspace.read_bytes(full))
    });
    assert_eq!((found.unwrap(), looks.get()), (Some(vec![7]), 2));
}

#[test]
fn a_life_is_shortened_and_never_lengthened() {
    let clock = Arc::new(ManualClock::new());
    let cache = Cache::builder().clock(clock.clone()).open().unwrap();
    let prices = cache.keyspace(PRICE.ttl(Duration::from_mins(1))).unwrap();
    prices.insert("MTN", 7).unwrap();
    let untyped = pinned(&cache, "price");
    let at = |seconds| clock.wall().after(Duration::from_secs(seconds));
    let shorten = |key: &str, seconds| untyped.shorten(&text(key), at(seconds)).unwrap();
    assert_eq!(shorten("MTN", 61), Shortened::EarlierAlready);
    assert_eq!(shorten("GLO", 1), Shortened::Missing);
    assert_eq!(shorten("MTN", 30), Shortened::Done);
    assert_eq!(untyped.expires_at(&text("MTN")).unwrap(), Some(at(30)));
    assert_eq!(shorten("MTN", 31), Shortened::EarlierAlready);
    clock.advance(Duration::from_secs(31));
    assert!(prices.get("MTN").is_none());
    assert_eq!(untyped.get(&text("MTN")).unwrap(), None);
    assert_eq!(untyped.expires_at(&text("MTN")).unwrap(), None);
    // An entry that never expires gets an expiry, and a time that has passed removes the entry.
    let forever = cache.keyspace(KeyspaceDefinition::<String, u64>::new("forever").never_expires()).unwrap();
    forever.insert("MTN", 7).unwrap();
    let untyped = pinned(&cache, "forever");
    assert_eq!(untyped.expires_at(&text("MTN")).unwrap(), Some(Timestamp::NEVER));
    assert_eq!(untyped.shorten(&text("MTN"), at(5)).unwrap(), Shortened::Done);
    assert_eq!(untyped.expires_at(&text("MTN")).unwrap(), Some(at(5)));
    assert_eq!(untyped.shorten(&text("MTN"), Timestamp::ZERO).unwrap(), Shortened::Done);
    assert!(forever.get("MTN").is_none());
}

#[test]
fn an_idle_limit_and_a_grace_of_the_definition_hold_for_a_shortened_life() {
    let clock = Arc::new(ManualClock::new());
    let cache = Cache::builder().clock(clock.clone()).open().unwrap();
    let minute = Duration::from_mins(1);
    let definition = KeyspaceDefinition::<String, u64>::new("session").ttl(60 * minute).time_to_idle(minute);
    let sessions = cache.keyspace(definition).unwrap();
    sessions.insert("a", 7).unwrap();
    let untyped = pinned(&cache, "session");
    assert_eq!(untyped.shorten(&text("a"), clock.wall().after(3 * minute)).unwrap(), Shortened::Done);
    for _ in 0..5 {
        clock.advance(minute / 2);
        assert_eq!(sessions.get("a").as_deref(), Some(&7), "each use extends the life");
    }
    clock.advance(minute);
    assert!(sessions.get("a").is_none(), "but not past the new end");
    let definition = KeyspaceDefinition::<String, u64>::new("rate").ttl(60 * minute).grace(minute);
    let rates = cache.keyspace(definition).unwrap();
    rates.insert("a", 7).unwrap();
    let untyped = pinned(&cache, "rate");
    assert_eq!(untyped.shorten(&text("a"), clock.wall().after(minute)).unwrap(), Shortened::Done);
    clock.advance(minute + minute / 2);
    assert_eq!(*rates.get_or_load("a", || Err::<u64, _>("away")).unwrap(), 7, "within the grace");
    rates.insert("b", 7).unwrap();
    assert_eq!(untyped.shorten(&text("b"), clock.wall()).unwrap(), Shortened::Done);
    assert!(rates.get_or_load("b", || Err::<u64, _>("away")).is_err(), "a removed entry has no grace");
}

#[test]
fn a_life_is_shortened_without_a_use_of_the_entry() {
    let clock = Arc::new(ManualClock::new());
    let cache = Cache::builder().clock(clock.clone()).open().unwrap();
    let minute = Duration::from_mins(1);
    // The calls of an untyped handle use the definition of the handle that was opened first.
    for (name, is_first_idle) in [("idle", true), ("plain", false)] {
        let plain = KeyspaceDefinition::<String, u64>::new(name).ttl(60 * minute);
        let _first = cache.keyspace(if is_first_idle { plain.time_to_idle(minute) } else { plain }).unwrap();
        let sessions = cache.keyspace(plain.time_to_idle(minute)).unwrap();
        sessions.insert("a", 7).unwrap();
        let untyped = pinned(&cache, name);
        let expiry = || untyped.expires_at(&text("a")).unwrap().unwrap();
        let unused = expiry();
        clock.advance(minute);
        for minutes in [4, 3] {
            let until = clock.wall().after(minutes * minute);
            assert_eq!(untyped.shorten(&text("a"), until).unwrap(), Shortened::Done);
            assert_eq!(expiry(), unused, "{name}");
        }
        let hard_limit = clock.wall().after(3 * minute);
        for _ in 0..3 {
            assert_eq!(sessions.get("a").as_deref(), Some(&7), "{name}: each use extends the life");
            clock.advance(minute * 7 / 8);
        }
        assert_eq!(sessions.get("a").as_deref(), Some(&7), "{name}");
        assert_eq!(expiry(), hard_limit, "{name}");
        let until = clock.wall().after(minute / 8);
        assert_eq!(untyped.shorten(&text("a"), until).unwrap(), Shortened::Done);
        assert_eq!(sessions.get("a").as_deref(), Some(&7), "{name}");
        assert_eq!(expiry(), until, "{name}");
    }
}

#[test]
fn an_end_of_a_life_that_a_failing_disk_does_not_save_is_an_error() {
    let (disk, clock) = (SimulatedVolume::new(), Arc::new(ManualClock::new()));
    let open = || Cache::builder().path("/cache/shop.larder").volume(&disk).clock(clock.clone()).stepped(1);
    let cache = open().open().unwrap();
    cache.keyspace(PRICE).unwrap().insert("MTN", 7).unwrap();
    cache.close().unwrap();
    let cache = open().open().unwrap();
    let prices = cache.keyspace(PRICE).unwrap();
    prices.insert("GLO", 7).unwrap();
    disk.fail_from(0, Failure::Io);
    assert!(cache.flush().is_err());
    let untyped = pinned(&cache, "price");
    for until in [Timestamp::ZERO, clock.wall().after(Duration::from_secs(1))] {
        let shortened = untyped.shorten(&text("MTN"), until);
        assert!(matches!(shortened, Err(Error::NotDurable { .. })), "{shortened:?}");
    }
    disk.heal();
    clock.advance(Duration::from_mins(1));
    cache.flush().unwrap();
    assert_eq!(prices.get("MTN").as_deref(), Some(&7), "the disk has it again");
    assert_eq!(untyped.shorten(&text("MTN"), Timestamp::ZERO).unwrap(), Shortened::Done);
    assert!(prices.get("MTN").is_none());
}

#[test]
fn what_a_handle_can_t_do_is_an_error_that_names_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.larder");
    let cache = Cache::builder().path(&path).open().unwrap();
    let by_name = cache.untyped_keyspace("price");
    assert!(matches!(by_name.pin(), Err(Error::UnknownKeyspace { name }) if name == "price"));
    assert!(matches!(by_name.info(), Err(Error::UnknownKeyspace { .. })));
    cache.keyspace(PRICE).unwrap().insert("MTN", 7).unwrap();
    let untyped = by_name.pin().unwrap();
    assert!(matches!(untyped.get(&[1; 5000]), Err(Error::KeyTooLarge { .. })));
    // The commit of another cache's invalidation refuses a keyspace of this cache.
    let other = Cache::builder().open().unwrap();
    let mut stale = other.invalidation();
    stale.remove_untyped(&untyped, &text("MTN")).unwrap();
    assert!(matches!(stale.commit(), Err(Error::InvalidSetting { .. })));
    let mut stale = cache.invalidation();
    stale.remove_untyped(&untyped, &text("MTN")).unwrap().clear_untyped(&untyped).unwrap();
    assert_eq!(stale.commit().unwrap(), 1);
    assert_eq!(untyped.clear().unwrap(), 0);
    cache.close().unwrap();
    assert!(matches!(untyped.info(), Err(Error::Closed)));
    assert!(matches!(untyped.try_get(&text("MTN"), 9), Err(Error::Closed)));
    let cache = Cache::builder().path(&path).open().unwrap();
    let shortened = pinned(&cache, "price").shorten(&text("MTN"), Timestamp::ZERO);
    assert!(matches!(shortened, Err(Error::NeedsTypes { .. })));
}

#[test]
fn a_keyspace_of_a_remote_tier_is_refused() {
    let clock = Arc::new(ManualClock::new());
    let server = RemoteServer::new(clock.clone());
    let cache = Cache::builder().remote(server.node()).clock(clock).open().unwrap();
    let _prices = cache.keyspace(PRICE).unwrap();
    let info = cache.untyped_keyspace("price").info();
    assert!(matches!(info, Err(Error::NotRemote { .. })), "{info:?}");
}

#[test]
fn memory_knows_the_keys_that_a_new_file_lacks() {
    let disk = SimulatedVolume::new();
    let cache = Cache::builder().path("/cache/shop.larder").volume(&disk).open().unwrap();
    let prices = cache.keyspace(PRICE).unwrap();
    let untyped = pinned(&cache, "price");
    assert_eq!(untyped.try_get(&text("MTN"), 100).unwrap(), MemoryLookup::Absent);
    assert_eq!(untyped.try_expires_at(&text("MTN")).unwrap(), MemoryLookup::Absent);
    drop(prices);
    cache.close().unwrap();
    let cache = Cache::builder().path("/cache/shop.larder").volume(&disk).open().unwrap();
    let untyped = pinned(&cache, "price");
    assert_eq!(untyped.try_get(&text("MTN"), 100).unwrap(), MemoryLookup::Unknown, "the file is not new");
}
