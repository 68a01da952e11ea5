//! Selects the entries of a family that an invalidation removes: those whose keys have certain parts.
//!
//! A selection is plain data: a plan prints it, `covers` tells whether it includes a key, and the cache
//! removes its entries in one removal. A part of the key that the selection does not name may have any value.

use std::fmt;

use crate::family::{Family, OwnFamilyId};
use crate::part::{Part, Parts};
use crate::spelled::{self, SpelledKey, escape};

/// The entries of a family whose keys have certain parts: one entry, several, or all.
///
/// A selection is displayed as a key with `*` for each part that may have any value. A `*` in a code is
/// displayed as `%2A`.
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
            // The text of a complete key may be escaped.
            Family::Products => match product {
                Some(product) => escape_stars(&SpelledKey::Product(product).to_string()),
                None => format!("{}*", spelled::PRODUCT),
            },
            Family::ProductLists => format!("{}{}", spelled::PRODUCT_LIST, shown(category.as_ref())),
            Family::DataPackages => match (product, data) {
                (Some(product), Some(data)) => {
                    escape_stars(&SpelledKey::DataPackage(product, data).to_string())
                }
                // The text of most of these keys has the product code escaped.
                (Some(product), None) if spelled::most_packages_are_displaced(product.as_str()) => {
                    format!("{}{}_*", spelled::DATA_PACKAGE, escape_stars(&escape(product.as_str())))
                }
                (_, data) => format!("{}{product_text}_{}", spelled::DATA_PACKAGE, shown(data.as_ref())),
            },
            Family::DataBundles => format!("{}{product_text}", spelled::DATA_BUNDLES),
            Family::MerchantDiscounts => {
                format!("{}{}_{product_text}", spelled::MERCHANT_DISCOUNT, shown(user.as_ref()))
            }
            Family::MerchantAuth => format!("{}{}", spelled::MERCHANT_AUTH, shown(merchant.as_ref())),
            Family::Own(own) => self.own_text(own),
        }
    }
}

impl Selection {
    fn own_text(&self, own: OwnFamilyId) -> String {
        let part = |kind: &Option<Part>| kind.and_then(|kind| self.parts.text(kind));
        // Stars are escaped after underscores and percent signs. Otherwise the percent sign of `%2A` would be
        // escaped too.
        let known: Vec<Option<String>> = own.parts().iter().map(part).collect();
        let mut text = own.name().to_owned();
        for (at, part) in known.iter().enumerate() {
            let is_last = at + 1 == known.len();
            text.push('_');
            text +=
                &part.as_ref().map_or_else(|| "*".to_owned(), |part| escape_stars(&own_part(part, is_last)));
        }
        text
    }
}

/// Returns the text of a key of one of the application's own families. All parts but the last are escaped, so
/// two keys never have the same text.
pub(crate) fn own_key_text(name: &str, parts: &[String]) -> String {
    let mut text = name.to_owned();
    for (at, part) in parts.iter().enumerate() {
        text.push('_');
        text += &own_part(part, at + 1 == parts.len());
    }
    text
}

fn own_part(part: &str, is_last: bool) -> String {
    if is_last { part.to_owned() } else { escape(part) }
}

/// Returns the text of a part in a pattern.
fn shown(part: Option<&impl ToString>) -> String {
    part.map_or_else(|| "*".to_owned(), |part| escape_stars(&part.to_string()))
}

/// Escapes stars, because a star in a code would look like a wildcard.
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
            (selection(Family::DataPackages, Some("_A"), None), "data_package__A_*"),
            (selection(Family::DataPackages, Some("A%5FB"), None), "data_package_A%255FB_*"),
            (selection(Family::DataPackages, Some("_A"), Some("C")), "data_package__A_C"),
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
