//! `ProductCache`: the shop's families, opened on one cache.
//!
//! It holds a keyspace for each family, and the cache that they are of, since an invalidation is made with one
//! commit for all. Lookups are in `lookup.rs`, invalidations in `invalidate.rs`; all else a keyspace can do
//! (insert, remaining TTL, updates that bar fills) is reached through the keyspace itself.

use std::fmt;

use larder::{Cache, Error, Keyspace};

use crate::code::{CategoryCode, DataCode, MerchantCode, ProductCode, UserId};
use crate::families::{Families, Shop};

/// A shop's cached families over one [`Cache`].
///
/// Cheap to clone, and shared between threads as it is. The cache itself stays with the application, which
/// may hold keyspaces of its own in it, read its statistics and close it.
///
/// # Examples
/// ```
/// use larder::Cache;
/// use larder_product::ProductCache;
/// # use larder_product::doc::AirtimeShop;
///
/// let cache = Cache::builder().open()?;
/// let shop = ProductCache::<AirtimeShop>::open(&cache)?;
/// assert!(shop.get_categories().is_none());
/// # Ok::<(), larder::Error>(())
/// ```
pub struct ProductCache<S: Shop> {
    pub(crate) cache: Cache,
    pub(crate) categories: Keyspace<(), S::Categories>,
    pub(crate) product_lists: Keyspace<CategoryCode, S::ProductList>,
    pub(crate) products: Keyspace<ProductCode, S::Product>,
    pub(crate) data_packages: Keyspace<(ProductCode, DataCode), S::DataPackage>,
    pub(crate) data_bundles: Keyspace<ProductCode, S::DataBundles>,
    pub(crate) merchant_discounts: Keyspace<(UserId, ProductCode), S::Discount>,
    pub(crate) merchant_auth: Keyspace<MerchantCode, S::Merchant>,
}

impl<S: Shop> ProductCache<S> {
    /// Opens the families on `cache`, with the lifetimes of the guide.
    ///
    /// # Errors
    /// Those of [`Cache::keyspace`]: a family that is open already with other types or another version, or a
    /// cache that is closed.
    pub fn open(cache: &Cache) -> Result<Self, Error> {
        Self::open_with(cache, Families::guide())
    }

    /// Opens the families on `cache` as `families` defines them.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(cache: &Cache, families: Families<S>) -> Result<Self, Error> {
        Ok(Self {
            cache: cache.clone(),
            categories: cache.keyspace(families.categories)?,
            product_lists: cache.keyspace(families.product_lists)?,
            products: cache.keyspace(families.products)?,
            data_packages: cache.keyspace(families.data_packages)?,
            data_bundles: cache.keyspace(families.data_bundles)?,
            merchant_discounts: cache.keyspace(families.merchant_discounts)?,
            merchant_auth: cache.keyspace(families.merchant_auth)?,
        })
    }

    /// The cache that the families are opened on.
    #[must_use]
    pub const fn cache(&self) -> &Cache {
        &self.cache
    }

    /// The keyspace of the list of active categories, whose only key is `()`.
    #[must_use]
    pub const fn categories(&self) -> &Keyspace<(), S::Categories> {
        &self.categories
    }

    /// The keyspace of the products of a category.
    #[must_use]
    pub const fn product_lists(&self) -> &Keyspace<CategoryCode, S::ProductList> {
        &self.product_lists
    }

    /// The keyspace of products.
    #[must_use]
    pub const fn products(&self) -> &Keyspace<ProductCode, S::Product> {
        &self.products
    }

    /// The keyspace of data packages.
    #[must_use]
    pub const fn data_packages(&self) -> &Keyspace<(ProductCode, DataCode), S::DataPackage> {
        &self.data_packages
    }

    /// The keyspace of the lists of a product's data packages.
    #[must_use]
    pub const fn data_bundles(&self) -> &Keyspace<ProductCode, S::DataBundles> {
        &self.data_bundles
    }

    /// The keyspace of merchants' discounts.
    #[must_use]
    pub const fn merchant_discounts(&self) -> &Keyspace<(UserId, ProductCode), S::Discount> {
        &self.merchant_discounts
    }

    /// The keyspace of merchants' authentication, in memory only unless the deployment says otherwise.
    #[must_use]
    pub const fn merchant_auth(&self) -> &Keyspace<MerchantCode, S::Merchant> {
        &self.merchant_auth
    }
}

// Not derived: a shop is only a name for seven types, and need not be `Clone` or `Debug` itself.
impl<S: Shop> Clone for ProductCache<S> {
    fn clone(&self) -> Self {
        Self {
            cache: self.cache.clone(),
            categories: self.categories.clone(),
            product_lists: self.product_lists.clone(),
            products: self.products.clone(),
            data_packages: self.data_packages.clone(),
            data_bundles: self.data_bundles.clone(),
            merchant_discounts: self.merchant_discounts.clone(),
            merchant_auth: self.merchant_auth.clone(),
        }
    }
}

impl<S: Shop> fmt::Debug for ProductCache<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProductCache").finish_non_exhaustive()
    }
}
