//! A key as text for people and for other programs: the key string of the Django application.
//!
//! Invariant: no two keys have the same text, and the text of a key parses back to that key. In the Django
//! application, called the original here, two different keys may share a string:
//!
//! - the product `categories_active` and the category list: both `product_categories_active`;
//! - data packages with underscores in their codes: (`A`, `B_C`) and (`A_B`, `C`), both `data_package_A_B_C`.
//!
//! One of the two keys keeps the shared string: the category list, and the package with the shortest product
//! code. The other key is *displaced*: its product code is written with `%5F` for `_` and `%25` for `%`. A
//! key that looks like an escaped key is displaced too. Any other code with a percent sign is written as in
//! the original.

mod error;
mod escape;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::code::{CategoryCode, CodeError, DataCode, MAX_CODE_LENGTH, MerchantCode, ProductCode, UserId};
use crate::family::Family;

pub use error::SpelledKeyError;
pub(crate) use escape::{escape, unescape};

pub(crate) const CATEGORIES: &str = "product_categories_active";
pub(crate) const PRODUCT: &str = "product_";
pub(crate) const PRODUCT_LIST: &str = "products_category_";
pub(crate) const DATA_PACKAGE: &str = "data_package_";
pub(crate) const DATA_BUNDLES: &str = "data_bundles_";
pub(crate) const MERCHANT_DISCOUNT: &str = "merchant_discount_";
pub(crate) const MERCHANT_AUTH: &str = "merchant_auth_";

/// The product code whose unescaped text would be [`CATEGORIES`].
const CATEGORIES_AS_PRODUCT: &str = "categories_active";

/// Maximum length of the text of a key: a data package with every byte of the product's code escaped.
const MAX_SPELLED_LENGTH: usize = DATA_PACKAGE.len() + 3 * MAX_CODE_LENGTH + "_".len() + MAX_CODE_LENGTH;

/// A key of any family of the shop. Its text is the key string of the Django application.
///
/// Use it in logs, on the command line, and for a cache server that is shared with the Django application.
/// In that application, two keys may have the same string. Here, one of them keeps the string, and the
/// product code of the other is escaped, so that no two keys have the same text. A key that looks like an
/// escaped key is escaped too. All other keys are written exactly as in the Django application.
///
/// | key | spelled |
/// |---|---|
/// | the category list | `product_categories_active` |
/// | the product `MTNVTU` | `product_MTNVTU` |
/// | the product `categories_active` | `product_categories%5Factive` |
/// | the data package `DATA_1GB` of `MTNDATA` | `data_package_MTNDATA_DATA_1GB` |
/// | the data package `1GB` of `MTNDATA_DATA` | `data_package_MTNDATA%5FDATA_1GB` |
/// | the discount of user 123 on `MTNVTU` | `merchant_discount_123_MTNVTU` |
///
/// Serde serializes a key as this text.
///
/// # Examples
/// ```
/// use larder_product::{SpelledKey, UserId};
///
/// let key = SpelledKey::MerchantDiscount(UserId::new(123)?, "MTNVTU".parse()?);
/// assert_eq!(key.to_string(), "merchant_discount_123_MTNVTU");
/// assert_eq!("merchant_discount_123_MTNVTU".parse(), Ok(key));
/// # Ok::<(), larder_product::CodeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum SpelledKey {
    /// `product_categories_active`
    Categories,
    /// `product_{product}`
    Product(ProductCode),
    /// `products_category_{category}`
    ProductList(CategoryCode),
    /// `data_package_{product}_{data}`
    DataPackage(ProductCode, DataCode),
    /// `data_bundles_{product}`
    DataBundles(ProductCode),
    /// `merchant_discount_{user}_{product}`
    MerchantDiscount(UserId, ProductCode),
    /// `merchant_auth_{merchant}`
    MerchantAuth(MerchantCode),
}

impl SpelledKey {
    /// Returns the family of the key.
    #[must_use]
    pub const fn family(&self) -> Family {
        match self {
            Self::Categories => Family::Categories,
            Self::Product(_) => Family::Products,
            Self::ProductList(_) => Family::ProductLists,
            Self::DataPackage(..) => Family::DataPackages,
            Self::DataBundles(_) => Family::DataBundles,
            Self::MerchantDiscount(..) => Family::MerchantDiscounts,
            Self::MerchantAuth(_) => Family::MerchantAuth,
        }
    }
}

impl fmt::Display for SpelledKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Categories => f.write_str(CATEGORIES),
            Self::Product(product) if product_is_displaced(product.as_str()) => {
                write!(f, "{PRODUCT}{}", escape(product.as_str()))
            }
            Self::Product(product) => write!(f, "{PRODUCT}{product}"),
            Self::ProductList(category) => write!(f, "{PRODUCT_LIST}{category}"),
            Self::DataPackage(product, data) if package_is_displaced(product.as_str(), data.as_str()) => {
                write!(f, "{DATA_PACKAGE}{}_{data}", escape(product.as_str()))
            }
            Self::DataPackage(product, data) => write!(f, "{DATA_PACKAGE}{product}_{data}"),
            Self::DataBundles(product) => write!(f, "{DATA_BUNDLES}{product}"),
            Self::MerchantDiscount(user, product) => write!(f, "{MERCHANT_DISCOUNT}{user}_{product}"),
            Self::MerchantAuth(merchant) => write!(f, "{MERCHANT_AUTH}{merchant}"),
        }
    }
}

/// Returns whether the unescaped text of a product belongs to another key.
fn product_is_displaced(product: &str) -> bool {
    product == CATEGORIES_AS_PRODUCT || unescape(product).is_some_and(|other| product_is_displaced(&other))
}

/// Returns whether the products whose codes begin with `code` are those whose texts begin with [`PRODUCT`]
/// and `code`. A displaced product may have only one of the two beginnings.
#[cfg(feature = "inspect")]
pub(crate) fn begins_same_products(code: &str) -> bool {
    let displaced = std::iter::successors(Some(CATEGORIES_AS_PRODUCT.to_owned()), |code| Some(escape(code)));
    let mut displaced = displaced.take_while(|displaced| displaced.len() <= MAX_CODE_LENGTH);
    displaced.all(|displaced| displaced.starts_with(code) == escape(&displaced).starts_with(code))
}

/// Returns whether the unescaped text of a data package belongs to another key.
fn package_is_displaced(product: &str, data: &str) -> bool {
    let plain = format!("{product}_{data}");
    first_split(&plain).is_none_or(|(shortest, _)| shortest.as_str() != product)
        || unescape(product).is_some_and(|other| package_is_displaced(&other, data))
}

/// Returns whether the unescaped texts of most data packages of a product belong to other keys. Exceptions
/// are packages whose data codes are so long that the text does not fit another pair of codes. If the answer
/// is no, no package of the product is displaced.
pub(crate) fn most_packages_are_displaced(product: &str) -> bool {
    package_is_displaced(product, "0")
}

/// Returns the package that an unescaped text belongs to: the package with the shortest product code.
fn first_split(package: &str) -> Option<(ProductCode, DataCode)> {
    package.match_indices('_').find_map(|(at, _)| {
        let (product, data) = package.split_at(at);
        Some((ProductCode::new(product).ok()?, DataCode::new(data.strip_prefix('_')?).ok()?))
    })
}

impl FromStr for SpelledKey {
    type Err = SpelledKeyError;

    /// Parses a key. Accepts only text that `Display` writes.
    ///
    /// # Errors
    /// Returns [`SpelledKeyError`] if the text does not begin like the keys of a family, is too long, lacks a
    /// part of the key, or has an invalid code.
    fn from_str(text: &str) -> Result<Self, SpelledKeyError> {
        if text.len() > MAX_SPELLED_LENGTH {
            return Err(SpelledKeyError::TooLong { length: text.len(), most: MAX_SPELLED_LENGTH });
        }
        if text == CATEGORIES {
            return Ok(Self::Categories);
        }
        let of = |code: Result<Self, CodeError>| code.map_err(|source| SpelledKeyError::code(text, source));
        if let Some(category) = text.strip_prefix(PRODUCT_LIST) {
            of(CategoryCode::new(category).map(Self::ProductList))
        } else if let Some(product) = text.strip_prefix(PRODUCT) {
            let displaced = unescape(product).filter(|other| product_is_displaced(other));
            of(ProductCode::new(displaced.unwrap_or_else(|| product.to_owned())).map(Self::Product))
        } else if let Some(package) = text.strip_prefix(DATA_PACKAGE) {
            read_package(package).ok_or_else(|| SpelledKeyError::parts(text))
        } else if let Some(product) = text.strip_prefix(DATA_BUNDLES) {
            of(ProductCode::new(product).map(Self::DataBundles))
        } else if let Some(discount) = text.strip_prefix(MERCHANT_DISCOUNT) {
            let (user, product) = discount.split_once('_').ok_or_else(|| SpelledKeyError::parts(text))?;
            of(user.parse().and_then(|user| Ok(Self::MerchantDiscount(user, ProductCode::new(product)?))))
        } else if let Some(merchant) = text.strip_prefix(MERCHANT_AUTH) {
            of(MerchantCode::new(merchant).map(Self::MerchantAuth))
        } else {
            Err(SpelledKeyError::family(text))
        }
    }
}

/// Returns the package with this escaped text. If there is none, returns the package with this unescaped
/// text.
fn read_package(package: &str) -> Option<SpelledKey> {
    // An escaped product code has no underscore, so the first underscore ends it.
    let displaced = package.split_once('_').and_then(|(product, data)| {
        // A text that does not decode to a pair of codes may still be an unescaped text.
        let (product, data) = (ProductCode::new(unescape(product)?).ok()?, DataCode::new(data).ok()?);
        package_is_displaced(product.as_str(), data.as_str()).then_some((product, data))
    });
    let (product, data) = displaced.or_else(|| first_split(package))?;
    Some(SpelledKey::DataPackage(product, data))
}

impl TryFrom<String> for SpelledKey {
    type Error = SpelledKeyError;

    fn try_from(text: String) -> Result<Self, SpelledKeyError> {
        text.parse()
    }
}

impl From<SpelledKey> for String {
    fn from(key: SpelledKey) -> Self {
        key.to_string()
    }
}

#[cfg(test)]
mod tests;
