//! Codes: the names of products, categories, data packages, merchants and users.
//!
//! A code is checked once, when it enters the program. After that its type says that it is valid, and a
//! program that mixes up two kinds does not compile. Text, serde and the cache's file all pass the same
//! check.

mod error;
mod limit;
mod text;
mod user;

pub use error::CodeError;
pub use limit::MAX_CODE_LENGTH;
pub use text::{CategoryCode, DataCode, MerchantCode, ProductCode};
pub use user::UserId;
