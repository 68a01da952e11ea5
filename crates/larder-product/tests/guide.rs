//! Tests of the statements in `docs/guide.md`, section by section, on a shop with an `SQLite` database.

use std::sync::Arc;
use std::time::Duration;

use larder::clock::ManualClock;
use larder::{Cache, CacheBuilder};
use larder_product::{
    CachedKey, CategoryCode, DataCode, Families, MerchantCode, ProductCache, ProductCode, UserId, ttl,
};
use tempfile::TempDir;

use crate::database::{Database, SqliteShop};

/// A shop's database, and a directory and a clock for its cache.
pub(crate) struct World {
    pub(crate) dir: TempDir,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) database: Database,
}

pub(crate) struct Codes {
    pub(crate) airtime: CategoryCode,
    pub(crate) vtu: ProductCode,
    pub(crate) data: ProductCode,
    pub(crate) package: DataCode,
    pub(crate) user: UserId,
    pub(crate) merchant: MerchantCode,
}

pub(crate) fn codes() -> Codes {
    Codes {
        airtime: "AIRTIME".parse().unwrap(),
        vtu: "MTNVTU".parse().unwrap(),
        data: "MTNDATA".parse().unwrap(),
        package: "DATA_1GB".parse().unwrap(),
        user: "123".parse().unwrap(),
        merchant: "ACME".parse().unwrap(),
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::create(dir.path());
        Self { dir, clock: Arc::new(ManualClock::new()), database }
    }

    pub(crate) fn url(&self) -> String {
        format!("file:{}?memory=8MiB&disk=64MiB", self.dir.path().join("shop.larder").display())
    }

    pub(crate) fn open(&self) -> (Cache, ProductCache<SqliteShop>) {
        let cache = CacheBuilder::from_url(&self.url()).unwrap().clock(self.clock.clone()).open().unwrap();
        let shop = ProductCache::open(&cache).unwrap();
        (cache, shop)
    }

    /// Requests one entry of every family, in the guide's order. Returns the number of queries that each
    /// family needed.
    pub(crate) fn ask_everything(&self, shop: &ProductCache<SqliteShop>) -> [u64; 7] {
        let (c, db) = (codes(), &self.database);
        let cost = |ask: &dyn Fn()| {
            let before = db.queries();
            ask();
            db.queries() - before
        };
        [
            cost(&|| drop(shop.get_or_load_categories(|| db.categories()).unwrap())),
            cost(&|| {
                drop(shop.get_or_load_product_list(&c.airtime, || db.product_list(&c.airtime)).unwrap());
            }),
            cost(&|| drop(shop.get_or_load_product(&c.vtu, || db.product(&c.vtu)).unwrap())),
            cost(&|| {
                let load = || db.data_package(&c.data, &c.package);
                drop(shop.get_or_load_data_package(&c.data, &c.package, load).unwrap());
            }),
            cost(&|| drop(shop.get_or_load_data_bundles(&c.data, || db.data_bundles(&c.data)).unwrap())),
            cost(&|| {
                let load = || db.discount(c.user, &c.vtu);
                drop(shop.get_or_load_merchant_discount(c.user, &c.vtu, load).unwrap());
            }),
            cost(&|| drop(shop.get_or_load_merchant_auth(&c.merchant, || db.merchant(&c.merchant)).unwrap())),
        ]
    }
}

#[test]
fn configuration_without_a_file_entries_die_with_the_process_and_with_one_they_survive() {
    let world = World::new();
    let memory = || ProductCache::<SqliteShop>::open(&Cache::open_url("memory:").unwrap()).unwrap();
    assert_eq!(world.ask_everything(&memory()), [1; 7]);
    assert_eq!(world.ask_everything(&memory()), [1; 7], "another process begins with nothing");

    let (cache, shop) = world.open();
    assert_eq!(world.ask_everything(&shop), [1; 7]);
    drop(shop);
    cache.close().unwrap();
    let (_cache, shop) = world.open();
    assert_eq!(
        world.ask_everything(&shop),
        [0, 0, 0, 0, 0, 0, 1],
        "all but the login, which is in memory only"
    );
}

#[test]
fn configuration_a_deployment_may_keep_logins_on_disk() {
    let world = World::new();
    let families = Families::<SqliteShop>::guide().with_options("merchant_auth=disk").unwrap();
    for queries in [[1; 7], [0; 7]] {
        let cache = Cache::open_url(&world.url()).unwrap();
        let shop = ProductCache::open_with(&cache, families).unwrap();
        assert_eq!(world.ask_everything(&shop), queries);
        drop(shop);
        cache.close().unwrap();
    }
    let file = std::fs::read(world.dir.path().join("shop.larder")).unwrap();
    assert!(file.windows(13).any(|window| window == b"token-of-acme"), "the test looks for the wrong bytes");
}

#[test]
fn what_is_cached_every_family_is_asked_of_the_database_once_in_its_lifetime() {
    let world = World::new();
    let (_cache, shop) = world.open();
    // The first number is a position in the guide's order: categories, lists, products, packages, bundles,
    // discounts, logins.
    for (at, lifetime) in [
        (6, ttl::MERCHANT_AUTH),
        (5, ttl::MERCHANT_DISCOUNT),
        (1, ttl::PRODUCT_LIST),
        (2, ttl::PRODUCT),
        (3, ttl::DATA_PACKAGE),
        (4, ttl::DATA_BUNDLES),
        (0, ttl::CATEGORIES),
    ] {
        world.clock.advance(Duration::from_hours(3));
        assert_eq!(world.ask_everything(&shop), [1; 7], "everything has expired");
        world.clock.advance(lifetime.checked_sub(Duration::from_millis(1)).unwrap());
        assert_eq!(world.ask_everything(&shop)[at], 0, "family {at} expired before its time");
        world.clock.advance(Duration::from_millis(2));
        assert_eq!(world.ask_everything(&shop)[at], 1, "family {at} outlived its time");
    }
}

#[test]
fn what_is_cached_every_key_is_spelled_as_the_guide_has_it() {
    let world = World::new();
    let (_cache, shop) = world.open();
    let _ = world.ask_everything(&shop);
    let keys = larder_product::Family::ALL.into_iter().flat_map(|family| shop.keys(family));
    let spelled: Vec<_> = keys.map(|key: CachedKey| key.to_string()).collect();
    assert_eq!(
        spelled,
        [
            "product_categories_active",
            "product_MTNVTU",
            "products_category_AIRTIME",
            "data_package_MTNDATA_DATA_1GB",
            "data_bundles_MTNDATA",
            "merchant_discount_123_MTNVTU",
            "merchant_auth_ACME",
        ]
    );
}

#[test]
fn what_is_cached_keys_that_collide_in_the_original_have_answers_of_their_own() {
    let world = World::new();
    let (_cache, shop) = world.open();
    let db = &world.database;
    let odd: ProductCode = "categories_active".parse().unwrap();
    assert_eq!(shop.get_or_load_product(&odd, || db.product(&odd)).unwrap().price, 1);
    assert_eq!(*shop.get_or_load_categories(|| db.categories()).unwrap(), ["AIRTIME", "DATA"]);
    assert_eq!(shop.get_product(&odd).unwrap().price, 1);
    for (product, data, price) in [("A", "B_C", 1), ("A_B", "C", 2)] {
        let (product, data) = (product.parse().unwrap(), data.parse().unwrap());
        let found = shop.get_or_load_data_package(&product, &data, || db.data_package(&product, &data));
        assert_eq!(found.unwrap().price, price);
    }
}

#[test]
fn invalidation_after_each_change_of_the_database_the_next_answer_is_new_and_the_others_cost_no_query() {
    type Helper = fn(&ProductCache<SqliteShop>) -> Result<u64, larder::Error>;
    let cases: [(&str, Helper, [u64; 7]); 7] = [
        (
            "UPDATE product SET price = 120 WHERE code = 'MTNVTU'",
            |shop| shop.invalidate_product_cache(&codes().vtu),
            [0, 1, 1, 0, 0, 0, 0],
        ),
        (
            "UPDATE category SET active = 1 WHERE code = 'OLD'",
            |shop| shop.invalidate_product_category_cache(),
            [1, 1, 0, 0, 0, 0, 0],
        ),
        (
            "UPDATE category SET active = 0 WHERE code = 'AIRTIME'",
            |shop| shop.invalidate_category_cache(&codes().airtime),
            [1, 1, 0, 0, 0, 0, 0],
        ),
        (
            "UPDATE data_package SET price = 350 WHERE code = 'DATA_1GB'",
            |shop| shop.invalidate_data_package_cache(&codes().data, &codes().package),
            [0, 0, 0, 1, 1, 0, 0],
        ),
        (
            "UPDATE discount SET percent = 9 WHERE user = 123 AND product = 'MTNVTU'",
            |shop| shop.invalidate_merchant_discount_cache(codes().user, &codes().vtu),
            [0, 0, 0, 0, 0, 1, 0],
        ),
        (
            "UPDATE merchant SET token = 'new' WHERE code = 'ACME'",
            |shop| shop.invalidate_merchant_auth_cache(&codes().merchant),
            [0, 0, 0, 0, 0, 0, 1],
        ),
        (
            "DELETE FROM data_package WHERE product = 'MTNDATA' AND code = 'DATA_2GB'",
            |shop| shop.invalidate_removed_product_cache(&codes().data),
            [0, 1, 0, 1, 1, 0, 0],
        ),
    ];
    let world = World::new();
    let (_cache, shop) = world.open();
    let _ = world.ask_everything(&shop);
    for (change, helper, queries) in cases {
        world.database.change(change);
        assert!(helper(&shop).unwrap() > 0, "{change}");
        assert_eq!(world.ask_everything(&shop), queries, "{change}");
    }
    let c = codes();
    assert_eq!(shop.get_product(&c.vtu).unwrap().price, 120);
    assert_eq!(*shop.get_categories().unwrap(), ["DATA", "OLD"]);
    assert_eq!(shop.get_data_package(&c.data, &c.package).unwrap().price, 350);
    assert_eq!(shop.get_data_bundles(&c.data).unwrap().len(), 1);
    assert_eq!(*shop.get_merchant_discount(c.user, &c.vtu).unwrap(), 9);
    assert_eq!(shop.get_merchant_auth(&c.merchant).unwrap().token, "new");
}

#[test]
fn invalidation_a_crash_between_the_change_and_the_helper_leaves_nothing_stale_behind_begin_update() {
    let world = World::new();
    let (cache, shop) = world.open();
    let _ = world.ask_everything(&shop);
    cache.flush().unwrap();
    let c = codes();
    let update = shop.products().begin_update(&c.vtu).unwrap();
    // During the update, a request is answered from the database, and the answer is not cached.
    let old = shop.get_or_load_product(&c.vtu, || world.database.product(&c.vtu)).unwrap();
    let _ = world.database.set_price(&c.vtu, 120);
    // Simulates a process that ends here, before it calls the helper.
    drop((update, shop));
    cache.close().unwrap();

    let (_cache, shop) = world.open();
    let new = shop.get_or_load_product(&c.vtu, || world.database.product(&c.vtu)).unwrap();
    assert_eq!((old.price, new.price), (100, 120));
}
