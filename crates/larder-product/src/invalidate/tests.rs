use super::*;
use crate::code::CategoryCode;
use crate::doc::{AirtimeShop, Product, shop};

fn product(code: &str) -> ProductCode {
    code.parse().unwrap()
}

fn category(code: &str) -> CategoryCode {
    code.parse().unwrap()
}

fn data(code: &str) -> DataCode {
    code.parse().unwrap()
}

/// Returns a shop in memory, with at least two entries in each family that can have more than one.
fn stocked() -> ProductCache<AirtimeShop> {
    stock(shop().unwrap())
}

fn stock(shop: ProductCache<AirtimeShop>) -> ProductCache<AirtimeShop> {
    let item = Product::new("anything", 100);
    shop.categories.insert(&(), vec!["Airtime".to_owned()]).unwrap();
    for code in ["AIRTIME", "DATA"] {
        shop.product_lists.insert(&category(code), vec![item.clone()]).unwrap();
    }
    for code in ["MTNVTU", "MTNDATA"] {
        let code = product(code);
        shop.products.insert(&code, item.clone()).unwrap();
        shop.data_bundles.insert(&code, vec![item.clone()]).unwrap();
        for package in ["DATA_1GB", "DATA_2GB"] {
            shop.data_packages.insert(&(&code, data(package)), item.clone()).unwrap();
        }
        shop.merchant_discounts.insert(&(UserId::new(123).unwrap(), &code), 5).unwrap();
    }
    shop.merchant_discounts.insert(&(UserId::new(124).unwrap(), product("MTNVTU")), 7).unwrap();
    for code in ["ACME", "GLOBEX"] {
        let code: MerchantCode = code.parse().unwrap();
        shop.merchant_auth.insert(&code, "token".to_owned()).unwrap();
    }
    shop
}

/// Returns the number of entries of each family, in the guide's order.
fn held(shop: &ProductCache<AirtimeShop>) -> [u64; 7] {
    [
        shop.categories.count(),
        shop.product_lists.count(),
        shop.products.count(),
        shop.data_packages.count(),
        shop.data_bundles.count(),
        shop.merchant_discounts.count(),
        shop.merchant_auth.count(),
    ]
}

#[test]
fn each_helper_drops_what_its_change_made_stale_and_nothing_else() {
    type Helper = fn(&ProductCache<AirtimeShop>) -> Result<u64, Error>;
    let user = UserId::new(123).unwrap();
    assert_eq!(held(&stocked()), [1, 2, 2, 4, 2, 3, 2]);
    let cases: [(&str, Helper, [u64; 7]); 14] = [
        ("a product", |s| s.invalidate_product_cache(&product("MTNVTU")), [1, 0, 1, 4, 2, 3, 2]),
        ("all products", |s| s.invalidate_all_products_cache(), [1, 0, 0, 4, 2, 3, 2]),
        (
            "a removed product",
            |s| s.invalidate_removed_product_cache(&product("MTNVTU")),
            [1, 0, 1, 2, 1, 1, 2],
        ),
        ("categories", |s| s.invalidate_product_category_cache(), [0, 0, 2, 4, 2, 3, 2]),
        ("a category", |s| s.invalidate_category_cache(&category("DATA")), [0, 1, 2, 4, 2, 3, 2]),
        (
            "a package",
            |s| s.invalidate_data_package_cache(&product("MTNDATA"), &data("DATA_1GB")),
            [1, 2, 2, 3, 1, 3, 2],
        ),
        ("packages", |s| s.invalidate_data_packages_cache(&product("MTNDATA")), [1, 2, 2, 2, 1, 3, 2]),
        ("all packages", |s| s.invalidate_all_data_packages_cache(), [1, 2, 2, 0, 0, 3, 2]),
        (
            "a discount",
            |s| s.invalidate_merchant_discount_cache(UserId::new(123).unwrap(), &product("MTNVTU")),
            [1, 2, 2, 4, 2, 2, 2],
        ),
        (
            "a user's discounts",
            |s| s.invalidate_user_discounts_cache(UserId::new(123).unwrap()),
            [1, 2, 2, 4, 2, 1, 2],
        ),
        (
            "a product's discounts",
            |s| s.invalidate_product_discounts_cache(&product("MTNVTU")),
            [1, 2, 2, 4, 2, 1, 2],
        ),
        ("all discounts", |s| s.invalidate_all_merchant_discounts_cache(), [1, 2, 2, 4, 2, 0, 2]),
        ("a login", |s| s.invalidate_merchant_auth_cache(&"ACME".parse().unwrap()), [1, 2, 2, 4, 2, 3, 1]),
        ("all logins", |s| s.invalidate_all_merchant_auth_cache(), [1, 2, 2, 4, 2, 3, 0]),
    ];
    for (name, helper, left) in cases {
        let shop = stocked();
        let before: u64 = held(&shop).iter().sum();
        let gone = helper(&shop).unwrap();
        assert_eq!(held(&shop), left, "{name}");
        assert_eq!(gone, before - left.iter().sum::<u64>(), "{name}");
        assert_eq!(helper(&shop).unwrap(), 0, "{name}, again");
    }

    let shop = stocked();
    let _ = shop.invalidate_product_discounts_cache(&product("MTNVTU")).unwrap();
    assert!(shop.get_merchant_discount(user, &product("MTNVTU")).is_none());
    assert!(shop.get_merchant_discount(user, &product("MTNDATA")).is_some());
}

/// Returns every kind of change of the stocked shop, for one row and for all rows.
fn changes() -> Vec<Change> {
    let (p, d, user) = (Some(product("MTNDATA")), Some(data("DATA_1GB")), UserId::new(123).ok());
    vec![
        Change::Category(None),
        Change::Category(Some(category("DATA"))),
        Change::Product(None),
        Change::Product(p.clone()),
        Change::ProductRemoved(product("MTNDATA")),
        Change::DataPackage(None, None),
        Change::DataPackage(p.clone(), None),
        Change::DataPackage(None, d.clone()),
        Change::DataPackage(p.clone(), d),
        Change::Discount(None, None),
        Change::Discount(user, None),
        Change::Discount(None, p.clone()),
        Change::Discount(user, p),
        Change::Merchant(None),
        Change::Merchant("ACME".parse().ok()),
    ]
}

fn spelled(shop: &ProductCache<AirtimeShop>) -> Vec<CachedKey> {
    Family::ALL.into_iter().flat_map(|family| shop.keys(family)).collect()
}

#[test]
fn what_goes_is_what_the_plan_had_said() {
    for change in changes() {
        let shop = stocked();
        let plan = change.plan();
        let expected = shop.live(&plan);
        let mut left = spelled(&shop);
        left.retain(|key| !expected.contains(key));

        assert_eq!(shop.invalidate(&change).unwrap(), expected.len() as u64, "{change}");
        assert_eq!(spelled(&shop), left, "{change}");
        assert_eq!(shop.live(&plan), [], "{change}");
        assert!(!expected.is_empty(), "{change} is no test of the stocked shop");
    }
}

#[test]
fn a_cascade_is_one_commit() {
    let dir = tempfile::tempdir().unwrap();
    let cache = larder::Cache::builder()
        .path(dir.path().join("shop.larder"))
        .flush_interval(std::time::Duration::from_hours(1))
        .open()
        .unwrap();
    let shop = stock(ProductCache::open(&cache).unwrap());
    for change in changes().into_iter().filter(|change| !matches!(change, Change::Merchant(_))) {
        let shop = stock(shop.clone());
        cache.flush().unwrap();
        let commits = |cache: &larder::Cache| cache.stats().disk.unwrap().commits;
        let before = commits(&cache);
        assert!(shop.invalidate(&change).unwrap() > 0);
        assert_eq!(commits(&cache), before + 1, "{change}");
    }
}

#[test]
fn codes_that_collide_as_strings_are_entries_of_their_own() {
    let shop = shop().unwrap();
    shop.categories.insert(&(), vec!["Airtime".to_owned()]).unwrap();
    shop.products.insert(&product("categories_active"), Product::new("oddly named", 1)).unwrap();
    assert_eq!(shop.get_categories().unwrap().len(), 1);

    let (a, a_b, b_c, c) = (product("A"), product("A_B"), data("B_C"), data("C"));
    shop.data_packages.insert(&(&a, &b_c), Product::new("of A", 1)).unwrap();
    shop.data_packages.insert(&(&a_b, &c), Product::new("of A_B", 2)).unwrap();
    assert_eq!(shop.get_data_package(&a, &b_c).unwrap().price, 1);
    assert_eq!(shop.get_data_package(&a_b, &c).unwrap().price, 2);
}

thread_local! {
    static DROPPED: std::cell::RefCell<Vec<&'static str>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// A value that records its drop. The cache drops it when its entry is removed.
#[derive(serde::Serialize, serde::Deserialize)]
struct Told<const LIST: bool>;

impl<const LIST: bool> Drop for Told<LIST> {
    fn drop(&mut self) {
        DROPPED.with_borrow_mut(|dropped| dropped.push(if LIST { "derived" } else { "source" }));
    }
}

struct ToldShop;

impl crate::Shop for ToldShop {
    type Categories = Told<false>;
    type ProductList = Told<true>;
    type Product = Told<false>;
    type DataPackage = Told<false>;
    type DataBundles = Told<true>;
    type Discount = ();
    type Merchant = ();
}

#[test]
fn sources_are_removed_before_what_is_derived_from_them() {
    let cache = larder::Cache::builder().open().unwrap();
    let shop = ProductCache::<ToldShop>::open(&cache).unwrap();
    for change in [
        Change::Category(None),
        Change::Product(None),
        Change::Product(Some(product("MTNDATA"))),
        Change::DataPackage(None, None),
        Change::DataPackage(Some(product("MTNDATA")), None),
        Change::DataPackage(Some(product("MTNDATA")), Some(data("DATA_1GB"))),
    ] {
        shop.categories.insert(&(), Told).unwrap();
        shop.product_lists.insert(&category("DATA"), Told).unwrap();
        shop.products.insert(&product("MTNDATA"), Told).unwrap();
        shop.data_packages.insert(&(product("MTNDATA"), data("DATA_1GB")), Told).unwrap();
        shop.data_bundles.insert(&product("MTNDATA"), Told).unwrap();
        DROPPED.take();
        assert_eq!(shop.invalidate(&change).unwrap(), 2, "{change}");
        assert_eq!(DROPPED.take(), ["source", "derived"], "{change}");
    }
}
