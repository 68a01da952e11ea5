//! Tests of a server that refuses writes and answers lookups, and of the renewal of a lease.

use std::time::Duration;

use larder::remote::{CommitChange, LeaseReply, Life, RemoteTier, SetCondition};
use larder::{KeyspaceDefinition, LookupOutcome, RemoteErrorKind};

use crate::requests::{get, is_filled, leased, set};
use crate::server::RedisServer;
use crate::support::{ask, key, open};

const PRICES: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("prices");

#[test]
fn a_master_with_too_few_replicas_refuses_changes_and_goes_on_answering_lookups() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let (tier, url) = (open(&server.url("")), server.url("prefix=shop&memory=8MiB"));
    let [one, other] = [0; 2].map(|_| larder_redis::open_url(&url).unwrap());
    let [prices, of_other] = [&one, &other].map(|cache| cache.keyspace(PRICES).unwrap());
    set(&tier, "k", b"v");
    prices.insert("MTNVTU", 100).unwrap();
    let needs =
        |replicas| assert_eq!(server.cli(&["CONFIG", "SET", "min-replicas-to-write", replicas]), "OK");
    needs("1");
    let write = || ask(|reply| tier.set(key("k"), b"w".to_vec(), Life::Never, SetCondition::Always, reply));
    let remove = || ask(|reply| tier.remove(vec![key("k")], reply));
    for _ in 0..5 {
        let changes = vec![(key("k"), CommitChange::Remove)];
        let made = ask(|reply| tier.commit(vec![], changes, reply));
        for error in [write().unwrap_err(), remove().unwrap_err(), made.unwrap_err()] {
            assert!(error.to_string().contains("NOREPLICAS"), "{error}");
            assert!(error.kind() == RemoteErrorKind::Refused && !error.may_be_applied(), "{error:?}");
        }
        assert_eq!(get(&tier, "k").unwrap().bytes, b"v");
        let lease = |name| ask(|reply| tier.lease(key(name), Duration::from_secs(9), reply));
        assert!(matches!(lease("k"), Ok(LeaseReply::Hit(_))));
        assert!(lease("none").is_err(), "a lease is a write");
    }
    let refused = [prices.insert("MTNVTU", 7).unwrap_err(), prices.remove("MTNVTU").map(drop).unwrap_err()];
    for error in refused {
        assert!(matches!(error, larder::Error::Remote { .. }), "{error:?}");
    }
    assert_eq!(of_other.get("MTNVTU").as_deref(), Some(&100));
    let loaded = of_other.get_or_load("GLO", || Ok::<u64, std::io::Error>(50));
    assert_eq!(*loaded.unwrap(), 50);
    // No circuit is open, so the first removal is made.
    needs("0");
    assert_eq!(remove(), Ok(1));
    assert!(prices.remove("MTNVTU").is_ok() && of_other.get("GLO").is_none());
}

#[test]
fn a_load_whose_value_a_full_server_refuses_gives_its_lease_back() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let url = server.url("prefix=shop&memory=8MiB");
    let [one, other] = [0; 2].map(|_| larder_redis::open_url(&url).unwrap());
    let [prices, of_other] = [&one, &other].map(|cache| cache.keyspace(PRICES).unwrap());
    let may_use = |memory| assert_eq!(server.cli(&["CONFIG", "SET", "maxmemory", memory]), "OK");
    let loaded = prices.get_or_load("GLO", || {
        may_use("1");
        Ok::<u64, std::io::Error>(50)
    });
    assert_eq!(*loaded.unwrap(), 50);
    may_use("0");
    let found = of_other.lookup("GLO").unwrap();
    assert!(matches!(found, LookupOutcome::Load(_)), "the other machine waits for a lease that has no load");
}

#[test]
fn the_server_renews_a_lease_for_its_holder_only() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let (one, other) = (open(&server.url("")), open(&server.url("")));
    let lasts = || server.cli(&["PTTL", "larder:1:prices:k"]).parse::<i64>().unwrap();
    let second = Duration::from_secs(1);
    let renew = |token: &larder::remote::LeaseToken, length: u32| {
        ask(|reply| one.renew(key("k"), token.clone(), second * length, reply)).unwrap()
    };
    let token = leased(&one, "k");
    assert!((1..=10_000).contains(&lasts()), "{}", lasts());
    assert!(renew(&token, 60));
    assert!((50_000..=60_000).contains(&lasts()), "{}", lasts());
    let asked = ask(|reply| other.lease(key("k"), second, reply)).unwrap();
    assert!(matches!(asked, LeaseReply::Busy(left) if left > second * 50), "{asked:?}");
    assert!(is_filled(&one, "k", token.clone(), b"loaded"));
    assert!(!renew(&token, 600) && lasts() <= 60_000, "the record is no lease");
    // Another program voids the lease, and another node takes one.
    server.cli(&["DEL", "larder:1:prices:k"]);
    assert!(!renew(&token, 600));
    assert_eq!(lasts(), -2, "a renewal brings nothing back");
    let later = leased(&other, "k");
    assert!(!renew(&token, 600) && lasts() <= 10_000, "the lease of another node");
    assert!(renew(&later, 60));
}
