use proptest::prelude::*;

use super::*;

const SHOP: &str = larder_product::SCHEMA;

const OWN: KeySyntax<'_> = KeySyntax { name: "product", shape: "string", schema: None };
const PRODUCTS: KeySyntax<'_> = KeySyntax { name: "product", shape: "string", schema: Some(SHOP) };
const PACKAGES: KeySyntax<'_> =
    KeySyntax { name: "data_package", shape: "(string, string)", schema: Some(SHOP) };
const NOTES: KeySyntax<'_> = KeySyntax { name: "note", shape: "string", schema: None };

fn chosen(keyspaces: &[KeySyntax<'_>], name: Option<&str>, text: &str) -> String {
    match choose(keyspaces, name, text) {
        Ok((keyspace, key)) => format!("{} {}", keyspace.name, keyspace.show(&key)),
        Err(failure) => format!("refused, usage {}", failure.is(Exit::Usage)),
    }
}

#[test]
fn a_spelling_applies_only_to_keyspaces_of_its_schema() {
    const REFUSED: &str = "refused, usage true";
    const OTHERS: KeySyntax<'_> = KeySyntax { schema: Some("other"), ..PRODUCTS };
    const OF_OTHER_SHAPE: KeySyntax<'_> = KeySyntax { shape: "u64", ..PRODUCTS };
    for (keyspaces, name, text, expected) in [
        // These cases have a keyspace of another application, with the name and the shape of a keyspace of
        // the shop.
        (&[OWN][..], None, "product_1", "product product_1"),
        (&[OWN], None, "1", "product 1"),
        (&[OWN], Some("product"), "product_1", "product product_1"),
        (&[OTHERS], None, "product_1", "product product_1"),
        (&[OWN, NOTES], None, "product_1", REFUSED),
        // These cases have the shop's keyspaces.
        (&[PRODUCTS], None, "product_1", "product 1"),
        (&[PRODUCTS], None, "1", "product 1"),
        (&[PRODUCTS], None, "\"product_1\"", "product product_1"),
        (&[PRODUCTS], None, "0x310000", "product 1"),
        (&[PRODUCTS], Some("product"), "product_1", "product product_1"),
        (&[PRODUCTS, PACKAGES], None, "product_1", "product 1"),
        (&[PRODUCTS, PACKAGES], None, "data_package_A_B", r#"data_package ("A", "B")"#),
        (&[PRODUCTS, NOTES], None, "product_1", "product 1"),
        (&[PRODUCTS, NOTES], Some("note"), "product_1", "note product_1"),
        (&[PRODUCTS, NOTES], None, "1", REFUSED),
        (&[PRODUCTS, NOTES], None, "\"product_1\"", REFUSED),
        (&[PRODUCTS, NOTES], None, "data_package_A_B", REFUSED),
        (&[OF_OTHER_SHAPE, NOTES], None, "product_1", REFUSED),
        (&[PRODUCTS], Some("price"), "product_1", "refused, usage false"),
        (&[], None, "product_1", "refused, usage false"),
    ] {
        assert_eq!(chosen(keyspaces, name, text), expected, "{keyspaces:?} {name:?} {text}");
    }
}

#[test]
fn a_key_is_shown_as_it_is_read() {
    let shown = |name: Option<&str>, keyspaces: &[KeySyntax<'_>], keyspace: KeySyntax<'_>, text: &str| {
        let key = keyspace.read(text).unwrap();
        Speller::new(name, keyspaces.iter().copied()).spell(keyspace, &key)
    };
    assert_eq!(shown(None, &[PRODUCTS, NOTES], PRODUCTS, "MTNVTU"), "product_MTNVTU");
    assert_eq!(shown(Some("product"), &[PRODUCTS, NOTES], PRODUCTS, "MTNVTU"), "MTNVTU");
    assert_eq!(shown(None, &[PRODUCTS, PACKAGES], PACKAGES, "(A, B)"), "data_package_A_B");
    assert_eq!(shown(None, &[OWN], OWN, "1"), "1");
    assert_eq!(shown(None, &[OWN], OWN, "product_1"), "product_1", "it has one meaning");
    assert_eq!(shown(None, &[PRODUCTS, NOTES], NOTES, "product_1"), "\"product_1\"", "it has two");
    assert_eq!(shown(Some("note"), &[PRODUCTS, NOTES], NOTES, "product_1"), "product_1");
    // The shop's codes have no spaces, so this key is shown in its literal form.
    assert_eq!(shown(None, &[PRODUCTS], PRODUCTS, "two words"), "\"two words\"");
}

#[test]
fn a_text_with_another_meaning_is_answered_with_what_to_give_instead() {
    let key = |keyspace, text| AlternativeReading::of_key(keyspace, text).map(|other| other.advice());
    let prefix = |keyspace, text| AlternativeReading::of_prefix(keyspace, text).map(|other| other.advice());
    for text in ["MTNVTU", "\"product_1\"", "0x310000", "data_bundles_1"] {
        assert_eq!(key(PRODUCTS, text), None, "{text}");
        assert_eq!(prefix(OWN, text), None, "{text}");
    }
    let expect_advice = |advice: Option<String>, instead: &str| {
        let advice = advice.unwrap();
        assert!(advice.contains(instead), "{advice}");
        advice
    };
    expect_advice(key(PRODUCTS, "product_1"), "what it spells is --keyspace product 1");
    let own = expect_advice(key(OWN, "product_1"), "give --keyspace product 1");
    assert!(own.starts_with("the file records no schema for keyspace product"), "{own}");
    expect_advice(key(PACKAGES, "data_package_A_B"), r#"--keyspace data_package '("A", "B")'"#);
    expect_advice(prefix(PRODUCTS, "product_P0000"), "--keyspace product P0000");
    expect_advice(prefix(OWN, "product_P0000"), "--keyspace product P0000");
    expect_advice(prefix(PACKAGES, "data_package_A_"), r#"--keyspace data_package '("A")'"#);
    expect_advice(prefix(PRODUCTS, "product_"), "all keys of keyspace product");
}

/// Generates keyspaces, some with a name or a shape of the shop. Each has the shop's schema, another schema
/// or none.
fn any_keyspaces() -> impl Strategy<Value = Vec<KeySyntax<'static>>> {
    const NAMED: [(&str, &str); 10] = [
        ("data_bundles", "string"),
        ("data_package", "(string, string)"),
        ("grade", "char"),
        ("merchant_discount", "(u64, string)"),
        ("note", "string"),
        ("product", "string"),
        ("product_categories", "()"),
        ("stamp", "bytes"),
        ("ticket", "an application's own"),
        ("visit", "(option<string>, bool, uuid)"),
    ];
    let schema = || prop::sample::select(&[None, Some(SHOP), Some(SHOP), Some("other")][..]);
    let shape = || prop::sample::select(&["", "", "", "string", "u64"][..]);
    let keyspaces = prop::collection::vec((schema(), shape()), NAMED.len()).prop_map(|drawn| {
        let make = |((name, own), (schema, shape)): (&(&'static str, &'static str), (_, &'static str))| {
            KeySyntax { name, shape: if shape.is_empty() { own } else { shape }, schema }
        };
        NAMED.iter().zip(drawn).map(make).collect::<Vec<_>>()
    });
    (keyspaces, 1..=NAMED.len())
        .prop_flat_map(|(keyspaces, most)| prop::sample::subsequence(keyspaces, 1..=most))
}

fn any_key() -> impl Strategy<Value = (String, String, u64, Vec<u8>)> {
    let text = || {
        prop_oneof![
            "(product|data_package|data_bundles|merchant_discount)_[A-C_%0-9]{0,4}",
            "[A-C_]{0,3}",
            "\\PC{0,4}",
            ".{0,3}",
            Just("product_categories_active".to_owned()),
            // This key is too long for a code of the shop, so the shop's schema does not spell it.
            Just(format!("product_{}", "A".repeat(99))),
        ]
    };
    (text(), text(), prop_oneof![0..9_u64, any::<u64>()], any::<Vec<u8>>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_shown_key_is_read_as_that_key_and_never_as_another(
        keyspaces in any_keyspaces(), at: prop::sample::Index, (one, two, number, bytes) in any_key()
    ) {
        let keyspace = keyspaces[at.index(keyspaces.len())];
        let text = KeyValue::Text;
        let value = match keyspace.shape {
            "string" => text(one),
            "u64" => KeyValue::Unsigned(number.into()),
            "(string, string)" => KeyValue::Tuple(vec![text(one), text(two)]),
            "(u64, string)" => KeyValue::Tuple(vec![KeyValue::Unsigned(number.into()), text(one)]),
            "bytes" => KeyValue::Bytes(bytes.clone()),
            "char" => KeyValue::Char(two.chars().next().unwrap_or('\'')),
            "(option<string>, bool, uuid)" => {
                let uuid = KeyValue::Uuid((u128::from(number) << 60).to_be_bytes());
                let optional = one.chars().next().map(|_| Box::new(text(one)));
                KeyValue::Tuple(vec![KeyValue::Option(optional), KeyValue::Bool(two.is_empty()), uuid])
            }
            _ => KeyValue::Unit,
        };
        // A key may be any bytes if its shape is unknown, or if the file is damaged.
        let of_shape = keyspace.shape().map(|shape| shape.encode(&value).unwrap());
        for key in [of_shape, Some(bytes)].into_iter().flatten() {
            let meant = (keyspace, key.clone());
            let literal = Speller::new(Some(keyspace.name), keyspaces.iter().copied()).spell(keyspace, &key);
            prop_assert!(!literal.contains(char::is_control));
            prop_assert_eq!(choose(&keyspaces, Some(keyspace.name), &literal).unwrap(), meant.clone(), "{}", literal);
            let shown = Speller::new(None, keyspaces.iter().copied()).spell(keyspace, &key);
            prop_assert!(!shown.contains(char::is_control));
            match choose(&keyspaces, None, &shown) {
                Ok(read) => prop_assert_eq!(read, meant, "{}", shown),
                // A refused text is a literal key. The user gives the keyspace that is shown beside it.
                Err(failure) => {
                    prop_assert!(failure.is(Exit::Usage) && keyspaces.len() > 1, "{}", shown);
                    let named = choose(&keyspaces, Some(keyspace.name), &shown).unwrap();
                    prop_assert_eq!(named, meant, "{}", shown);
                }
            }
        }
    }
}
