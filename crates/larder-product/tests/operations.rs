//! Tests of the guide's sections for operators: saved queries, statistics, and disk faults.

use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use larder::testing::{DiskOperation, Failure, SimulatedVolume};
use larder::{Cache, DiskState, Event};
use larder_product::{Families, ProductCache, ttl};

use crate::database::SqliteShop;
use crate::guide::{World, codes};

#[test]
fn performance_a_skewed_stream_of_requests_costs_a_tenth_of_the_queries() {
    let world = World::new();
    let (cache, shop) = world.open();
    for _ in 0..200 {
        let _ = world.ask_everything(&shop);
    }
    let stats = cache.stats();
    assert_eq!((stats.requests(), world.database.queries()), (1_400, 7));
    assert!(stats.hit_rate() > 0.9, "{stats}");
}

#[test]
fn monitoring_the_statistics_tell_hits_and_misses_by_tier_and_by_family() {
    let world = World::new();
    let (cache, shop) = world.open();
    let c = codes();
    let _ = world.ask_everything(&shop);
    assert!(shop.get_product(&c.vtu).is_some());
    assert!(shop.get_product(&c.data).is_none());

    let stats = cache.stats();
    let product = stats.keyspaces.iter().find(|family| family.name == "product").unwrap();
    assert_eq!((product.memory_hits, product.misses, product.loads), (1, 2, 1));
    assert!(!stats.memory.weight.is_zero() && stats.memory.weight <= stats.memory.capacity);
    let table = stats.to_string();
    for name in ["memory", "disk", "product_categories", "merchant_discount", "merchant_auth"] {
        assert!(table.contains(name), "{name} is missing from\n{table}");
    }
}

#[test]
fn best_practices_the_shop_goes_on_when_the_disk_does_not_and_a_listener_is_told() {
    let world = World::new();
    let disk = SimulatedVolume::new();
    let (tell, told) = mpsc::channel::<Event>();
    let cache = Cache::builder()
        .path("/cache/shop.larder")
        .volume(&disk)
        .on_event(move |event| drop(tell.send(event.clone())))
        .open()
        .unwrap();
    let shop = ProductCache::<SqliteShop>::open(&cache).unwrap();
    assert_eq!(world.ask_everything(&shop), [1; 7]);
    cache.flush().unwrap();

    disk.fail_every(&DiskOperation::CHANGES, Failure::Io);
    let _ = world.database.set_price(&codes().vtu, 120);
    // The call fails because the file could not be put out of service either. The entries are removed from
    // memory nevertheless.
    let outcome = shop.invalidate_product_cache(&codes().vtu);
    assert_eq!(world.ask_everything(&shop), [0, 1, 1, 0, 0, 0, 0]);
    assert_eq!(shop.get_product(&codes().vtu).unwrap().price, 120);
    assert!(outcome.is_err(), "not even a rename worked, and the removal is said to be durable");
    let stats = cache.stats().disk.unwrap();
    assert!(stats.state != DiskState::On && stats.off.is_some());
    told.recv_timeout(Duration::from_secs(30)).expect("the listener is told");
}

#[test]
fn troubleshooting_a_family_can_be_given_a_shorter_life_by_its_deployment() {
    let world = World::new();
    let cache = Cache::open_url("memory:").unwrap();
    let families = Families::<SqliteShop>::guide().with_options("merchant_discount=30s").unwrap();
    let shop = ProductCache::open_with(&cache, families).unwrap();
    let _ = world.ask_everything(&shop);
    let c = codes();
    assert!(shop.merchant_discounts().ttl(&(c.user, &c.vtu)).unwrap() <= Duration::from_secs(30));
    assert!(shop.products().ttl(&c.vtu).unwrap() > ttl::PRODUCT / 2);
}

#[test]
fn troubleshooting_a_shape_that_changed_begins_empty_and_answers() {
    let world = World::new();
    let (cache, shop) = world.open();
    let _ = world.ask_everything(&shop);
    drop(shop);
    cache.close().unwrap();
    let cache = Cache::open_url(&world.url()).unwrap();
    let mut families = Families::<SqliteShop>::guide();
    families.products = families.products.version(2);
    let shop = ProductCache::open_with(&cache, families).unwrap();
    assert_eq!(world.ask_everything(&shop)[2], 1);
}

/// The next test runs this test in another process, because it needs another environment.
#[test]
#[ignore = "a part of the_environment_says_where_the_cache_is_and_how_long_families_live"]
fn child_opens_what_the_environment_says() {
    let cache = Cache::from_env().unwrap();
    let shop = ProductCache::<SqliteShop>::open_with(&cache, Families::from_env().unwrap()).unwrap();
    shop.merchant_discounts().insert(&(codes().user, codes().vtu), 5_u64).unwrap();
    let left = shop.merchant_discounts().ttl(&(codes().user, codes().vtu)).unwrap();
    assert!(left <= Duration::from_mins(1), "{left:?}");
    cache.close().unwrap();
}

fn child(environment: &[(&str, &str)]) -> bool {
    let test = "operations::child_opens_what_the_environment_says";
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--quiet"]).env_remove("LARDER_URL");
    command.envs(environment.iter().copied()).output().unwrap().status.success()
}

#[test]
fn the_environment_says_where_the_cache_is_and_how_long_families_live() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.larder");
    let url = format!("file:{}", path.display());
    assert!(child(&[("LARDER_FAMILIES", "merchant_discount=1m"), ("LARDER_URL", &url)]));
    assert!(path.exists());
    assert!(child(&[("LARDER_FAMILIES", "merchant_discount=1m")]), "memory only");
    assert!(!child(&[("LARDER_URL", &url)]), "the guide's five minutes are more than one");
    assert!(!child(&[("LARDER_FAMILIES", "discount=1m")]), "no such family");
    assert!(!child(&[("LARDER_FAMILIES", "merchant_discount=1m"), ("LARDER_URL", "redis://cache/1")]));
    assert!(!Path::new("redis:").exists());
}
