//! Tests of a cache's reports on single keys: hot keys, slow loads, and live operations.

use std::collections::BTreeMap;
use std::time::Duration;

use larder::{Cache, MAX_SLOW_LOADS};

use crate::support::warnings::Warnings;
use crate::support::{NAMES, Place, Random, VERSIONS, panics_with};

/// Looks up keys of very different popularity. Returns the number of lookups of each key.
fn ask(cache: &Cache, lookups: u64) -> BTreeMap<u64, f64> {
    let versions = cache.keyspace(VERSIONS).unwrap();
    let mut random = Random::new(7);
    let mut asked = BTreeMap::new();
    for _ in 0..lookups {
        // Key 0 gets about as many lookups as keys 1 to 9 together, and these about as many as keys 10 to 99
        // together.
        let magnitude = 10_u64.pow(u32::try_from(random.below(4)).unwrap());
        let key = random.below(magnitude);
        *asked.entry(key).or_insert(0.0) += 1.0;
        versions.get(&key);
    }
    asked
}

#[test]
fn hot_keys_are_those_that_are_asked_for_within_the_error_that_is_told() {
    let place = Place::in_memory();
    let cache = place.builder().sample_keys(true).open().unwrap();
    let versions = cache.keyspace(VERSIONS).unwrap();
    for key in 0..1_000 {
        versions.insert(&key, key).unwrap();
    }
    let lookups = 200_000_u32;
    let asked = ask(&cache, lookups.into());
    let hot = cache.hot_keys(None, 20).unwrap();
    assert!(hot.misses.keys.is_empty() && hot.hits.samples > 3_000.0, "{hot:?}");
    assert_eq!(hot.hits.keyspaces[0].keyspace, "version");
    assert_eq!((hot.hits.keys[0].key.as_str(), hot.hits.keys[0].keyspace.as_str()), ("0", "version"));
    assert!(hot.hits.keys.len() > 5, "{hot:?}");
    let is_off = |key: &&larder::HotKey| {
        assert!(key.error < key.share);
        let truth = asked[&key.key.parse().unwrap()] / f64::from(lookups);
        (key.share - truth).abs() > key.error
    };
    let off: Vec<_> = hot.hits.keys.iter().filter(is_off).collect();
    // The true share is outside the stated error with a probability of 5 %, and only a few keys are checked
    // here.
    assert!(off.len() <= 2, "{off:?} of {:?}", hot.hits.keys);
    // After an hour without lookups, these keys are no longer hot.
    place.clock.advance(Duration::from_hours(1));
    let hot = cache.hot_keys(None, 20).unwrap();
    assert!(hot.hits.samples < 0.5 && hot.hits.per_second < 0.1, "{hot:?}");
}

#[test]
fn hot_misses_are_apart_from_hot_hits() {
    let cache = Cache::builder().sample_keys(true).open().unwrap();
    let (names, versions) = (cache.keyspace(NAMES).unwrap(), cache.keyspace(VERSIONS).unwrap());
    versions.insert(&7, 1).unwrap();
    for _ in 0..10_000 {
        versions.get(&7);
        names.get("unknown");
        let loaded = names.get_or_load("failing", || Err::<String, _>("away"));
        assert!(loaded.is_err());
    }
    let hot = cache.hot_keys(None, 20).unwrap();
    let keys = |keys: &[larder::HotKey]| keys.iter().map(|key| key.key.clone()).collect::<Vec<_>>();
    assert_eq!(keys(&hot.hits.keys), ["7"]);
    let mut missed = keys(&hot.misses.keys);
    missed.sort_unstable();
    assert_eq!(missed, ["failing", "unknown"]);
    assert!((hot.misses.keys[0].share - 0.5).abs() < 0.05, "{hot:?}");
    let of_names = cache.hot_keys(Some("name"), 20).unwrap();
    assert!(of_names.hits.keys.is_empty() && of_names.misses.keys.len() == 2);
    assert!(cache.hot_keys(Some("none"), 20).unwrap().misses.keys.is_empty());
    // Opening another version of the keyspace discards the reports of the old version.
    drop(names);
    cache.keyspace(NAMES.version(9)).unwrap();
    assert!(cache.hot_keys(None, 20).unwrap().misses.keys.is_empty());
}

#[test]
fn keys_are_not_looked_at_unless_the_application_says_so() {
    let warnings = Warnings::default();
    let place = Place::in_memory();
    let cache = place.builder().open().unwrap();
    let names = cache.keyspace(NAMES).unwrap();
    warnings.of(|| {
        let load = || {
            place.clock.advance(Duration::from_secs(2));
            Ok::<_, std::io::Error>(String::new())
        };
        names.get_or_load("secret", load).unwrap();
    });
    assert_eq!(cache.hot_keys(None, 20), None);
    let texts = warnings.texts();
    assert!(texts.len() == 1 && texts[0].contains("a load was slow"), "{texts:?}");
    assert!(!texts[0].contains("secret") && !texts[0].contains("key="), "{texts:?}");
}

#[test]
fn the_log_names_the_keys_of_its_warnings_where_that_is_wanted() {
    let warnings = Warnings::default();
    let place = Place::in_memory();
    let cache = place.builder().log_keys(true).slow_load(Duration::from_millis(300)).open().unwrap();
    let names = cache.keyspace(NAMES).unwrap();
    warnings.of(|| {
        for (key, took) in [("quick", 299), ("two words", 300)] {
            let load = || {
                place.clock.advance(Duration::from_millis(took));
                Ok::<_, std::io::Error>(String::new())
            };
            names.get_or_load(key, load).unwrap();
        }
        // The value is too large for the cache.
        let huge = || Ok::<_, std::io::Error>("x".repeat(65 << 20));
        names.get_or_load("huge", huge).unwrap();
    });
    let texts = warnings.texts();
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(texts[0].contains("key=\"\\\"two words\\\"\"") && texts[0].contains("took_ms=300"), "{texts:?}");
    assert!(texts[1].contains("key=\"huge\"") && texts[1].contains("is not cached"), "{texts:?}");
}

#[test]
fn the_latest_slow_loads_are_kept_with_their_keys_those_that_fail_or_panic_included() {
    let place = Place::in_memory();
    let cache = place.builder().open().unwrap();
    let versions = cache.keyspace(VERSIONS).unwrap();
    let slow = |took| place.clock.advance(Duration::from_millis(took));
    for key in 0..MAX_SLOW_LOADS as u64 {
        let load = || {
            slow(1_000 + key);
            Ok::<_, std::io::Error>(key)
        };
        versions.get_or_load(&key, load).unwrap();
        versions.get_or_load(&key, || -> Result<u64, std::io::Error> { panic!("it is cached") }).unwrap();
    }
    let failing = || {
        slow(5_000);
        Err::<u64, _>("away")
    };
    assert!(versions.get_or_load(&9_000, failing).is_err());
    let panicking = || -> Result<u64, &str> {
        slow(6_000);
        panic!("a loader panics")
    };
    assert!(panics_with("a loader panics", || versions.get_or_load(&9_001, panicking)));
    let quick = || {
        slow(999);
        Ok::<_, std::io::Error>(1)
    };
    versions.get_or_load(&9_002, quick).unwrap();
    let slow = cache.slow_loads(None, usize::MAX);
    assert_eq!(slow.threshold, Duration::from_secs(1));
    assert_eq!((slow.total, slow.loads.len()), (MAX_SLOW_LOADS as u64 + 2, MAX_SLOW_LOADS));
    let told: Vec<_> =
        slow.loads.iter().map(|load| (&*load.key, load.took.as_millis(), load.has_failed)).collect();
    assert_eq!(told[..3], [("9001", 6_000, true), ("9000", 5_000, true), ("127", 1_127, false)]);
    assert_eq!(told.last(), Some(&("2", 1_002, false)));
    assert_eq!(cache.slow_loads(Some("version"), 1).loads.len(), 1);
    assert!(cache.slow_loads(Some("name"), 1).loads.is_empty());
}

#[cfg(unix)]
mod live {
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    use larder::control::{Client, ClientError, Monitor, MonitorOptions, Monitored, RefusalKind};

    use super::*;

    fn options(one_in: u64, count: Option<u64>) -> MonitorOptions {
        MonitorOptions { one_in: Some(one_in), count, ..MonitorOptions::default() }
    }

    fn served(dir: &std::path::Path) -> (Cache, std::path::PathBuf) {
        let socket = dir.join("a.sock");
        (Cache::builder().sample_keys(true).control_socket(&socket).open().unwrap(), socket)
    }

    fn monitor(socket: &std::path::Path, options: &MonitorOptions) -> Monitor {
        Client::connect(socket).unwrap().monitor(options).unwrap()
    }

    /// An operation: its name, its keyspace, and its key.
    type Shown = (String, String, String);

    /// Returns the remaining operations, the reason why the monitor ended, and the numbers of operations that
    /// it showed and missed.
    fn rest(mut monitor: Monitor) -> (Vec<Shown>, (String, u64, u64)) {
        let mut shown = Vec::new();
        loop {
            match monitor.next().unwrap() {
                Monitored::Operation(seen) => {
                    shown.push((seen.operation, seen.keyspace.unwrap_or_default(), seen.key));
                }
                Monitored::End(end) => return (shown, (end.ended, end.shown, end.missed)),
                _ => {}
            }
        }
    }

    fn row(operation: &str, keyspace: &str, key: &str) -> Shown {
        (operation.to_owned(), keyspace.to_owned(), key.to_owned())
    }

    #[test]
    fn operations_are_shown_as_they_are_made() {
        let place = Place::new();
        let (cache, socket) = served(place.dir());
        let (names, versions) = (cache.keyspace(NAMES).unwrap(), cache.keyspace(VERSIONS).unwrap());
        let watching = monitor(&socket, &options(1, Some(8)));
        assert_eq!(watching.one_in(), 1);
        names.insert("two words", String::new()).unwrap();
        names.get("two words");
        names.get("none");
        versions.get_or_load(&7, || Ok::<_, std::io::Error>(1)).unwrap();
        versions.remove(&7).unwrap();
        names.remove_prefix("tw").unwrap();
        versions.insert(&8, 1).unwrap();
        let (shown, end) = rest(watching);
        let expected = [
            row("insert", "name", "\"two words\""),
            row("memory_hit", "name", "\"two words\""),
            row("miss", "name", "none"),
            row("miss", "version", "7"),
            row("load", "version", "7"),
            row("remove", "version", "7"),
            row("remove_prefix", "name", "0x7477"),
            row("insert", "version", "8"),
        ];
        assert_eq!(shown, expected);
        assert_eq!(end, ("count".to_owned(), 8, 0));
    }

    #[test]
    fn a_stream_of_one_keyspace_shows_a_sample_of_it_and_counts_what_it_misses() {
        let place = Place::new();
        let (cache, socket) = served(place.dir());
        let (names, versions) = (cache.keyspace(NAMES).unwrap(), cache.keyspace(VERSIONS).unwrap());
        let one =
            MonitorOptions { keyspace: Some("version".to_owned()), seconds: Some(2), ..options(10, None) };
        let mut watching = monitor(&socket, &one);
        for key in 0..40_000 {
            versions.get(&key);
            names.get("none");
        }
        watching.stop().unwrap();
        let (shown, end) = rest(watching);
        assert!(shown.iter().all(|(operation, keyspace, _)| operation == "miss" && keyspace == "version"));
        assert_eq!((end.0.as_str(), end.1), ("peer", shown.len() as u64));
        let sampled = end.1 + end.2;
        assert!((3_700..=4_300).contains(&sampled), "{sampled} of 40,000");
    }

    #[test]
    fn a_peer_that_does_not_read_keeps_neither_the_cache_nor_other_peers_from_anything() {
        let place = Place::new();
        let (cache, socket) = served(place.dir());
        let names = cache.keyspace(NAMES).unwrap();
        let mut deaf = UnixStream::connect(&socket).unwrap();
        deaf.write_all(b"{\"v\":1,\"do\":\"monitor\",\"one_in\":1,\"seconds\":3600}\n").unwrap();
        let mut client = Client::connect(&socket).unwrap();
        let mut reading = monitor(&socket, &options(1, None));
        for number in 0..20_000 {
            names.get(&format!("some name that takes room {number}"));
            if number % 1_000 == 0 {
                client.stats().unwrap();
            }
        }
        reading.stop().unwrap();
        let (_, end) = rest(reading);
        assert_eq!(end.1 + end.2, 20_000, "the operations that were not shown were counted");
        assert!(end.1 > 0);
        client.stats().unwrap();
        cache.close().unwrap();
        drop(deaf);
    }

    #[test]
    fn a_stream_ends_when_its_peer_asks_for_something_else_or_goes_away() {
        let place = Place::new();
        let (cache, socket) = served(place.dir());
        cache.keyspace(NAMES).unwrap();
        let mut peer = UnixStream::connect(&socket).unwrap();
        peer.write_all(b"{\"v\":1,\"do\":\"monitor\"}\n").unwrap();
        peer.write_all(b"{\"v\":1,\"do\":\"hello\"}\n").unwrap();
        let mut lines = std::io::BufRead::lines(std::io::BufReader::new(&peer));
        let mut next = || lines.next().unwrap().unwrap();
        assert!(next().contains("\"one_in\":100"));
        let end = next();
        assert!(end.contains("\"ended\":\"peer\""), "{end}");
        assert!(next().contains("\"protocol\""), "its request is answered");
        // The maximum number of peers monitor the cache, and then disconnect without a message. Afterwards,
        // other peers must find room.
        for _ in 0..5 {
            let all: Vec<_> = (0..4).map(|_| monitor(&socket, &options(1, None))).collect();
            let refused = Client::connect(&socket).unwrap().monitor(&options(1, None)).unwrap_err();
            assert!(
                matches!(&refused, ClientError::Refused(refusal) if refusal.kind == RefusalKind::Busy),
                "{refused}"
            );
            drop(all);
            let mut client = Client::connect(&socket).unwrap();
            // The socket thread detects the disconnected peers at the latest when it handles the next
            // request.
            client.stats().unwrap();
        }
    }

    #[test]
    fn the_socket_tells_of_hot_keys_and_slow_loads_or_what_would_let_it() {
        let place = Place::in_memory();
        let socket = place.dir().join("a.sock");
        let cache = place.builder().control_socket(&socket).open().unwrap();
        let names = cache.keyspace(NAMES).unwrap();
        let load = || {
            place.clock.advance(Duration::from_secs(3));
            Ok::<_, std::io::Error>(String::new())
        };
        names.get_or_load("slow", load).unwrap();
        let mut client = Client::connect(&socket).unwrap();
        assert_eq!(client.slow_loads(None, None).unwrap(), cache.slow_loads(None, 9));
        assert!(matches!(client.slow_loads(Some("nane"), None), Err(ClientError::Refused(_))));
        for refused in [
            client.hot_keys(None, None).unwrap_err(),
            Client::connect(&socket).unwrap().monitor(&MonitorOptions::default()).unwrap_err(),
        ] {
            let text = refused.to_string();
            assert!(
                matches!(refused, ClientError::Refused(refusal) if refusal.kind == RefusalKind::NotAllowed),
                "{text}"
            );
            assert!(text.contains("sample_keys=on"), "{text}");
        }
        cache.close().unwrap();
        let (cache, socket) = served(place.dir());
        let names = cache.keyspace(NAMES).unwrap();
        for _ in 0..1_000 {
            names.get("none");
        }
        let hot = Client::connect(&socket).unwrap().hot_keys(Some("name"), Some(1)).unwrap();
        let key = &hot.misses.keys[0];
        assert_eq!((&*key.keyspace, &*key.key, &*key.key_bytes), ("name", "none", "0x6E6F6E650000"));
        assert_eq!((hot.half_life, hot.misses.sampled_one_in), (larder::HALF_LIFE, 8));
    }
}
