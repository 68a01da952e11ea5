//! Tests of the statistics: what the counters count, and which of them survive a restart.

use std::time::Duration;

use larder::testing::{Failure, SimulatedVolume};
use larder::{ByteSize, Cache, DiskState, Error, KeyspaceDefinition, Load, LoadPolicy};

use crate::support::simulated::open_swept;
use crate::support::{BLOBS, HOUR, NAMES, Place, VERSIONS};

#[test]
fn everything_is_counted_by_keyspace_and_by_tier() {
    let place = Place::new();
    let cache = place.builder().memory_capacity(64 << 10).disk_capacity(4 << 20).open().unwrap();
    let (names, blobs) = (cache.keyspace(NAMES).unwrap(), cache.keyspace(BLOBS).unwrap());
    names.insert("a", "x".to_owned()).unwrap();
    for key in 0..400 {
        blobs.insert(&key, vec![0; 10_000]).unwrap();
    }
    cache.flush().unwrap();
    let loaded = names.get_or_load("slow", || {
        place.clock.advance(Duration::from_secs(2));
        Ok::<_, Error>("loaded".to_owned())
    });
    drop(loaded.unwrap());
    drop(names.get_or_load("failing", || Err::<String, _>("no")).unwrap_err());
    cache.flush().unwrap();
    for key in 0..400 {
        blobs.get(&key);
    }
    let stats = cache.stats();
    let [blob, name] = &stats.keyspaces[..] else { panic!("{:?}", stats.keyspaces) };
    assert_eq!((name.loads, name.load_failures, name.load_latency.count()), (2, 1, 2));
    assert!((2.0..2.6).contains(&name.load_latency.quantile(1.0).as_secs_f64()), "{:?}", name.load_latency);
    assert!(blob.promotions > 0 && blob.promotions <= blob.disk_hits);
    assert!(blob.memory_evictions > 100 && blob.disk_evictions > 100, "{blob:?}");
    let disk = stats.disk.as_ref().unwrap();
    assert_eq!(disk.evictions, blob.disk_evictions + name.disk_evictions);
    assert_eq!(stats.memory.evictions, blob.memory_evictions + name.memory_evictions);
    assert_eq!(disk.commit_latency.count(), disk.commits);
    place.clock.advance(2 * HOUR);
    cache.sweep().unwrap();
    let stats = cache.stats();
    let swept = |pick: fn(&larder::KeyspaceStats) -> u64| stats.keyspaces.iter().map(pick).sum::<u64>();
    assert_eq!(stats.memory.expirations, swept(|space| space.memory_expirations));
    assert_eq!(stats.disk.as_ref().unwrap().expirations, swept(|space| space.disk_expirations));
    assert!(swept(|space| space.disk_expirations) > 0 && swept(|space| space.memory_expirations) > 0);
}

/// The counts of a name go on when the keyspace is opened with another version.
#[test]
fn no_count_falls_when_a_keyspace_is_opened_with_another_version() {
    let place = Place::new();
    let cache = place.builder().memory_capacity(64 << 10).disk_capacity(4 << 20).open().unwrap();
    let mut before = cache.stats();
    for version in 1..=2 {
        let blobs = cache.keyspace(BLOBS.version(version)).unwrap();
        let begun = blobs.stats();
        for key in 0..400 {
            blobs.insert(&key, vec![0; 10_000]).unwrap();
        }
        cache.flush().unwrap();
        for key in 0..400 {
            drop(blobs.get_or_load(&key, || Ok::<_, Error>(vec![0; 10_000])).unwrap());
        }
        blobs.remove(&0).unwrap();
        place.clock.advance(2 * HOUR);
        cache.sweep().unwrap();
        drop(blobs);
        let after = cache.stats();
        let [blob] = &after.keyspaces[..] else { panic!("{after}") };
        let counts = |of: &larder::KeyspaceStats| {
            let loads = of.load_latency.count();
            let departed =
                [of.memory_evictions, of.memory_expirations, of.disk_evictions, of.disk_expirations];
            (
                [of.memory_hits + of.disk_hits, of.misses, of.loads, loads, of.inserts, of.invalidations],
                departed,
            )
        };
        let earlier = before.keyspaces.first().map(counts).unwrap_or_default();
        let (all, departed) = counts(&begun);
        assert_eq!(all, earlier.0, "version {version} begins with the counts of the version before");
        assert!(
            departed.iter().zip(earlier.1).all(|(now, then)| *now == then && (version == 1 || then > 0)),
            "{begun:?}"
        );
        assert!(counts(blob).0.iter().zip(all).all(|(now, then)| *now > then), "{blob:?}, {begun:?}");
        assert_eq!(counts(blob).0[4..], [400 * u64::from(version), u64::from(version)]);
        assert_eq!((after.misses, after.loads, after.inserts), (blob.misses, blob.loads, blob.inserts));
        assert_eq!(after.disk.as_ref().unwrap().evictions, blob.disk_evictions);
        assert_eq!(after.memory.evictions, blob.memory_evictions);
        let lifetime = after.lifetime.as_ref().unwrap();
        assert_eq!((lifetime.misses, lifetime.inserts), (after.misses, after.inserts), "counted once");
        before = after;
    }
}

/// Entries in a full write buffer do not count as memory in use.
#[test]
fn contract_7_what_waits_in_the_write_buffer_stands_beside_the_memory_capacity() {
    let (place, disk) = (Place::new(), SimulatedVolume::new());
    let builder = place.builder().volume(&disk).memory_capacity(64 << 10).write_buffer(8 << 20);
    let cache = builder.open().unwrap();
    let blobs = cache.keyspace(BLOBS).unwrap();
    blobs.insert(&100, vec![0; 10_000]).unwrap();
    cache.flush().unwrap();
    // While the disk tier is off, the writer commits nothing.
    disk.fail_from(0, Failure::Io);
    blobs.insert(&0, vec![0; 10_000]).unwrap();
    cache.flush().unwrap_err();
    for key in 0..20 {
        blobs.insert(&key, vec![0; 10_000]).unwrap();
    }
    let stats = cache.stats();
    let larder::MemoryStats { entries, weight, unsaved_weight, .. } = stats.memory;
    assert!(entries == 21 && (10_000..11_000).contains(&weight.as_u64()), "{stats}");
    assert!(unsaved_weight.as_u64() > 200_000, "{stats}");
    assert!(stats.unsaved_bytes.as_u64() > 2 * 200_000, "with their encodings: {stats}");
    let [blob] = &stats.keyspaces[..] else { panic!("{stats}") };
    assert_eq!((blob.memory_weight, blob.unsaved_weight), (weight, unsaved_weight));
    disk.heal();
    place.clock.advance(Duration::from_mins(1));
    cache.flush().unwrap();
    let stats = cache.stats();
    assert_eq!(
        (stats.memory.unsaved_weight, stats.unsaved_bytes),
        (ByteSize::ZERO, ByteSize::ZERO),
        "{stats}"
    );
    let held = (64 << 10) - 11_000..=64 << 10;
    assert!(held.contains(&stats.memory.weight.as_u64()), "{stats}");
    assert_eq!(stats.keyspaces[0].memory_weight, stats.memory.weight);
    assert_eq!(stats.keyspaces[0].unsaved_weight, ByteSize::ZERO);
    let text = stats.to_string();
    assert!(
        text.contains("unsaved 0 B of 8 MiB: what waits in the write buffer, beside the memory capacity"),
        "{text}"
    );
}

#[test]
fn what_waits_for_the_disk_and_what_lookups_see_has_an_age() {
    let place = Place::new();
    let cache = place.open();
    let names = cache.keyspace(NAMES).unwrap();
    // The first sweep may commit, and a commit replaces the snapshot that lookups use.
    cache.sweep().unwrap();
    cache.flush().unwrap();
    let ages = || {
        let disk = cache.stats().disk.unwrap();
        (disk.flush_lag.as_secs(), disk.snapshot_age.as_secs())
    };
    place.clock.advance(Duration::from_secs(3));
    assert_eq!(ages(), (0, 3), "nothing waits");
    names.insert("a", String::new()).unwrap();
    place.clock.advance(Duration::from_secs(4));
    names.insert("b", String::new()).unwrap();
    assert_eq!(ages(), (4, 7), "the oldest counts");
    cache.flush().unwrap();
    assert_eq!(ages(), (0, 0));
}

#[test]
fn outages_are_timed_and_quarantines_counted() {
    let place = Place::new();
    let disk = SimulatedVolume::new();
    let cache = place.builder().volume(&disk).open().unwrap();
    let names = cache.keyspace(NAMES).unwrap();
    disk.fail_from(0, Failure::Io);
    names.insert("a", String::new()).unwrap();
    cache.flush().unwrap_err();
    place.clock.advance(Duration::from_secs(10));
    let stats = cache.stats().disk.unwrap();
    assert_eq!((stats.state, stats.degraded), (DiskState::Suspended, Duration::from_secs(10)));
    assert_eq!(stats.flush_lag, Duration::from_secs(10), "the drained entry is not committed yet");
    disk.heal();
    place.clock.advance(Duration::from_mins(1));
    cache.flush().unwrap();
    let stats = cache.stats().disk.unwrap();
    assert_eq!((stats.state, stats.flush_lag, stats.quarantines), (DiskState::On, Duration::ZERO, 0));
    assert_eq!(stats.degraded, Duration::from_secs(70));
    place.clock.advance(Duration::from_secs(5));
    assert_eq!(cache.stats().disk.unwrap().degraded, Duration::from_secs(70), "it is over");
}

#[test]
fn lifetime_counts_go_on_after_a_restart_and_cost_no_commit() {
    let place = Place::new();
    let run = |round: u64| {
        let cache = open_swept(place.builder());
        let names = cache.keyspace(NAMES).unwrap();
        names.insert("a", String::new()).unwrap();
        names.get("a");
        names.get("b");
        let commits = cache.stats().disk.unwrap().commits;
        for _ in 0..5 {
            names.get("a");
        }
        cache.flush().unwrap();
        cache.flush().unwrap();
        assert_eq!(cache.stats().disk.unwrap().commits, commits + 1, "lookups alone cause no commit");
        let lifetime = cache.stats().lifetime.unwrap();
        assert_eq!((lifetime.openings, lifetime.inserts), (round, round));
        assert_eq!((lifetime.memory_hits, lifetime.misses), (6 * round, round));
        assert_eq!(lifetime.requests(), 7 * round);
        cache
    };
    run(1).close().unwrap();
    // The counters are also stored when the last handle is dropped.
    drop(run(2));
    let cache = run(3);
    let names = cache.keyspace(NAMES).unwrap();
    // The counts remain when another version of a keyspace is opened.
    let versions = cache.keyspace(VERSIONS).unwrap();
    versions.get(&1);
    drop((names, versions));
    drop(cache.keyspace(VERSIONS.version(1)).unwrap());
    assert_eq!(cache.stats().lifetime.unwrap().misses, 4);
    cache.flush().unwrap();
    // The copy of the file has the content that a crash would leave.
    let copy = place.dir().join("copy.larder");
    std::fs::copy(place.path(), &copy).unwrap();
    let crashed = Cache::builder().path(copy).clock(place.clock.clone()).open().unwrap();
    let lifetime = crashed.stats().lifetime.unwrap();
    assert_eq!((lifetime.openings, lifetime.inserts), (4, 3));
    assert!(Cache::builder().open().unwrap().stats().lifetime.is_none());
}

#[test]
fn lifetime_counts_include_what_became_of_loads() {
    const GRACEFUL: KeyspaceDefinition<u64, u64> =
        KeyspaceDefinition::new("graceful").ttl(HOUR).grace(HOUR).absent_ttl(HOUR);
    let place = Place::new();
    let cache = place.open();
    let values = cache.keyspace(GRACEFUL).unwrap();
    values.insert(1, 7).unwrap();
    place.clock.advance(HOUR);
    assert_eq!(*values.get_or_load(1, || Err::<u64, _>("away")).unwrap(), 7, "it is stale");
    for _ in 0..3 {
        assert!(values.get_or_load_optional(2, || Ok::<Option<u64>, Error>(None)).unwrap().is_none());
    }
    values.insert(3, 9).unwrap();
    let loading = values.with_loader(LoadPolicy::new(), |_, _| Ok::<_, Error>(Load::Absent)).unwrap();
    assert!(loading.refresh(3).unwrap());
    drop((loading, values));
    cache.close().unwrap();
    let lifetime = place.open().stats().lifetime.unwrap();
    assert_eq!((lifetime.stale_answers, lifetime.absent_answers), (1, 2));
    assert_eq!((lifetime.refreshes, lifetime.refreshes_refused), (1, 0));
}

#[test]
fn lifetime_counts_begin_anew_when_they_are_damaged_and_outlive_the_loss_of_the_file() {
    use redb::{Database, TableDefinition};
    const META: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("larder.meta");
    let place = Place::new();
    let insert = |cache: &Cache| {
        cache.keyspace(NAMES).unwrap().insert("a", String::new()).unwrap();
        cache.flush().unwrap();
        cache.stats().lifetime.unwrap().inserts
    };
    let cache = place.open();
    assert_eq!(insert(&cache), 1);
    cache.close().unwrap();
    for row in [Some(&b"\x07"[..]), Some(&[0; 136][..]), None] {
        let db = Database::open(place.path()).unwrap();
        let txn = db.begin_write().unwrap();
        match row {
            Some(row) => drop(txn.open_table(META).unwrap().insert("lifetime", row).unwrap()),
            None => drop(txn.open_table(META).unwrap().remove("lifetime").unwrap()),
        }
        txn.commit().unwrap();
        drop(db);
        let cache = place.open();
        assert!(cache.keyspace(NAMES).unwrap().contains_key("a"), "a file without them is a file");
        assert_eq!(insert(&cache), 1, "{row:?}");
        cache.close().unwrap();
    }
}

/// A type whose field was renamed while its keyspace kept the version.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Renamed {
    title: String,
}

#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Named {
    name: String,
}

#[test]
fn a_keyspace_tells_why_its_values_do_not_decode() {
    const BEFORE: KeyspaceDefinition<u64, Named> = KeyspaceDefinition::new("product").ttl(HOUR);
    const AFTER: KeyspaceDefinition<u64, Renamed> = KeyspaceDefinition::new("product").ttl(HOUR);
    let place = Place::new();
    let cache = place.open();
    cache.keyspace(BEFORE).unwrap().insert(&1, Named { name: "airtime".to_owned() }).unwrap();
    cache.close().unwrap();
    let cache = place.open();
    let products = cache.keyspace(AFTER).unwrap();
    assert_eq!(products.stats().undecodable_cause, None);
    assert!(products.get(&1).is_none());
    let stats = products.stats();
    assert_eq!(stats.undecodable, 1);
    let cause = stats.undecodable_cause.as_deref().unwrap();
    assert!(cause.contains("under other names") && cause.contains("raise the keyspace's version"), "{cause}");
    assert_eq!(cache.stats().keyspaces, [stats]);
}

#[test]
fn a_keyspace_tells_why_its_values_find_no_place() {
    let place = Place::new();
    let cache = place.builder().memory_capacity(64 << 10).disk_capacity(1 << 20).open().unwrap();
    let blobs = cache.keyspace(BLOBS).unwrap();
    let load = |key, len| drop(blobs.get_or_load(&key, || Ok::<_, Error>(vec![7; len])).unwrap());
    load(1, 100);
    let stats = blobs.stats();
    assert_eq!((stats.uncacheable_cause, stats.too_large_for_disk_cause), (None, None));
    load(2, 1 << 20);
    let stats = blobs.stats();
    assert_eq!((stats.uncacheable, stats.too_large_for_disk), (1, 0));
    let cause = stats.uncacheable_cause.unwrap();
    assert!(cause.contains("raise memory_capacity or disk_capacity"), "{cause}");
    // The value fits in memory, but not in the file.
    let other = Place::new();
    let cache = other.builder().memory_capacity(16 << 20).disk_capacity(1 << 20).open().unwrap();
    let blobs = cache.keyspace(BLOBS).unwrap();
    blobs.insert(&3, vec![7; 200_000]).unwrap();
    let stats = blobs.stats();
    assert_eq!((stats.uncacheable, stats.too_large_for_disk), (0, 1));
    let cause = stats.too_large_for_disk_cause.unwrap();
    assert!(cause.contains("raise disk_capacity to"), "{cause}");
}

#[test]
fn the_last_minutes_are_told_apart_from_all_the_time() {
    let place = Place::new();
    let cache = place.open();
    let names = cache.keyspace(NAMES).unwrap();
    let told = || {
        let recent = cache.stats().recent.into_iter();
        recent.map(|recent| (recent.over.as_secs(), recent.counts.misses)).collect::<Vec<_>>()
    };
    assert_eq!(told(), [], "no time has passed");
    for _ in 0..3 {
        assert!(names.get("none").is_none());
    }
    place.clock.advance(Duration::from_secs(30));
    assert_eq!(told(), [(30, 3)], "the cache is younger than a minute");
    assert_eq!(cache.stats().uptime, Duration::from_secs(30));
    assert!(Cache::builder().open().unwrap().stats().recent.is_empty());
}
