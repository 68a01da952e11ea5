//! The text form of the shop's keys, for tools without the shop's types.

use larder::inspect::{KeySpelling, KeyValue};

use crate::code::UserId;
use crate::families::SCHEMA;
use crate::family::Family;
use crate::spelled::{
    CATEGORIES, DATA_BUNDLES, DATA_PACKAGE, MERCHANT_AUTH, MERCHANT_DISCOUNT, PRODUCT, PRODUCT_LIST,
    SpelledKey, begins_same_products, most_packages_are_displaced,
};

/// The text form of the shop's keys, for tools that read a cache file. It equals the text of [`SpelledKey`],
/// but does not need the types of the keys.
///
/// # Examples
/// ```
/// use larder::inspect::{KeySpelling, KeyValue};
/// use larder_product::{ProductKeySpelling, SCHEMA};
///
/// let key = KeyValue::Text("MTNVTU".to_owned());
/// assert_eq!(ProductKeySpelling.schema(), SCHEMA);
/// assert_eq!(ProductKeySpelling.spell("product", &key).as_deref(), Some("product_MTNVTU"));
/// assert_eq!(ProductKeySpelling.read("product_MTNVTU"), Some(("product".to_owned(), key)));
/// assert_eq!(ProductKeySpelling.read("MTNVTU"), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProductKeySpelling;

impl ProductKeySpelling {
    /// Returns the text that all spelled keys of a keyspace begin with, or `None` if the shop has no keyspace
    /// of this name. Keys of another keyspace may begin with the text, too: `product_categories_active`.
    ///
    /// ```
    /// # use larder_product::ProductKeySpelling;
    /// assert_eq!(ProductKeySpelling.beginning("data_package"), Some("data_package_"));
    /// assert_eq!(ProductKeySpelling.beginning("price"), None);
    /// ```
    #[must_use]
    pub fn beginning(&self, keyspace: &str) -> Option<&'static str> {
        let family = Family::ALL.into_iter().find(|family| family.keyspace() == keyspace)?;
        Some(match family {
            Family::Categories => CATEGORIES,
            Family::Products => PRODUCT,
            Family::ProductLists => PRODUCT_LIST,
            Family::DataPackages => DATA_PACKAGE,
            Family::DataBundles => DATA_BUNDLES,
            Family::MerchantDiscounts => MERCHANT_DISCOUNT,
            Family::MerchantAuth => MERCHANT_AUTH,
            Family::Own(_) => return None,
        })
    }
}

impl KeySpelling for ProductKeySpelling {
    fn schema(&self) -> &str {
        SCHEMA
    }

    fn spell(&self, keyspace: &str, key: &KeyValue) -> Option<String> {
        let family = Family::ALL.into_iter().find(|family| family.keyspace() == keyspace)?;
        let spelled = match (family, key) {
            (Family::Categories, KeyValue::Unit) => SpelledKey::Categories,
            (Family::Products, KeyValue::Text(code)) => SpelledKey::Product(code.parse().ok()?),
            (Family::ProductLists, KeyValue::Text(code)) => SpelledKey::ProductList(code.parse().ok()?),
            (Family::DataBundles, KeyValue::Text(code)) => SpelledKey::DataBundles(code.parse().ok()?),
            (Family::MerchantAuth, KeyValue::Text(code)) => SpelledKey::MerchantAuth(code.parse().ok()?),
            (Family::DataPackages, KeyValue::Tuple(parts)) => match &parts[..] {
                [KeyValue::Text(product), KeyValue::Text(data)] => {
                    SpelledKey::DataPackage(product.parse().ok()?, data.parse().ok()?)
                }
                _ => return None,
            },
            (Family::MerchantDiscounts, KeyValue::Tuple(parts)) => match &parts[..] {
                [KeyValue::Unsigned(user), KeyValue::Text(product)] => {
                    SpelledKey::MerchantDiscount(user.to_string().parse().ok()?, product.parse().ok()?)
                }
                _ => return None,
            },
            _ => return None,
        };
        Some(spelled.to_string())
    }

    fn read(&self, text: &str) -> Option<(String, KeyValue)> {
        let spelled: SpelledKey = text.parse().ok()?;
        let key = match &spelled {
            SpelledKey::Categories => KeyValue::Unit,
            SpelledKey::Product(code) | SpelledKey::DataBundles(code) => text_of(code.as_str()),
            SpelledKey::ProductList(code) => text_of(code.as_str()),
            SpelledKey::MerchantAuth(code) => text_of(code.as_str()),
            SpelledKey::DataPackage(product, data) => {
                KeyValue::Tuple(vec![text_of(product.as_str()), text_of(data.as_str())])
            }
            SpelledKey::MerchantDiscount(user, product) => {
                KeyValue::Tuple(vec![KeyValue::Unsigned(user.get().into()), text_of(product.as_str())])
            }
        };
        Some((spelled.family().keyspace().to_owned(), key))
    }

    /// The text of every key with the returned prefix begins with `text`. Returns `None` if no prefix selects
    /// such keys.
    ///
    /// The text `data_package_A_` leads to the packages of product `A`. It leads to no package of another
    /// product, such as `A_B`, whose data code is so long that its text begins so, too.
    fn read_prefix(&self, text: &str) -> Option<(String, KeyValue)> {
        let of = |family: Family, prefix: KeyValue| Some((family.keyspace().to_owned(), prefix));
        let first_part = |part: KeyValue| KeyValue::Tuple(vec![part]);
        if let Some(code) = text.strip_prefix(PRODUCT_LIST) {
            return of(Family::ProductLists, text_of(code));
        }
        // Checked before products, because the text of the category list also begins with `product_`.
        if text == CATEGORIES {
            return of(Family::Categories, KeyValue::Unit);
        }
        if let Some(code) = text.strip_prefix(PRODUCT) {
            if !begins_same_products(code) {
                return None;
            }
            return of(Family::Products, text_of(code));
        }
        if let Some(code) = text.strip_prefix(DATA_BUNDLES) {
            return of(Family::DataBundles, text_of(code));
        }
        if let Some(code) = text.strip_prefix(MERCHANT_AUTH) {
            return of(Family::MerchantAuth, text_of(code));
        }
        // An underscore ends the first part of a pair. If the text has another underscore before it, the end
        // of the first part is unknown.
        if let Some(rest) = text.strip_prefix(DATA_PACKAGE) {
            let product = rest.strip_suffix('_').filter(|code| !code.is_empty() && !code.contains('_'))?;
            // An escaped code: the packages of two products have such texts, each as its data code is long.
            if most_packages_are_displaced(product) {
                return None;
            }
            return of(Family::DataPackages, first_part(text_of(product)));
        }
        let user: UserId = text.strip_prefix(MERCHANT_DISCOUNT)?.strip_suffix('_')?.parse().ok()?;
        of(Family::MerchantDiscounts, first_part(KeyValue::Unsigned(user.get().into())))
    }
}

fn text_of(code: &str) -> KeyValue {
    KeyValue::Text(code.to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::code::MAX_CODE_LENGTH;

    fn keys() -> impl Strategy<Value = (Family, KeyValue)> {
        let code = || "product_|categories_active|[A-Za-z0-9_%.-]{1,12}|[^\\s\\pC]{1,6}|(A|_|%5F){1,3}X{90}";
        let texts = [Family::Products, Family::ProductLists, Family::DataBundles, Family::MerchantAuth];
        prop_oneof![
            Just((Family::Categories, KeyValue::Unit)),
            (prop::sample::select(texts.to_vec()), code())
                .prop_map(|(family, code)| (family, KeyValue::Text(code))),
            (code(), code()).prop_map(|(product, data)| {
                let parts = vec![KeyValue::Text(product), KeyValue::Text(data)];
                (Family::DataPackages, KeyValue::Tuple(parts))
            }),
            (any::<u64>(), code()).prop_map(|(user, product)| {
                let parts = vec![KeyValue::Unsigned(user.into()), KeyValue::Text(product)];
                (Family::MerchantDiscounts, KeyValue::Tuple(parts))
            }),
        ]
    }

    /// Checks that the beginning of a text leads to a key if the text of the key begins so, except packages
    /// with long data codes, and otherwise not.
    fn check(beginning: &str, prefix: &KeyValue, key: &KeyValue, text: &str) {
        let is_selected = match (key, prefix) {
            (KeyValue::Text(key), KeyValue::Text(prefix)) => key.starts_with(prefix.as_str()),
            (KeyValue::Tuple(key), KeyValue::Tuple(prefix)) => key.starts_with(prefix),
            (key, prefix) => key == prefix,
        };
        if is_selected {
            assert!(text.starts_with(beginning), "{beginning} leads to {text}");
        } else if let Some(rest) = text.strip_prefix(beginning) {
            let is_exception = beginning.starts_with(DATA_PACKAGE) && rest.len() > MAX_CODE_LENGTH;
            assert!(is_exception, "{beginning} does not lead to {text}");
        }
    }

    fn beginnings(text: &str) -> impl Iterator<Item = &str> {
        (0..=text.len()).filter_map(|len| text.get(..len))
    }

    #[test]
    fn no_beginning_leads_to_a_key_whose_text_begins_otherwise() {
        let mut codes: Vec<String> = ["A", "A_B", "A%5FB", "A%255FB", "%5F", "_", "_A", "50%", "50%25", "%"]
            .into_iter()
            .chain(["categories", "categories_", "categories_active", "categories_activeX"])
            .chain(["categories%5Factive", "categories%255Factive", "categories%5Fa"])
            .map(str::to_owned)
            .collect();
        codes.extend([98, 99, 100].map(|len| "X".repeat(len)));
        codes.extend(["A_", "A%5F"].map(|start| format!("{start}{}", "X".repeat(95))));
        let products = codes.iter().map(|code| (Family::Products, text_of(code)));
        let packages = codes.iter().flat_map(|of| {
            let package = |data| KeyValue::Tuple(vec![text_of(of), text_of(data)]);
            codes.iter().map(move |data| (Family::DataPackages, package(data))).collect::<Vec<_>>()
        });
        let keys: Vec<(Family, KeyValue, String)> = products
            .chain(packages)
            .map(|(family, key)| {
                let text = ProductKeySpelling.spell(family.keyspace(), &key).unwrap();
                (family, key, text)
            })
            .collect();
        let all: HashSet<&str> = keys.iter().flat_map(|(_, _, text)| beginnings(text)).collect();
        let mut leading = 0;
        for beginning in all {
            let Some((keyspace, prefix)) = ProductKeySpelling.read_prefix(beginning) else { continue };
            leading += 1;
            for (_, key, text) in keys.iter().filter(|(family, ..)| family.keyspace() == keyspace) {
                check(beginning, &prefix, key, text);
            }
        }
        assert!(leading > 100, "only {leading} lead to keys");
    }

    proptest! {
        #[test]
        fn the_beginning_of_a_spelling_leads_to_no_other_key((family, key) in keys(), other in keys()) {
            let spelled = ProductKeySpelling.spell(family.keyspace(), &key).unwrap_or_default();
            for beginning in beginnings(&spelled) {
                let Some((keyspace, prefix)) = ProductKeySpelling.read_prefix(beginning) else { continue };
                for (family, key) in [(&family, &key), (&other.0, &other.1)] {
                    let text = ProductKeySpelling.spell(family.keyspace(), key);
                    if let Some(text) = text.filter(|_| family.keyspace() == keyspace) {
                        check(beginning, &prefix, key, &text);
                    }
                }
            }
        }

        #[test]
        fn a_spelled_key_is_read_back((family, key) in keys()) {
            if let Some(spelled) = ProductKeySpelling.spell(family.keyspace(), &key) {
                prop_assert!(!spelled.starts_with('"') && !spelled.starts_with("0x"));
                prop_assert!(spelled.starts_with(ProductKeySpelling.beginning(family.keyspace()).unwrap()));
                let read = ProductKeySpelling.read(&spelled);
                prop_assert_eq!(read, Some((family.keyspace().to_owned(), key)), "{}", spelled);
            }
        }

        #[test]
        fn a_spelling_that_is_read_is_spelled_again(text in "(product_|products_category_|data_package_|data_bundles_|merchant_discount_|merchant_auth_)[A-Z0-9_%]{0,9}") {
            if let Some((keyspace, key)) = ProductKeySpelling.read(&text) {
                prop_assert_eq!(ProductKeySpelling.spell(&keyspace, &key), Some(text));
            }
        }
    }

    #[test]
    fn a_key_of_another_keyspace_or_shape_is_not_spelled() {
        let code = KeyValue::Text("MTNVTU".to_owned());
        assert_eq!(ProductKeySpelling.spell("price", &code), None);
        assert_eq!(ProductKeySpelling.spell("data_package", &code), None);
        assert_eq!(ProductKeySpelling.spell("product", &KeyValue::Unsigned(7)), None);
        assert_eq!(ProductKeySpelling.spell("product", &KeyValue::Text("two words".to_owned())), None);
    }

    #[test]
    fn the_prefix_of_a_spelling_is_read_as_the_prefix_of_keys() {
        let prefix = |text: &str| ProductKeySpelling.read_prefix(text);
        let text = |keyspace: &str, code: &str| Some((keyspace.to_owned(), text_of(code)));
        assert_eq!(prefix("product_P0000"), text("product", "P0000"));
        assert_eq!(prefix("product_"), text("product", ""));
        assert_eq!(prefix("products_category_data"), text("products_category", "data"));
        assert_eq!(prefix("data_bundles_MTN"), text("data_bundles", "MTN"));
        assert_eq!(prefix("merchant_auth_M"), text("merchant_auth", "M"));
        let package = |code: &str| Some(("data_package".to_owned(), KeyValue::Tuple(vec![text_of(code)])));
        assert_eq!(prefix("data_package_MTNDATA_"), package("MTNDATA"));
        assert_eq!(prefix("data_package_MTNDATA"), None, "the code may go on");
        assert_eq!(prefix("data_package_MTN_DATA_"), None, "either underscore may end it");
        assert_eq!(prefix("data_package__"), None, "the code begins with an underscore");
        assert_eq!(prefix("data_package_MTN%5FDATA_"), None, "of MTN_DATA and of MTN%5FDATA");
        assert_eq!(prefix("data_package_MTN%255FDATA_"), None);
        assert_eq!(prefix("data_package_50%25_"), package("50%25"), "the packages of 50% are not displaced");
        for text in ["product_categories%", "product_categories%5Fact", "product_categories%2525"] {
            assert_eq!(prefix(text), None, "{text}: of two products");
        }
        assert_eq!(prefix("product_categories"), text("product", "categories"));
        assert_eq!(prefix("product_categories_"), None, "the text of categories_active begins otherwise");
        assert_eq!(prefix("product_categories%5Fold"), text("product", "categories%5Fold"));
        let user = KeyValue::Tuple(vec![KeyValue::Unsigned(7)]);
        assert_eq!(prefix("merchant_discount_7_"), Some(("merchant_discount".to_owned(), user)));
        for text in ["merchant_discount_x_", "merchant_discount_07_", "merchant_discount_+7_"] {
            assert_eq!(prefix(text), None, "{text}");
        }
        assert_eq!(prefix("P0000"), None);
    }
}
