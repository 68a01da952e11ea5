//! `ProductCache`: the families of a shop, opened on one cache.
//!
//! A `ProductCache` has a keyspace for each family. It also has the cache itself, because an invalidation
//! commits the removals of all families together. Lookups are in `lookup.rs`, invalidations in
//! `invalidate.rs`. For other operations, such as inserts, remaining TTLs and updates, use the keyspaces.

use std::fmt;
use std::sync::Arc;

use larder::{Cache, Error, Keyspace};

use crate::code::{CategoryCode, DataCode, MerchantCode, ProductCode, UserId};
use crate::families::{Families, Shop};
use crate::own::definition::{AnyOwnFamily, OwnFamily};
use crate::own::error::OwnFamilyError;
use crate::own::key::FamilyKey;
use crate::own::open::OpenFamily;
use crate::own::registered::OwnFamilies;
use crate::value::Value;

/// The cached families of a shop, in one [`Cache`].
///
/// A `ProductCache` is cheap to clone, and threads may share it. The application can use its own handle of
/// the cache to open other keyspaces, read statistics and close the cache.
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
    pub(crate) own: OwnFamilies,
    /// The keyspaces of `own`, in the same order.
    pub(crate) open_own: Arc<[Arc<dyn OpenFamily>]>,
}

impl<S: Shop> ProductCache<S> {
    /// Opens the families on `cache`, with the TTLs of the shop's caching guide.
    ///
    /// # Errors
    /// Returns the same errors as [`Cache::keyspace`]: for example, if a family is already open with other
    /// types or another version, or if the cache is closed.
    pub fn open(cache: &Cache) -> Result<Self, Error> {
        Self::open_with(cache, Families::guide())
    }

    /// Opens the families on `cache` with the definitions in `families`.
    ///
    /// # Errors
    /// Returns the same errors as [`open`](Self::open).
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
            own: families.own,
            open_own: families.own.open(cache)?,
        })
    }

    /// Returns the cache that holds the families.
    #[must_use]
    pub const fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Returns the keyspace of the list of active categories. Its only key is `()`.
    #[must_use]
    pub const fn categories(&self) -> &Keyspace<(), S::Categories> {
        &self.categories
    }

    /// Returns the keyspace of product lists: the products of each category.
    #[must_use]
    pub const fn product_lists(&self) -> &Keyspace<CategoryCode, S::ProductList> {
        &self.product_lists
    }

    /// Returns the keyspace of products.
    #[must_use]
    pub const fn products(&self) -> &Keyspace<ProductCode, S::Product> {
        &self.products
    }

    /// Returns the keyspace of data packages.
    #[must_use]
    pub const fn data_packages(&self) -> &Keyspace<(ProductCode, DataCode), S::DataPackage> {
        &self.data_packages
    }

    /// Returns the keyspace of data bundles: the list of the data packages of each product.
    #[must_use]
    pub const fn data_bundles(&self) -> &Keyspace<ProductCode, S::DataBundles> {
        &self.data_bundles
    }

    /// Returns the keyspace of merchants' discounts.
    #[must_use]
    pub const fn merchant_discounts(&self) -> &Keyspace<(UserId, ProductCode), S::Discount> {
        &self.merchant_discounts
    }

    /// Returns the keyspace of merchants' authentication. By default, it is memory-only.
    #[must_use]
    pub const fn merchant_auth(&self) -> &Keyspace<MerchantCode, S::Merchant> {
        &self.merchant_auth
    }

    /// Returns the keyspace of one of the application's own families.
    ///
    /// # Errors
    /// Returns [`OwnFamilyError::NotRegistered`] if the family is not among those with which the cache was
    /// opened ([`Families::with_own`]).
    ///
    /// # Examples
    /// See [`OwnFamily`].
    pub fn family<K: FamilyKey, V: Value>(
        &self,
        family: &OwnFamily<K, V>,
    ) -> Result<&Keyspace<K, V>, OwnFamilyError> {
        let id = family.id();
        let open = self.open_own.iter().find(|open| open.id() == id);
        open.and_then(|open| open.keyspace().downcast_ref())
            .ok_or(OwnFamilyError::NotRegistered { name: id.name() })
    }
}

// `Clone` and `Debug` are not derived, because a derive would require them of `S`, which is only a list of
// types.
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
            own: self.own,
            open_own: self.open_own.clone(),
        }
    }
}

impl<S: Shop> fmt::Debug for ProductCache<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProductCache").finish_non_exhaustive()
    }
}
