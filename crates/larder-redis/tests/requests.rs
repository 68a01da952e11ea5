//! Tests of each request of the trait on a real server.

use std::time::Duration;

use larder::remote::{
    FillReply, LeaseReply, LeaseToken, Life, RemoteRecord, RemoteTier, ScanCursor, SetCondition,
};
use larder::{Format, Remaining};
use larder_redis::RedisTier;

use crate::server::RedisServer;
use crate::support::{ask, eventually, key, key_of, keyspace, open};

pub(crate) const MINUTE: Life = Life::For(Duration::from_mins(1));
/// A removal by a client, or by another program on the server.
type RemovalWay = fn(&RedisTier, &RedisServer);

pub(crate) const TEN_SECONDS: Duration = Duration::from_secs(10);

pub(crate) fn get(tier: &RedisTier, name: &str) -> Option<RemoteRecord> {
    // After a flush, the tier must identify the data again. Until then, a lookup returns an error.
    let mut found = None;
    eventually("the tier answers", || {
        found = ask(|reply| tier.get(key(name), reply)).ok();
        found.is_some()
    });
    found.flatten()
}

pub(crate) fn bytes(tier: &RedisTier, name: &str) -> Option<Vec<u8>> {
    get(tier, name).map(|record| record.bytes)
}

fn set_if(tier: &RedisTier, name: &str, bytes: &[u8], condition: SetCondition) -> bool {
    ask(|reply| tier.set(key(name), bytes.to_vec(), MINUTE, condition, reply)).unwrap()
}

pub(crate) fn set(tier: &RedisTier, name: &str, bytes: &[u8]) {
    assert!(set_if(tier, name, bytes, SetCondition::Always));
}

fn lease(tier: &RedisTier, name: &str) -> LeaseReply {
    ask(|reply| tier.lease(key(name), TEN_SECONDS, reply)).unwrap()
}

pub(crate) fn leased(tier: &RedisTier, name: &str) -> LeaseToken {
    match lease(tier, name) {
        LeaseReply::Leased(token) => token,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn is_filled(tier: &RedisTier, name: &str, token: LeaseToken, bytes: &[u8]) -> bool {
    let filled = ask(|reply| tier.fill(key(name), token, bytes.to_vec(), MINUTE, reply)).unwrap();
    matches!(filled, FillReply::Stored { .. })
}

fn remove(tier: &RedisTier, names: &[&str]) -> u64 {
    ask(|reply| tier.remove(names.iter().map(|name| key(name)).collect(), reply)).unwrap()
}

#[test]
fn a_record_is_read_with_the_time_that_it_has_left() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let (one, two) = (open(&server.url("")), open(&server.url("")));
    assert_eq!(get(&one, "k"), None);
    set(&one, "k", b"\x00any\r\nbytes\xff");
    let found = get(&two, "k").unwrap();
    assert_eq!(found.bytes, b"\x00any\r\nbytes\xff");
    assert!(
        matches!(found.left, Remaining::For(left) if left <= Duration::from_mins(1) && left > Duration::from_secs(50))
    );
    assert_eq!(found.generation, two.generation());
    assert!(ask(|reply| one.expire(key("k"), Life::Never, reply)).unwrap());
    assert_eq!(get(&two, "k").unwrap().left, Remaining::Never);
    assert_eq!(ask(|reply| two.ttl(key("k"), reply)).unwrap(), Some(Remaining::Never));
    assert_eq!(ask(|reply| two.ttl(key("none"), reply)).unwrap(), None);
    assert!(!ask(|reply| two.expire(key("none"), MINUTE, reply)).unwrap());
    assert!(ask(|reply| one.expire(key("k"), Life::For(Duration::from_millis(1)), reply)).unwrap());
    eventually("it expires", || get(&two, "k").is_none());
}

#[test]
fn a_write_is_made_under_its_condition_alone() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let tier = open(&server.url(""));
    assert!(!set_if(&tier, "k", b"1", SetCondition::Present));
    assert!(set_if(&tier, "k", b"1", SetCondition::Absent));
    assert!(!set_if(&tier, "k", b"2", SetCondition::Absent));
    assert!(set_if(&tier, "k", b"2", SetCondition::Present));
    assert!(!set_if(&tier, "k", b"3", SetCondition::Unchanged(b"1".to_vec())));
    assert!(set_if(&tier, "k", b"3", SetCondition::Unchanged(b"2".to_vec())));
    assert!(ask(|reply| tier.set(key("k"), b"4".to_vec(), Life::Keep, SetCondition::Always, reply)).unwrap());
    assert!(matches!(get(&tier, "k").unwrap().left, Remaining::For(left) if left > Duration::from_secs(50)));
    assert!(
        !ask(|reply| tier.set(key("new"), b"4".to_vec(), Life::Keep, SetCondition::Always, reply)).unwrap()
    );
    assert!(!ask(|reply| tier.remove_unchanged(key("k"), b"3".to_vec(), reply)).unwrap());
    assert!(ask(|reply| tier.remove_unchanged(key("k"), b"4".to_vec(), reply)).unwrap());
    assert_eq!(get(&tier, "k"), None);
}

#[test]
fn a_miss_takes_the_lease_and_fills_only_over_it() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let (one, two) = (open(&server.url("")), open(&server.url("")));
    let token = leased(&one, "k");
    assert!(
        matches!(lease(&two, "k"), LeaseReply::Busy(left) if left <= TEN_SECONDS && left > TEN_SECONDS / 2)
    );
    assert_eq!(get(&two, "k"), None, "a lease is no value");
    assert!(set_if(&two, "k", b"x", SetCondition::Absent), "nor is it one for a condition");
    assert!(!is_filled(&one, "k", token, b"loaded"), "the write has voided the lease");
    assert_eq!(bytes(&one, "k").as_deref(), Some(b"x".as_slice()));
    assert!(matches!(lease(&one, "k"), LeaseReply::Hit(record) if record.bytes == b"x"));

    let (first, second) = (leased(&one, "l"), LeaseToken::default());
    assert!(!is_filled(&two, "l", second, b"forged"));
    assert!(ask(|reply| one.renew(key("l"), first.clone(), Duration::from_secs(30), reply)).unwrap());
    assert!(matches!(lease(&two, "l"), LeaseReply::Busy(left) if left > TEN_SECONDS));
    assert!(is_filled(&one, "l", first.clone(), b"loaded"));
    assert!(!is_filled(&one, "l", first.clone(), b"again"), "a lease fills once");
    assert!(!ask(|reply| one.renew(key("l"), first.clone(), TEN_SECONDS, reply)).unwrap());
    assert!(!ask(|reply| one.release(key("l"), first, reply)).unwrap(), "a record is not released");
    assert_eq!(bytes(&two, "l").as_deref(), Some(b"loaded".as_slice()));

    let given_back = leased(&one, "m");
    assert!(ask(|reply| one.release(key("m"), given_back.clone(), reply)).unwrap());
    let next = leased(&two, "m");
    assert!(!is_filled(&one, "m", given_back, b"late"));
    assert!(is_filled(&two, "m", next, b"loaded"));
}

#[test]
fn every_removal_voids_the_loads_that_are_under_way() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let (one, two) = (open(&server.url("prefix=shop")), open(&server.url("prefix=shop")));
    let removals: [(&str, RemovalWay); 7] = [
        ("remove", |tier, _| assert_eq!(remove(tier, &["ab", "none"]), 0, "a lease is no record")),
        ("range", |tier, _| assert_eq!(ask(|reply| tier.remove_range(key("a"), reply)).unwrap(), 0)),
        ("keyspace", |tier, _| assert_eq!(ask(|reply| tier.remove_range(key(""), reply)).unwrap(), 0)),
        ("all", |tier, _| assert_eq!(ask(|reply| tier.remove_all(reply)).unwrap(), 0)),
        ("DEL", |_, server| assert_eq!(server.cli(&["DEL", "shop:1:prices:ab"]), "1")),
        ("SET", |_, server| assert_eq!(server.cli(&["SET", "shop:1:prices:ab", "foreign"]), "OK")),
        ("FLUSHALL", |_, server| assert_eq!(server.cli(&["FLUSHALL"]), "OK")),
    ];
    for (name, removal) in removals {
        // After a flush, the tier must first identify the data again.
        eventually("the tier answers", || ask(|reply| one.get(key("ab"), reply)).is_ok());
        let token = leased(&one, "ab");
        removal(&two, &server);
        // After the push of a flush, the tier refuses a fill until it has identified the data again.
        let filled = ask(|reply| one.fill(key("ab"), token, b"stale".to_vec(), MINUTE, reply));
        assert!(!matches!(filled, Ok(FillReply::Stored { .. })), "{name}");
        eventually("the tier answers", || ask(|reply| two.get(key("ab"), reply)).is_ok());
        assert_eq!(get(&two, "ab"), None, "{name}");
    }
}

#[test]
fn removals_count_records_and_leave_the_rest() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let tier = open(&server.url(""));
    tier.register(keyspace(8, "other:100%", Format::Bincode)).unwrap();
    let fill = || {
        for name in ["a1", "a2", "b1", "a*"] {
            set(&tier, name, b"v");
        }
        let other =
            ask(|reply| tier.set(key_of(8, "a1"), b"o".to_vec(), Life::Never, SetCondition::Always, reply));
        assert!(other.unwrap());
        leased(&tier, "a3");
    };
    fill();
    assert_eq!(remove(&tier, &["a1", "a1", "none", "a3"]), 1);
    fill();
    assert_eq!(ask(|reply| tier.remove_range(key("a*"), reply)).unwrap(), 1, "a star is a letter");
    assert_eq!(ask(|reply| tier.remove_range(key("a"), reply)).unwrap(), 2);
    assert!(get(&tier, "b1").is_some());
    fill();
    assert_eq!(ask(|reply| tier.remove_range(key(""), reply)).unwrap(), 4);
    assert!(get(&tier, "b1").is_none());
    let other = |tier: &RedisTier| ask(|reply| tier.get(key_of(8, "a1"), reply)).unwrap();
    assert!(other(&tier).is_some(), "another keyspace stays");
    server.cli(&["SET", "foreign", "1"]);
    fill();
    assert_eq!(ask(|reply| tier.remove_all(reply)).unwrap(), 5);
    assert!(other(&tier).is_none());
    assert_eq!(server.cli(&["GET", "foreign"]), "1", "nothing outside the prefix");
    assert_eq!(server.cli(&["KEYS", "larder:[0-9]*"]), "", "their room is free");
    let many: Vec<_> = (0..3000).map(|number| key(&format!("many{number}"))).collect();
    for key in &many {
        assert!(ask(|reply| tier.set(key.clone(), vec![1], MINUTE, SetCondition::Always, reply)).unwrap());
    }
    let found = ask(|reply| tier.get_many(many.clone(), reply)).unwrap();
    assert_eq!(found.iter().flatten().count(), 3000);
    let mut walked = std::collections::BTreeSet::new();
    let mut cursor = Some(ScanCursor::default());
    while let Some(at) = cursor {
        let page = ask(|reply| tier.scan(key("many"), at, reply)).unwrap();
        walked.extend(page.keys);
        cursor = page.next;
    }
    assert_eq!(walked, many.iter().cloned().collect());
    assert_eq!(ask(|reply| tier.remove(many, reply)).unwrap(), 3000);
    assert_eq!(ask(|reply| tier.remove(vec![], reply)).unwrap(), 0);
}

#[test]
fn answers_to_several_keys_are_in_their_order() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let tier = open(&server.url(""));
    tier.register(keyspace(9, "plain", Format::Raw)).unwrap();
    set(&tier, "a", b"1");
    set(&tier, "c", b"3");
    server.cli(&["SET", "larder:1:plain:p", "text"]);
    let keys = vec![key("c"), key("b"), key_of(9, "p"), key("a"), key_of(9, "none")];
    let found = ask(|reply| tier.get_many(keys, reply)).unwrap();
    let found: Vec<_> = found.into_iter().map(|record| record.map(|record| record.bytes)).collect();
    let text = |text: &[u8]| Some(text.to_vec());
    assert_eq!(found, [text(b"3"), None, text(b"text"), text(b"1"), None]);
}

#[test]
fn a_fence_bars_leases_until_its_last_token_ends() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let (one, two) = (open(&server.url("")), open(&server.url("")));
    set(&one, "k", b"old");
    let fence = |tier: &RedisTier, token: u128, length: Duration| {
        ask(|reply| tier.fence(key("k"), token, length, reply)).unwrap();
    };
    fence(&one, 1, TEN_SECONDS);
    assert_eq!(get(&two, "k"), None, "the fence removes the entry");
    assert_eq!(lease(&two, "k"), LeaseReply::Fenced);
    fence(&two, 2, TEN_SECONDS);
    ask(|reply| one.unfence(key("k"), 1, reply)).unwrap();
    assert_eq!(lease(&one, "k"), LeaseReply::Fenced, "the other fence is left");
    assert_eq!(remove(&one, &["k"]), 0);
    assert_eq!(lease(&one, "k"), LeaseReply::Fenced, "our own removal keeps it");
    server.cli(&["DEL", "larder:1:prices:k"]);
    assert_eq!(lease(&one, "k"), LeaseReply::Fenced, "and so does the removal of another program");
    set(&one, "k", b"explicit");
    assert!(get(&two, "k").is_some(), "an explicit write is kept");
    ask(|reply| two.unfence(key("k"), 2, reply)).unwrap();
    assert_eq!(get(&two, "k"), None, "the end of the fence removes what was written");
    leased(&one, "k");
    fence(&one, 3, Duration::from_millis(1));
    eventually("a fence of a dead client ends", || matches!(lease(&two, "k"), LeaseReply::Leased(_)));
}

#[test]
fn a_fence_bars_what_would_replace_a_record() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let (one, two) = (open(&server.url("")), open(&server.url("")));
    one.register(keyspace(9, "plain", Format::Raw)).unwrap();
    two.register(keyspace(9, "plain", Format::Raw)).unwrap();
    for slot in [key("k"), key_of(9, "k")] {
        let set = |tier: &RedisTier, bytes: &[u8], condition| {
            ask(|reply| tier.set(slot.clone(), bytes.to_vec(), MINUTE, condition, reply)).unwrap()
        };
        let unfenced = |record: &[u8]| SetCondition::UnchangedUnfenced(record.to_vec());
        assert!(!set(&two, b"1", unfenced(b"0")), "there is no record");
        assert!(set(&one, b"1", SetCondition::Always) && !set(&two, b"2", unfenced(b"0")));
        assert!(set(&two, b"2", unfenced(b"1")));
        ask(|reply| one.fence(slot.clone(), 1, TEN_SECONDS, reply)).unwrap();
        assert!(set(&one, b"3", SetCondition::Always));
        assert!(!set(&two, b"4", unfenced(b"3")), "an update is in progress");
        assert!(set(&two, b"5", SetCondition::Unchanged(b"3".to_vec())), "an explicit change");
        ask(|reply| one.unfence(slot.clone(), 1, reply)).unwrap();
        assert!(set(&one, b"6", SetCondition::Always) && set(&two, b"7", unfenced(b"6")));
        ask(|reply| one.fence(slot.clone(), 2, Duration::from_millis(1), reply)).unwrap();
        assert!(set(&one, b"8", SetCondition::Always));
        eventually("a fence of a dead client ends", || set(&two, b"9", unfenced(b"8")));
    }
}

#[test]
fn a_plain_slot_is_what_other_programs_read_and_write() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let tier = open(&server.url("prefix=shop"));
    tier.register(keyspace(9, "plain", Format::Raw)).unwrap();
    let plain = |name: &str| key_of(9, name);
    let found = |name: &str| ask(|reply| tier.get(plain(name), reply)).unwrap();
    server.cli(&["SET", "shop:1:plain:a", "by hand", "EX", "60"]);
    assert_eq!(found("a").unwrap().bytes, b"by hand");
    let lease = |name: &str| ask(|reply| tier.lease(plain(name), TEN_SECONDS, reply)).unwrap();
    assert!(matches!(lease("a"), LeaseReply::Hit(_)));
    assert_eq!(lease("b"), LeaseReply::Unleased);
    let fill = |name: &str| {
        ask(|reply| tier.fill(plain(name), LeaseToken::default(), b"loaded".to_vec(), MINUTE, reply)).unwrap()
    };
    assert!(matches!(fill("b"), FillReply::Stored { .. }));
    assert_eq!(server.cli(&["GET", "shop:1:plain:b"]), "loaded");
    assert!(server.cli(&["TTL", "shop:1:plain:b"]).parse::<u64>().unwrap() > 50);
    assert_eq!(fill("a"), FillReply::Void);
    let set =
        |condition| ask(|reply| tier.set(plain("b"), b"2".to_vec(), Life::Keep, condition, reply)).unwrap();
    assert!(!set(SetCondition::Unchanged(b"other".to_vec())));
    assert!(set(SetCondition::Unchanged(b"loaded".to_vec())));
    assert!(matches!(ask(|reply| tier.ttl(plain("b"), reply)).unwrap(), Some(Remaining::For(_))));
    assert!(ask(|reply| tier.expire(plain("b"), Life::Never, reply)).unwrap());
    assert_eq!(server.cli(&["TTL", "shop:1:plain:b"]), "-1");
    assert_eq!(ask(|reply| tier.remove(vec![plain("a"), plain("c")], reply)).unwrap(), 1);
    assert_eq!(ask(|reply| tier.remove_range(plain(""), reply)).unwrap(), 1);
}

#[test]
fn what_another_program_has_put_into_a_slot_is_a_miss() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let tier = open(&server.url(""));
    set(&tier, "seen", b"v");
    for words in [
        ["SET", "larder:1:prices:k", "text"].as_slice(),
        &["SET", "larder:1:prices:k", ""],
        &["SET", "larder:1:prices:k", "\u{1}12345678record"],
        &["RPUSH", "larder:1:prices:k", "a", "b"],
        &["HSET", "larder:1:prices:k", "a", "b"],
    ] {
        server.cli(&["DEL", "larder:1:prices:k"]);
        server.cli(words);
        assert_eq!(get(&tier, "k"), None, "{words:?}");
        assert_eq!(remove(&tier, &["k"]), 0, "{words:?}");
        server.cli(words);
        let token = leased(&tier, "k");
        assert!(is_filled(&tier, "k", token, b"loaded"), "{words:?}");
        server.cli(&["DEL", "larder:1:prices:k"]);
        server.cli(words);
        assert!(set_if(&tier, "k", b"v", SetCondition::Absent), "{words:?}");
    }
}

#[test]
fn requests_of_many_threads_are_answered_in_one_stream() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let tier = open(&server.url(""));
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let tier = &tier;
            scope.spawn(move || {
                for round in 0..300 {
                    let name = format!("{thread}:{round}");
                    set(tier, &name, name.as_bytes());
                    assert_eq!(bytes(tier, &name).as_deref(), Some(name.as_bytes()));
                }
            });
        }
    });
    let large = vec![7_u8; 20 << 20];
    set(&tier, "large", &large);
    assert!(bytes(&tier, "large").is_some_and(|found| found == large));
    let senders: Vec<_> = (0..2000).map(|_| larder::remote::reply()).collect();
    let mut answers = Vec::new();
    for (sender, answer) in senders {
        tier.get(key("0:0"), sender);
        answers.push(answer);
    }
    for answer in answers {
        assert_eq!(answer.wait().unwrap().unwrap().bytes, b"0:0");
    }
}

#[test]
fn a_script_that_the_server_has_forgotten_is_sent_again() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let tier = open(&server.url(""));
    set(&tier, "k", b"1");
    assert_eq!(server.cli(&["SCRIPT", "FLUSH"]), "OK");
    set(&tier, "k", b"2");
    assert_eq!(bytes(&tier, "k").as_deref(), Some(b"2".as_slice()));
    assert_eq!(server.cli(&["SCRIPT", "FLUSH"]), "OK");
    assert_eq!(remove(&tier, &["k"]), 1);
}

/// A renewal that was sent again could come after the end of its fence.
#[test]
fn a_fence_is_sent_once_by_a_client_whose_scripts_the_server_has_forgotten() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let tier = open(&server.url(""));
    let (before, has_fence) = (server.calls("evalsha"), || server.cli(&["EXISTS", "larder::f:1:prices:k"]));
    assert_eq!(server.cli(&["SCRIPT", "FLUSH"]), "OK");
    ask(|reply| tier.fence(key("k"), 1, Duration::from_mins(1), reply)).unwrap();
    assert_eq!((server.calls("evalsha"), has_fence().as_str()), (before, "1"));
    ask(|reply| tier.unfence(key("k"), 1, reply)).unwrap();
    assert_eq!(has_fence(), "0");
}
