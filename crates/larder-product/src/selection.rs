//! The entries of a family that an invalidation removes: the entries whose keys have certain parts.
//!
//! A selection is data. A plan prints it. `covers` tells whether it includes a key. The cache removes its
//! entries in one removal. A part of the key that the selection leaves open may have any value.

use std::fmt;

use crate::code::{CategoryCode, DataCode, MerchantCode, ProductCode, UserId};
use crate::family::Family;
use crate::spelled::{self, SpelledKey, escape};

/// The kinds of parts of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A category's code.
    Category,
    /// A product's code.
    Product,
    /// A data code.
    Data,
    /// A user's id.
    User,
    /// A merchant's code.
    Merchant,
}

/// The known parts of a key or of a row. An unknown part may have any value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) category: Option<CategoryCode>,
    pub(crate) product: Option<ProductCode>,
    pub(crate) data: Option<DataCode>,
    pub(crate) user: Option<UserId>,
    pub(crate) merchant: Option<MerchantCode>,
}

impl Parts {
    /// Returns the parts of these kinds. An edge carries these parts over.
    pub(crate) fn carried(&self, kinds: &[Part]) -> Self {
        let has = |kind| kinds.contains(&kind);
        Self {
            category: self.category.clone().filter(|_| has(Part::Category)),
            product: self.product.clone().filter(|_| has(Part::Product)),
            data: self.data.clone().filter(|_| has(Part::Data)),
            user: self.user.filter(|_| has(Part::User)),
            merchant: self.merchant.clone().filter(|_| has(Part::Merchant)),
        }
    }

    /// Returns whether every key with the parts of `other` also has the parts of `self`.
    pub(crate) fn cover(&self, other: &Self) -> bool {
        fn covers<T: PartialEq>(ours: Option<&T>, theirs: Option<&T>) -> bool {
            ours.is_none() || ours == theirs
        }
        covers(self.category.as_ref(), other.category.as_ref())
            && covers(self.product.as_ref(), other.product.as_ref())
            && covers(self.data.as_ref(), other.data.as_ref())
            && covers(self.user.as_ref(), other.user.as_ref())
            && covers(self.merchant.as_ref(), other.merchant.as_ref())
    }
}

/// The entries of a family whose keys have certain parts: one entry, several, or all.
///
/// It is displayed as a pattern. The pattern is the key, with `*` for each part that may have any value. A
/// `*` in a code is displayed as `%2A`.
///
/// # Examples
/// ```
/// use larder_product::{Change, UserId};
///
/// let plan = Change::Discount(None, Some("MTNVTU".parse()?)).plan();
/// let drops = plan.steps()[0].drops();
/// assert_eq!(drops.to_string(), "merchant_discount_*_MTNVTU");
/// assert!(drops.covers(&"merchant_discount_123_MTNVTU".parse()?));
/// assert!(!drops.covers(&"merchant_discount_123_MTNDATA".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    family: Family,
    parts: Parts,
}

impl Selection {
    pub(crate) const fn new(family: Family, parts: Parts) -> Self {
        Self { family, parts }
    }

    pub(crate) const fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Returns the family of the entries.
    #[must_use]
    pub const fn family(&self) -> Family {
        self.family
    }

    /// Returns whether the selection includes the entry of `key`.
    #[must_use]
    pub fn covers(&self, key: &SpelledKey) -> bool {
        let other = Self::from(key.clone());
        self.family == other.family && self.parts.cover(&other.parts)
    }
}

impl From<SpelledKey> for Selection {
    /// Returns the selection that has only the entry of `key`.
    fn from(key: SpelledKey) -> Self {
        let family = key.family();
        let none = Parts::default();
        let parts = match key {
            SpelledKey::Categories => none,
            SpelledKey::Product(product) | SpelledKey::DataBundles(product) => {
                Parts { product: Some(product), ..none }
            }
            SpelledKey::ProductList(category) => Parts { category: Some(category), ..none },
            SpelledKey::DataPackage(product, data) => {
                Parts { product: Some(product), data: Some(data), ..none }
            }
            SpelledKey::MerchantDiscount(user, product) => {
                Parts { user: Some(user), product: Some(product), ..none }
            }
            SpelledKey::MerchantAuth(merchant) => Parts { merchant: Some(merchant), ..none },
        };
        Self { family, parts }
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text())
    }
}

impl Selection {
    fn text(&self) -> String {
        let Parts { category, product, data, user, merchant } = self.parts.clone();
        let product_text = shown(product.as_ref());
        match self.family {
            Family::Categories => spelled::CATEGORIES.to_owned(),
            // If the whole key is known, this is the text of the key. The text may be escaped.
            Family::Products => match product {
                Some(product) => escape_stars(&SpelledKey::Product(product).to_string()),
                None => format!("{}*", spelled::PRODUCT),
            },
            Family::ProductLists => format!("{}{}", spelled::PRODUCT_LIST, shown(category.as_ref())),
            Family::DataPackages => match (product, data) {
                (Some(product), Some(data)) => {
                    escape_stars(&SpelledKey::DataPackage(product, data).to_string())
                }
                // The text of these keys has an escaped underscore in the product's code.
                (Some(product), None) if product.as_str().contains('_') => {
                    format!("{}{}_*", spelled::DATA_PACKAGE, escape_stars(&escape(product.as_str())))
                }
                (_, data) => format!("{}{product_text}_{}", spelled::DATA_PACKAGE, shown(data.as_ref())),
            },
            Family::DataBundles => format!("{}{product_text}", spelled::DATA_BUNDLES),
            Family::MerchantDiscounts => {
                format!("{}{}_{product_text}", spelled::MERCHANT_DISCOUNT, shown(user.as_ref()))
            }
            Family::MerchantAuth => format!("{}{}", spelled::MERCHANT_AUTH, shown(merchant.as_ref())),
        }
    }
}

/// Returns the text of a part in a pattern.
fn shown(part: Option<&impl ToString>) -> String {
    part.map_or_else(|| "*".to_owned(), |part| escape_stars(&part.to_string()))
}

/// Escapes stars. Otherwise a star in a code would look like a wildcard.
fn escape_stars(text: &str) -> String {
    text.replace('*', "%2A")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(family: Family, product: Option<&str>, data: Option<&str>) -> Selection {
        let product = product.map(|code| code.parse().unwrap());
        let data = data.map(|code| code.parse().unwrap());
        Selection::new(family, Parts { product, data, ..Parts::default() })
    }

    #[test]
    fn a_selection_shows_the_key_or_stars_for_unknown_parts() {
        for (selection, text) in [
            (selection(Family::Products, Some("MTNVTU"), None), "product_MTNVTU"),
            (selection(Family::Products, None, None), "product_*"),
            (selection(Family::Products, Some("*"), None), "product_%2A"),
            (selection(Family::Products, Some("categories_active"), None), "product_categories%5Factive"),
            (selection(Family::DataPackages, None, None), "data_package_*_*"),
            (selection(Family::DataPackages, Some("A"), None), "data_package_A_*"),
            (selection(Family::DataPackages, Some("A_B"), None), "data_package_A%5FB_*"),
            (selection(Family::DataPackages, Some("A_B"), Some("C")), "data_package_A%5FB_C"),
            (selection(Family::MerchantDiscounts, None, None), "merchant_discount_*_*"),
        ] {
            assert_eq!(selection.to_string(), text);
        }
    }

    #[test]
    fn a_selection_covers_the_keys_with_its_parts_and_no_others() {
        let packages = selection(Family::DataPackages, Some("A"), None);
        for (key, is_covered) in [
            ("data_package_A_B", true),
            ("data_package_A_B_C", true),
            ("data_package_A%5FB_C", false),
            ("data_package_AB_C", false),
            ("data_bundles_A", false),
            ("product_A", false),
        ] {
            assert_eq!(packages.covers(&key.parse().unwrap()), is_covered, "{key}");
        }
        assert!(selection(Family::Categories, None, None).covers(&SpelledKey::Categories));
    }
}
