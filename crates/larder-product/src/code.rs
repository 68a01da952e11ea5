//! Codes: the names of products, categories, data packages, merchants and users.
//!
//! A code is checked once, when the program reads or creates it. After that, its type guarantees that it is
//! valid. Each kind of code has its own type, so a program that mixes up two kinds does not compile. Codes
//! from text, from serde and from the cache's file pass the same check.

mod error;
mod limit;
mod text;
mod user;

pub use error::CodeError;
pub use limit::MAX_CODE_LENGTH;
pub use text::{CategoryCode, DataCode, MerchantCode, ProductCode};
pub use user::UserId;
