//! Tests of the requests of transactions and watches on a real server.

use std::time::Duration;

use larder::remote::{
    CommitChange, CommitCondition, HardLimit, IdleLife, LeaseReply, Life, RemoteKey, RemoteTier,
    SetCondition, WatchToken,
};
use larder::{Format, Remaining};
use larder_redis::RedisTier;
use larder_redis::inspect::{ServerInspector, SlotState};

use crate::requests::{MINUTE, TEN_SECONDS, bytes, get, is_filled, leased};
use crate::server::RedisServer;
use crate::support::{ask, eventually, key, key_of, keyspace, open};

fn commit(
    tier: &RedisTier,
    conditions: &[(RemoteKey, CommitCondition)],
    changes: &[(RemoteKey, CommitChange)],
) -> bool {
    ask(|reply| tier.commit(conditions.to_vec(), changes.to_vec(), reply)).unwrap()
}

fn put(name: &str, bytes: &[u8]) -> (RemoteKey, CommitChange) {
    (key(name), CommitChange::Set(bytes.to_vec(), MINUTE))
}

/// Returns a record whose grace begins when it has a minute left.
fn with_grace() -> Vec<u8> {
    let mut record = vec![9; 60];
    record[9] = 0;
    record[32..40].copy_from_slice(&1_000_u64.to_be_bytes());
    record[40..48].copy_from_slice(&61_000_u64.to_be_bytes());
    record
}

#[test]
fn a_commit_is_made_if_every_condition_holds_and_not_at_all_otherwise() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let (one, two) = (open(&server.url("")), open(&server.url("")));
    one.register(keyspace(9, "plain", Format::Raw)).unwrap();
    let set = |name: &str, bytes: &[u8], life| {
        ask(|reply| two.set(key(name), bytes.to_vec(), life, SetCondition::Always, reply)).unwrap();
    };
    let seconds = |seconds| Life::For(Duration::from_secs(seconds));
    set("same", b"1", MINUTE);
    set("live", &with_grace(), seconds(70));
    set("ended", &with_grace(), seconds(50));
    leased(&two, "leased");
    ask(|reply| two.watch(key("marked"), TEN_SECONDS, reply)).unwrap();
    server.cli(&["SET", "larder:1:prices:foreign", "text"]);
    server.cli(&["SET", "larder:1:plain:text", "1"]);
    server.cli(&["SET", "larder:1:plain:empty", ""]);
    let (same, live) = (CommitCondition::Unchanged, CommitCondition::Live);
    let longer = [with_grace(), vec![1]].concat();
    let (record, absent) = (with_grace(), CommitCondition::Absent);
    let other = {
        let mut other = record.clone();
        other[20] = 8;
        other
    };
    let cases = [
        (key("same"), same(b"1".to_vec()), true),
        (key("same"), same(b"2".to_vec()), false),
        (key("same"), live(b"1".to_vec()), true),
        (key("same"), absent.clone(), false),
        (key("none"), same(b"1".to_vec()), false),
        (key("none"), same(Vec::new()), false),
        (key("none"), absent.clone(), true),
        (key("live"), live(record.clone()), true),
        (key("live"), same(record.clone()), true),
        (key("live"), same(other), false),
        (key("live"), same(longer), false),
        (key("ended"), live(record.clone()), false),
        (key("ended"), same(record), true),
        (key("leased"), absent.clone(), true),
        (key("marked"), absent.clone(), true),
        (key("marked"), same(Vec::new()), false),
        (key("foreign"), absent.clone(), true),
        (key("foreign"), CommitCondition::Watched(WatchToken::default()), false),
        (key_of(9, "text"), same(b"1".to_vec()), true),
        (key_of(9, "text"), live(b"1".to_vec()), true),
        (key_of(9, "text"), same(b"12".to_vec()), false),
        (key_of(9, "text"), absent.clone(), false),
        (key_of(9, "empty"), same(Vec::new()), true),
        (key_of(9, "empty"), absent.clone(), false),
        (key_of(9, "none"), same(Vec::new()), false),
        (key_of(9, "none"), absent, true),
    ];
    for (at, (slot, condition, holds)) in cases.into_iter().enumerate() {
        let (name, value) = (format!("made{at}"), at.to_string().into_bytes());
        let conditions = [(key("same"), same(b"1".to_vec())), (slot, condition.clone())];
        let changes = [put("first", &value), put(&name, &value)];
        assert_eq!(commit(&one, &conditions, &changes), holds, "case {at}: {condition:?}");
        assert_eq!(bytes(&two, &name).is_some(), holds);
        assert_eq!(bytes(&two, "first") == Some(value), holds);
    }
}

#[test]
fn the_changes_of_a_commit_replace_whatever_the_slots_have() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let (one, two) = (open(&server.url("")), open(&server.url("")));
    one.register(keyspace(9, "plain", Format::Raw)).unwrap();
    // No keyspace has a generation yet.
    assert!(commit(&one, &[(key("a"), CommitCondition::Absent)], &[put("a", b"1"), put("b", b"2")]));
    assert_eq!((bytes(&two, "a"), bytes(&two, "b")), (Some(b"1".to_vec()), Some(b"2".to_vec())));
    let (first, second) = (leased(&two, "c"), leased(&two, "d"));
    ask(|reply| two.fence(key("d"), 1, TEN_SECONDS, reply)).unwrap();
    server.cli(&["RPUSH", "larder:1:prices:e", "a list"]);
    let (keep, never) = (Life::Keep, Life::Never);
    let changes = [
        (key("a"), CommitChange::Set(b"3".to_vec(), keep)),
        (key("b"), CommitChange::Remove),
        (key("c"), CommitChange::Remove),
        put("d", b"4"),
        (key("e"), CommitChange::Set(b"5".to_vec(), never)),
        (key_of(9, "p"), CommitChange::Set(b"text".to_vec(), never)),
    ];
    assert!(commit(&one, &[(key("a"), CommitCondition::Unchanged(b"1".to_vec()))], &changes));
    let found = ["a", "b", "c", "d", "e"].map(|name| bytes(&two, name));
    let value = |text: &str| Some(text.as_bytes().to_vec());
    assert_eq!(found, [value("3"), None, None, value("4"), value("5")]);
    assert!(server.cli(&["TTL", "larder:1:prices:a"]).parse::<u64>().unwrap() > 50, "it has kept its life");
    assert_eq!(server.cli(&["TTL", "larder:1:prices:e"]), "-1");
    assert_eq!(server.cli(&["GET", "larder:1:plain:p"]), "text");
    assert!(!is_filled(&two, "c", first, b"stale") && !is_filled(&two, "d", second, b"stale"));
    let refreshed = SetCondition::UnchangedUnfenced(b"4".to_vec());
    let is_set = ask(|reply| two.set(key("d"), b"6".to_vec(), MINUTE, refreshed, reply));
    assert!(!is_set.unwrap(), "the fence is still there");
}

#[test]
fn a_commit_stores_a_record_whose_life_its_uses_extend() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let tier = open(&server.url(""));
    let life = |limit| {
        let (left, grace) = (Duration::from_secs(100), Duration::from_mins(1));
        Life::WhileUsed(IdleLife { left, limit, grace })
    };
    let stored = |limit: HardLimit, value: &[u8]| {
        let condition = match (limit, get(&tier, "k")) {
            (HardLimit::Keep, Some(record)) => CommitCondition::Live(record.bytes),
            _ => CommitCondition::Absent,
        };
        let record = [with_grace().as_slice(), value].concat();
        let change = CommitChange::Set(record.clone(), life(limit));
        assert!(commit(&tier, &[(key("k"), condition)], &[(key("k"), change)]));
        let found = get(&tier, "k").unwrap();
        assert_eq!(found.bytes, record);
        (found.left, found.times.unwrap().limit)
    };
    let is_about = |left: Remaining, seconds: u64| {
        left.duration().is_some_and(|left| left.as_secs() <= seconds && left.as_secs() + 20 > seconds)
    };
    let (left, limit) = stored(HardLimit::For(Duration::from_secs(30)), b"1");
    assert!(is_about(left, 90) && is_about(limit, 30), "it ends at its limit, and is kept for its grace");
    let (left, limit) = stored(HardLimit::Keep, b"2");
    assert!(is_about(left, 90) && is_about(limit, 30), "{left:?} {limit:?}");
    let token = ask(|reply| tier.watch(key("k"), TEN_SECONDS, reply)).unwrap();
    assert!(commit(&tier, &[(key("k"), CommitCondition::Watched(token.clone()))], &[]));
    assert!(commit(&tier, &[], &[(key("k"), CommitChange::Remove)]));
    assert!(!commit(&tier, &[(key("k"), CommitCondition::Watched(token))], &[]));
    let (left, limit) = stored(HardLimit::Never, b"3");
    assert!(is_about(left, 160) && limit == Remaining::Never, "{left:?} {limit:?}");
}

#[test]
fn a_watch_token_is_void_after_any_change_of_its_slot() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let (one, two) = (open(&server.url("")), open(&server.url("")));
    let watch = || ask(|reply| one.watch(key("k"), TEN_SECONDS, reply)).unwrap();
    let holds =
        |token: &WatchToken| commit(&two, &[(key("k"), CommitCondition::Watched(token.clone()))], &[]);
    let set = |bytes: &[u8]| {
        assert!(ask(|reply| two.set(key("k"), bytes.to_vec(), MINUTE, SetCondition::Always, reply)).unwrap());
    };
    let remove = || _ = ask(|reply| two.remove(vec![key("k")], reply)).unwrap();
    let changes: [(&str, &dyn Fn()); 8] = [
        ("set", &|| set(b"other")),
        ("set and removed", &|| {
            set(b"v");
            remove();
        }),
        ("removed", &remove),
        ("fenced", &|| ask(|reply| two.fence(key("k"), 1, Duration::from_millis(1), reply)).unwrap()),
        ("a range", &|| _ = ask(|reply| two.remove_range(key(""), reply)).unwrap()),
        ("DEL", &|| _ = server.cli(&["DEL", "larder:1:prices:k"])),
        ("by another program", &|| _ = server.cli(&["SET", "larder:1:prices:k", "text"])),
        ("leased", &|| {
            eventually("the fence has ended", || {
                !matches!(ask(|reply| two.lease(key("k"), TEN_SECONDS, reply)), Ok(LeaseReply::Fenced))
            });
            remove();
        }),
    ];
    for is_stored in [false, true] {
        for (name, change) in &changes {
            remove();
            if is_stored {
                set(b"v");
            }
            let (first, second) = (watch(), watch());
            assert_eq!(first, second, "{name}: a watch does not void another one");
            assert!(holds(&first) && holds(&second), "{name}");
            assert_eq!(bytes(&two, "k").is_some(), is_stored, "{name}");
            change();
            assert!(!holds(&first), "{name}");
            remove();
            assert!(!holds(&first), "{name}");
        }
    }
    let mut inspector = ServerInspector::open(&server.url("")).unwrap();
    watch();
    assert_eq!(inspector.slot(b"larder:1:prices:k").unwrap().state, SlotState::Watched);
    // The lease of a load counts as the content of the slot, so a watch does not void the load.
    remove();
    let lease = leased(&two, "k");
    let token = watch();
    assert!(holds(&token) && is_filled(&two, "k", lease, b"loaded") && !holds(&token));
    one.register(keyspace(9, "plain", Format::Raw)).unwrap();
    let refused = ask(|reply| one.watch(key_of(9, "k"), TEN_SECONDS, reply)).unwrap_err();
    assert!(refused.to_string().contains("raw"), "{refused}");
}

#[test]
fn a_full_server_makes_a_transaction_as_a_whole_or_not_at_all() {
    let Some(server) = RedisServer::start(&["--maxmemory-policy", "noeviction"]) else { return };
    let tier = open(&server.url(""));
    assert!(commit(&tier, &[], &[put("a", b"1"), put("b", b"1")]));
    server.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    let full = ask(|reply| tier.commit(vec![], vec![put("a", b"2"), put("c", b"2")], reply)).unwrap_err();
    assert!(full.to_string().contains("OOM") && !full.may_be_applied(), "{full}");
    assert_eq!((bytes(&tier, "a"), bytes(&tier, "c")), (Some(b"1".to_vec()), None));
    assert!(commit(&tier, &[], &[put("a", b"3"), (key("b"), CommitChange::Remove)]));
    assert_eq!((bytes(&tier, "a"), bytes(&tier, "b")), (Some(b"3".to_vec()), None));
}

/// The server does not undo the writes of a script that fails.
#[test]
fn a_generation_of_another_type_is_found_before_the_first_write() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let tier = open(&server.url(""));
    tier.register(keyspace(9, "other", Format::Bincode)).unwrap();
    let other = |value: &[u8]| (key_of(9, "k"), CommitChange::Set(value.to_vec(), MINUTE));
    assert!(commit(&tier, &[], &[put("a", b"1"), put("b", b"1"), other(b"1")]));
    let keys = server.cli(&["KEYS", "larder::g:*:other"]);
    assert_eq!((server.cli(&["DEL", &keys]), server.cli(&["LPUSH", &keys, "x"])), ("1".into(), "1".into()));
    let changes = [put("a", b"2"), (key("b"), CommitChange::Remove), other(b"2")];
    assert!(commit(&tier, &[], &changes), "the generation is replaced");
    assert_eq!((bytes(&tier, "a"), bytes(&tier, "b")), (Some(b"2".to_vec()), None));
    let found = ask(|reply| tier.get(key_of(9, "k"), reply)).unwrap();
    assert_eq!(found.map(|record| record.bytes), Some(b"2".to_vec()));
}

#[test]
fn a_transaction_that_fails_at_the_server_may_be_applied() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let tier = open(&server.url(""));
    tier.register(keyspace(9, "other", Format::Bincode)).unwrap();
    let other = || (key_of(9, "k"), CommitChange::Set(b"1".to_vec(), MINUTE));
    assert!(commit(&tier, &[], &[put("a", b"1"), other()]));
    let rights = "ACL SETUSER default resetkeys ~larder::* ~larder:1:prices:*";
    assert_eq!(server.cli(&rights.split(' ').collect::<Vec<_>>()), "OK");
    let failed = ask(|reply| tier.commit(vec![], vec![put("a", b"2"), other()], reply)).unwrap_err();
    assert!(failed.may_be_applied(), "{failed}");
    assert_eq!(bytes(&tier, "a"), Some(b"2".to_vec()), "the user may write this key, and not the other one");
}
