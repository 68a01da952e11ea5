//! The catalog of the shop: categories, products, merchants, users and their codes, and the dependencies
//! between them.
//!
//! Requests and changes name rows by number, because numbers can be drawn from a distribution. Lower
//! numbers are more popular. The codes of products do not follow the order of the numbers, so popular
//! products are scattered over the database, as in a real shop.

use larder_product::{CategoryCode, CodeError, DataCode, MerchantCode, ProductCode, UserId};
use serde::{Deserialize, Serialize};

pub(crate) const CATEGORIES: usize = 50;
/// Number of products, spread evenly over the categories.
pub(crate) const PRODUCTS: usize = 20_000;
/// Number of products that have data packages: one in twenty.
pub(crate) const DATA_PRODUCTS: usize = PRODUCTS / DATA_PRODUCT_EVERY;
/// Number of data packages of each product that has any.
pub(crate) const PACKAGES_EACH: usize = 8;
pub(crate) const DATA_PACKAGES: usize = DATA_PRODUCTS * PACKAGES_EACH;
pub(crate) const MERCHANTS: usize = 40;
/// Number of users with discounts.
pub(crate) const USERS: usize = 200;
/// Number of all discounts: every user has a discount on each of the twenty most popular products.
pub(crate) const DISCOUNTS: usize = USERS * 20;

const DATA_PRODUCT_EVERY: usize = 20;
/// Factor that scatters numbers over codes. It has no common divisor above 1 with `PRODUCTS`. Otherwise two
/// numbers would have the same code.
const SCATTER: usize = 7919;

/// The subject of a request. A number names its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Subject {
    Categories,
    ProductList(usize),
    Product(usize),
    DataPackage(usize),
    DataBundles(usize),
    Discount(usize),
    Merchant(usize),
}

/// A change of the database. A number names the changed row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Category(usize),
    Product(usize),
    DataPackage(usize),
    Discount(usize),
    Merchant(usize),
}

impl Change {
    /// Returns the subjects whose answers this change affects.
    pub(crate) fn subjects(self) -> impl Iterator<Item = Subject> {
        let (changed, derived) = match self {
            Self::Category(category) => (Subject::Categories, Some(Subject::ProductList(category))),
            Self::Product(product) => {
                (Subject::Product(product), Some(Subject::ProductList(category_of(product))))
            }
            Self::DataPackage(package) => {
                (Subject::DataPackage(package), Some(Subject::DataBundles(data_product_of(package))))
            }
            Self::Discount(discount) => (Subject::Discount(discount), None),
            Self::Merchant(merchant) => (Subject::Merchant(merchant), None),
        };
        [Some(changed), derived].into_iter().flatten()
    }
}

pub(crate) const fn category_of(product: usize) -> usize {
    product % CATEGORIES
}

/// Returns the product of a data package, as a position among the products with data packages.
pub(crate) const fn data_product_of(package: usize) -> usize {
    package / PACKAGES_EACH
}

/// The codes of the shop, by number.
#[derive(Debug)]
pub(crate) struct Catalog {
    categories: Vec<CategoryCode>,
    products: Vec<ProductCode>,
    packages: Vec<DataCode>,
    merchants: Vec<MerchantCode>,
    users: Vec<UserId>,
}

#[expect(clippy::indexing_slicing, reason = "numbers are drawn below the constants that size these lists")]
impl Catalog {
    pub(crate) fn new() -> Result<Self, CodeError> {
        let scattered = |number: usize| number * SCATTER % PRODUCTS;
        Ok(Self {
            categories: (0..CATEGORIES)
                .map(|n| CategoryCode::new(format!("CATEGORY_{n:02}")))
                .collect::<Result<_, _>>()?,
            products: (0..PRODUCTS)
                .map(|n| ProductCode::new(format!("SKU_{:05}", scattered(n))))
                .collect::<Result<_, _>>()?,
            packages: (0..PACKAGES_EACH)
                .map(|n| DataCode::new(format!("DATA_{}GB", 1 << n)))
                .collect::<Result<_, _>>()?,
            merchants: (0..MERCHANTS)
                .map(|n| MerchantCode::new(format!("MERCHANT_{n:02}")))
                .collect::<Result<_, _>>()?,
            users: (1..).take(USERS).map(UserId::new).collect::<Result<_, _>>()?,
        })
    }

    pub(crate) fn category(&self, category: usize) -> &CategoryCode {
        &self.categories[category]
    }

    pub(crate) fn product(&self, product: usize) -> &ProductCode {
        &self.products[product]
    }

    /// Returns the code of the product at the position `data_product` among the products with data packages.
    pub(crate) fn data_product(&self, data_product: usize) -> &ProductCode {
        self.product(data_product * DATA_PRODUCT_EVERY)
    }

    pub(crate) fn data_package(&self, package: usize) -> (&ProductCode, &DataCode) {
        (self.data_product(data_product_of(package)), &self.packages[package % PACKAGES_EACH])
    }

    pub(crate) fn discount(&self, discount: usize) -> (UserId, &ProductCode) {
        (self.users[discount % USERS], self.product(discount / USERS))
    }

    pub(crate) fn merchant(&self, merchant: usize) -> &MerchantCode {
        &self.merchants[merchant]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn everything_has_a_code_of_its_own() {
        let catalog = Catalog::new().unwrap();
        let products: HashSet<_> = (0..PRODUCTS).map(|n| catalog.product(n)).collect();
        let packages: HashSet<_> = (0..DATA_PACKAGES).map(|n| catalog.data_package(n)).collect();
        let discounts: HashSet<_> = (0..DISCOUNTS).map(|n| catalog.discount(n)).collect();
        assert_eq!((products.len(), packages.len(), discounts.len()), (PRODUCTS, DATA_PACKAGES, DISCOUNTS));
    }

    #[test]
    fn a_change_affects_the_subjects_that_read_the_changed_row() {
        let subjects = |change: Change| change.subjects().collect::<Vec<_>>();
        assert_eq!(subjects(Change::Product(51)), [Subject::Product(51), Subject::ProductList(1)]);
        assert_eq!(subjects(Change::DataPackage(17)), [Subject::DataPackage(17), Subject::DataBundles(2)]);
        assert_eq!(subjects(Change::Category(3)), [Subject::Categories, Subject::ProductList(3)]);
        assert_eq!(subjects(Change::Discount(9)), [Subject::Discount(9)]);
    }
}
