//! The product key schema: the cached families of a shop, in a [`larder`] cache.
//!
//! A shop caches seven families of values: its active categories, the products of a category, a product, a
//! data package, the data bundles of a product, a merchant's discount and a merchant's login. This crate
//! defines their keys, their TTLs, and which entries each change makes stale, so that every service of the
//! shop uses the same definitions. The application defines the value types.
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
//! Keys are structured, so two different keys never collide. A product with the code `categories_active` is
//! not the category list, and the packages (`A`, `B_C`) and (`A_B`, `C`) are two entries. [`SpelledKey`] is a
//! key as text for people, which is unambiguous too.
//!
//! The table in [`cascade`] declares which entries a [`Change`] of the database makes stale. [`Change::plan`]
//! returns these entries without removing them. [`ProductCache::invalidate`] and the helpers named in the
//! guide remove them with one durable commit.
//!
//! An application may add its own families ([`OwnFamily`]). An invalidation also removes their stale entries,
//! in the same commit.
//!
//! With the feature `inspect`, `ProductKeySpelling` provides the text form of the keys for tools that read a
//! cache file.
//!
//! # Examples
//! An application declares its value types once, opens the cache and looks up products:
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
mod cached_key;
pub mod cascade;
mod change;
mod code;
#[doc(hidden)]
pub mod doc;
mod families;
mod family;
mod family_options;
mod invalidate;
#[cfg(feature = "inspect")]
mod key_spelling;
mod lookup;
mod own;
mod part;
mod plan;
mod selection;
mod spelled;
mod ttl_text;
mod value;

pub use cache::ProductCache;
pub use cached_key::CachedKey;
pub use change::Change;
pub use code::{CategoryCode, CodeError, DataCode, MAX_CODE_LENGTH, MerchantCode, ProductCode, UserId};
pub use families::{Families, SCHEMA, Shop, ttl};
pub use family::{Family, OwnFamilyId};
pub use family_options::{FAMILIES_VARIABLE, FamilyOptionError};
#[cfg(feature = "inspect")]
pub use key_spelling::ProductKeySpelling;
pub use own::definition::{AnyOwnFamily, Dependency, OwnFamily};
pub use own::error::OwnFamilyError;
pub use own::key::{FamilyKey, FamilyKeyPart};
pub use own::registered::MAX_OWN_FAMILIES;
pub use part::Part;
pub use plan::{Plan, Step};
pub use selection::Selection;
pub use spelled::{SpelledKey, SpelledKeyError};
pub use value::Value;
