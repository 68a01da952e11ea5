//! Invalidations: remove the entries that a change of the database makes stale, in one commit.
//!
//! Call a helper *after* the database has committed the change, and before your program reports the change as
//! done. A load that began before the removal may have read the old state; its value is returned, but not
//! cached. Each helper follows three rules:
//!
//! 1. It removes the entries of [`Change::plan`], in the order of the plan: sources before the entries
//!    derived from them. So a list that is built from an old product during the invalidation is removed too.
//! 2. All removals share one commit. They are durable when the call returns `Ok`. After a crash before that,
//!    the file may have only some of them.
//! 3. If the call returns [`Error::NotDurable`] or [`Error::Remote`], the entries are removed from memory,
//!    but may still be on disk or at the server. The caller must repeat the call. Otherwise the entries
//!    might reappear.

use larder::{Error, Invalidation};

use crate::cache::ProductCache;
use crate::cached_key::CachedKey;
use crate::change::Change;
use crate::code::{CategoryCode, DataCode, MerchantCode, ProductCode, UserId};
use crate::families::Shop;
use crate::family::Family;
use crate::own::key::FamilyKey;
use crate::plan::Plan;
use crate::selection::Selection;
use crate::spelled::SpelledKey;

impl<S: Shop> ProductCache<S> {
    /// Removes the entries that `change` makes stale. Returns the number of removed entries. The entries of a
    /// declared [range](larder::KeyspaceDefinition::range_parts) at a server are not counted.
    ///
    /// The removals share one commit, and are durable when the call returns `Ok`: no crash or reopening
    /// restores an entry. The value of a load that began earlier is returned, but not cached.
    ///
    /// # Errors
    /// Returns [`Error::NotDurable`] if the removals could not be committed *and* the file could not be put
    /// out of service. Returns [`Error::Remote`] if the server of a remote tier does not confirm its
    /// removals. Even then, the entries are removed from memory. Returns [`Error::Closed`],
    /// [`Error::Forked`] or [`Error::Reentrant`] if nothing was removed.
    ///
    /// # Cost
    /// Costs the same as [`Invalidation::commit`] with a removal for each step of the plan.
    ///
    /// # Examples
    /// ```
    /// use larder_product::Change;
    /// # use larder_product::doc::Product;
    /// # let shop = larder_product::doc::shop()?;
    /// let product = "MTNVTU".parse()?;
    /// shop.products().insert(&product, Product::new("MTN airtime", 100))?;
    /// assert_eq!(shop.invalidate(&Change::ProductRemoved(product))?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use = "an invalidation that failed must be handled: stale data may be served after a restart"]
    pub fn invalidate(&self, change: &Change) -> Result<u64, Error> {
        let mut stale = self.cache.invalidation();
        for step in self.plan(change).steps() {
            self.add(&mut stale, step.drops())?;
        }
        stale.commit()
    }

    /// Returns the entries that `change` makes stale, with the reasons, in the families of the shop and of
    /// the application. Removes nothing.
    ///
    /// # Examples
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # use larder_product::doc::AirtimeShop;
    /// # use larder_product::{Dependency, Families, OwnFamily, ProductCache, ProductCode};
    /// use larder_product::{Change, cascade::Row};
    ///
    /// const PRICE_TAGS: OwnFamily<(ProductCode, String), String> = OwnFamily::new(
    ///     KeyspaceDefinition::new("price_tag"),
    ///     &[Dependency::on_row(Row::Product).because("shows")],
    /// );
    /// # let families = Families::<AirtimeShop>::guide().with_own(&[&PRICE_TAGS])?;
    /// # let shop = ProductCache::open_with(&Cache::builder().open()?, families)?;
    /// let plan = shop.plan(&Change::Product(Some("MTNVTU".parse()?)));
    /// assert_eq!(plan.steps()[2].drops().to_string(), "price_tag_MTNVTU_*");
    /// assert_eq!(plan.steps()[2].why(), "shows product MTNVTU");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn plan(&self, change: &Change) -> Plan {
        Plan::of(change.clone(), &self.own)
    }

    /// Adds the removal for one step of a plan. Removes one key if all of its parts are known, otherwise a
    /// prefix, a pattern, or the whole family.
    fn add(&self, stale: &mut Invalidation, drops: &Selection) -> Result<(), Error> {
        let parts = drops.parts();
        match drops.family() {
            Family::Categories => FamilyKey::remove(&self.categories, parts, stale),
            Family::Products => FamilyKey::remove(&self.products, parts, stale),
            Family::ProductLists => FamilyKey::remove(&self.product_lists, parts, stale),
            Family::DataPackages => FamilyKey::remove(&self.data_packages, parts, stale),
            Family::DataBundles => FamilyKey::remove(&self.data_bundles, parts, stale),
            Family::MerchantDiscounts => FamilyKey::remove(&self.merchant_discounts, parts, stale),
            Family::MerchantAuth => FamilyKey::remove(&self.merchant_auth, parts, stale),
            Family::Own(own) => match self.open_own.iter().find(|open| open.id() == own) {
                Some(open) => open.remove(parts, stale),
                None => Ok(()),
            },
        }
    }

    /// Returns the keys of the live entries that `plan` would remove now, each once, in the order of the
    /// plan. The keys of one family are in key order. Removes nothing.
    ///
    /// # Cost
    /// Costs the same as [`keys`](Self::keys) of each family in the plan. These lookups do not count as
    /// uses.
    ///
    /// # Examples
    /// ```
    /// use larder_product::Change;
    /// # use larder_product::doc::Product;
    /// # let shop = larder_product::doc::shop()?;
    /// let product = "MTNVTU".parse()?;
    /// shop.products().insert(&product, Product::new("MTN airtime", 100))?;
    /// let plan = Change::ProductRemoved(product).plan();
    /// assert_eq!(shop.live(&plan)[0].to_string(), "product_MTNVTU");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn live(&self, plan: &Plan) -> Vec<CachedKey> {
        let mut families: Vec<Family> = plan.steps().iter().map(|step| step.drops().family()).collect();
        // The steps of one family are adjacent. Otherwise a family with two steps would be listed twice.
        families.dedup();
        let is_stale = |key: &CachedKey| plan.steps().iter().any(|step| key.is_in(step.drops()));
        families.into_iter().flat_map(|family| self.keys(family)).filter(is_stale).collect()
    }

    /// Returns the keys of a family's live entries, in key order.
    ///
    /// # Cost
    /// Costs the same as [`Keyspace::keys`](larder::Keyspace::keys).
    ///
    /// # Examples
    /// ```
    /// use larder_product::{Family, ProductCode, UserId};
    /// # let shop = larder_product::doc::shop()?;
    /// let product: ProductCode = "MTNVTU".parse()?;
    /// shop.merchant_discounts().insert(&(UserId::new(123)?, product), 5)?;
    /// let keys = shop.keys(Family::MerchantDiscounts);
    /// assert_eq!(keys[0].to_string(), "merchant_discount_123_MTNVTU");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn keys(&self, family: Family) -> Vec<CachedKey> {
        fn spelled<K>(keys: impl Iterator<Item = K>, spell: impl Fn(K) -> SpelledKey) -> Vec<CachedKey> {
            keys.map(|key| spell(key).into()).collect()
        }
        match family {
            Family::Categories => spelled(self.categories.keys(), |()| SpelledKey::Categories),
            Family::Products => spelled(self.products.keys(), SpelledKey::Product),
            Family::ProductLists => spelled(self.product_lists.keys(), SpelledKey::ProductList),
            Family::DataPackages => {
                spelled(self.data_packages.keys(), |(of, data)| SpelledKey::DataPackage(of, data))
            }
            Family::DataBundles => spelled(self.data_bundles.keys(), SpelledKey::DataBundles),
            Family::MerchantDiscounts => {
                let keys = self.merchant_discounts.keys();
                spelled(keys, |(user, product)| SpelledKey::MerchantDiscount(user, product))
            }
            Family::MerchantAuth => spelled(self.merchant_auth.keys(), SpelledKey::MerchantAuth),
            Family::Own(own) => {
                let open = self.open_own.iter().find(|open| open.id() == own);
                open.map(|open| open.keys()).unwrap_or_default()
            }
        }
    }

    /// Returns every family of the shop, then every family of the application, in the order of removal.
    ///
    /// # Examples
    /// ```
    /// # let shop = larder_product::doc::shop()?;
    /// assert_eq!(shop.families(), larder_product::Family::ALL); // no family of the application's own
    /// # Ok::<(), larder::Error>(())
    /// ```
    #[must_use]
    pub fn families(&self) -> Vec<Family> {
        Family::ALL.into_iter().chain(self.own.ids().map(Family::Own)).collect()
    }
}

/// Declares the helpers, which differ only in their [`Change`].
macro_rules! helpers {
    ($($(#[$doc:meta])* $name:ident($($part:ident: $kind:ty),*) => $change:expr;)*) => {
        /// The helpers of the guide, each for one [`Change`]. They have the same errors and costs as
        /// [`invalidate`](Self::invalidate), and return the number of removed entries.
        impl<S: Shop> ProductCache<S> {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// Returns the same errors as [`invalidate`](Self::invalidate).
                #[must_use = "an invalidation that failed must be handled: stale data may be served after a restart"]
                pub fn $name(&self, $($part: $kind),*) -> Result<u64, Error> {
                    self.invalidate(&$change)
                }
            )*
        }
    };
}

helpers! {
    /// Removes `product`, and every product list, because every list may have the product.
    ///
    /// # Examples
    /// ```
    /// # use larder_product::doc::Product;
    /// # let shop = larder_product::doc::shop()?;
    /// let (airtime, category) = ("MTNVTU".parse()?, "AIRTIME".parse()?);
    /// shop.products().insert(&airtime, Product::new("MTN airtime", 100))?;
    /// shop.product_lists().insert(&category, vec![Product::new("MTN airtime", 100)])?;
    ///
    /// assert_eq!(shop.invalidate_product_cache(&airtime)?, 2);
    /// assert!(shop.get_product_list(&category).is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    invalidate_product_cache(product: &ProductCode) => Change::Product(Some(product.clone()));

    /// Removes every product and every product list, for example after an import that adds or changes
    /// products. Does not count as a removal of products: entries that only a removal makes stale are kept.
    /// If the import also removed products, call
    /// [`invalidate_removed_product_cache`](Self::invalidate_removed_product_cache) for each of them.
    invalidate_all_products_cache() => Change::Product(None);

    /// Removes the entries of a product that the shop has removed: the product, every product list, its data
    /// packages and their list, and every discount on it.
    invalidate_removed_product_cache(product: &ProductCode) => Change::ProductRemoved(product.clone());

    /// Removes the list of active categories, and every product list, because any category may have changed.
    invalidate_product_category_cache() => Change::Category(None);

    /// Removes the list of active categories, and the list of the products of one category.
    invalidate_category_cache(category: &CategoryCode) => Change::Category(Some(category.clone()));

    /// Removes the data package `data` of `product`, and the list of the product's packages.
    invalidate_data_package_cache(product: &ProductCode, data: &DataCode) =>
        Change::DataPackage(Some(product.clone()), Some(data.clone()));

    /// Removes every data package of `product`, and the list of these packages.
    invalidate_data_packages_cache(product: &ProductCode) => Change::DataPackage(Some(product.clone()), None);

    /// Removes every data package of every product, and every list of data packages.
    invalidate_all_data_packages_cache() => Change::DataPackage(None, None);

    /// Removes the discount of `user` on `product`.
    invalidate_merchant_discount_cache(user: UserId, product: &ProductCode) =>
        Change::Discount(Some(user), Some(product.clone()));

    /// Removes every discount of `user`.
    invalidate_user_discounts_cache(user: UserId) => Change::Discount(Some(user), None);

    /// Removes the discounts of all users on `product`.
    invalidate_product_discounts_cache(product: &ProductCode) => Change::Discount(None, Some(product.clone()));

    /// Removes every discount.
    invalidate_all_merchant_discounts_cache() => Change::Discount(None, None);

    /// Removes the login of `merchant`.
    invalidate_merchant_auth_cache(merchant: &MerchantCode) => Change::Merchant(Some(merchant.clone()));

    /// Removes every login.
    invalidate_all_merchant_auth_cache() => Change::Merchant(None);
}

#[cfg(test)]
mod tests;
