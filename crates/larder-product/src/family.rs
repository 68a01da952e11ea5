//! The seven families, as an enum for keys, plans and log lines.
//!
//! The order of the variants is the order in which an invalidation removes entries: a family comes after the
//! families that its entries are derived from. An edge in `cascade.rs` against this order does not compile.

use std::fmt;

/// A family of cached values.
///
/// # Examples
/// ```
/// use larder_product::Family;
///
/// assert_eq!(Family::DataPackages.to_string(), "data_package");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// The list of active categories: a single entry.
    Categories,
    /// Products.
    Products,
    /// The products of a category, as a list.
    ProductLists,
    /// Data packages.
    DataPackages,
    /// The data packages of a product, as a list.
    DataBundles,
    /// Merchants' discounts.
    MerchantDiscounts,
    /// Merchants' authentication.
    MerchantAuth,
}

impl Family {
    /// Every family, in the order of removal: sources before the families derived from them.
    pub const ALL: [Self; 7] = [
        Self::Categories,
        Self::Products,
        Self::ProductLists,
        Self::DataPackages,
        Self::DataBundles,
        Self::MerchantDiscounts,
        Self::MerchantAuth,
    ];

    /// Returns the name of the family's keyspace in the cache's file and in the statistics.
    #[must_use]
    pub const fn keyspace(self) -> &'static str {
        match self {
            Self::Categories => "product_categories",
            Self::Products => "product",
            Self::ProductLists => "products_category",
            Self::DataPackages => "data_package",
            Self::DataBundles => "data_bundles",
            Self::MerchantDiscounts => "merchant_discount",
            Self::MerchantAuth => "merchant_auth",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.keyspace())
    }
}
