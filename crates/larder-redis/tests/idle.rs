//! Tests of records whose life their uses extend, on a real server. The tests shorten the remaining time of a
//! record instead of waiting, so that none of them depends on the speed of the machine.

use std::time::Duration;

use larder::remote::{
    FillReply, HardLimit, IdleLife, Life, RecordTimes, RecordUse, RemoteTier, ScanCursor, SetCondition,
};
use larder::{Cache, Format, Keyspace, KeyspaceDefinition, Remaining};
use larder_redis::RedisTier;
use larder_redis::inspect::{ServerInspector, SlotState};

use crate::requests::{bytes, get, leased};
use crate::server::RedisServer;
use crate::support::{LIMIT, ask, eventually, key, key_of, keyspace, now, open, pause};

const HOUR: Duration = Duration::from_hours(1);
const MINUTE: Duration = Duration::from_mins(1);
const MILLI: Duration = Duration::from_millis(1);
const SLOT: &str = "larder:1:prices:k";

/// Returns a record that is as long as a record of larder, with this mark, and with a grace of an hour.
fn record(mark: u32) -> Vec<u8> {
    let grace = u64::try_from(HOUR.as_millis()).unwrap();
    [
        [7; 20].as_slice(),
        &mark.to_be_bytes(),
        &[7; 8],
        &5_u64.to_be_bytes(),
        &(5 + grace).to_be_bytes(),
        b"value",
    ]
    .concat()
}

fn life(left: Duration, limit: HardLimit) -> Life {
    Life::WhileUsed(IdleLife { left, limit, grace: HOUR })
}

fn set(tier: &RedisTier, mark: u32, life: Life, condition: SetCondition) -> bool {
    ask(|reply| tier.set(key("k"), record(mark), life, condition, reply)).unwrap()
}

/// Extends the record with this mark to an hour, if less than half an hour is left.
fn extend(tier: &RedisTier, mark: u32) -> bool {
    let record_use = RecordUse { mark, below: HOUR / 2, life: HOUR };
    ask(|reply| tier.extend(key("k"), record_use, reply)).unwrap()
}

/// Returns the remaining life of the record, without its grace.
fn left(tier: &RedisTier) -> Option<Duration> {
    get(tier, "k")?.left.duration().map(|left| left.saturating_sub(HOUR))
}

/// Returns whether a time is at most this long, and at most a test's limit shorter.
fn is_about(time: impl Into<Option<Duration>>, length: Duration) -> bool {
    time.into().is_some_and(|time| time <= length && time + LIMIT > length)
}

#[test]
fn a_use_extends_the_record_that_was_used_up_to_its_limit() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let (one, two) = (open(&server.url("")), open(&server.url("")));
    assert!(!extend(&one, 1), "there is no record");
    assert!(set(&one, 1, life(MINUTE, HardLimit::Never), SetCondition::Always));
    assert!(is_about(left(&two), MINUTE));
    assert!(!extend(&two, 2), "the mark of another record");
    assert!(is_about(left(&two), MINUTE) && extend(&two, 1));
    assert!(is_about(left(&one), HOUR) && !extend(&one, 1), "more than half an hour is left");
    assert!(set(&one, 2, life(MINUTE, HardLimit::For(2 * MINUTE)), SetCondition::Always));
    assert!(extend(&two, 2) && is_about(left(&two), 2 * MINUTE));
    assert!(!extend(&two, 2), "it lives until its limit");
    // The life ends within milliseconds, and the grace begins.
    assert!(set(&one, 3, life(MILLI, HardLimit::Never), SetCondition::Always));
    eventually("the life ends", || left(&one) == Some(Duration::ZERO));
    assert!(!extend(&two, 3) && get(&two, "k").is_some(), "it is kept for its grace");
    assert!(set(&one, 4, life(MINUTE, HardLimit::For(20 * MILLI)), SetCondition::Always));
    eventually("the life ends", || left(&one) == Some(Duration::ZERO));
    assert!(!extend(&two, 4));
    assert!(set(&one, 5, Life::For(HOUR + MINUTE), SetCondition::Always));
    assert!(!extend(&two, 5), "a record that uses do not extend");
    assert!(
        ask(|reply| one.set(
            key("k"),
            vec![7; 24],
            life(MINUTE, HardLimit::Never),
            SetCondition::Always,
            reply
        ))
        .unwrap()
    );
    assert!(!extend(&two, u32::from_be_bytes([7; 4])), "it is too short for a record of larder");
}

#[test]
fn a_record_has_the_times_of_the_server() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let (one, two) = (open(&server.url("")), open(&server.url("")));
    let times = |tier: &RedisTier| get(tier, "k").and_then(|record| record.times);
    let limit = |tier: &RedisTier| times(tier).and_then(|times| times.limit.duration());
    assert!(set(&one, 1, Life::For(HOUR), SetCondition::Always));
    assert_eq!(times(&two), None);
    let began = now();
    assert!(set(&one, 1, life(MINUTE, HardLimit::For(HOUR)), SetCondition::Always));
    pause(5 * MILLI);
    let RecordTimes { age, .. } = times(&two).unwrap();
    assert!(age >= 4 * MILLI && age <= began.elapsed() + MILLI, "{age:?}");
    assert!(is_about(limit(&two), HOUR));
    let unchanged = |mark| SetCondition::Unchanged(record(mark));
    assert!(set(&two, 2, life(MINUTE, HardLimit::Keep), unchanged(1)) && is_about(limit(&one), HOUR));
    assert!(times(&two).is_some_and(|times| times.age < LIMIT));
    assert!(!set(&two, 3, life(MINUTE, HardLimit::Keep), unchanged(1)), "the record was replaced");
    assert!(set(&two, 3, life(HOUR, HardLimit::For(MINUTE)), unchanged(2)) && is_about(left(&one), MINUTE));
    assert!(set(&two, 4, life(HOUR, HardLimit::Keep), unchanged(3)) && is_about(left(&one), MINUTE));
    assert!(set(&two, 5, life(HOUR, HardLimit::Never), unchanged(4)));
    assert_eq!(times(&one).map(|times| times.limit), Some(Remaining::Never));
    assert!(set(&two, 6, life(HOUR, HardLimit::Keep), unchanged(5)));
    assert_eq!(times(&one).map(|times| times.limit), Some(Remaining::Never));
    // The limit of a record that uses do not extend is the end of its life. The hour after that is its
    // grace.
    assert!(set(&two, 7, Life::For(HOUR + MINUTE), SetCondition::Always));
    assert!(set(&two, 8, life(HOUR, HardLimit::Keep), unchanged(7)));
    assert!(is_about(limit(&one), MINUTE) && is_about(left(&one), MINUTE));
    assert!(set(&two, 9, Life::Never, SetCondition::Always));
    assert!(set(&two, 10, life(HOUR, HardLimit::Keep), unchanged(9)));
    assert_eq!(times(&one).map(|times| times.limit), Some(Remaining::Never));
    assert_eq!(server.cli(&["DEL", SLOT]), "1");
    assert!(!set(&two, 11, life(HOUR, HardLimit::Keep), SetCondition::Always), "there is no limit to keep");
}

#[test]
fn a_record_that_uses_extend_is_a_record_for_every_request() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let (one, two) = (open(&server.url("")), open(&server.url("")));
    let token = leased(&one, "k");
    let filled = |token, life| ask(|reply| one.fill(key("k"), token, record(1), life, reply)).unwrap();
    assert_eq!(filled(token.clone(), life(MINUTE, HardLimit::Keep)), FillReply::Void);
    assert!(matches!(filled(token, life(MINUTE, HardLimit::For(HOUR))), FillReply::Stored { .. }));
    assert_eq!(bytes(&two, "k"), Some(record(1)));
    let found = ask(|reply| two.lease(key("k"), MINUTE, reply)).unwrap();
    assert!(matches!(found, larder::remote::LeaseReply::Hit(found) if found.times.is_some()));
    let found = ask(|reply| two.get_many(vec![key("none"), key("k")], reply)).unwrap();
    assert!(found[0].is_none() && found[1].as_ref().is_some_and(|found| found.times.is_some()));
    assert!(extend(&two, 1) && is_about(left(&one), HOUR));
    assert!(matches!(ask(|reply| two.ttl(key("k"), reply)).unwrap(), Some(Remaining::For(_))));
    let page = ask(|reply| two.scan(key(""), ScanCursor::default(), reply)).unwrap();
    assert_eq!(page.keys, [key("k")]);
    assert!(!set(&two, 2, life(MINUTE, HardLimit::Never), SetCondition::Absent));
    assert!(set(&two, 2, life(MINUTE, HardLimit::Never), SetCondition::Present));
    assert!(!ask(|reply| two.remove_unchanged(key("k"), record(1), reply)).unwrap());
    assert!(ask(|reply| two.remove_unchanged(key("k"), record(2), reply)).unwrap());
    let fill = || assert!(set(&one, 3, life(MINUTE, HardLimit::Never), SetCondition::Always));
    fill();
    assert_eq!(ask(|reply| two.remove(vec![key("k")], reply)).unwrap(), 1);
    fill();
    assert_eq!(ask(|reply| two.remove_range(key(""), reply)).unwrap(), 1);
    fill();
    assert!(set(&one, 4, life(MILLI, HardLimit::Never), SetCondition::Always));
    eventually("the life ends", || left(&one) == Some(Duration::ZERO));
    assert_eq!(ask(|reply| two.remove(vec![key("k")], reply)).unwrap(), 0, "it is in its grace");
    two.register(keyspace(9, "plain", Format::Raw)).unwrap();
    server.cli(&["SET", "larder:1:plain:k", "text"]);
    let record_use = RecordUse { mark: 1, below: HOUR, life: HOUR };
    assert!(!ask(|reply| two.extend(key_of(9, "k"), record_use, reply)).unwrap());
    // Another program has written the beginning of such a record.
    server.cli(&[
        "EVAL",
        "return redis.call('SET', KEYS[1], '\\3' .. redis.call('GET', KEYS[2]))",
        "2",
        SLOT,
        &generation(&server),
    ]);
    assert_eq!(get(&two, "k"), None);
    assert_eq!(ask(|reply| two.remove(vec![key("k")], reply)).unwrap(), 0);
}

/// Returns the key of the generation of the keyspace in these tests.
fn generation(server: &RedisServer) -> String {
    server.cli(&["KEYS", "larder::g:*:1:prices"])
}

const SESSIONS: KeyspaceDefinition<String, u64> =
    KeyspaceDefinition::new("sessions").ttl(Duration::from_hours(12)).time_to_idle(HOUR);
const SESSION: &str = "shop:0:sessions:k";

fn sessions(server: &RedisServer) -> (Cache, Keyspace<String, u64>) {
    let cache = larder_redis::open_url(&server.url("prefix=shop&memory=8MiB")).unwrap();
    let sessions = cache.keyspace(SESSIONS).unwrap();
    (cache, sessions)
}

/// Returns the remaining time at the server in seconds.
fn seconds(server: &RedisServer) -> u64 {
    server.cli(&["TTL", SESSION]).parse().unwrap_or(0)
}

#[test]
fn a_use_on_one_node_keeps_an_entry_for_the_others() {
    /// The same keyspace without a time to idle: its lookups copy an entry into memory, and are no uses.
    const LOOKS: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("sessions");
    let Some(server) = RedisServer::start(&[]) else { return };
    let ((a, one), (_b, two)) = (sessions(&server), sessions(&server));
    let looks = a.keyspace(LOOKS).unwrap();
    one.insert("k", 1).unwrap();
    assert!(seconds(&server) > 3_600, "9/8 of the time to idle");
    let mut inspector = ServerInspector::open(&server.url("prefix=shop")).unwrap();
    let slot = inspector.slot(SESSION.as_bytes()).unwrap();
    assert!(matches!(slot.state, SlotState::Record(Ok(_))), "{slot:?}");
    let shorten = || assert_eq!(server.cli(&["EXPIRE", SESSION, "1000"]), "1");
    let is_extended = || eventually("the life is extended", || seconds(&server) > 3_600);
    let ends_early = || looks.ttl("k").is_some_and(|left| left <= Duration::from_secs(1_000));
    let near_hits = || one.stats().memory_hits;
    eventually("a hit in memory is a use", || {
        shorten();
        eventually("the node sees the earlier end", || looks.get("k").is_some() && ends_early());
        let before = near_hits();
        assert!(one.get("k").is_some());
        let is_near = near_hits() > before;
        is_extended();
        is_near
    });
    shorten();
    eventually("the node sees the earlier end", || looks.get("k").is_some() && ends_early());
    assert!(two.get("k").is_some(), "at the server");
    is_extended();
    eventually("the use of the other node is pushed", || looks.get("k").is_some() && !ends_early());
    assert!(one.remove("k").unwrap());
    assert_eq!(one.get("k"), None);
    eventually("the removal is pushed", || two.get("k").is_none());
}

#[test]
fn an_entry_that_no_node_uses_ends() {
    const BRIEF: KeyspaceDefinition<String, u64> =
        KeyspaceDefinition::new("brief").ttl(HOUR).time_to_idle(Duration::from_millis(40));
    let Some(server) = RedisServer::start(&[]) else { return };
    let (cache, _) = sessions(&server);
    let brief = cache.keyspace(BRIEF).unwrap();
    brief.insert("k", 1).unwrap();
    // A peek is no use.
    eventually("it ends", || brief.peek("k").is_none());
    assert_eq!(server.cli(&["EXISTS", "shop:0:brief:k"]), "0");
}

#[test]
fn a_full_server_still_takes_uses() {
    let arguments = ["--maxmemory", "3mb", "--maxmemory-policy", "noeviction"];
    let Some(server) = RedisServer::start(&arguments) else { return };
    let tier = open(&server.url(""));
    assert!(set(&tier, 1, life(MINUTE, HardLimit::Never), SetCondition::Always));
    assert_eq!(server.cli(&["CONFIG", "SET", "maxmemory", "1mb"]), "OK");
    let full = ask(|reply| tier.set(key("l"), record(2), Life::Never, SetCondition::Always, reply));
    assert!(full.is_err(), "it is full");
    assert!(extend(&tier, 1) && is_about(left(&tier), HOUR));
}
