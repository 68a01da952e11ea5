//! The text form of the shop's keys, for tools without the shop's types.

use larder::inspect::{KeySpelling, KeyValue};

use crate::families::SCHEMA;
use crate::family::Family;
use crate::spelled::{
    CATEGORIES, DATA_BUNDLES, DATA_PACKAGE, MERCHANT_AUTH, MERCHANT_DISCOUNT, PRODUCT, PRODUCT_LIST,
    SpelledKey, begins_displaced_product, most_packages_are_displaced, unescape,
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
            // The texts of two products begin with this one: of the displaced product, and of a product whose
            // code has the same percent sign.
            if begins_displaced_product(code) {
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
            // The text may have an escaped code, as the texts of most data packages of a displaced product.
            let displaced = unescape(product).filter(|code| most_packages_are_displaced(code));
            return of(Family::DataPackages, first_part(text_of(displaced.as_deref().unwrap_or(product))));
        }
        let user = text.strip_prefix(MERCHANT_DISCOUNT)?.strip_suffix('_')?;
        of(Family::MerchantDiscounts, first_part(KeyValue::Unsigned(user.parse().ok()?)))
    }
}

fn text_of(code: &str) -> KeyValue {
    KeyValue::Text(code.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys() -> impl Strategy<Value = (Family, KeyValue)> {
        let code = || "product_|categories_active|[A-Za-z0-9_%.-]{1,12}|[^\\s\\pC]{1,6}";
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

    proptest! {
        #[test]
        fn a_spelled_key_is_read_back((family, key) in keys()) {
            if let Some(spelled) = ProductKeySpelling.spell(family.keyspace(), &key) {
                prop_assert!(!spelled.starts_with('"') && !spelled.starts_with("0x"));
                prop_assert!(spelled.starts_with(ProductKeySpelling.beginning(family.keyspace()).unwrap()));
                let read = ProductKeySpelling.read(&spelled);
                prop_assert_eq!(read, Some((family.keyspace().to_owned(), key)), "{}", spelled);
            }
        }

        /// Checks that the beginning of a spelling is read as the beginning of its key, or not at all.
        #[test]
        fn the_beginning_of_a_spelling_leads_to_no_other_key((family, key) in keys()) {
            let spelled = ProductKeySpelling.spell(family.keyspace(), &key).unwrap_or_default();
            let cuts = (0..=spelled.len()).filter_map(|len| spelled.get(..len));
            for (cut, read) in cuts.map(|cut| (cut, ProductKeySpelling.read_prefix(cut))) {
                let Some((_, prefix)) = read.filter(|(keyspace, _)| keyspace == family.keyspace()) else {
                    continue;
                };
                let begins = match (&key, &prefix) {
                    (KeyValue::Text(key), KeyValue::Text(prefix)) => key.starts_with(prefix.as_str()),
                    (KeyValue::Tuple(key), KeyValue::Tuple(prefix)) => key.starts_with(prefix),
                    (key, prefix) => key == prefix,
                };
                prop_assert!(begins, "{:?} of {:?} is read as {:?}", cut, key, prefix);
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
        assert_eq!(prefix("data_package_MTN%5FDATA_"), package("MTN_DATA"), "the code is escaped");
        assert_eq!(prefix("data_package_MTN%255FDATA_"), package("MTN%5FDATA"));
        assert_eq!(prefix("data_package_50%25_"), package("50%25"), "the packages of 50% are not displaced");
        for text in ["product_categories%", "product_categories%5Fact", "product_categories%2525"] {
            assert_eq!(prefix(text), None, "{text}: of two products");
        }
        assert_eq!(prefix("product_categories%5Fold"), text("product", "categories%5Fold"));
        let user = KeyValue::Tuple(vec![KeyValue::Unsigned(7)]);
        assert_eq!(prefix("merchant_discount_7_"), Some(("merchant_discount".to_owned(), user)));
        assert_eq!(prefix("merchant_discount_x_"), None);
        assert_eq!(prefix("P0000"), None);
    }
}
