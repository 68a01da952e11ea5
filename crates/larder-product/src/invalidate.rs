//! Invalidations: a change of the database removes from the cache what its plan names, with one commit.
//!
//! Call a helper *after* the database has committed the change, and before telling anyone that it is made: a
//! load that has read the old state is answered, but not cached, if it overlaps the removal. Three rules hold
//! for all of them:
//!
//! 1. What goes is what [`Change::plan`] says, in its order: sources before what is derived from them, so
//!    that a list which is rebuilt in between from an old product is removed as well.
//! 2. All of it is durable when the call returns `Ok`, by one commit.
//! 3. With an error all of it is gone from memory, and the call is to be repeated: after a restart the disk
//!    might serve it again.

use larder::{Any, Error, Invalidation};

use crate::cache::ProductCache;
use crate::change::Change;
use crate::code::{CategoryCode, DataCode, MerchantCode, ProductCode, UserId};
use crate::families::Shop;
use crate::family::Family;
use crate::plan::Plan;
use crate::selection::{Parts, Selection};
use crate::spelled::SpelledKey;

impl<S: Shop> ProductCache<S> {
    /// Removes what `change` makes stale. Returns how many entries went.
    ///
    /// Durable when it returns: no crash or reopening brings an entry back, and a load that began earlier is
    /// answered but not cached. All removals are made with one commit.
    ///
    /// # Errors
    /// [`Error::NotDurable`] when the removals could not be committed *and* the file could not be put out of
    /// service; memory is clean either way. [`Error::Closed`].
    ///
    /// # Cost
    /// One commit, shared with whoever else waits for one; a selection with a `*` in it costs one pass over
    /// the entries in memory as well.
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
        for step in change.plan().steps() {
            self.add(&mut stale, step.drops())?;
        }
        stale.commit()
    }

    /// Adds one step of a plan: a key where its parts are known, else a pattern, else all of the family.
    fn add(&self, stale: &mut Invalidation, drops: &Selection) -> Result<(), Error> {
        let Parts { category, product, data, user, merchant } = drops.parts();
        match (drops.family(), product) {
            (Family::Categories, _) => stale.clear(&self.categories),
            (Family::Products, Some(product)) => stale.remove(&self.products, product)?,
            (Family::Products, None) => stale.clear(&self.products),
            (Family::ProductLists, _) => match category {
                Some(category) => stale.remove(&self.product_lists, category)?,
                None => stale.clear(&self.product_lists),
            },
            (Family::DataPackages, product) => match (product, data) {
                (Some(product), Some(data)) => stale.remove(&self.data_packages, &(product, data))?,
                (Some(product), None) => stale.remove_prefix(&self.data_packages, (product,)),
                (None, Some(data)) => stale.remove_matching(&self.data_packages, (Any, data))?,
                (None, None) => stale.clear(&self.data_packages),
            },
            (Family::DataBundles, Some(product)) => stale.remove(&self.data_bundles, product)?,
            (Family::DataBundles, None) => stale.clear(&self.data_bundles),
            (Family::MerchantDiscounts, product) => match (user, product) {
                (Some(user), Some(product)) => stale.remove(&self.merchant_discounts, &(user, product))?,
                (Some(user), None) => stale.remove_prefix(&self.merchant_discounts, (user,)),
                (None, Some(product)) => stale.remove_matching(&self.merchant_discounts, (Any, product))?,
                (None, None) => stale.clear(&self.merchant_discounts),
            },
            (Family::MerchantAuth, _) => match merchant {
                Some(merchant) => stale.remove(&self.merchant_auth, merchant)?,
                None => stale.clear(&self.merchant_auth),
            },
        };
        Ok(())
    }

    /// The live entries that `plan` would remove, in its order: the dry run of this cache, as it stands.
    ///
    /// # Cost
    /// One lookup for each live entry of the families in the plan; nothing counts as a use.
    ///
    /// # Examples
    /// ```
    /// use larder_product::Change;
    /// # use larder_product::doc::Product;
    /// # let shop = larder_product::doc::shop()?;
    /// let product = "MTNVTU".parse()?;
    /// shop.products().insert(&product, Product::new("MTN airtime", 100))?;
    /// let plan = Change::ProductRemoved(product).plan();
    /// assert_eq!(shop.live(&plan), ["product_MTNVTU".parse()?]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn live(&self, plan: &Plan) -> Vec<SpelledKey> {
        let in_step = |drops: &Selection| {
            let mut keys = self.keys(drops.family());
            keys.retain(|key| drops.covers(key));
            keys
        };
        plan.steps().iter().flat_map(|step| in_step(step.drops())).collect()
    }

    /// The keys of a family's live entries, in key order.
    ///
    /// # Cost
    /// One lookup for each.
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
    pub fn keys(&self, family: Family) -> Vec<SpelledKey> {
        match family {
            Family::Categories => self.categories.keys().map(|()| SpelledKey::Categories).collect(),
            Family::Products => self.products.keys().map(SpelledKey::Product).collect(),
            Family::ProductLists => self.product_lists.keys().map(SpelledKey::ProductList).collect(),
            Family::DataPackages => {
                self.data_packages.keys().map(|(of, data)| SpelledKey::DataPackage(of, data)).collect()
            }
            Family::DataBundles => self.data_bundles.keys().map(SpelledKey::DataBundles).collect(),
            Family::MerchantDiscounts => {
                let keys = self.merchant_discounts.keys();
                keys.map(|(user, product)| SpelledKey::MerchantDiscount(user, product)).collect()
            }
            Family::MerchantAuth => self.merchant_auth.keys().map(SpelledKey::MerchantAuth).collect(),
        }
    }
}

/// Declares the helpers; they differ in the change that each stands for.
macro_rules! helpers {
    ($($(#[$doc:meta])* $name:ident($($part:ident: $kind:ty),*) => $change:expr;)*) => {
        /// The guide's helpers, each for one [`Change`]. Errors and cost are those of
        /// [`invalidate`](Self::invalidate); all return how many entries went.
        impl<S: Shop> ProductCache<S> {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// Those of [`invalidate`](Self::invalidate).
                #[must_use = "an invalidation that failed must be handled: stale data may be served after a restart"]
                pub fn $name(&self, $($part: $kind),*) -> Result<u64, Error> {
                    self.invalidate(&$change)
                }
            )*
        }
    };
}

helpers! {
    /// Drops `product` and, since it may stand in any of them, every product list.
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

    /// Drops every product and every product list: after an import.
    invalidate_all_products_cache() => Change::Product(None);

    /// Drops all that is cached of a product which was removed from the shop: the product, every product list,
    /// its data packages and their list, and every discount on it.
    invalidate_removed_product_cache(product: &ProductCode) => Change::ProductRemoved(product.clone());

    /// Drops the list of active categories and, since any category may have changed, every product list.
    invalidate_product_category_cache() => Change::Category(None);

    /// Drops what is cached of one category: the list that names it, and the list of its products.
    invalidate_category_cache(category: &CategoryCode) => Change::Category(Some(category.clone()));

    /// Drops the data package `data` of `product`, and the list of the product's packages.
    invalidate_data_package_cache(product: &ProductCode, data: &DataCode) =>
        Change::DataPackage(Some(product.clone()), Some(data.clone()));

    /// Drops every data package of `product`, and their list.
    invalidate_data_packages_cache(product: &ProductCode) => Change::DataPackage(Some(product.clone()), None);

    /// Drops every data package of every product, and their lists.
    invalidate_all_data_packages_cache() => Change::DataPackage(None, None);

    /// Drops what `user` pays less for `product`.
    invalidate_merchant_discount_cache(user: UserId, product: &ProductCode) =>
        Change::Discount(Some(user), Some(product.clone()));

    /// Drops every discount of `user`.
    invalidate_user_discounts_cache(user: UserId) => Change::Discount(Some(user), None);

    /// Drops every discount on `product`, whoever has it.
    invalidate_product_discounts_cache(product: &ProductCode) => Change::Discount(None, Some(product.clone()));

    /// Drops every discount.
    invalidate_all_merchant_discounts_cache() => Change::Discount(None, None);

    /// Drops what the login of `merchant` yielded.
    invalidate_merchant_auth_cache(merchant: &MerchantCode) => Change::Merchant(Some(merchant.clone()));

    /// Drops what every login yielded.
    invalidate_all_merchant_auth_cache() => Change::Merchant(None);
}

#[cfg(test)]
mod tests;
