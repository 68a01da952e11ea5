//! The keyspace definitions of the families, with the TTLs of the shop's caching guide.
//!
//! The schema defines the name, the key and the TTL of a family; the application defines the type of its
//! values. A longer TTL means fewer loads, a shorter one fresher values. So an application may change a
//! definition before it opens the cache, and a deployment may change a TTL through its environment
//! (`family_options.rs`). Keys cannot be changed, because every service of the shop must use the same keys.

use std::fmt;

use crate::code::{CategoryCode, DataCode, MerchantCode, ProductCode, UserId};
use crate::family::Family;
use crate::own::definition::AnyOwnFamily;
use crate::own::error::OwnFamilyError;
use crate::own::registered::OwnFamilies;
use crate::ttl_text::TtlText;
use crate::value::Value;
use larder::KeyspaceDefinition;

/// The name of the schema that the file records for the keyspaces of this crate. Tools use it to find the
/// text form of the keys.
pub const SCHEMA: &str = "larder-product";

/// The TTL of each family, from the shop's caching guide.
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
    /// The list of a product's data packages: 1 hour.
    pub const DATA_BUNDLES: Duration = Duration::from_hours(1);
    /// A merchant's discount on a product: 5 minutes.
    pub const MERCHANT_DISCOUNT: Duration = Duration::from_mins(5);
    /// A merchant's authentication: 5 minutes.
    pub const MERCHANT_AUTH: Duration = Duration::from_mins(5);
}

/// The value types of an application, one for each family.
///
/// The type of a list can be `Vec<Product>`, or a page with a total.
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
    /// A merchant's discount on a product.
    type Discount: Value;
    /// The result of a merchant's login. By default, it is kept only in memory.
    type Merchant: Value;
}

/// The keyspace definitions of a shop's families.
///
/// # Examples
/// A deployment with a shorter TTL for products, and with a new shape of the product type:
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
    /// The list of a product's data packages.
    pub data_bundles: KeyspaceDefinition<ProductCode, S::DataBundles>,
    /// Merchants' discounts, by user and product.
    pub merchant_discounts: KeyspaceDefinition<(UserId, ProductCode), S::Discount>,
    /// Merchants' authentication. This keyspace is memory-only, because a plaintext login on disk would
    /// remain there after the process has ended. [`logins_on_disk`](Self::logins_on_disk) changes that.
    pub merchant_auth: KeyspaceDefinition<MerchantCode, S::Merchant>,
    /// The application's own families.
    pub(crate) own: OwnFamilies,
}

/// Returns the definition of a family, without its TTL.
const fn definition<K, V>(family: Family) -> KeyspaceDefinition<K, V> {
    KeyspaceDefinition::new(family.keyspace()).schema(SCHEMA)
}

impl<S: Shop> Families<S> {
    /// Returns the families with the TTLs of the guide ([`ttl`]), with version 0.
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
            own: OwnFamilies::NONE,
        }
    }

    /// Registers the application's own families. They must be in the order of removal: a family comes after
    /// the families from which its entries are derived. Replaces the families of an earlier call, and their
    /// TTLs.
    ///
    /// Call this before [`with_env`](Self::with_env) or [`with_options`](Self::with_options), which otherwise
    /// refuse options for these families.
    ///
    /// # Errors
    /// Returns [`OwnFamilyError`] if two families have the same name, if a family depends on a family that is
    /// not registered before it, or if there are more than [`MAX_OWN_FAMILIES`](crate::MAX_OWN_FAMILIES).
    ///
    /// # Examples
    /// See [`OwnFamily`](crate::OwnFamily).
    pub fn with_own(self, families: &'static [&'static dyn AnyOwnFamily]) -> Result<Self, OwnFamilyError> {
        Ok(Self { own: OwnFamilies::register(families)?, ..self })
    }

    /// Keeps merchants' authentication in both tiers, like all other families. Logins are then in plaintext
    /// in the cache file or at the server, and remain there after a restart. The rest of the definition stays
    /// the same.
    ///
    /// # Examples
    /// ```
    /// # use larder_product::{Families, doc::AirtimeShop};
    /// assert!(Families::<AirtimeShop>::guide().merchant_auth.is_memory_only());
    /// assert!(!Families::<AirtimeShop>::guide().logins_on_disk().merchant_auth.is_memory_only());
    /// ```
    #[must_use]
    pub const fn logins_on_disk(mut self) -> Self {
        self.merchant_auth = self.merchant_auth.in_all_tiers();
        self
    }
}

impl<S: Shop> Default for Families<S> {
    fn default() -> Self {
        Self::guide()
    }
}

// The traits are not derived, because a derive would require them of `S`, which is only a list of types.
impl<S: Shop> Clone for Families<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: Shop> Copy for Families<S> {}

impl<S: Shop> fmt::Debug for Families<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lifetimes = [
            (self.categories.name(), TtlText(self.categories.default_ttl())),
            (self.product_lists.name(), TtlText(self.product_lists.default_ttl())),
            (self.products.name(), TtlText(self.products.default_ttl())),
            (self.data_packages.name(), TtlText(self.data_packages.default_ttl())),
            (self.data_bundles.name(), TtlText(self.data_bundles.default_ttl())),
            (self.merchant_discounts.name(), TtlText(self.merchant_discounts.default_ttl())),
            (self.merchant_auth.name(), TtlText(self.merchant_auth.default_ttl())),
        ];
        f.debug_map().entries(lifetimes).entries(self.own.ttls()).finish()
    }
}

#[cfg(test)]
mod tests {
    use larder::{Compression, Format};

    use super::*;
    use crate::doc::AirtimeShop;
    use std::time::Duration;

    #[test]
    fn logins_on_disk_keep_the_rest_of_their_definition() {
        let mut families = Families::<AirtimeShop>::guide();
        families.merchant_auth =
            families.merchant_auth.version(3).format(Format::MessagePack).compress(Compression::Lz4, 100);
        families.merchant_auth = families.merchant_auth.grace(Duration::from_secs(9)).jitter(20);
        let chosen = families.logins_on_disk().merchant_auth;
        assert_eq!((chosen.schema_version(), chosen.value_format()), (3, Format::MessagePack));
        assert_eq!(chosen.compression(), Some((Compression::Lz4, 100)));
        assert_eq!(chosen.default_ttl(), ttl::MERCHANT_AUTH);
        assert_eq!((chosen.stale_for(), chosen.jitter_percent()), (Duration::from_secs(9), 20));
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
