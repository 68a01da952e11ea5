//! Tests of entries that never expire: the output of commands, export and import. Also tests that export and
//! import keep grace times.

use std::time::Duration;

use larder::inspect::Inspector;
use larder::{InsertOptions, Ttl};
use serde_json::Value;

use crate::support::{PRODUCTS, Place, Product, printed};

const FILE: &str = "shop.larder";

#[test]
fn an_entry_that_never_expires_is_shown_so_and_keeps_it_through_an_export() {
    let place = Place::new();
    let (cache, _clock) = place.open();
    let products = cache.keyspace(PRODUCTS).unwrap();
    let product = Product { name: "MTN airtime".to_owned(), price: 100 };
    products.insert("GLOVTU", product.clone()).unwrap();
    products.insert_with("MTNVTU", product, InsertOptions::new().ttl(Ttl::Never)).unwrap();
    drop(products);
    cache.close().unwrap();
    let dir = place.dir();
    for export in ["shop.bin", "shop.jsonl"] {
        printed(dir, &["export", FILE, "--output", export], 0);
        std::fs::remove_file(place.path()).unwrap();
        printed(dir, &["import", FILE, export, "--create"], 0);
        assert_eq!(printed(dir, &["ttl", FILE, "product_MTNVTU"], 0), "never\n");
        assert!(printed(dir, &["get", FILE, "product_MTNVTU"], 0).contains("never\n"));
        assert!(printed(dir, &["why", FILE, "product_MTNVTU"], 0).contains(", and never expires. "));
        let long = printed(dir, &["keys", FILE, "--long"], 0);
        assert!(long.contains("product_MTNVTU\tlive\tnever\t13\n"), "{long}");
        let sorted = printed(dir, &["keys", FILE, "--sort", "ttl"], 0);
        assert!(sorted.ends_with("product_MTNVTU\tnever\n"), "{sorted}");
        let json = printed(dir, &["ttl", FILE, "product_MTNVTU", "--json"], 0);
        let json: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["expires_at"], "never");
        assert!(json["expires_at_ms"].is_null() && json["ttl_ms"].is_null(), "{json:#}");
    }
}

#[test]
fn the_grace_of_an_entry_comes_back_through_an_export() {
    let place = Place::new();
    let (cache, _clock) = place.open();
    let grace = Duration::from_hours(2);
    let products = cache.keyspace(PRODUCTS.grace(grace)).unwrap();
    products.insert("MTNVTU", Product { name: "MTN airtime".to_owned(), price: 100 }).unwrap();
    drop(products);
    cache.close().unwrap();
    let kept = || {
        let snapshot = Inspector::open(place.path()).unwrap().snapshot().unwrap();
        let product = snapshot.keyspace("product").unwrap();
        let page = snapshot.page(product, &[], None, 1).unwrap();
        let found = snapshot.find(product, &page[0].key).unwrap();
        let record = found.live().unwrap();
        record.delete_after.since(record.expires_at)
    };
    let before = kept();
    assert!(before >= grace);
    for export in ["shop.bin", "shop.jsonl"] {
        printed(place.dir(), &["export", FILE, "--output", export], 0);
        std::fs::remove_file(place.path()).unwrap();
        printed(place.dir(), &["import", FILE, export, "--create"], 0);
        assert_eq!(kept(), before);
    }
}
