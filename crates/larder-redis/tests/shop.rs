//! The keys of a shop, as the product schema spells them.

use larder::{Cache, KeyspaceDefinition};
use larder_product::doc::{AirtimeShop, Product};
use larder_product::{
    CategoryCode, Change, DataCode, Families, MerchantCode, ProductCache, ProductCode, SCHEMA, UserId,
};

use crate::server::RedisServer;
use crate::support::eventually;

fn open(server: &RedisServer) -> (Cache, ProductCache<AirtimeShop>) {
    let cache = larder_redis::open_url(&server.url("prefix=shop&staleness=200ms&memory=8MiB")).unwrap();
    let shop = ProductCache::open_with(&cache, Families::guide().logins_on_disk()).unwrap();
    (cache, shop)
}

fn product(code: &str) -> ProductCode {
    code.parse().unwrap()
}

fn data(code: &str) -> DataCode {
    code.parse().unwrap()
}

/// Returns the keys of the shop at the server, without those of the cache itself.
fn slots(server: &RedisServer) -> Vec<String> {
    let mut keys: Vec<_> = server.cli(&["KEYS", "shop:0:*"]).lines().map(str::to_owned).collect();
    keys.sort();
    keys
}

fn fill(shop: &ProductCache<AirtimeShop>) {
    let value = || Product::new("airtime", 100);
    let user = UserId::new(123).unwrap();
    shop.categories().insert(&(), vec!["Airtime".to_owned()]).unwrap();
    shop.product_lists().insert(&CategoryCode::new("AIRTIME").unwrap(), vec![value()]).unwrap();
    shop.merchant_auth().insert(&MerchantCode::new("M1").unwrap(), "user".to_owned()).unwrap();
    for code in ["MTNDATA", "MTN_DATA"] {
        shop.products().insert(&product(code), value()).unwrap();
        shop.data_bundles().insert(&product(code), vec![value()]).unwrap();
        shop.data_packages().insert(&(product(code), data("DATA_1GB")), value()).unwrap();
        shop.merchant_discounts().insert(&(user, product(code)), 5).unwrap();
    }
}

#[test]
fn the_keys_of_a_shop_are_those_of_the_original() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let (_cache, shop) = open(&server);
    fill(&shop);
    let expected = [
        "shop:0:data_bundles_MTNDATA",
        "shop:0:data_bundles_MTN_DATA",
        "shop:0:data_package_MTN%5FDATA_DATA_1GB",
        "shop:0:data_package_MTNDATA_DATA_1GB",
        "shop:0:merchant_auth_M1",
        "shop:0:merchant_discount_123_MTNDATA",
        "shop:0:merchant_discount_123_MTN_DATA",
        "shop:0:product_MTNDATA",
        "shop:0:product_MTN_DATA",
        "shop:0:product_categories_active",
        "shop:0:products_category_AIRTIME",
    ];
    assert_eq!(slots(&server), expected);
    let packages = shop.data_packages().iter();
    let mut packages: Vec<_> = packages.map(|((product, _), _)| product.to_string()).collect();
    packages.sort();
    assert_eq!(packages, ["MTNDATA", "MTN_DATA"]);
}

#[test]
fn a_range_of_spelled_keys_is_removed_and_nothing_beside_it() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let ((_a, one), (_b, two)) = (open(&server), open(&server));
    fill(&one);
    let package =
        |shop: &ProductCache<AirtimeShop>, code| shop.get_data_package(&product(code), &data("DATA_1GB"));
    for code in ["MTNDATA", "MTN_DATA"] {
        assert!(package(&two, code).is_some());
    }
    let before = slots(&server);
    assert_eq!(one.data_packages().remove_prefix((product("MTN_DATA"),)).unwrap(), 1);
    let gone = "shop:0:data_package_MTN%5FDATA_DATA_1GB".to_owned();
    assert_eq!(slots(&server), before.iter().filter(|key| **key != gone).cloned().collect::<Vec<_>>());
    eventually("the other node sees it", || package(&two, "MTN_DATA").is_none());
    assert!(package(&one, "MTNDATA").is_some() && package(&two, "MTNDATA").is_some());
    // The product keys begin like the key of the category list, which must remain.
    one.products().clear().unwrap();
    assert!(!slots(&server).iter().any(|key| key.starts_with("shop:0:product_MTN")));
    eventually("the other node sees it", || two.get_product(&product("MTNDATA")).is_none());
    assert!(one.get_categories().is_some() && two.get_categories().is_some());
    one.cache().clear().unwrap();
    assert_eq!(slots(&server), Vec::<String>::new());
}

#[test]
fn the_cascade_of_a_removed_product_reaches_all_dependants_on_every_node() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let ((_a, one), (_b, two)) = (open(&server), open(&server));
    fill(&one);
    let (gone, user) = (product("MTNDATA"), UserId::new(123).unwrap());
    let found = |shop: &ProductCache<AirtimeShop>| {
        [
            shop.get_product(&gone).is_some(),
            shop.get_data_package(&gone, &data("DATA_1GB")).is_some(),
            shop.data_bundles().get(&gone).is_some(),
            shop.merchant_discounts().get(&(user, gone.clone())).is_some(),
            shop.product_lists().get(&CategoryCode::new("AIRTIME").unwrap()).is_some(),
        ]
    };
    assert_eq!(found(&two), [true; 5]);
    // The sixth entry is the discount on the other product: the server removes all keys of the keyspace for a
    // pattern that begins with `Any`.
    assert_eq!(one.invalidate(&Change::ProductRemoved(gone.clone())).unwrap(), 6);
    let remaining = [
        "shop:0:data_bundles_MTN_DATA",
        "shop:0:data_package_MTN%5FDATA_DATA_1GB",
        "shop:0:merchant_auth_M1",
        "shop:0:product_MTN_DATA",
        "shop:0:product_categories_active",
    ];
    assert_eq!(slots(&server), remaining);
    assert_eq!(found(&one), [false; 5]);
    eventually("the other node has no copy", || found(&two) == [false; 5]);
}

#[test]
fn a_key_that_the_schema_cannot_spell_is_refused_by_name() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let cache = larder_redis::open_url(&server.url("prefix=shop&memory=8MiB")).unwrap();
    let products: KeyspaceDefinition<String, u32> = KeyspaceDefinition::new("product").schema(SCHEMA);
    let products = cache.keyspace(products).unwrap();
    let refused = products.insert("two words", 1).unwrap_err().to_string();
    assert!(refused.contains("the schema has no such key: \"two words\""), "{refused}");
    assert!(products.get("two words").is_none());
    products.insert("MTNVTU", 1).unwrap();
    assert_eq!(slots(&server), ["shop:0:product_MTNVTU"]);
}
