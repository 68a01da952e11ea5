//! The families of cached things: one keyspace definition each, with the lifetime the guide gives it.
//!
//! A family's name, key and TTL are the shop's, its value type is the application's. Lifetimes are a
//! trade between freshness and load, so an application that knows better may change a definition before
//! it opens the cache, and a deployment may by its environment; the keys stay as they are, for every service
//! of the shop to agree on.

mod overrides;

use std::fmt;

use larder::KeyspaceDefinition;
use serde::{Serialize, de::DeserializeOwned};

use crate::code::{CategoryCode, DataCode, MerchantCode, ProductCode, UserId};
use crate::family::Family;

pub use overrides::{FAMILIES_VARIABLE, FamilyOptionError};

/// The name that this crate's keyspaces have as their schema in a file, so that tools know how their keys are
/// spelled.
pub const SCHEMA: &str = "larder-product";

/// How long an entry of each family lives, as the shop's caching guide has it.
pub mod ttl {
    use std::time::Duration;

    /// The list of active categories: 2 hours.
    pub const CATEGORIES: Duration = Duration::from_hours(2);
    /// The products of a category: 30 minutes.
    pub const PRODUCT_LIST: Duration = Duration::from_mins(30);
    /// A product: 1 hour.
    pub const PRODUCT: Duration = Duration::from_hours(1);
    /// A data package: 1 hour.
    pub const DATA_PACKAGE: Duration = Duration::from_hours(1);
    /// The data packages of a product, as a list: 1 hour.
    pub const DATA_BUNDLES: Duration = Duration::from_hours(1);
    /// A merchant's discount on a product: 5 minutes.
    pub const MERCHANT_DISCOUNT: Duration = Duration::from_mins(5);
    /// A merchant's authentication: 5 minutes.
    pub const MERCHANT_AUTH: Duration = Duration::from_mins(5);
}

/// What a cached value must be able to do; every type that can, is one.
pub trait Value: Serialize + DeserializeOwned + Send + Sync + 'static {}

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Value for T {}

/// An application's value types, one for each family.
///
/// Lists are types of the application too: `Vec<Product>`, a page with a total, whatever its templates need.
///
/// # Examples
/// See the [crate's example](crate#examples).
pub trait Shop: 'static {
    /// The list of active categories.
    type Categories: Value;
    /// The list of a category's products.
    type ProductList: Value;
    /// One product.
    type Product: Value;
    /// One data package of a product.
    type DataPackage: Value;
    /// The list of a product's data packages.
    type DataBundles: Value;
    /// What one merchant pays less for one product.
    type Discount: Value;
    /// What a merchant's login yields. Kept in memory only, unless the deployment says otherwise.
    type Merchant: Value;
}

/// The keyspace definitions of a shop's families.
///
/// # Examples
/// A deployment that wants fresher products, and whose product type has changed its shape:
/// ```
/// # use larder_product::doc::AirtimeShop;
/// use std::time::Duration;
/// use larder::Cache;
/// use larder_product::{Families, ProductCache};
///
/// let mut families = Families::<AirtimeShop>::guide();
/// families.products = families.products.ttl(Duration::from_mins(10)).version(2);
///
/// let cache = Cache::builder().open()?;
/// let shop = ProductCache::open_with(&cache, families)?;
/// # Ok::<(), larder::Error>(())
/// ```
#[non_exhaustive]
pub struct Families<S: Shop> {
    /// The list of active categories: a single entry.
    pub categories: KeyspaceDefinition<(), S::Categories>,
    /// The products of a category.
    pub product_lists: KeyspaceDefinition<CategoryCode, S::ProductList>,
    /// Products.
    pub products: KeyspaceDefinition<ProductCode, S::Product>,
    /// Data packages, by product and data code.
    pub data_packages: KeyspaceDefinition<(ProductCode, DataCode), S::DataPackage>,
    /// The data packages of a product, as a list.
    pub data_bundles: KeyspaceDefinition<ProductCode, S::DataBundles>,
    /// Merchants' discounts, by user and product.
    pub merchant_discounts: KeyspaceDefinition<(UserId, ProductCode), S::Discount>,
    /// Merchants' authentication: in memory only, since a login in clear on a disk outlives the process that
    /// was trusted with it. [`logins_on_disk`](Self::logins_on_disk) says otherwise.
    pub merchant_auth: KeyspaceDefinition<MerchantCode, S::Merchant>,
}

/// A family's definition, before its lifetime.
const fn definition<K, V>(family: Family) -> KeyspaceDefinition<K, V> {
    KeyspaceDefinition::new(family.keyspace()).schema(SCHEMA)
}

impl<S: Shop> Families<S> {
    /// The families with the guide's lifetimes ([`ttl`]), at version 1.
    #[must_use]
    pub const fn guide() -> Self {
        Self {
            categories: definition(Family::Categories).ttl(ttl::CATEGORIES),
            product_lists: definition(Family::ProductLists).ttl(ttl::PRODUCT_LIST),
            products: definition(Family::Products).ttl(ttl::PRODUCT),
            data_packages: definition(Family::DataPackages).ttl(ttl::DATA_PACKAGE),
            data_bundles: definition(Family::DataBundles).ttl(ttl::DATA_BUNDLES),
            merchant_discounts: definition(Family::MerchantDiscounts).ttl(ttl::MERCHANT_DISCOUNT),
            merchant_auth: definition(Family::MerchantAuth).ttl(ttl::MERCHANT_AUTH).memory_only(),
        }
    }

    /// Keeps merchants' authentication in both tiers, as all other families are: it is then in the cache's
    /// file in clear, and survives a restart.
    ///
    /// # Examples
    /// ```
    /// # use larder_product::{Families, doc::AirtimeShop};
    /// assert!(Families::<AirtimeShop>::guide().merchant_auth.is_memory_only());
    /// assert!(!Families::<AirtimeShop>::guide().logins_on_disk().merchant_auth.is_memory_only());
    /// ```
    #[must_use]
    pub const fn logins_on_disk(mut self) -> Self {
        let chosen = &self.merchant_auth;
        // Made anew: a definition that is in memory only stays so. A weigher is not taken over.
        let anew = definition(Family::MerchantAuth)
            .ttl(chosen.default_ttl())
            .version(chosen.schema_version())
            .format(chosen.value_format());
        self.merchant_auth = match chosen.compression() {
            Some((how, above)) => anew.compress(how, above),
            None => anew,
        };
        self
    }
}

impl<S: Shop> Default for Families<S> {
    fn default() -> Self {
        Self::guide()
    }
}

// Not derived: that would ask `S` to be `Clone`, `Copy` and `Debug`, and it is only a name for seven types.
impl<S: Shop> Clone for Families<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: Shop> Copy for Families<S> {}

impl<S: Shop> fmt::Debug for Families<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lifetimes = [
            (self.categories.name(), self.categories.default_ttl()),
            (self.product_lists.name(), self.product_lists.default_ttl()),
            (self.products.name(), self.products.default_ttl()),
            (self.data_packages.name(), self.data_packages.default_ttl()),
            (self.data_bundles.name(), self.data_bundles.default_ttl()),
            (self.merchant_discounts.name(), self.merchant_discounts.default_ttl()),
            (self.merchant_auth.name(), self.merchant_auth.default_ttl()),
        ];
        f.debug_map().entries(lifetimes).finish()
    }
}

#[cfg(test)]
mod tests {
    use larder::{Compression, Format};

    use super::*;
    use crate::doc::AirtimeShop;

    #[test]
    fn logins_on_disk_keep_what_was_declared_of_them() {
        let mut families = Families::<AirtimeShop>::guide();
        families.merchant_auth =
            families.merchant_auth.version(3).format(Format::MessagePack).compress(Compression::Lz4, 100);
        let chosen = families.logins_on_disk().merchant_auth;
        assert_eq!((chosen.schema_version(), chosen.value_format()), (3, Format::MessagePack));
        assert_eq!(chosen.compression(), Some((Compression::Lz4, 100)));
        assert_eq!(chosen.default_ttl(), ttl::MERCHANT_AUTH);
    }

    #[test]
    fn every_family_names_this_crate_as_its_schema() {
        for families in [Families::<AirtimeShop>::guide(), Families::<AirtimeShop>::guide().logins_on_disk()]
        {
            let Families { categories, product_lists, products, .. } = families;
            let Families { data_packages, data_bundles, merchant_discounts, merchant_auth, .. } = families;
            let schemas = [
                categories.schema_name(),
                product_lists.schema_name(),
                products.schema_name(),
                data_packages.schema_name(),
                data_bundles.schema_name(),
                merchant_discounts.schema_name(),
                merchant_auth.schema_name(),
            ];
            assert_eq!(schemas, [Some(SCHEMA); 7]);
        }
    }

    #[test]
    fn every_family_lives_as_long_as_the_guide_says() {
        let families = Families::<AirtimeShop>::guide();
        assert_eq!(
            format!("{families:?}"),
            "{\"product_categories\": 7200s, \"products_category\": 1800s, \"product\": 3600s, \
             \"data_package\": 3600s, \"data_bundles\": 3600s, \"merchant_discount\": 300s, \
             \"merchant_auth\": 300s}"
        );
    }
}
