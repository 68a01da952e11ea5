//! The product key schema: a shop's cached families, over [`larder`].
//!
//! A shop caches seven families of values: its active categories, the products of a category, a product, a
//! data package, the data bundles of a product, a merchant's discount and a merchant's login. This crate
//! defines their keys, their TTLs, and which entries a change makes stale, so that every service of the shop
//! agrees on all three. The values are the application's own types.
//!
//! | family | key | spelled | TTL |
//! |---|---|---|---|
//! | categories | none: one entry | `product_categories_active` | 2 h |
//! | product lists | [`CategoryCode`] | `products_category_{category}` | 30 min |
//! | products | [`ProductCode`] | `product_{product}` | 1 h |
//! | data packages | ([`ProductCode`], [`DataCode`]) | `data_package_{product}_{data}` | 1 h |
//! | data bundles | [`ProductCode`] | `data_bundles_{product}` | 1 h |
//! | merchant discounts | ([`UserId`], [`ProductCode`]) | `merchant_discount_{user}_{product}` | 5 min |
//! | merchant authentication, in memory only | [`MerchantCode`] | `merchant_auth_{merchant}` | 5 min |
//!
//! Keys are structural, so no two of them collide: a product with the code `categories_active` is not the
//! category list, and the packages (`A`, `B_C`) and (`A_B`, `C`) are two entries. [`SpelledKey`] is the same
//! key as text for people, and is unambiguous as well.
//!
//! The entries that a [`Change`] of the database makes stale are declared as data ([`cascade`]).
//! [`Change::plan`] shows them without removing anything. [`ProductCache::invalidate`], or a helper with the
//! guide's name, removes them with one durable commit.
//!
//! # Examples
//! An application names its value types once, opens the cache and looks up products:
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
pub mod cascade;
mod change;
mod code;
#[doc(hidden)]
pub mod doc;
mod families;
mod family;
mod family_options;
mod invalidate;
mod key_spelling;
mod lookup;
mod plan;
mod selection;
mod spelled;

pub use cache::ProductCache;
pub use change::Change;
pub use code::{CategoryCode, CodeError, DataCode, MAX_CODE_LENGTH, MerchantCode, ProductCode, UserId};
pub use families::{Families, SCHEMA, Shop, Value, ttl};
pub use family::Family;
pub use family_options::{FAMILIES_VARIABLE, FamilyOptionError};
pub use key_spelling::ProductKeySpelling;
pub use plan::{Plan, Step};
pub use selection::{Part, Selection};
pub use spelled::{SpelledKey, SpelledKeyError};
