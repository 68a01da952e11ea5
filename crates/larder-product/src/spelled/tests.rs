use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;

fn product(code: &str) -> ProductCode {
    code.parse().unwrap()
}

fn package(of: &str, data: &str) -> SpelledKey {
    SpelledKey::DataPackage(product(of), data.parse().unwrap())
}

/// Returns the key string of the Django application.
fn original(key: &SpelledKey) -> String {
    match key {
        SpelledKey::Categories => "product_categories_active".to_owned(),
        SpelledKey::Product(product) => format!("product_{product}"),
        SpelledKey::ProductList(category) => format!("products_category_{category}"),
        SpelledKey::DataPackage(product, data) => format!("data_package_{product}_{data}"),
        SpelledKey::DataBundles(product) => format!("data_bundles_{product}"),
        SpelledKey::MerchantDiscount(user, product) => format!("merchant_discount_{user}_{product}"),
        SpelledKey::MerchantAuth(merchant) => format!("merchant_auth_{merchant}"),
    }
}

#[test]
fn the_guides_keys_are_spelled_as_the_guide_has_them() {
    let user = UserId::new(123).unwrap();
    for (key, text) in [
        (SpelledKey::Categories, "product_categories_active"),
        (SpelledKey::ProductList("AIRTIME".parse().unwrap()), "products_category_AIRTIME"),
        (SpelledKey::Product(product("MTNVTU")), "product_MTNVTU"),
        (SpelledKey::Product(product("MTN_VTU_50%")), "product_MTN_VTU_50%"),
        (package("MTNDATA", "DATA_1GB"), "data_package_MTNDATA_DATA_1GB"),
        (SpelledKey::DataBundles(product("MTN_DATA")), "data_bundles_MTN_DATA"),
        (SpelledKey::MerchantDiscount(user, product("MTN_VTU")), "merchant_discount_123_MTN_VTU"),
        (SpelledKey::MerchantAuth("ACME_STORES".parse().unwrap()), "merchant_auth_ACME_STORES"),
    ] {
        assert_eq!(key.to_string(), text);
        assert_eq!(text.parse(), Ok(key));
    }
}

#[test]
fn a_product_named_like_the_category_list_collides_in_the_original_and_not_here() {
    let oddly_named = SpelledKey::Product(product("categories_active"));
    assert_eq!(original(&oddly_named), original(&SpelledKey::Categories));

    assert_eq!(SpelledKey::Categories.to_string(), "product_categories_active");
    assert_eq!(oddly_named.to_string(), "product_categories%5Factive");
    assert_eq!("product_categories_active".parse(), Ok(SpelledKey::Categories));
    assert_eq!("product_categories%5Factive".parse(), Ok(oddly_named));
}

#[test]
fn data_packages_that_differ_in_where_their_product_ends_collide_in_the_original_and_not_here() {
    let (short, long) = (package("A", "B_C"), package("A_B", "C"));
    assert_eq!(original(&short), original(&long));

    assert_eq!(short.to_string(), "data_package_A_B_C");
    assert_eq!(long.to_string(), "data_package_A%5FB_C");
    assert_eq!("data_package_A_B_C".parse(), Ok(short));
    assert_eq!("data_package_A%5FB_C".parse(), Ok(long));
}

#[test]
fn a_code_that_looks_like_an_escaped_one_is_escaped_in_turn_and_only_then() {
    for (key, text) in [
        (SpelledKey::Product(product("categories%5Factive")), "product_categories%255Factive"),
        (SpelledKey::Product(product("categories%255Factive")), "product_categories%25255Factive"),
        // Not displaced, because no displaced product has this text.
        (SpelledKey::Product(product("A%5FB")), "product_A%5FB"),
        (SpelledKey::Product(product("categories%5factive")), "product_categories%5factive"),
        (package("A%5FB", "C"), "data_package_A%255FB_C"),
        (package("A%5", "C"), "data_package_A%5_C"),
        (package("50%OFF", "C_D"), "data_package_50%OFF_C_D"),
        // The first underscore cannot end the product code, because the rest is too long for a data code.
        (package("%25_", &"x".repeat(100)), &format!("data_package_%25__{}", "x".repeat(100))),
        // An underscore at the start cannot end a product code, so no other key has this text.
        (package("_A", "C"), "data_package__A_C"),
    ] {
        assert_eq!(key.to_string(), text);
        assert_eq!(text.parse(), Ok(key));
    }
}

#[test]
fn what_is_no_key_is_refused_with_the_way_out() {
    for (text, expected) in [
        ("", "begins with product_"),
        ("session_7", "begins with product_"),
        ("product_", "product code is empty"),
        ("product_MTN VTU", "has ' ' at byte 3"),
        ("data_package_MTNDATA", "data_package_PRODUCT_DATA"),
        ("data_package_MTNDATA_", "data_package_PRODUCT_DATA"),
        ("data_package__1GB", "data_package_PRODUCT_DATA"),
        ("merchant_discount_123", "merchant_discount_USER_PRODUCT"),
        ("merchant_discount_0123_MTNVTU", "user id"),
        ("merchant_discount_123_", "product code is empty"),
    ] {
        let error = text.parse::<SpelledKey>().unwrap_err().to_string();
        assert!(error.contains(expected), "{text:?}: {error}");
    }
    let error = format!("product_{}", "x".repeat(1 << 20)).parse::<SpelledKey>().unwrap_err();
    assert_eq!(error.to_string(), "a text of 1048584 bytes is not a key; the longest has 414");
}

#[test]
fn serde_writes_the_spelling_and_checks_what_it_reads() {
    let key = package("A_B", "C");
    let json = serde_json::to_string(&key).unwrap();
    assert_eq!(json, r#""data_package_A%5FB_C""#);
    assert_eq!(serde_json::from_str::<SpelledKey>(&json).unwrap(), key);
    assert!(serde_json::from_str::<SpelledKey>(r#""data_package_A""#).is_err());
}

/// Returns every key with codes from a list of codes that are easily confused.
fn hostile_keys() -> Vec<SpelledKey> {
    let mut codes = vec![
        "categories_active".to_owned(),
        "categories%5Factive".to_owned(),
        "categories%255Factive".to_owned(),
        "category_A".to_owned(),
        "s_category_A".to_owned(),
        "1_A".to_owned(),
        "x".repeat(MAX_CODE_LENGTH),
        format!("A_{}", "x".repeat(MAX_CODE_LENGTH - 2)),
        format!("_{}_", "%".repeat(MAX_CODE_LENGTH - 2)),
    ];
    // Adds all texts of up to three of these pieces.
    let pieces = ["A", "_", "%", "5F", "25", "é"];
    let mut texts = vec![String::new()];
    for _ in 0..3 {
        texts = texts
            .iter()
            .flat_map(|text| pieces.iter().map(move |piece| format!("{text}{piece}")))
            .chain(texts.iter().cloned())
            .collect::<HashSet<_>>()
            .into_iter()
            .collect();
    }
    codes.extend(texts.into_iter().filter(|text| !text.is_empty()));
    let users = [1, 11, i64::MAX.cast_unsigned()].map(|id| UserId::new(id).unwrap());
    let mut keys = vec![SpelledKey::Categories];
    for code in &codes {
        keys.push(SpelledKey::Product(product(code)));
        keys.push(SpelledKey::ProductList(code.parse().unwrap()));
        keys.push(SpelledKey::DataBundles(product(code)));
        keys.push(SpelledKey::MerchantAuth(code.parse().unwrap()));
        keys.extend(users.map(|user| SpelledKey::MerchantDiscount(user, product(code))));
        keys.extend(codes.iter().map(|data| package(code, data)));
    }
    keys
}

#[test]
fn no_two_of_many_hostile_keys_have_one_spelling_and_each_reads_back() {
    let (mut ours, mut originals) = (HashMap::new(), HashMap::<_, Vec<_>>::new());
    for key in hostile_keys() {
        let text = key.to_string();
        assert_eq!(text.parse().as_ref(), Ok(&key), "{text}");
        originals.entry(original(&key)).or_default().push(key.clone());
        if let Some(other) = ours.insert(text.clone(), key.clone()) {
            assert_eq!(other, key, "two keys are spelled {text}");
        }
    }
    let collisions = originals.values().filter(|keys| keys.iter().any(|key| *key != keys[0])).count();
    assert!(collisions > 1_000, "the keys are not hostile: {collisions} collisions in the original");

    // A key has the same string here as in the Django application if that string is unambiguous there and
    // contains no `%`.
    for (text, keys) in originals {
        let is_ambiguous = keys.iter().any(|key| *key != keys[0]);
        if !is_ambiguous && !text.contains('%') && !has_another_reading(&keys[0]) {
            assert_eq!(keys[0].to_string(), text);
        }
    }
}

/// Returns whether another key has the same string in the Django application.
fn has_another_reading(key: &SpelledKey) -> bool {
    match key {
        SpelledKey::Product(product) => product.as_str() == "categories_active",
        SpelledKey::DataPackage(product, data) => {
            let text = format!("{product}_{data}");
            let valid = |code: &str| ProductCode::new(code).is_ok();
            let splits = text.match_indices('_');
            splits.filter(|(at, _)| valid(&text[..*at]) && valid(&text[at + 1..])).count() > 1
        }
        _ => false,
    }
}

fn code() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec!["_", "%", "5F", "25", "%5F", "%25", "A", "B", "1", "*"])
            .prop_map(str::to_owned),
        1 => prop::sample::select(vec![
            "categories_active", "category", "product", "data", "package_", "bundles_", "merchant",
            "discount_", "auth_", "products_category_",
        ])
        .prop_map(str::to_owned),
        // Replaces a forbidden character by an underscore. A filter would reject too many cases in a long
        // run.
        1 => any::<char>().prop_map(|c| String::from(if c.is_whitespace() || c.is_control() { '_' } else { c })),
    ];
    prop::collection::vec(piece, 1..8)
        .prop_map(|pieces| pieces.concat())
        .prop_filter("a code's length", |code| code.len() <= MAX_CODE_LENGTH)
}

fn key() -> impl Strategy<Value = SpelledKey> {
    let user = (1..=i64::MAX.cast_unsigned()).prop_map(|id| UserId::new(id).unwrap());
    prop_oneof![
        1 => Just(SpelledKey::Categories),
        4 => code().prop_map(|code| SpelledKey::Product(product(&code))),
        1 => code().prop_map(|code| SpelledKey::ProductList(code.parse().unwrap())),
        8 => (code(), code()).prop_map(|(of, data)| package(&of, &data)),
        1 => code().prop_map(|code| SpelledKey::DataBundles(product(&code))),
        2 => (user, code()).prop_map(|(user, code)| SpelledKey::MerchantDiscount(user, product(&code))),
        1 => code().prop_map(|code| SpelledKey::MerchantAuth(code.parse().unwrap())),
    ]
}

/// Number of cases of each property test. `just soak-spellings` sets a higher number.
fn cases() -> u32 {
    std::env::var("LARDER_SPELLINGS").ok().and_then(|cases| cases.parse().ok()).unwrap_or(2_000)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn a_key_reads_back_from_its_spelling(key in key()) {
        let text = key.to_string();
        prop_assert_eq!(text.parse(), Ok(key));
    }

    #[test]
    fn what_reads_as_a_key_is_that_keys_spelling(key in key(), other in key()) {
        // Key strings of the Django application, strings with unnecessary escapes, and two keys in one
        // string.
        for text in [original(&key), original(&key).replace('_', "%5F"), format!("{key}{other}")] {
            if let Ok(read) = text.parse::<SpelledKey>() {
                prop_assert_eq!(read.to_string(), text);
            }
        }
        prop_assert_eq!(key == other, key.to_string() == other.to_string());
    }

    #[test]
    fn two_packages_of_one_text_are_spelled_apart(text in code(), data in code()) {
        let text = format!("{text}_{data}");
        let splits: Vec<_> = text
            .match_indices('_')
            .filter_map(|(at, _)| {
                let (of, data) = (text[..at].parse().ok()?, text[at + 1..].parse().ok()?);
                Some(SpelledKey::DataPackage(of, data))
            })
            .collect();
        let spellings: HashSet<_> = splits.iter().map(ToString::to_string).collect();
        prop_assert_eq!(spellings.len(), splits.len());
    }
}
