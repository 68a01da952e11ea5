//! Tests of ranges, which one request removes, on real servers.

use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use larder::remote::{
    FillReply, LeaseReply, Life, NearTier, RemoteKey, RemoteKeyspace, RemoteTier, ScanCursor, SetCondition,
};
use larder::{Any, Cache, Error, Format, InsertOptions, Keyspace, KeyspaceDefinition, Ttl};
use larder_redis::RedisTier;
use larder_redis::inspect::{ServerInspector, SlotState};

use crate::server::RedisServer;
use crate::support::{ask, eventually, keyspace};

type Pages = Keyspace<(String, u64), u64>;

const FLAT: KeyspaceDefinition<(String, u64), u64> = KeyspaceDefinition::new("pages");
const PAGES: KeyspaceDefinition<(String, u64), u64> = FLAT.range_parts(1);
const TRACKINGS: [&str; 2] = ["per-key", "broadcast"];

fn page(category: &str, number: u64) -> (String, u64) {
    (category.to_owned(), number)
}

fn open(server: &RedisServer, options: &str) -> (Cache, Pages) {
    open_as(server, options, PAGES)
}

fn two_machines(server: &RedisServer, tracking: &str) -> [(Cache, Pages); 2] {
    [(); 2].map(|()| open(server, &format!("tracking={tracking}")))
}

fn open_as(
    server: &RedisServer,
    options: &str,
    definition: KeyspaceDefinition<(String, u64), u64>,
) -> (Cache, Pages) {
    let url = server.url(&format!("prefix=shop&staleness=5s&memory=8MiB&{options}"));
    let cache = larder_redis::open_url(&url).unwrap();
    let pages = cache.keyspace(definition).unwrap();
    (cache, pages)
}

fn get(pages: &Pages, key: &(String, u64)) -> Option<u64> {
    pages.get(key).map(|value| *value)
}

/// Returns whether memory answers a lookup.
fn is_near(pages: &Pages, key: &(String, u64)) -> bool {
    let before = pages.stats().memory_hits;
    pages.get(key).is_some() && pages.stats().memory_hits > before
}

fn warm(pages: &Pages, key: &(String, u64)) {
    eventually("memory answers", || is_near(pages, key));
}

#[test]
fn one_request_removes_a_range_on_all_machines() {
    let Some(server) = RedisServer::start(&[]) else { return };
    for tracking in TRACKINGS {
        let [(_a, one), (_b, two)] = two_machines(&server, tracking);
        one.insert_many([(page("A", 1), 10), (page("A", 2), 20), (page("B", 1), 30)]).unwrap();
        for key in [page("A", 1), page("A", 2), page("B", 1)] {
            warm(&one, &key);
            warm(&two, &key);
        }
        let (walks, scripts) = (server.calls("scan"), server.calls("evalsha"));
        assert_eq!(one.remove_prefix(("A",)).unwrap(), 0, "the server does not count");
        assert_eq!((server.calls("scan"), server.calls("evalsha")), (walks, scripts + 1), "{tracking}");
        assert_eq!(get(&one, &page("A", 1)), None, "a machine sees its own removal");
        eventually("the other one sees it", || two.get(&page("A", 1)).is_none());
        assert_eq!(get(&two, &page("A", 2)), None);
        assert!(is_near(&two, &page("B", 1)), "the other range is still in memory");
        assert_eq!(one.iter().map(|(key, _)| key).collect::<Vec<_>>(), [page("B", 1)]);
        one.insert(&page("A", 1), 11).unwrap();
        warm(&two, &page("A", 1));
        assert_eq!(one.remove_matching(("A", Any)).unwrap(), 0);
        assert_eq!(server.calls("scan"), walks + 1, "only the iteration walked");
        eventually("the other one sees it again", || two.get(&page("A", 1)).is_none());
        assert_eq!(one.clear().unwrap(), 1, "the removed pages are not counted");
        eventually("a whole keyspace too", || two.get(&page("B", 1)).is_none());
        assert_eq!(server.cli(&["KEYS", "shop:0:*"]), "", "and its memory is freed");
    }
}

#[test]
fn an_evicted_generation_of_a_range_voids_its_records() {
    let Some(server) = RedisServer::start(&[]) else { return };
    for tracking in TRACKINGS {
        let [(_a, one), (_b, two)] = two_machines(&server, tracking);
        one.insert_many([(page("A", 1), 10), (page("A", 3), 13), (page("B", 1), 30)]).unwrap();
        warm(&two, &page("A", 1));
        warm(&two, &page("A", 3));
        let evict =
            "for _, k in ipairs(redis.call('KEYS', 'shop::r:0:pages:A*')) do redis.call('DEL', k) end";
        server.cli(&["EVAL", evict, "0"]);
        assert_eq!(server.cli(&["KEYS", "shop::r:0:pages:A*"]), "");
        assert_eq!(get(&one, &page("A", 1)), None, "it was read from the server");
        assert!(is_near(&two, &page("A", 1)), "a near copy is not wrong");
        assert_eq!(two.take(&page("A", 3)).unwrap(), None);
        assert_eq!(get(&two, &page("A", 3)), None, "a change has found it missing");
        one.insert(&page("A", 2), 20).unwrap();
        assert_eq!(get(&one, &page("A", 1)), None, "the new generation is not the one of before");
        assert_eq!((get(&one, &page("A", 2)), get(&one, &page("B", 1))), (Some(20), Some(30)));
        one.remove_prefix(("A",)).unwrap();
        eventually("the copy of before is gone", || two.get(&page("A", 1)).is_none());
        one.clear().unwrap();
    }
}

/// Loads a page while `change` runs. Returns the pages of both machines after that.
fn load_beside(server: &RedisServer, change: impl FnOnce(&Pages)) -> [Option<u64>; 2] {
    let ((_a, one), (_b, two)) = (open(server, ""), open(server, ""));
    two.insert(&page("A", 9), 90).unwrap();
    let loaded = one.get_or_load(&page("A", 1), || {
        change(&two);
        Ok::<_, Error>(10)
    });
    assert_eq!(*loaded.unwrap(), 10);
    let found = [get(&one, &page("A", 1)), get(&two, &page("A", 1))];
    one.clear().unwrap();
    found
}

#[test]
fn a_load_in_a_range_that_was_removed_is_not_stored() {
    let Some(server) = RedisServer::start(&[]) else { return };
    assert_eq!(load_beside(&server, |_| ()), [Some(10); 2]);
    let of_another = |pages: &Pages| _ = pages.remove_prefix(("B",)).unwrap();
    assert_eq!(load_beside(&server, of_another), [Some(10); 2], "another range");
    assert_eq!(load_beside(&server, |pages| _ = pages.remove_prefix(("A",)).unwrap()), [None; 2]);
    let again = |pages: &Pages| {
        pages.remove_prefix(("A",)).unwrap();
        pages.insert(&page("A", 2), 20).unwrap();
    };
    assert_eq!(load_beside(&server, again), [None; 2], "the range has a generation again");
    assert_eq!(load_beside(&server, |pages| _ = pages.clear().unwrap()), [None; 2]);
}

const NUMBER: u32 = 7;

fn tier_key(category: &str, number: u64) -> RemoteKey {
    [&NUMBER.to_be_bytes(), category.as_bytes(), &[0, 0], &number.to_be_bytes()].concat().into()
}

fn tier_range(category: &str) -> RemoteKey {
    [&NUMBER.to_be_bytes(), category.as_bytes(), &[0, 0]].concat().into()
}

fn tier(server: &RedisServer) -> RedisTier {
    let tier = RedisTier::open(&server.url("prefix=shop")).unwrap();
    let shape = "(string, u64)".to_owned();
    let pages = keyspace(NUMBER, "pages", Format::Bincode);
    tier.register(RemoteKeyspace { shape, range_parts: 1, ..pages }).unwrap();
    tier
}

/// The callers that wait for a load share its result only if its lease was still valid at the release.
#[test]
fn a_lease_in_a_range_that_was_removed_is_not_released_as_valid() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let tier = tier(&server);
    for is_removed in [false, true, false] {
        let lease = ask(|reply| tier.lease(tier_key("A", 0), Duration::from_secs(10), reply)).unwrap();
        let LeaseReply::Leased(token) = lease else { panic!("{lease:?}") };
        if is_removed {
            ask(|reply| tier.remove_range(tier_range("A"), reply)).unwrap();
        }
        let is_valid = ask(|reply| tier.release(tier_key("A", 0), token, reply)).unwrap();
        assert_eq!(is_valid, !is_removed);
    }
}

/// A near cache that only notes the ranges that a push has made void.
#[derive(Debug, Default)]
struct VoidRanges(Mutex<Vec<Vec<u8>>>);

impl NearTier for VoidRanges {
    fn invalidate(&self, _: &[&[u8]]) {}

    fn invalidate_range(&self, prefix: &[u8]) {
        self.0.lock().unwrap().push(prefix.to_vec());
    }

    fn invalidate_all(&self) {}
}

/// The push wakes the caller that waits for the load of another machine. This machine has read nothing else
/// in the range. Redis 7.0 tracks all keys that a script declares, and later servers only those that it
/// reads. So only the later servers show that the request for a lease reads the signal.
#[test]
fn a_machine_that_waits_for_a_lease_is_told_of_the_removal_of_its_range() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let (other, waits) = (tier(&server), tier(&server));
    let void = Arc::new(VoidRanges::default());
    waits.attach(Arc::downgrade(&void) as Weak<dyn NearTier>).unwrap();
    let lease = |tier: &RedisTier| ask(|reply| tier.lease(tier_key("A", 0), Duration::from_secs(10), reply));
    assert!(matches!(lease(&other).unwrap(), LeaseReply::Leased(_)));
    assert!(matches!(lease(&waits).unwrap(), LeaseReply::Busy(_)));
    ask(|reply| other.remove_range(tier_range("A"), reply)).unwrap();
    eventually("the removal is pushed", || void.0.lock().unwrap().contains(&tier_range("A").to_vec()));
}

#[test]
fn a_full_server_removes_a_range() {
    let arguments = ["--maxmemory", "3mb", "--maxmemory-policy", "noeviction"];
    let Some(server) = RedisServer::start(&arguments) else { return };
    let tier = tier(&server);
    let lease = ask(|reply| tier.lease(tier_key("A", 0), Duration::from_secs(10), reply)).unwrap();
    let LeaseReply::Leased(token) = lease else { panic!("{lease:?}") };
    let mut stored = 0;
    for len in [64 << 10, 1 << 10, 1] {
        let set = |at| {
            let (life, condition) = (Life::Never, SetCondition::Always);
            ask(|reply| tier.set(tier_key("A", at), vec![b'x'; len], life, condition, reply))
        };
        while set(stored + 1).is_ok() {
            stored += 1;
            assert!(stored < 100_000, "the server never fills");
        }
    }
    assert!(ask(|reply| tier.get(tier_key("A", 1), reply)).unwrap().is_some());
    assert_eq!(ask(|reply| tier.remove_range(tier_range("A"), reply)).unwrap(), 0);
    assert!(ask(|reply| tier.get(tier_key("A", 1), reply)).unwrap().is_none());
    let page = ask(|reply| tier.scan(tier_range("A"), ScanCursor(0), reply)).unwrap();
    assert!(page.keys.is_empty(), "no removed key is listed");
    // The removal made room for one more key.
    ask(|reply| tier.remove(vec![tier_key("A", 1), tier_key("A", 2)], reply)).unwrap();
    let fill = ask(|reply| tier.fill(tier_key("A", 0), token, b"v".to_vec(), Life::Never, reply));
    assert_eq!(fill.unwrap(), FillReply::Void);
}

#[test]
fn machines_with_other_ranges_see_every_removal() {
    let Some(server) = RedisServer::start(&[]) else { return };
    for tracking in TRACKINGS {
        let options = format!("tracking={tracking}");
        let ((_a, old), (_b, new)) = (open_as(&server, &options, FLAT), open(&server, &options));
        old.insert(&page("A", 1), 10).unwrap();
        warm(&old, &page("A", 1));
        new.remove_prefix(("A",)).unwrap();
        eventually("the old one sees it", || old.get(&page("A", 1)).is_none());
        new.insert(&page("A", 1), 11).unwrap();
        warm(&new, &page("A", 1));
        assert!(old.get(&page("A", 1)).is_none());
        old.remove_prefix(("A",)).unwrap();
        eventually("the new one sees it", || new.get(&page("A", 1)).is_none());
        // Each makes the generation anew, with its own number of parts.
        old.insert(&page("A", 1), 12).unwrap();
        eventually("the new one stores again", || {
            new.insert(&page("A", 1), 13).unwrap();
            get(&new, &page("A", 1)) == Some(13)
        });
        assert_eq!(get(&old, &page("A", 1)), None);
        new.clear().unwrap();
    }
}

#[test]
fn a_transaction_notices_that_a_range_it_has_read_was_removed() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let ((a, one), (_b, two)) = (open(&server, ""), open(&server, ""));
    two.insert(&page("A", 1), 10).unwrap();
    let mut rounds = 0;
    let seen = a.transaction(|tx| {
        let seen = tx.get(&one, &page("A", 1))?.map(|value| *value);
        rounds += 1;
        if rounds == 1 {
            two.remove_prefix(("A",)).unwrap();
        }
        tx.insert(&one, &page("B", 1), 1)?;
        Ok::<_, Error>(seen)
    });
    assert_eq!((seen.unwrap(), rounds), (None, 2));
    for is_there in [true, false] {
        if is_there {
            two.insert(&page("A", 1), 10).unwrap();
        }
        let watch = one.watch(&page("A", 1)).unwrap();
        let require = || {
            a.transaction(|tx| {
                tx.require(&watch)?;
                tx.insert(&one, &page("B", 1), 1)
            })
        };
        require().unwrap();
        two.remove_prefix(("A",)).unwrap();
        assert!(matches!(require(), Err(Error::Changed)), "{is_there}");
    }
}

/// Makes the same calls in a keyspace with ranges and in one without. Every call must return the same.
#[test]
fn a_keyspace_with_ranges_answers_like_one_without() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let (cache, ranged) = open(&server, "");
    let flat = KeyspaceDefinition::<(String, u64), u64>::new("flat");
    let pages = [ranged, cache.keyspace(flat).unwrap()];
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    for round in 0..400_u64 {
        let mut number = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        let key = page(["A", "B", "C"][usize::try_from(number(3)).unwrap()], number(4));
        let call = number(20);
        let answers = pages.each_ref().map(|pages| call_once(pages, &key, call, round));
        assert_eq!(answers[0], answers[1], "round {round}, call {call} of {key:?}");
    }
}

fn call_once(pages: &Pages, key: &(String, u64), call: u64, round: u64) -> String {
    let everywhere = ["A", "B", "C"].map(|category| page(category, key.1));
    match call {
        0..4 => format!("{:?}", pages.get(key)),
        4 => format!("{:?}", pages.get_many(&everywhere)),
        5 | 6 => format!("{:?}", pages.insert(key, round).unwrap()),
        7 => format!("{:?}", pages.insert_many(everywhere.map(|key| (key, round))).unwrap()),
        8 => format!("{:?}", pages.insert_if_absent(key, round).unwrap()),
        9 => format!("{:?}", pages.replace(key, round).unwrap()),
        10 => format!("{:?}", pages.increment(key, 1)),
        11 => format!("{:?}", pages.remove(key).unwrap()),
        12 => format!("{:?}", pages.remove_many(&everywhere).unwrap()),
        13 => format!("{:?}", pages.take(key).unwrap()),
        14 => format!("{:?}", pages.get_or_load(key, || Ok::<_, Error>(round)).unwrap()),
        15 => {
            let options = InsertOptions::new().ttl(Ttl::Never);
            format!("{:?} {:?}", pages.insert_with(key, round, options).unwrap(), pages.ttl(key))
        }
        16 => format!("{:?}", pages.touch(key).unwrap()),
        17 => {
            let update = pages.begin_update(key).unwrap();
            let loaded = pages.get_or_load(key, || Ok::<_, Error>(round)).unwrap();
            update.finish();
            format!("{loaded:?} {:?}", pages.get(key))
        }
        18 => {
            // The count is not compared, because the server does not count the entries of a range.
            pages.remove_prefix((key.0.as_str(),)).unwrap();
            format!("{:?}", pages.iter().collect::<Vec<_>>())
        }
        _ => {
            format!("{:?} {:?}", pages.compare_and_insert(key, &(round - 1), round), pages.ttl(key).is_some())
        }
    }
}

#[test]
fn a_generation_lives_as_long_as_the_records_of_its_range() {
    /// In ms.
    const DAY: i64 = 86_400_000;
    let Some(server) = RedisServer::start(&[]) else { return };
    let (_cache, pages) = open(&server, "");
    let key = |category: &str| format!("shop::r:0:pages:{category}");
    let left = |category: &str| -> i64 {
        let script = "return redis.call('PTTL', ARGV[1] .. '\\0\\0' .. '1')";
        server.cli(&["EVAL", script, "0", &key(category)]).parse().unwrap()
    };
    let is_about = |ms: i64, days: i64| ms <= days * DAY && ms > days * DAY - 60_000;
    let insert = |category: &str, ttl: Ttl| {
        pages.insert_with(&page(category, 1), 1, InsertOptions::new().ttl(ttl)).unwrap();
    };
    insert("A", Ttl::For(Duration::from_secs(1)));
    assert!(is_about(left("A"), 2), "{}", left("A"));
    insert("A", Ttl::For(Duration::from_hours(72)));
    assert!(is_about(left("A"), 6), "{}", left("A"));
    insert("A", Ttl::For(Duration::from_secs(1)));
    assert!(is_about(left("A"), 6), "it is never shortened");
    insert("A", Ttl::Never);
    assert_eq!(left("A"), -1);
    pages.get_or_load(&page("B", 1), || Ok::<_, Error>(1)).unwrap();
    assert!(is_about(left("B"), 2), "{}", left("B"));
    pages.touch_with(&page("B", 1), Ttl::For(Duration::from_hours(72))).unwrap();
    assert!(is_about(left("B"), 6), "{}", left("B"));
    pages.persist(&page("B", 1)).unwrap();
    assert_eq!(left("B"), -1);
}

#[test]
fn the_inspector_knows_which_records_a_removed_range_had() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let (_cache, pages) = open(&server, "");
    pages.insert_many([(page("A", 1), 1), (page("B", 1), 1)]).unwrap();
    let mut inspector = ServerInspector::open(&server.url("prefix=shop")).unwrap();
    let mut state = |category: &str| {
        let slot = [b"shop:0:pages:".as_slice(), &tier_key(category, 1)[4..]].concat();
        inspector.slot(&slot).unwrap().state
    };
    assert!(matches!(state("A"), SlotState::Record(Ok(_))), "{:?}", state("A"));
    pages.remove_prefix(("A",)).unwrap();
    assert_eq!(state("A"), SlotState::Ended);
    assert!(matches!(state("B"), SlotState::Record(Ok(_))), "{:?}", state("B"));
}
