//! The seven families, as values: what a key, a plan or a log line speaks of.
//!
//! The order of the variants is the order in which an invalidation removes entries: a family stands after
//! everything that its entries are derived from. `cascade.rs` refuses to compile an edge against it.

use std::fmt;

/// A family of cached things.
///
/// # Examples
/// ```
/// use larder_product::Family;
///
/// assert_eq!(Family::DataPackages.to_string(), "data_package");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// The list of active categories: one entry.
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
    /// Every family, sources before what is derived from them.
    pub const ALL: [Self; 7] = [
        Self::Categories,
        Self::Products,
        Self::ProductLists,
        Self::DataPackages,
        Self::DataBundles,
        Self::MerchantDiscounts,
        Self::MerchantAuth,
    ];

    /// The name of the family's keyspace, in the cache's file and in its statistics.
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
