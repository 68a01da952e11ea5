//! A shop for the examples in the documentation and for tests. Not part of the public interface.

use larder::Cache;
use serde::{Deserialize, Serialize};

use crate::{ProductCache, Shop};

/// A product of [`AirtimeShop`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// The name that customers see.
    pub name: String,
    /// The price, in the smallest unit of the currency.
    pub price: u32,
}

impl Product {
    /// Returns a product with this name and price.
    #[must_use]
    pub fn new(name: &str, price: u32) -> Self {
        Self { name: name.to_owned(), price }
    }
}

/// A shop with simple value types.
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

/// Opens the shop on a cache in memory.
///
/// # Errors
/// Returns the same errors as [`larder::CacheBuilder::open`] and [`ProductCache::open`].
pub fn shop() -> Result<ProductCache<AirtimeShop>, larder::Error> {
    ProductCache::open(&Cache::builder().open()?)
}
