//! Tests that commands show keys that are known to be absent, and that an export includes them.

use std::sync::Arc;
use std::time::Duration;

use larder::clock::{Clock, ManualClock, SystemClock};
use larder::{Cache, Found, LookupOutcome};
use serde_json::Value;

use crate::support::{HOUR, PRODUCTS, Place, printed};

const FILE: &str = "shop.larder";

/// Creates a shop's file in which a product is known to be absent.
fn shop() -> Place {
    let place = Place::new();
    let cache = place.open_shop();
    let products = cache.keyspace(PRODUCTS.absent_ttl(HOUR)).unwrap();
    let LookupOutcome::Load(lease) = products.lookup("GONE").unwrap() else { panic!("it was never asked") };
    assert!(lease.fill_absent());
    drop(products);
    cache.close().unwrap();
    place
}

#[test]
fn an_absence_is_told_and_is_no_entry() {
    let place = shop();
    let dir = place.dir();
    let said = printed(dir, &["why", FILE, "product_GONE"], 1);
    assert!(said.starts_with("product_GONE in keyspace product: known to be absent\n"), "{said}");
    assert!(said.contains("a load found that the source has no value for it. That expires at "), "{said}");
    let why: Value =
        serde_json::from_str(&printed(dir, &["why", FILE, "product_GONE", "--json"], 1)).unwrap();
    assert_eq!(why["state"], "known_absent", "{why:#}");
    printed(dir, &["get", FILE, "product_GONE"], 1);
    printed(dir, &["ttl", FILE, "product_GONE"], 1);
    assert!(!printed(dir, &["keys", FILE], 0).contains("GONE"));
    let all = printed(dir, &["keys", FILE, "--all", "--long"], 0);
    assert!(all.contains("product_GONE\tknown_absent\t"), "{all}");
    printed(dir, &["verify", FILE], 0);
    assert_eq!(printed(dir, &["remove", FILE, "product_GONE"], 0), "removed 0 entries\n");
    assert!(!printed(dir, &["keys", FILE, "--all"], 0).contains("GONE"), "it is removed all the same");
}

#[test]
fn an_import_restores_an_absence() {
    for format in ["jsonl", "binary"] {
        let (place, fresh) = (shop(), Place::new());
        let export = fresh.dir().join("shop.export");
        let export = export.to_str().unwrap();
        printed(place.dir(), &["export", FILE, "--format", format, "-o", export], 0);
        printed(fresh.dir(), &["import", FILE, export, "--create"], 0);
        // The entries were written by a clock in the future. The import has moved their times to the present.
        let clock = Arc::new(ManualClock::starting_at(SystemClock::new().wall()));
        let cache = Cache::builder().path(fresh.path()).clock(clock.clone()).open().unwrap();
        let products = cache.keyspace(PRODUCTS).unwrap();
        assert_eq!(products.find("GONE").value().map(|product| product.price), None);
        assert!(matches!(products.find("GONE"), Found::Absent), "{format}");
        assert!(products.contains_key("MTNVTU"));
        clock.advance(HOUR + Duration::from_mins(1));
        assert!(matches!(products.find("GONE"), Found::Unknown));
    }
}

#[test]
fn an_import_keeps_a_newer_absence_and_its_dry_run_says_so() {
    let (place, there) = (shop(), Place::new());
    let export = there.dir().join("shop.export");
    let export = export.to_str().unwrap();
    printed(place.dir(), &["export", FILE, "-o", export], 0);
    let (cache, clock) = place.open();
    clock.advance(Duration::from_mins(10));
    let products = cache.keyspace(PRODUCTS.absent_ttl(HOUR)).unwrap();
    products.remove("GONE").unwrap();
    let LookupOutcome::Load(lease) = products.lookup("GONE").unwrap() else { panic!("it was removed") };
    assert!(lease.fill_absent());
    drop(products);
    cache.close().unwrap();
    let imported = |arguments: &[&str]| {
        let all = [&["import", FILE, export, "--json"], arguments].concat();
        serde_json::from_str::<Value>(&printed(place.dir(), &all, 0)).unwrap()
    };
    let (dry, real) = (imported(&["--dry-run"]), imported(&[]));
    assert_eq!(dry["kept_newer"], 1, "{dry:#}");
    assert_eq!((&dry["written"], &dry["kept_newer"]), (&real["written"], &real["kept_newer"]), "{real:#}");
}
