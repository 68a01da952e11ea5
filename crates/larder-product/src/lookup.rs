//! Lookups in each family, with and without a loader.
//!
//! A fault of the cache never makes a lookup fail: a damaged record or a failing disk is a miss. Threads that
//! request the same key at the same time share one load, or its error.

use std::sync::Arc;

use larder::LoadError;

use crate::cache::ProductCache;
use crate::code::{CategoryCode, DataCode, MerchantCode, ProductCode, UserId};
use crate::families::Shop;

impl<S: Shop> ProductCache<S> {
    /// Returns the list of active categories, if it is cached.
    #[must_use]
    pub fn get_categories(&self) -> Option<Arc<S::Categories>> {
        self.categories.get(&())
    }

    /// Returns the list of active categories. If it is not cached, loads it with `load` and caches it.
    ///
    /// # Errors
    /// Returns the same errors as [`Keyspace::get_or_load`](larder::Keyspace::get_or_load), for example if
    /// the loader fails, panics, or requests its own key.
    pub fn get_or_load_categories<E, R>(
        &self,
        load: impl FnOnce() -> Result<R, E>,
    ) -> Result<Arc<S::Categories>, LoadError<E>>
    where
        R: Into<Arc<S::Categories>>,
        E: Send + Sync + 'static,
    {
        self.categories.get_or_load(&(), load)
    }

    /// Returns the products of `category`, if they are cached.
    #[must_use]
    pub fn get_product_list(&self, category: &CategoryCode) -> Option<Arc<S::ProductList>> {
        self.product_lists.get(category)
    }

    /// Returns the products of `category`. If they are not cached, loads them with `load` and caches them.
    ///
    /// # Errors
    /// Returns the same errors as [`get_or_load_categories`](Self::get_or_load_categories).
    pub fn get_or_load_product_list<E, R>(
        &self,
        category: &CategoryCode,
        load: impl FnOnce() -> Result<R, E>,
    ) -> Result<Arc<S::ProductList>, LoadError<E>>
    where
        R: Into<Arc<S::ProductList>>,
        E: Send + Sync + 'static,
    {
        self.product_lists.get_or_load(category, load)
    }

    /// Returns the product `product`, if it is cached.
    #[must_use]
    pub fn get_product(&self, product: &ProductCode) -> Option<Arc<S::Product>> {
        self.products.get(product)
    }

    /// Returns the product `product`. If it is not cached, loads it with `load` and caches it.
    ///
    /// # Errors
    /// Returns the same errors as [`get_or_load_categories`](Self::get_or_load_categories).
    ///
    /// # Examples
    /// ```
    /// # use larder_product::doc::Product;
    /// # let shop = larder_product::doc::shop()?;
    /// # let database = |_: &_| Ok::<_, std::io::Error>(Product::new("MTN airtime", 100));
    /// let code = "MTNVTU".parse()?;
    /// let product = shop.get_or_load_product(&code, || database(&code))?;
    /// assert_eq!(product.price, 100);
    /// assert_eq!(shop.get_product(&code), Some(product));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn get_or_load_product<E, R>(
        &self,
        product: &ProductCode,
        load: impl FnOnce() -> Result<R, E>,
    ) -> Result<Arc<S::Product>, LoadError<E>>
    where
        R: Into<Arc<S::Product>>,
        E: Send + Sync + 'static,
    {
        self.products.get_or_load(product, load)
    }

    /// Returns the data package `data` of `product`, if it is cached.
    #[must_use]
    pub fn get_data_package(&self, product: &ProductCode, data: &DataCode) -> Option<Arc<S::DataPackage>> {
        self.data_packages.get(&(product, data))
    }

    /// Returns the data package `data` of `product`. If it is not cached, loads it with `load` and caches it.
    ///
    /// # Errors
    /// Returns the same errors as [`get_or_load_categories`](Self::get_or_load_categories).
    pub fn get_or_load_data_package<E, R>(
        &self,
        product: &ProductCode,
        data: &DataCode,
        load: impl FnOnce() -> Result<R, E>,
    ) -> Result<Arc<S::DataPackage>, LoadError<E>>
    where
        R: Into<Arc<S::DataPackage>>,
        E: Send + Sync + 'static,
    {
        self.data_packages.get_or_load(&(product, data), load)
    }

    /// Returns the list of the data packages of `product`, if it is cached.
    #[must_use]
    pub fn get_data_bundles(&self, product: &ProductCode) -> Option<Arc<S::DataBundles>> {
        self.data_bundles.get(product)
    }

    /// Returns the list of the data packages of `product`. If it is not cached, loads it with `load` and
    /// caches it.
    ///
    /// # Errors
    /// Returns the same errors as [`get_or_load_categories`](Self::get_or_load_categories).
    pub fn get_or_load_data_bundles<E, R>(
        &self,
        product: &ProductCode,
        load: impl FnOnce() -> Result<R, E>,
    ) -> Result<Arc<S::DataBundles>, LoadError<E>>
    where
        R: Into<Arc<S::DataBundles>>,
        E: Send + Sync + 'static,
    {
        self.data_bundles.get_or_load(product, load)
    }

    /// Returns the discount of `user` on `product`, if it is cached.
    #[must_use]
    pub fn get_merchant_discount(&self, user: UserId, product: &ProductCode) -> Option<Arc<S::Discount>> {
        self.merchant_discounts.get(&(user, product))
    }

    /// Returns the discount of `user` on `product`. If it is not cached, loads it with `load` and caches it.
    ///
    /// # Errors
    /// Returns the same errors as [`get_or_load_categories`](Self::get_or_load_categories).
    pub fn get_or_load_merchant_discount<E, R>(
        &self,
        user: UserId,
        product: &ProductCode,
        load: impl FnOnce() -> Result<R, E>,
    ) -> Result<Arc<S::Discount>, LoadError<E>>
    where
        R: Into<Arc<S::Discount>>,
        E: Send + Sync + 'static,
    {
        self.merchant_discounts.get_or_load(&(user, product), load)
    }

    /// Returns the result of the login of `merchant`, if it is cached. By default, it is cached only in
    /// memory.
    #[must_use]
    pub fn get_merchant_auth(&self, merchant: &MerchantCode) -> Option<Arc<S::Merchant>> {
        self.merchant_auth.get(merchant)
    }

    /// Returns the result of the login of `merchant`. If it is not cached, loads it with `load` and caches
    /// it. By default, it is cached only in memory.
    ///
    /// # Errors
    /// Returns the same errors as [`get_or_load_categories`](Self::get_or_load_categories).
    pub fn get_or_load_merchant_auth<E, R>(
        &self,
        merchant: &MerchantCode,
        load: impl FnOnce() -> Result<R, E>,
    ) -> Result<Arc<S::Merchant>, LoadError<E>>
    where
        R: Into<Arc<S::Merchant>>,
        E: Send + Sync + 'static,
    {
        self.merchant_auth.get_or_load(merchant, load)
    }
}
