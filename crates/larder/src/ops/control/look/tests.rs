mod absence;
mod pages;

use std::collections::BTreeSet;

use super::*;
use crate::api::cache::Cache;
use crate::api::keyspace::definition::KeyspaceDefinition;
use crate::api::keyspace::insert_options::InsertOptions;
use crate::format::codec::format::Format;
use crate::memory::shard::describe::SlotContent;
use crate::ops::control::answer::answer;
use crate::ops::control::judge::KeyEvidence;
use crate::sys::clock::ManualClock;
use crate::sys::sync::Arc;
use crate::testing::volume::SimulatedVolume;
use crate::testing::volume::operation::{DiskOperation, Failure};
use crate::units::{ByteSize, Timestamp};

const HOUR: Duration = Duration::from_hours(1);
const PATH: &str = "/cache/shop.larder";
const NAMES: KeyspaceDefinition<String, String> = KeyspaceDefinition::new("name").ttl(HOUR);
const KEPT: KeyspaceDefinition<u64, String> = KeyspaceDefinition::new("kept").ttl(HOUR).memory_only();

/// A disk and a clock that several caches use one after another. Their writers commit inserts only when a
/// test flushes or closes a cache.
struct Bench {
    disk: SimulatedVolume,
    clock: Arc<ManualClock>,
}

impl Bench {
    fn new() -> Self {
        Self { disk: SimulatedVolume::new(), clock: Arc::new(ManualClock::new()) }
    }

    fn open_with(&self, values: bool) -> Cache {
        let builder = Cache::builder().path(PATH).volume(&self.disk).clock(self.clock.clone());
        builder.stepped(1).control_values(values).open().unwrap()
    }

    fn open(&self) -> Cache {
        self.open_with(false)
    }
}

fn told(cache: &Cache, keyspace: &str, key: &[u8], wants: KeyQuery) -> KeyStatus {
    let target = Target::find(cache.shared(), keyspace).unwrap();
    super::key(cache.shared(), &target, key, wants)
}

fn status(cache: &Cache, keyspace: &str, key: &[u8]) -> KeyStatus {
    told(cache, keyspace, key, KeyQuery::Status)
}

fn why(cache: &Cache, keyspace: &str, key: &[u8]) -> String {
    told(cache, keyspace, key, KeyQuery::Why).why.unwrap()
}

fn place(status: &KeyStatus) -> (EntryState, Option<FoundIn>, bool) {
    (status.state, status.found_in, status.is_unflushed)
}

#[test]
fn an_entry_is_told_with_the_tiers_that_have_it_and_whether_it_is_committed() {
    let bench = Bench::new();
    let cache = bench.open();
    let (names, kept) = (cache.keyspace(NAMES).unwrap(), cache.keyspace(KEPT).unwrap());
    names.insert("a", "Ada".to_owned()).unwrap();
    kept.insert(&7, "seven".to_owned()).unwrap();
    let dirty = status(&cache, "name", b"a\0\0");
    assert_eq!(place(&dirty), (EntryState::Live, Some(FoundIn::Memory), true));
    assert_eq!(
        (dirty.value_bytes, dirty.ttl_ms, dirty.sequence),
        (Some(ByteSize::bytes(4)), Some(3_600_000), Some(1))
    );
    assert!(why(&cache, "name", b"a\0\0").contains("still to be committed: a crash now would lose it"));
    let seven = 7_u64.to_be_bytes();
    assert_eq!(place(&status(&cache, "kept", &seven)), (EntryState::Live, Some(FoundIn::Memory), false));
    assert!(why(&cache, "kept", &seven).contains("kept in memory alone"));
    cache.flush().unwrap();
    assert_eq!(place(&status(&cache, "name", b"a\0\0")), (EntryState::Live, Some(FoundIn::Both), false));
    assert!(why(&cache, "name", b"a\0\0").contains("in memory and on disk"));
    cache.close().unwrap();
    let cache = bench.open();
    assert_eq!(place(&status(&cache, "name", b"a\0\0")), (EntryState::Live, Some(FoundIn::Disk), false));
    assert!(why(&cache, "name", b"a\0\0").contains("has not opened the keyspace"));
    let names = cache.keyspace(NAMES).unwrap();
    let on_disk = told(&cache, "name", b"a\0\0", KeyQuery::Why);
    assert_eq!(place(&on_disk), (EntryState::Live, Some(FoundIn::Disk), false));
    assert!(on_disk.why.unwrap().contains("the next lookup reads it from there"));
    assert_eq!(
        (on_disk.version, on_disk.value_bytes, on_disk.memory_bytes),
        (Some(0), Some(ByteSize::bytes(4)), None)
    );
    names.get("a").unwrap();
    let promoted = status(&cache, "name", b"a\0\0");
    assert_eq!(promoted.found_in, Some(FoundIn::Both));
    assert!(promoted.memory_bytes > Some(ByteSize::bytes(4)));
    assert_eq!(place(&status(&cache, "name", b"none\0\0")), (EntryState::Absent, None, false));
    assert!(why(&cache, "name", b"none\0\0").contains("Neither memory nor the disk has it"));
    bench.clock.advance(2 * HOUR);
    assert_eq!(status(&cache, "name", b"a\0\0").state, EntryState::Expired);
    assert!(why(&cache, "name", b"a\0\0").contains("has expired 3600 s ago"));
}

#[test]
fn looking_is_no_use_of_anything() {
    let bench = Bench::new();
    let cache = bench.open();
    let names = cache.keyspace(NAMES).unwrap();
    for number in 0..20 {
        names.insert(&format!("{number}"), "x".repeat(300)).unwrap();
    }
    cache.close().unwrap();
    let cache = bench.open_with(true);
    cache.keyspace(NAMES).unwrap();
    let before = cache.stats();
    for _ in 0..3 {
        for wants in [KeyQuery::Status, KeyQuery::Value, KeyQuery::Why] {
            assert_eq!(
                told(&cache, "name", b"7\0\0", wants).found_in,
                Some(FoundIn::Disk),
                "it is not promoted"
            );
        }
        assert_eq!(listed_keys(&cache, "name", b"", 7, true).len(), 20);
    }
    let after = cache.stats();
    assert_eq!(before.keyspaces, after.keyspaces);
    assert_eq!((after.requests(), after.memory.entries), (0, 0));
    let commits = |stats: &crate::stats::Stats| stats.disk.as_ref().unwrap().commits;
    assert_eq!(commits(&before), commits(&after));
}

fn listed_keys(cache: &Cache, keyspace: &str, prefix: &[u8], limit: u32, all: bool) -> Vec<String> {
    listed_within(cache, keyspace, (prefix, limit, all), PAGE_TIME)
}

fn listed_within(
    cache: &Cache,
    keyspace: &str,
    (prefix, limit, all): (&[u8], u32, bool),
    time: Duration,
) -> Vec<String> {
    let target = Target::find(cache.shared(), keyspace).unwrap();
    let (mut keys, mut after): (Vec<String>, Option<Vec<u8>>) = (Vec::new(), None);
    for _ in 0..10_000 {
        let asked = PageRequest { prefix, after: after.as_deref(), limit: Some(limit), all };
        let page = page_in_steps(cache.shared(), &target, &asked, time, |_| ()).unwrap();
        assert!(page.keys.len() <= limit.clamp(1, MAX_PAGE) as usize);
        keys.extend(page.keys.into_iter().map(|status| status.key));
        let Some(next) = page.after else { return keys };
        let next = crate::format::key::spelling::read_hex(&next).unwrap().unwrap();
        assert!(after.as_ref().is_none_or(|last| *last < next), "a page that does not go on");
        after = Some(next);
    }
    panic!("pages without end");
}

#[test]
fn pages_have_every_key_of_both_tiers_once_and_in_order() {
    let bench = Bench::new();
    let cache = bench.open();
    let names = cache.keyspace(NAMES).unwrap();
    let key = |number: u32| format!("k{number:03}");
    for number in (0..60).step_by(2) {
        names.insert(&key(number), String::new()).unwrap();
    }
    cache.close().unwrap();
    let cache = bench.open();
    let names = cache.keyspace(NAMES).unwrap();
    let mut expected: BTreeSet<String> = (0..60).step_by(2).map(key).collect();
    // Some entries are only in memory, newer than the record on disk, promoted, removed, or expired.
    for number in (0..60).step_by(5) {
        names.insert(&key(number), "new".to_owned()).unwrap();
        expected.insert(key(number));
    }
    names.get(&key(2)).unwrap();
    names.remove(&key(4)).unwrap();
    expected.remove(&key(4));
    let short = InsertOptions::new().ttl(Duration::from_secs(1));
    names.insert_with(&key(59), String::new(), short).unwrap();
    bench.clock.advance(Duration::from_secs(2));
    let bytes = |keys: &BTreeSet<String>| -> Vec<String> {
        keys.iter().map(|key| spell_hex(&[key.as_bytes(), b"\0\0"].concat())).collect()
    };
    for limit in [0, 1, 2, 7, 30, 5_000] {
        assert_eq!(listed_keys(&cache, "name", b"", limit, false), bytes(&expected), "{limit}");
        let some: BTreeSet<String> = expected.iter().filter(|key| key.starts_with("k03")).cloned().collect();
        assert_eq!(listed_keys(&cache, "name", b"k03", limit, false), bytes(&some), "{limit}");
    }
    // With no time for the disk, each page reads one row. Keys in memory beyond that row are in a later page.
    let a_row = listed_within(&cache, "name", (b"", 100, false), Duration::ZERO);
    assert_eq!(a_row, bytes(&expected));
    let mut all = expected.clone();
    all.insert(key(59));
    assert_eq!(listed_keys(&cache, "name", b"", 9, true), bytes(&all));
}

#[test]
fn a_value_is_told_as_it_is_written_and_only_where_the_application_allows_it() {
    let bench = Bench::new();
    let cache = bench.open();
    let (names, kept) = (cache.keyspace(NAMES).unwrap(), cache.keyspace(KEPT).unwrap());
    names.insert("a", "Ada".to_owned()).unwrap();
    let refused = told(&cache, "name", b"a\0\0", KeyQuery::Value);
    assert_eq!((refused.value, refused.value_bytes), (None, Some(ByteSize::bytes(4))));
    assert!(refused.value_withheld.unwrap().contains("control_values=on"));
    drop((names, kept));
    cache.close().unwrap();
    let cache = bench.open_with(true);
    let (names, kept) = (cache.keyspace(NAMES).unwrap(), cache.keyspace(KEPT).unwrap());
    names.insert("b", "Bob".to_owned()).unwrap();
    kept.insert(&7, "seven".to_owned()).unwrap();
    let value = |keyspace: &str, key: &[u8]| told(&cache, keyspace, key, KeyQuery::Value);
    let bob = value("name", b"b\0\0");
    assert_eq!((bob.value.as_deref(), bob.value_format), (Some("0x03426F62"), Some(0)), "to be committed");
    assert_eq!(value("name", b"a\0\0").value.as_deref(), Some("0x03416461"), "on disk");
    let seven = value("kept", &7_u64.to_be_bytes());
    assert_eq!(seven.value.as_deref(), Some("0x05736576656E"), "in memory alone");
    assert_eq!(seven.value_bytes, Some(ByteSize::bytes(6)));
    assert_eq!(value("name", b"none\0\0").value_withheld, None);
    let longest = MAX_VALUE_SENT - 5;
    for (len, is_sent) in [(longest, true), (longest + 1, false)] {
        names.insert("long", "x".repeat(len)).unwrap();
        let long = value("name", b"long\0\0");
        assert_eq!(long.value_bytes, Some(ByteSize::bytes(len as u64 + 5)));
        assert_eq!((long.value.is_some(), long.value_withheld.is_none()), (is_sent, is_sent), "{len}");
    }
    cache.flush().unwrap();
    assert!(value("name", b"long\0\0").value.is_none());
    assert_eq!(status(&cache, "name", b"b\0\0").value, None, "to be told its status alone");
}

#[test]
fn a_load_under_way_is_told() {
    let cache = Cache::builder().open().unwrap();
    let names = cache.keyspace(NAMES).unwrap();
    let loaded = names.get_or_load("a", || {
        let loading = told(&cache, "name", b"a\0\0", KeyQuery::Why);
        assert_eq!((loading.state, loading.is_loading), (EntryState::Absent, true));
        let said = loading.why.unwrap();
        assert!(
            said.contains("the cache has no file") && said.ends_with("loading it at this moment."),
            "{said}"
        );
        Ok::<_, std::io::Error>("Ada".to_owned())
    });
    assert!(loaded.is_ok() && !status(&cache, "name", b"a\0\0").is_loading);
}

#[test]
fn a_record_that_is_no_value_of_the_type_is_told_with_the_reason() {
    let bench = Bench::new();
    let cache = bench.open();
    let numbers: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("name").ttl(HOUR);
    cache.keyspace(numbers).unwrap().insert("a", 300_u64).unwrap();
    cache.close().unwrap();
    let cache = bench.open_with(true);
    let names = cache.keyspace(NAMES).unwrap();
    let found = told(&cache, "name", b"a\0\0", KeyQuery::Value);
    assert_eq!((found.state, found.found_in, found.value), (EntryState::Undecodable, None, None));
    let said = why(&cache, "name", b"a\0\0");
    assert!(said.contains("no value of the application's type: "), "{said}");
    assert_eq!(cache.stats().keyspaces[0].undecodable, 0, "it is not counted");
    assert!(names.get("a").is_none(), "as a lookup finds");
}

#[test]
fn a_disk_tier_that_is_off_is_the_reason() {
    let bench = Bench::new();
    let cache = bench.open();
    let names = cache.keyspace(NAMES).unwrap();
    bench.disk.fail_every(&DiskOperation::CHANGES, Failure::Io);
    names.insert("a", "Ada".to_owned()).unwrap();
    cache.flush().unwrap_err();
    let said = why(&cache, "name", b"a\0\0");
    assert!(said.contains("when the disk tier is on again (it is off: "), "{said}");
    let said = why(&cache, "name", b"none\0\0");
    assert!(said.contains("the disk tier is off: "), "{said}");
    bench.disk.heal();
}

fn record(sequence: u64, version: u32, expires_at: u64) -> OnDisk {
    let header = record::Header {
        format: record::FORMAT,
        kind: record::RecordKind::Value,
        compression: PayloadCompression::None,
        version,
        sequence,
        written_at: Timestamp::from_millis(1),
        expires_at: Timestamp::from_millis(expires_at),
        delete_after: Timestamp::from_millis(expires_at),
    };
    OnDisk { header, extension: Extension::default(), stored_len: 3 }
}

fn slot(value: Option<u8>, sequence: u64) -> SlotContent {
    SlotContent {
        value: value.map(|value| Arc::new(value) as crate::memory::entry::Value),
        is_absence: false,
        sequence,
        expires_at: Timestamp::from_millis(100),
        weight: 9,
        unsaved: None,
        hides_removal: false,
    }
}

#[test]
fn what_a_lookup_finds_is_judged_in_its_order() {
    let judged = |slot: Option<SlotContent>,
                  min_visible_sequence: u64,
                  disk: Option<Result<OnDisk, Damage>>,
                  now: u64| {
        let memory = KeyInMemory { slot, min_visible_sequence, is_loading: false };
        let known = KeyEvidence { memory: &memory, disk, version: Some(3), now: Timestamp::from_millis(now) };
        place(&known.status())
    };
    let live = |place: FoundIn| (EntryState::Live, Some(place), false);
    let other = |state: EntryState| (state, None, false);
    let whole = Some(Ok(record(5, 3, 100)));
    // If there is a slot, the slot alone decides.
    assert_eq!(judged(Some(slot(Some(1), 6)), 0, whole, 50), live(FoundIn::Memory));
    assert_eq!(judged(Some(slot(Some(1), 5)), 0, whole, 50), live(FoundIn::Both));
    assert_eq!(judged(Some(slot(Some(1), 5)), 9, whole, 100), other(EntryState::Expired));
    assert_eq!(judged(Some(slot(None, 6)), 0, whole, 50), (EntryState::Removed, None, true));
    // Without a slot, the record on disk decides, unless a removal of many keys covers the record.
    assert_eq!(judged(None, 4, whole, 50), live(FoundIn::Disk));
    assert_eq!(judged(None, 5, whole, 50), other(EntryState::Removed));
    assert_eq!(judged(None, 0, whole, 100), other(EntryState::Expired));
    assert_eq!(judged(None, 0, Some(Ok(record(5, 2, 100))), 50), other(EntryState::OtherVersion));
    assert_eq!(judged(None, 0, Some(Err(Damage::Checksum)), 50), other(EntryState::Damaged));
    assert_eq!(judged(None, 0, None, 50), other(EntryState::Absent));
}

#[test]
fn a_removal_of_many_that_is_still_being_made_is_the_reason() {
    let disk = SimulatedVolume::new();
    let clock = Arc::new(ManualClock::new());
    let open = || {
        let builder = Cache::builder().path(PATH).volume(&disk).clock(clock.clone());
        builder.stepped(1).range_rows(1).open().unwrap()
    };
    let cache = open();
    let names = cache.keyspace(NAMES).unwrap();
    for number in 0..50 {
        names.insert(&format!("{number}"), String::new()).unwrap();
    }
    cache.close().unwrap();
    let cache = open();
    let names = cache.keyspace(NAMES).unwrap();
    names.remove_prefix("4").unwrap();
    let found = told(&cache, "name", b"49\0\0", KeyQuery::Why);
    assert_eq!(found.state, EntryState::Removed, "{found:?}");
    assert!(found.why.unwrap().contains("removed with others"));
    assert_eq!(listed_keys(&cache, "name", b"", 9, false).len(), 39);
    assert!(cache.stats().disk.unwrap().usable_bytes > ByteSize::kib(1));
}

#[derive(Debug, serde::Serialize, serde::Deserialize)]
enum State {
    Active,
}

#[test]
fn why_a_record_does_not_decode_shows_nothing_of_it_unless_the_application_allows_it() {
    let bench = Bench::new();
    let cache = bench.open();
    let texts = NAMES.format(Format::MessagePack);
    cache.keyspace(texts).unwrap().insert("a", "hunter2".to_owned()).unwrap();
    cache.close().unwrap();
    // The decoding error quotes the name of the unknown variant.
    let states: KeyspaceDefinition<String, State> = KeyspaceDefinition::new("name").ttl(HOUR);
    for is_allowed in [false, true] {
        let cache = bench.open_with(is_allowed);
        let states = cache.keyspace(states.format(Format::MessagePack)).unwrap();
        let said = why(&cache, "name", b"a\0\0");
        assert_eq!(said.contains("hunter2"), is_allowed, "{said}");
        assert!(said.contains("no value of the application's type"), "{said}");
        assert!(states.get("a").is_none());
        let answer = answer(&Arc::downgrade(cache.shared()), br#"{"v":1,"do":"stats"}"#);
        let answer = String::from_utf8(answer).unwrap();
        assert_eq!(answer.contains("hunter2"), is_allowed, "{answer}");
        assert!(answer.contains("undecodable_cause\":\""), "{answer}");
        cache.close().unwrap();
    }
}
