//! Invalidations: the guide's helpers, each dropping what an update made stale and what was derived from it.
//!
//! Call a helper *after* the database has committed the update: what a reader loads before the commit is
//! old, and a removal that comes earlier does not stop it from being cached. Two rules hold for all helpers:
//!
//! 1. What is derived goes after what it is derived from (lists after products), so that a list rebuilt from
//!    cached products in between is dropped as well.
//! 2. A step that fails does not stop those after it. Dropping too much costs a query; dropping too little
//!    serves stale data.

use larder::Error;

use crate::cache::ProductCache;
use crate::code::{DataCode, MerchantCode, ProductCode, UserId};
use crate::families::Shop;

impl<S: Shop> ProductCache<S> {
    /// Drops `product` and, since it may stand in any of them, every product list. Returns how many entries
    /// went.
    ///
    /// Durable when it returns: no crash or reopening brings an entry back, and a load that began earlier is
    /// answered but not cached.
    ///
    /// # Errors
    /// [`Error`] when a removal could not be made durable; the others were tried all the same.
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
    #[must_use = "an invalidation that failed must be handled: stale data may be served after a restart"]
    pub fn invalidate_product_cache(&self, product: &ProductCode) -> Result<u64, Error> {
        total([self.products.remove(product).map(u64::from), self.product_lists.clear()])
    }

    /// Drops the list of active categories and, since a category may have gone or changed its name, every
    /// product list. Returns how many entries went.
    ///
    /// # Errors
    /// As [`invalidate_product_cache`](Self::invalidate_product_cache).
    #[must_use = "an invalidation that failed must be handled: stale data may be served after a restart"]
    pub fn invalidate_product_category_cache(&self) -> Result<u64, Error> {
        total([self.categories.clear(), self.product_lists.clear()])
    }

    /// Drops the data package `data` of `product` and the product's bundle list. Returns how many entries
    /// went.
    ///
    /// # Errors
    /// As [`invalidate_product_cache`](Self::invalidate_product_cache).
    #[must_use = "an invalidation that failed must be handled: stale data may be served after a restart"]
    pub fn invalidate_data_package_cache(
        &self,
        product: &ProductCode,
        data: &DataCode,
    ) -> Result<u64, Error> {
        total([
            self.data_packages.remove(&(product, data)).map(u64::from),
            self.data_bundles.remove(product).map(u64::from),
        ])
    }

    /// Drops what `user` pays less for `product`. Returns how many entries went.
    ///
    /// # Errors
    /// As [`invalidate_product_cache`](Self::invalidate_product_cache).
    #[must_use = "an invalidation that failed must be handled: stale data may be served after a restart"]
    pub fn invalidate_merchant_discount_cache(
        &self,
        user: UserId,
        product: &ProductCode,
    ) -> Result<u64, Error> {
        self.merchant_discounts.remove(&(user, product)).map(u64::from)
    }

    /// Drops what the login of `merchant` yielded. Returns how many entries went.
    ///
    /// # Errors
    /// As [`invalidate_product_cache`](Self::invalidate_product_cache).
    #[must_use = "an invalidation that failed must be handled: a revoked login may be served"]
    pub fn invalidate_merchant_auth_cache(&self, merchant: &MerchantCode) -> Result<u64, Error> {
        self.merchant_auth.remove(merchant).map(u64::from)
    }
}

/// The entries dropped by steps that have all been tried, or the first error among them.
fn total<const STEPS: usize>(steps: [Result<u64, Error>; STEPS]) -> Result<u64, Error> {
    steps.into_iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::CategoryCode;
    use crate::doc::{AirtimeShop, Product, shop};

    fn product(code: &str) -> ProductCode {
        code.parse().unwrap()
    }

    fn category(code: &str) -> CategoryCode {
        code.parse().unwrap()
    }

    fn data(code: &str) -> DataCode {
        code.parse().unwrap()
    }

    /// A shop with two entries in every family that has room for two.
    fn stocked() -> ProductCache<AirtimeShop> {
        let shop = shop().unwrap();
        let item = Product::new("anything", 100);
        shop.categories.insert(&(), vec!["Airtime".to_owned()]).unwrap();
        for code in ["AIRTIME", "DATA"] {
            shop.product_lists.insert(&category(code), vec![item.clone()]).unwrap();
        }
        for code in ["MTNVTU", "MTNDATA"] {
            let code = product(code);
            shop.products.insert(&code, item.clone()).unwrap();
            shop.data_bundles.insert(&code, vec![item.clone()]).unwrap();
            for package in ["DATA_1GB", "DATA_2GB"] {
                shop.data_packages.insert(&(&code, data(package)), item.clone()).unwrap();
            }
            shop.merchant_discounts.insert(&(UserId::new(123).unwrap(), &code), 5).unwrap();
        }
        for code in ["ACME", "GLOBEX"] {
            let code: MerchantCode = code.parse().unwrap();
            shop.merchant_auth.insert(&code, "token".to_owned()).unwrap();
        }
        shop
    }

    /// How many entries each family holds, in the guide's order.
    fn held(shop: &ProductCache<AirtimeShop>) -> [u64; 7] {
        [
            shop.categories.len(),
            shop.product_lists.len(),
            shop.products.len(),
            shop.data_packages.len(),
            shop.data_bundles.len(),
            shop.merchant_discounts.len(),
            shop.merchant_auth.len(),
        ]
    }

    #[test]
    fn a_products_update_drops_the_product_and_every_product_list() {
        let shop = stocked();
        assert_eq!(shop.invalidate_product_cache(&product("MTNVTU")).unwrap(), 3);
        assert_eq!(held(&shop), [1, 0, 1, 4, 2, 2, 2]);
        assert!(shop.get_product(&product("MTNVTU")).is_none());
        assert!(shop.get_product(&product("MTNDATA")).is_some());
    }

    #[test]
    fn a_categories_update_drops_the_category_list_and_every_product_list() {
        let shop = stocked();
        assert_eq!(shop.invalidate_product_category_cache().unwrap(), 3);
        assert_eq!(held(&shop), [0, 0, 2, 4, 2, 2, 2]);
    }

    #[test]
    fn a_data_packages_update_drops_the_package_and_its_products_bundles() {
        let shop = stocked();
        let dropped = shop.invalidate_data_package_cache(&product("MTNDATA"), &data("DATA_1GB")).unwrap();
        assert_eq!(dropped, 2);
        assert_eq!(held(&shop), [1, 2, 2, 3, 1, 2, 2]);
        assert!(shop.get_data_bundles(&product("MTNVTU")).is_some());
        assert!(shop.get_data_package(&product("MTNDATA"), &data("DATA_2GB")).is_some());
    }

    #[test]
    fn a_discounts_update_drops_that_discount_alone() {
        let shop = stocked();
        let user = UserId::new(123).unwrap();
        assert_eq!(shop.invalidate_merchant_discount_cache(user, &product("MTNVTU")).unwrap(), 1);
        assert_eq!(held(&shop), [1, 2, 2, 4, 2, 1, 2]);
        assert_eq!(shop.invalidate_merchant_discount_cache(user, &product("MTNVTU")).unwrap(), 0);
    }

    #[test]
    fn a_merchants_update_drops_that_login_alone() {
        let shop = stocked();
        assert_eq!(shop.invalidate_merchant_auth_cache(&"ACME".parse().unwrap()).unwrap(), 1);
        assert_eq!(held(&shop), [1, 2, 2, 4, 2, 2, 1]);
    }

    #[test]
    fn codes_that_collide_as_strings_are_entries_of_their_own() {
        let shop = shop().unwrap();
        shop.categories.insert(&(), vec!["Airtime".to_owned()]).unwrap();
        shop.products.insert(&product("categories_active"), Product::new("oddly named", 1)).unwrap();
        assert_eq!(shop.get_categories().unwrap().len(), 1);

        let (a, a_b, b_c, c) = (product("A"), product("A_B"), data("B_C"), data("C"));
        shop.data_packages.insert(&(&a, &b_c), Product::new("of A", 1)).unwrap();
        shop.data_packages.insert(&(&a_b, &c), Product::new("of A_B", 2)).unwrap();
        assert_eq!(shop.get_data_package(&a, &b_c).unwrap().price, 1);
        assert_eq!(shop.get_data_package(&a_b, &c).unwrap().price, 2);
    }
}
