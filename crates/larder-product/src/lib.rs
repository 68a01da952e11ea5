//! The product key schema: a shop's cached families, over [`larder`].
//!
//! A shop caches seven things: its active categories, the products of a category, a product, a data
//! package, the data bundles of a product, a merchant's discount and a merchant's login. This crate names
//! their keys, their lifetimes and what an update of one makes stale in another, so that every service of
//! the shop agrees on all three. The values stay the application's own types.
//!
//! | family | key | TTL | dropped by |
//! |---|---|---|---|
//! | categories | none: one entry | 2 h | [`invalidate_product_category_cache`](ProductCache::invalidate_product_category_cache) |
//! | product lists | [`CategoryCode`] | 30 min | the same, and [`invalidate_product_cache`](ProductCache::invalidate_product_cache) |
//! | products | [`ProductCode`] | 1 h | [`invalidate_product_cache`](ProductCache::invalidate_product_cache) |
//! | data packages | ([`ProductCode`], [`DataCode`]) | 1 h | [`invalidate_data_package_cache`](ProductCache::invalidate_data_package_cache) |
//! | data bundles | [`ProductCode`] | 1 h | [`invalidate_data_package_cache`](ProductCache::invalidate_data_package_cache) |
//! | merchant discounts | ([`UserId`], [`ProductCode`]) | 5 min | [`invalidate_merchant_discount_cache`](ProductCache::invalidate_merchant_discount_cache) |
//! | merchant authentication, in memory only | [`MerchantCode`] | 5 min | [`invalidate_merchant_auth_cache`](ProductCache::invalidate_merchant_auth_cache) |
//!
//! Keys are structural, so no two of them collide: a product with the code `categories_active` is not the
//! category list, and the packages (`A`, `B_C`) and (`A_B`, `C`) are two entries.
//!
//! # Examples
//! An application names its value types once, opens the cache and asks:
//! ```
//! use larder::Cache;
//! use larder_product::{ProductCache, ProductCode, Shop};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Product {
//!     name: String,
//!     price: u32,
//! }
//!
//! # #[derive(Serialize, Deserialize)] struct Category;
//! # #[derive(Serialize, Deserialize)] struct DataPackage;
//! # #[derive(Serialize, Deserialize)] struct Discount;
//! # #[derive(Serialize, Deserialize)] struct Login;
//! #[derive(Debug)]
//! struct AirtimeShop;
//!
//! impl Shop for AirtimeShop {
//!     type Categories = Vec<Category>;
//!     type ProductList = Vec<Product>;
//!     type Product = Product;
//!     type DataPackage = DataPackage;
//!     type DataBundles = Vec<DataPackage>;
//!     type Discount = Discount;
//!     type Merchant = Login;
//! }
//!
//! # struct Database;
//! # impl Database {
//! #     fn product(&self, _: &ProductCode) -> Result<Product, std::io::Error> {
//! #         Ok(Product { name: "MTN airtime".into(), price: 100 })
//! #     }
//! # }
//! # let database = Database;
//! let cache = Cache::builder().open()?; // with `.path("var/shop.larder")`, entries outlive the process
//! let shop = ProductCache::<AirtimeShop>::open(&cache)?;
//!
//! let code: ProductCode = "MTNVTU".parse()?;
//! let product = shop.get_or_load_product(&code, || database.product(&code))?;
//! assert_eq!(product.name, "MTN airtime");
//!
//! // After an update of the database:
//! shop.invalidate_product_cache(&code)?;
//! assert!(shop.get_product(&code).is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod cache;
mod code;
#[doc(hidden)]
pub mod doc;
mod families;
mod invalidate;
mod lookup;

pub use cache::ProductCache;
pub use code::{CategoryCode, CodeError, DataCode, MAX_CODE_LENGTH, MerchantCode, ProductCode, UserId};
pub use families::{Families, Shop, Value, ttl};
