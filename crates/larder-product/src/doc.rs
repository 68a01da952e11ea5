//! The shop that the documentation's examples and the unit tests run on. Not part of the interface.

use larder::Cache;
use serde::{Deserialize, Serialize};

use crate::{ProductCache, Shop};

/// A product of [`AirtimeShop`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// What customers read.
    pub name: String,
    /// In the smallest unit of money.
    pub price: u32,
}

impl Product {
    /// A product of this name and price.
    #[must_use]
    pub fn new(name: &str, price: u32) -> Self {
        Self { name: name.to_owned(), price }
    }
}

/// A shop with the plainest value types.
#[derive(Debug)]
pub struct AirtimeShop;

impl Shop for AirtimeShop {
    type Categories = Vec<String>;
    type ProductList = Vec<Product>;
    type Product = Product;
    type DataPackage = Product;
    type DataBundles = Vec<Product>;
    type Discount = u32;
    type Merchant = String;
}

/// The shop over a cache in memory.
///
/// # Errors
/// Those of [`larder::CacheBuilder::open`] and [`ProductCache::open`].
pub fn shop() -> Result<ProductCache<AirtimeShop>, larder::Error> {
    ProductCache::open(&Cache::builder().open()?)
}
