//! Codes: what names a product, a category, a data package, a merchant or a user.
//!
//! A code is checked once, where it enters the program; from then on the type says that it is sound, and
//! mixing up two kinds does not compile. Whatever way a code comes in (text, serde, the cache's file), it
//! passes the same check.

mod error;
mod text;
mod user;

pub use error::CodeError;
pub use text::{CategoryCode, DataCode, MAX_CODE_LENGTH, MerchantCode, ProductCode};
pub use user::UserId;
