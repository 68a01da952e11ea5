//! Codes: the names of products, categories, data packages, merchants and users.
//!
//! A code is validated once, when the program reads or creates it. From then on, its type guarantees that it
//! is valid. Each kind of code has its own type, so a program that mixes up two kinds does not compile. Codes
//! from text, from serde and from the cache file are validated in the same way.

mod error;
mod limit;
mod text;
mod user;

pub use error::CodeError;
pub use limit::MAX_CODE_LENGTH;
pub use text::{CategoryCode, DataCode, MerchantCode, ProductCode};
pub use user::UserId;
