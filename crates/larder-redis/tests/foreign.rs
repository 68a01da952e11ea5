//! Tests of changes by other programs, and of values that look like a record but are not.

use larder::Format;
use larder::remote::{FillReply, LeaseReply, LeaseToken, RemoteTier, SetCondition};

use crate::requests::{MINUTE, TEN_SECONDS, bytes, get, is_filled, leased, set};
use crate::server::RedisServer;
use crate::support::{ask, key, key_of, keyspace, open};

#[test]
fn a_slot_of_another_type_is_as_nothing_for_every_request() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let tier = open(&server.url(""));
    tier.register(keyspace(9, "plain", Format::Raw)).unwrap();
    for (foreign, key) in [("larder:1:prices:k", key("k")), ("larder:1:plain:k", key_of(9, "k"))] {
        let is_plain = foreign.contains("plain");
        let token = || match ask(|reply| tier.lease(key.clone(), TEN_SECONDS, reply)).unwrap() {
            LeaseReply::Leased(token) => token,
            other => panic!("{other:?}"),
        };
        let token = if is_plain { LeaseToken::default() } else { token() };
        server.cli(&["DEL", foreign]);
        server.cli(&["RPUSH", foreign, "a"]);
        assert_eq!(ask(|reply| tier.ttl(key.clone(), reply)).unwrap(), None, "{foreign}");
        assert!(!ask(|reply| tier.expire(key.clone(), MINUTE, reply)).unwrap(), "{foreign}");
        assert!(!ask(|reply| tier.remove_unchanged(key.clone(), b"a".to_vec(), reply)).unwrap(), "{foreign}");
        if !is_plain {
            assert!(!ask(|reply| tier.renew(key.clone(), token.clone(), TEN_SECONDS, reply)).unwrap());
            assert!(!ask(|reply| tier.release(key.clone(), token.clone(), reply)).unwrap());
            let fill = ask(|reply| tier.fill(key.clone(), token, b"v".to_vec(), MINUTE, reply)).unwrap();
            assert_eq!(fill, FillReply::Void);
        }
        let set = |condition| ask(|reply| tier.set(key.clone(), b"v".to_vec(), MINUTE, condition, reply));
        assert!(!set(SetCondition::Present).unwrap(), "{foreign}");
        assert!(set(SetCondition::Absent).unwrap(), "{foreign}");
    }
}

#[test]
fn a_lease_whose_end_another_program_has_taken_away_is_no_lease() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let tier = open(&server.url(""));
    let lost = leased(&tier, "k");
    assert_eq!(server.cli(&["PERSIST", "larder:1:prices:k"]), "1");
    let token = leased(&tier, "k");
    assert!(!is_filled(&tier, "k", lost, b"stale"));
    assert!(is_filled(&tier, "k", token, b"loaded"));
}

#[test]
fn a_fence_that_is_renewed_keeps_what_was_written_meanwhile() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let tier = open(&server.url(""));
    let fence = |length| ask(|reply| tier.fence(key("k"), 1, length, reply)).unwrap();
    fence(TEN_SECONDS);
    set(&tier, "k", b"explicit");
    fence(TEN_SECONDS);
    assert_eq!(bytes(&tier, "k").as_deref(), Some(b"explicit".as_slice()));
    // While the fence was lost, leases may have been taken, so their values are removed.
    server.cli(&["DEL", "larder::f:1:prices:k"]);
    fence(TEN_SECONDS);
    assert_eq!(get(&tier, "k"), None);
}

#[test]
fn every_removal_also_removes_a_slot_of_another_type() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let tier = open(&server.url(""));
    let remove_range = |prefix| ask(|reply| tier.remove_range(key(prefix), reply)).unwrap();
    let remove_all = || ask(|reply| tier.remove_all(reply)).unwrap();
    let removals: [(&str, &dyn Fn() -> u64); 3] =
        [("a prefix", &|| remove_range("k")), ("a keyspace", &|| remove_range("")), ("all", &remove_all)];
    for (removal, remove) in removals {
        set(&tier, "k1", b"v");
        assert_eq!(server.cli(&["RPUSH", "larder:1:prices:k2", "a"]), "1");
        assert_eq!(remove(), 1, "{removal}: a foreign value is not counted");
        assert_eq!(server.cli(&["EXISTS", "larder:1:prices:k1", "larder:1:prices:k2"]), "0", "{removal}");
    }
}

#[test]
fn a_generation_is_never_counted_as_a_record() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let tier = open(&server.url(""));
    set(&tier, "k", b"v");
    let generation = server.cli(&["KEYS", "larder::g:*"]);
    assert_eq!(server.cli(&["SET", &generation, "\u{1}2345678"]), "OK");
    set(&tier, "k", b"v");
    assert_eq!(ask(|reply| tier.remove_all(reply)).unwrap(), 1);
}
