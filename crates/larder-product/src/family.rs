//! The families as an enum, for keys, plans and log lines: the seven of the shop, and the application's own.
//!
//! The order of the variants is the order in which an invalidation removes entries: a family comes after the
//! families from which its entries are derived. An edge in `cascade.rs` against this order does not compile.

use std::fmt;

use crate::part::Part;

/// A family of cached values.
///
/// # Examples
/// ```
/// use larder_product::Family;
///
/// assert_eq!(Family::DataPackages.to_string(), "data_package");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Family {
    /// The list of active categories: a single entry.
    Categories,
    /// Products.
    Products,
    /// The list of a category's products.
    ProductLists,
    /// Data packages.
    DataPackages,
    /// The list of a product's data packages.
    DataBundles,
    /// Merchants' discounts.
    MerchantDiscounts,
    /// Merchants' authentication.
    MerchantAuth,
    /// One of the application's own families ([`OwnFamily`](crate::OwnFamily)).
    Own(OwnFamilyId),
}

/// The name of one of the application's own families, and the kinds of the parts of its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnFamilyId {
    name: &'static str,
    parts: &'static [Option<Part>],
}

impl OwnFamilyId {
    pub(crate) const fn new(name: &'static str, parts: &'static [Option<Part>]) -> Self {
        Self { name, parts }
    }

    /// Returns the name of the family's keyspace.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// Returns the kinds of the parts of the keys, in order. `None` for a part that is not a code or an id of
    /// the shop.
    pub(crate) const fn parts(self) -> &'static [Option<Part>] {
        self.parts
    }

    /// Returns the kinds by which a change can select entries. Omits a kind that a key has twice, because the
    /// change may concern either of the two parts.
    pub(crate) fn selecting_parts(self) -> Vec<Part> {
        let kinds = self.parts.iter().flatten().copied();
        kinds.filter(|kind| self.parts.iter().flatten().filter(|other| *other == kind).count() == 1).collect()
    }
}

impl Family {
    /// Every family of the shop, in the order of removal: sources before the families derived from them.
    pub const ALL: [Self; 7] = [
        Self::Categories,
        Self::Products,
        Self::ProductLists,
        Self::DataPackages,
        Self::DataBundles,
        Self::MerchantDiscounts,
        Self::MerchantAuth,
    ];

    /// Returns the position in the order of removal. The application's own families come after those of the
    /// shop.
    pub(crate) const fn rank(self) -> u16 {
        match self {
            Self::Categories => 0,
            Self::Products => 1,
            Self::ProductLists => 2,
            Self::DataPackages => 3,
            Self::DataBundles => 4,
            Self::MerchantDiscounts => 5,
            Self::MerchantAuth => 6,
            Self::Own(_) => 7,
        }
    }

    /// Returns the name of the family's keyspace in the cache file and in the statistics.
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
            Self::Own(own) => own.name(),
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.keyspace())
    }
}
