//! Tests of keys that are known to be absent.

use super::*;
use crate::api::keyspace::lookup::LookupOutcome;

const MINUTE: Duration = Duration::from_mins(1);

#[test]
fn a_known_absence_is_told_with_its_end_and_is_listed_only_with_all_keys() {
    let bench = Bench::new();
    let cache = bench.open_with(true);
    let names = cache.keyspace(NAMES.absent_ttl(MINUTE)).unwrap();
    let LookupOutcome::Load(lease) = names.lookup("gone").unwrap() else { panic!("the cache is empty") };
    assert!(lease.fill_absent());
    assert_eq!(
        place(&status(&cache, "name", b"gone\0\0")),
        (EntryState::KnownAbsent, Some(FoundIn::Memory), true)
    );
    cache.flush().unwrap();
    let both = told(&cache, "name", b"gone\0\0", KeyQuery::Value);
    assert_eq!(place(&both), (EntryState::KnownAbsent, Some(FoundIn::Both), false));
    assert_eq!((both.value, both.value_bytes, both.value_withheld), (None, None, None));
    assert_eq!(both.ttl_ms, Some(60_000));
    let said = why(&cache, "name", b"gone\0\0");
    assert!(said.starts_with("It is known to be absent for 60 s more: "), "{said}");
    assert!(said.ends_with("It is in memory and on disk."), "{said}");
    assert!(listed_keys(&cache, "name", b"", 9, false).is_empty());
    assert_eq!(listed_keys(&cache, "name", b"", 9, true).len(), 1);
    drop(names);
    cache.close().unwrap();
    let cache = bench.open();
    let found = place(&status(&cache, "name", b"gone\0\0"));
    assert_eq!(found, (EntryState::KnownAbsent, Some(FoundIn::Disk), false));
    let names = cache.keyspace(NAMES).unwrap();
    assert!(why(&cache, "name", b"gone\0\0").contains("the next lookup reads it from there"));
    bench.clock.advance(MINUTE);
    assert_eq!(status(&cache, "name", b"gone\0\0").state, EntryState::Expired);
    assert_eq!(names.stats().absent_answers, 0, "none of this was a lookup");
}
