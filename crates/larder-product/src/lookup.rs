//! Lookups: for each family, the cached value, or the cached value loaded when it is missing.
//!
//! A lookup never fails for the cache's sake: a damaged record or an ailing disk is a miss. A load runs once
//! however many threads ask for the same key, and its error reaches all of them.

use std::sync::Arc;

use larder::LoadError;

use crate::cache::ProductCache;
use crate::code::{CategoryCode, DataCode, MerchantCode, ProductCode, UserId};
use crate::families::Shop;

impl<S: Shop> ProductCache<S> {
    /// The list of active categories, if it is cached.
    #[must_use]
    pub fn get_categories(&self) -> Option<Arc<S::Categories>> {
        self.categories.get(&())
    }

    /// The list of active categories, from `load` if it is not cached.
    ///
    /// # Errors
    /// Those of [`Keyspace::get_or_load`](larder::Keyspace::get_or_load): the loader's error, its panic, or a
    /// loader that asks for its own key.
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

    /// The products of `category`, if they are cached.
    #[must_use]
    pub fn get_product_list(&self, category: &CategoryCode) -> Option<Arc<S::ProductList>> {
        self.product_lists.get(category)
    }

    /// The products of `category`, from `load` if they are not cached.
    ///
    /// # Errors
    /// As [`get_or_load_categories`](Self::get_or_load_categories).
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

    /// The product `product`, if it is cached.
    #[must_use]
    pub fn get_product(&self, product: &ProductCode) -> Option<Arc<S::Product>> {
        self.products.get(product)
    }

    /// The product `product`, from `load` if it is not cached.
    ///
    /// # Errors
    /// As [`get_or_load_categories`](Self::get_or_load_categories).
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

    /// The data package `data` of `product`, if it is cached.
    #[must_use]
    pub fn get_data_package(&self, product: &ProductCode, data: &DataCode) -> Option<Arc<S::DataPackage>> {
        self.data_packages.get(&(product, data))
    }

    /// The data package `data` of `product`, from `load` if it is not cached.
    ///
    /// # Errors
    /// As [`get_or_load_categories`](Self::get_or_load_categories).
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

    /// The list of the data packages of `product`, if it is cached.
    #[must_use]
    pub fn get_data_bundles(&self, product: &ProductCode) -> Option<Arc<S::DataBundles>> {
        self.data_bundles.get(product)
    }

    /// The list of the data packages of `product`, from `load` if it is not cached.
    ///
    /// # Errors
    /// As [`get_or_load_categories`](Self::get_or_load_categories).
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

    /// What `user` pays less for `product`, if it is cached.
    #[must_use]
    pub fn get_merchant_discount(&self, user: UserId, product: &ProductCode) -> Option<Arc<S::Discount>> {
        self.merchant_discounts.get(&(user, product))
    }

    /// What `user` pays less for `product`, from `load` if it is not cached.
    ///
    /// # Errors
    /// As [`get_or_load_categories`](Self::get_or_load_categories).
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

    /// What the login of `merchant` yields, if it is cached. Never read from a disk.
    #[must_use]
    pub fn get_merchant_auth(&self, merchant: &MerchantCode) -> Option<Arc<S::Merchant>> {
        self.merchant_auth.get(merchant)
    }

    /// What the login of `merchant` yields, from `load` if it is not cached. Never written to a disk.
    ///
    /// # Errors
    /// As [`get_or_load_categories`](Self::get_or_load_categories).
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
