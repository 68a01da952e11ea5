//! Tests of an application that adds its own families to those of the shop, such as price tags, quotes and a
//! banner.

use std::borrow::Cow;
use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use larder::{Cache, CacheBuilder, Key, KeyError, KeyReader, KeyWriter, Keyspace, KeyspaceDefinition};
use larder_product::cascade::Row;
use larder_product::doc::{AirtimeShop, Product};
use larder_product::{
    AnyOwnFamily, Change, Dependency, Families, Family, FamilyKeyPart, OwnFamily, OwnFamilyError,
    ProductCache, ProductCode, UserId,
};

/// A key type that the application defines. larder does not know its encoding.
#[derive(Clone, Debug, PartialEq)]
struct Language(String);

impl FamilyKeyPart for Language {}

impl std::fmt::Display for Language {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Key for Language {
    fn shape() -> String {
        "language".to_owned()
    }

    fn decode(reader: &mut KeyReader<'_>) -> Result<Self, KeyError> {
        Ok(Self(reader.text()?))
    }
}

impl larder::EncodeKey<Self> for Language {
    fn encode(&self, out: &mut KeyWriter) {
        out.text(&self.0);
    }
}

/// The price tag of a product in a language.
const TAGS: OwnFamily<(ProductCode, Language), String> = OwnFamily::new(
    KeyspaceDefinition::new("price_tag").ttl(Duration::from_mins(10)),
    &[Dependency::on_entries(Family::Products).because("shows")],
);

/// The price of a product for a user, built from the price tag and the discount.
const QUOTES: OwnFamily<(UserId, u32, ProductCode), u32> = OwnFamily::new(
    KeyspaceDefinition::new("quote").ttl(Duration::from_mins(1)),
    &[
        Dependency::on_entries(TAGS.family()).because("repeats"),
        Dependency::on_entries(Family::MerchantDiscounts).because("includes"),
    ],
);

/// The banner of the front page: one entry.
const BANNER: OwnFamily<(), String> = OwnFamily::new(
    KeyspaceDefinition::new("banner").memory_only(),
    &[Dependency::on_row(Row::Category).when_removed(), Dependency::on_row(Row::Merchant)],
);

/// How often two products were bought together.
const PAIRS: OwnFamily<(ProductCode, ProductCode), u32> =
    OwnFamily::new(KeyspaceDefinition::new("pair"), &[Dependency::on_row(Row::Product).when_removed()]);

/// The best-selling products of a category.
const TOP: OwnFamily<String, Vec<String>> = OwnFamily::new(
    KeyspaceDefinition::new("top"),
    &[Dependency::on_row(Row::Product).every_entry().because("may rank")],
);

const ALL: &[&dyn AnyOwnFamily] = &[&TAGS, &QUOTES, &BANNER, &PAIRS, &TOP];

fn families() -> Families<AirtimeShop> {
    Families::guide().with_own(ALL).unwrap()
}

fn product(code: &str) -> ProductCode {
    code.parse().unwrap()
}

fn user(id: u64) -> UserId {
    UserId::new(id).unwrap()
}

fn stocked(cache: &Cache) -> ProductCache<AirtimeShop> {
    let shop = ProductCache::open_with(cache, families()).unwrap();
    let (tags, quotes) = (shop.family(&TAGS).unwrap(), shop.family(&QUOTES).unwrap());
    for code in ["MTNVTU", "GLO_VTU"] {
        let code = product(code);
        shop.products().insert(&code, Product::new("airtime", 100)).unwrap();
        for language in ["en", "fr"] {
            tags.insert(&(&code, Language(language.to_owned())), "100".to_owned()).unwrap();
        }
        for id in [123, 124] {
            quotes.insert(&(user(id), 7_u32, &code), 95).unwrap();
        }
    }
    shop.family(&BANNER).unwrap().insert(&(), "Welcome".to_owned()).unwrap();
    shop.family(&TOP).unwrap().insert("AIRTIME", vec!["MTNVTU".to_owned()]).unwrap();
    let pairs = shop.family(&PAIRS).unwrap();
    pairs.insert(&(product("MTNVTU"), product("GLO_VTU")), 3).unwrap();
    pairs.insert(&(product("GLO_VTU"), product("MTNVTU")), 3).unwrap();
    shop
}

/// Returns the number of entries of each of the application's own families.
fn held(shop: &ProductCache<AirtimeShop>) -> [u64; 5] {
    [
        shop.family(&TAGS).unwrap().count(),
        shop.family(&QUOTES).unwrap().count(),
        shop.family(&BANNER).unwrap().count(),
        shop.family(&PAIRS).unwrap().count(),
        shop.family(&TOP).unwrap().count(),
    ]
}

fn in_memory() -> Cache {
    Cache::builder().open().unwrap()
}

#[test]
fn a_change_removes_the_entries_of_an_own_family_with_the_changed_parts() {
    let changes = [
        (Change::Product(Some(product("MTNVTU"))), [2, 2, 1, 2, 0]),
        (Change::Product(None), [0, 0, 1, 2, 0]),
        // A pair has two products, and either may be the removed one, so every pair is removed.
        (Change::ProductRemoved(product("GLO_VTU")), [2, 2, 1, 0, 0]),
        (Change::Discount(Some(user(123)), None), [4, 2, 1, 2, 1]),
        (Change::Discount(Some(user(123)), Some(product("MTNVTU"))), [4, 3, 1, 2, 1]),
        (Change::Discount(None, Some(product("MTNVTU"))), [4, 2, 1, 2, 1]),
        (Change::Discount(None, None), [4, 0, 1, 2, 1]),
        (Change::Merchant("ACME".parse().ok()), [4, 4, 0, 2, 1]),
        // The banner depends on removed categories, and each of these changes may be a removal.
        (Change::Category(None), [4, 4, 0, 2, 1]),
        (Change::Category("AIRTIME".parse().ok()), [4, 4, 0, 2, 1]),
        (Change::DataPackage(None, None), [4, 4, 1, 2, 1]),
    ];
    for (change, left) in changes {
        let shop = stocked(&in_memory());
        assert_eq!(held(&shop), [4, 4, 1, 2, 1]);
        let plan = shop.plan(&change);
        let planned = shop.live(&plan).len() as u64;
        assert_eq!(shop.invalidate(&change).unwrap(), planned, "{plan}");
        assert_eq!(held(&shop), left, "{plan}");
        assert_eq!(shop.live(&plan), [], "{plan}");
    }
}

#[test]
fn a_change_that_may_be_a_removal_counts_as_one() {
    const fn when_removed(name: &'static str, of: &'static [Dependency; 1]) -> OwnFamily<(), u32> {
        OwnFamily::new(KeyspaceDefinition::new(name), of)
    }
    const OF_CATEGORY: OwnFamily<(), u32> =
        when_removed("of_category", &[Dependency::on_row(Row::Category).when_removed()]);
    const OF_PRODUCT: OwnFamily<(), u32> =
        when_removed("of_product", &[Dependency::on_row(Row::Product).when_removed()]);
    const OF_DATA: OwnFamily<(), u32> =
        when_removed("of_data", &[Dependency::on_row(Row::DataPackage).when_removed()]);
    const OF_DISCOUNT: OwnFamily<(), u32> =
        when_removed("of_discount", &[Dependency::on_row(Row::Discount).when_removed()]);
    const OF_MERCHANT: OwnFamily<(), u32> =
        when_removed("of_merchant", &[Dependency::on_row(Row::Merchant).when_removed()]);
    const FAMILIES: &[&dyn AnyOwnFamily] = &[&OF_CATEGORY, &OF_PRODUCT, &OF_DATA, &OF_DISCOUNT, &OF_MERCHANT];

    let families = Families::<AirtimeShop>::guide().with_own(FAMILIES).unwrap();
    let shop = ProductCache::open_with(&in_memory(), families).unwrap();
    let changes: [(Change, &[&str]); 7] = [
        (Change::Category(None), &["of_category"]),
        (Change::Product(Some(product("MTNVTU"))), &[]),
        (Change::Product(None), &[]),
        (Change::ProductRemoved(product("MTNVTU")), &["of_product", "of_data", "of_discount"]),
        (Change::DataPackage(Some(product("MTNDATA")), None), &["of_data"]),
        (Change::Discount(Some(user(123)), None), &["of_discount"]),
        (Change::Merchant(None), &["of_merchant"]),
    ];
    for (change, expected) in changes {
        let plan = shop.plan(&change);
        let families = plan.steps().iter().map(|step| step.drops().family().keyspace());
        let own: Vec<_> = families.filter(|name| name.starts_with("of_")).collect();
        assert_eq!(own, expected, "{plan}");
    }
}

#[test]
fn the_plan_lists_own_families_after_the_families_that_they_are_built_from() {
    let shop = stocked(&in_memory());
    let plan = shop.plan(&Change::Product(Some(product("GLO_VTU"))));
    assert_eq!(
        plan.to_string(),
        "\
product GLO_VTU changed: these entries are removed, in this order, with one commit
  product_GLO_VTU        is the entry of product GLO_VTU
  products_category_*    may show product_GLO_VTU, which is the entry of product GLO_VTU
  price_tag_GLO%5FVTU_*  shows product_GLO_VTU, which is the entry of product GLO_VTU
  quote_*_*_GLO_VTU      repeats price_tag_GLO%5FVTU_*, which shows product_GLO_VTU, which is the entry of \
         product GLO_VTU
  top_*                  may rank product GLO_VTU
"
    );
    assert!(!Change::Product(None).plan().to_string().contains("price_tag"), "it knows no cache");
}

#[test]
fn the_keys_of_own_families_have_a_text() {
    let shop = stocked(&in_memory());
    let texts = |family| shop.keys(family).iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(texts(PAIRS.family()), ["pair_GLO%5FVTU_MTNVTU", "pair_MTNVTU_GLO_VTU"]);
    assert_eq!(texts(BANNER.family()), ["banner"]);
    assert_eq!(texts(TOP.family()), ["top_AIRTIME"]);
    let own = shop.families().split_off(Family::ALL.len());
    assert_eq!(
        own.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["price_tag", "quote", "banner", "pair", "top"]
    );
}

fn file(path: &Path) -> CacheBuilder {
    Cache::builder().path(path.join("shop.larder"))
}

#[test]
fn own_families_survive_a_restart_and_their_removals_do_too() {
    let dir = tempfile::tempdir().unwrap();
    let cache = file(dir.path()).open().unwrap();
    let shop = stocked(&cache);
    // A late first sweep could be a commit of its own.
    larder::testing::await_first_sweep(&cache).unwrap();
    cache.flush().unwrap();
    let commits = || cache.stats().disk.unwrap().commits;
    let before = commits();
    // The product, two tags, two quotes, and the ranking.
    assert_eq!(shop.invalidate_product_cache(&product("MTNVTU")).unwrap(), 6);
    assert_eq!(commits(), before + 1);
    drop(shop);
    cache.close().unwrap();

    let cache = file(dir.path()).open().unwrap();
    let shop = ProductCache::<AirtimeShop>::open_with(&cache, families()).unwrap();
    assert_eq!(held(&shop), [2, 2, 0, 2, 0], "the banner is in memory only");
}

#[test]
fn a_deployment_sets_the_ttl_of_an_own_family() {
    let families = families().with_options("quote=5s&product=10m").unwrap();
    assert!(
        format!("{families:?}").ends_with(
            "\"price_tag\": 600s, \"quote\": 5s, \"banner\": 86400s, \"pair\": 86400s, \"top\": 86400s}"
        ),
        "{families:?}"
    );
    let shop = ProductCache::open_with(&in_memory(), families).unwrap();
    let quotes = shop.family(&QUOTES).unwrap();
    let key = (user(1), 7_u32, product("MTNVTU"));
    quotes.insert(&key, 95).unwrap();
    assert!(quotes.ttl(&key).unwrap() <= Duration::from_secs(5));

    let error = crate::own_families::families().with_options("quotes=5s").unwrap_err().to_string();
    assert!(error.ends_with("merchant_auth, price_tag, quote, banner, pair and top"), "{error}");
    let error = Families::<AirtimeShop>::guide().with_options("quote=5s").unwrap_err().to_string();
    assert!(error.ends_with("merchant_discount and merchant_auth"), "{error}");
}

#[test]
fn the_statistics_have_own_families_by_name() {
    let cache = in_memory();
    let _shop = stocked(&cache);
    let stats = cache.stats();
    let tags = stats.keyspaces.iter().find(|keyspace| keyspace.name == "price_tag").unwrap();
    assert_eq!(tags.inserts, 4);
}

#[test]
fn a_wrong_registration_is_refused() {
    const SAME: OwnFamily<u64, u32> = OwnFamily::new(KeyspaceDefinition::new("price_tag"), &[]);
    const SHOPS: OwnFamily<u64, u32> = OwnFamily::new(KeyspaceDefinition::new("merchant_auth"), &[]);
    const ITSELF: OwnFamily<u64, u32> = OwnFamily::new(
        KeyspaceDefinition::new("itself"),
        &[Dependency::on_entries(
            OwnFamily::<u64, u32>::new(KeyspaceDefinition::new("itself"), &[]).family(),
        )],
    );
    const ONE: &dyn AnyOwnFamily = &BANNER;
    type Registered = Result<Families<AirtimeShop>, OwnFamilyError>;
    let with = |families: &'static [&'static dyn AnyOwnFamily]| -> Registered {
        Families::guide().with_own(families)
    };
    let taken = |name| OwnFamilyError::NameTaken { name };
    let unknown = |name, on| OwnFamilyError::UnknownDependency { name, on };
    assert_eq!(with(&[&TAGS, &SAME]).unwrap_err(), taken("price_tag"));
    assert_eq!(with(&[&SHOPS]).unwrap_err(), taken("merchant_auth"));
    assert_eq!(with(&[&QUOTES, &TAGS]).unwrap_err(), unknown("quote", "price_tag"));
    assert_eq!(with(&[&ITSELF]).unwrap_err(), unknown("itself", "itself"));
    let many: &'static [&'static dyn AnyOwnFamily] = &[ONE; larder_product::MAX_OWN_FAMILIES + 1];
    assert!(matches!(with(many), Err(OwnFamilyError::TooMany { number: 17, most: 16 })));
}

#[test]
fn a_family_that_is_not_registered_is_not_found() {
    const OTHER_TYPES: OwnFamily<(ProductCode, Language), u32> =
        OwnFamily::new(KeyspaceDefinition::new("price_tag"), &[]);
    let missing = |found: Result<&Keyspace<_, String>, OwnFamilyError>| found.unwrap_err().to_string();
    let shop = ProductCache::<AirtimeShop>::open(&in_memory()).unwrap();
    assert_eq!(
        missing(shop.family(&TAGS)),
        "the family \"price_tag\" is not registered with these types; pass it to `Families::with_own`"
    );
    let shop = stocked(&in_memory());
    assert!(shop.family(&OTHER_TYPES).is_err());
}

#[test]
fn a_key_whose_first_part_larder_cannot_skip_costs_the_whole_family_and_no_error() {
    const BY_LANGUAGE: OwnFamily<(Language, ProductCode), u32> =
        OwnFamily::new(KeyspaceDefinition::new("by_language"), &[Dependency::on_row(Row::Product)]);
    let families = Families::<AirtimeShop>::guide().with_own(&[&BY_LANGUAGE]).unwrap();
    let shop = ProductCache::open_with(&in_memory(), families).unwrap();
    let entries = shop.family(&BY_LANGUAGE).unwrap();
    for code in ["MTNVTU", "GLO_VTU"] {
        entries.insert(&(Language("en".to_owned()), product(code)), 1).unwrap();
        shop.products().insert(&product(code), Product::new("airtime", 100)).unwrap();
    }
    assert_eq!(shop.invalidate_product_cache(&product("MTNVTU")).unwrap(), 3);
    assert!(entries.is_empty() && shop.products().count() == 1);
}

/// Entries of both families on which `BOTH` depends are stale, so the same key is in two steps of the plan.
#[test]
fn a_key_in_two_steps_of_a_plan_is_listed_once() {
    const BY_USER: OwnFamily<UserId, u32> =
        OwnFamily::new(KeyspaceDefinition::new("by_user"), &[Dependency::on_row(Row::Discount)]);
    const BY_PRODUCT: OwnFamily<ProductCode, u32> =
        OwnFamily::new(KeyspaceDefinition::new("by_product"), &[Dependency::on_row(Row::Discount)]);
    const BOTH: OwnFamily<(UserId, ProductCode), u32> = OwnFamily::new(
        KeyspaceDefinition::new("both"),
        &[Dependency::on_entries(BY_USER.family()), Dependency::on_entries(BY_PRODUCT.family())],
    );
    let families = Families::<AirtimeShop>::guide().with_own(&[&BY_USER, &BY_PRODUCT, &BOTH]).unwrap();
    let shop = ProductCache::open_with(&in_memory(), families).unwrap();
    let both = shop.family(&BOTH).unwrap();
    for (id, code) in [(123, "A"), (123, "B"), (124, "A"), (124, "B")] {
        both.insert(&(user(id), product(code)), 1).unwrap();
    }
    let change = Change::Discount(Some(user(123)), Some(product("A")));
    let plan = shop.plan(&change);
    let steps: Vec<_> = plan.steps().iter().map(|step| step.drops().to_string()).collect();
    assert!(steps.ends_with(&["both_123_*".to_owned(), "both_*_A".to_owned()]), "{plan}");
    let live: Vec<_> = shop.live(&plan).iter().map(ToString::to_string).collect();
    assert_eq!(live, ["both_123_A", "both_123_B", "both_124_A"]);
    assert_eq!(shop.invalidate(&change).unwrap(), 3);
}

#[test]
fn keys_of_larder_with_a_text_are_parts_of_a_family() {
    type Words = (Box<str>, Arc<str>, Cow<'static, str>, ProductCode);
    const WORDS: OwnFamily<Words, u32> =
        OwnFamily::new(KeyspaceDefinition::new("words"), &[Dependency::on_row(Row::Product)]);
    const NUMBERS: OwnFamily<(bool, char, NonZeroU64, ProductCode), u32> =
        OwnFamily::new(KeyspaceDefinition::new("numbers"), &[Dependency::on_row(Row::Product)]);
    let families = Families::<AirtimeShop>::guide().with_own(&[&WORDS, &NUMBERS]).unwrap();
    let shop = ProductCache::open_with(&in_memory(), families).unwrap();
    let (words, numbers) = (shop.family(&WORDS).unwrap(), shop.family(&NUMBERS).unwrap());
    for code in ["A", "B"] {
        words.insert(&("x", "y", "z", product(code)), 1).unwrap();
        numbers.insert(&(true, 'c', NonZeroU64::new(7).unwrap(), product(code)), 1).unwrap();
    }
    assert_eq!(shop.invalidate_product_cache(&product("A")).unwrap(), 2);
    let left: Vec<_> = [WORDS.family(), NUMBERS.family()].into_iter().flat_map(|of| shop.keys(of)).collect();
    assert_eq!(
        left.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["words_x_y_z_B", "numbers_true_c_7_B"]
    );
}
