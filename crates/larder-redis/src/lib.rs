#![forbid(unsafe_code)]
#![cfg(unix)]
//! Redis or Valkey as the shared tier of [`larder`] caches on several machines.

mod address;
mod clock;
mod connection;
mod error;
mod protocol;
mod random;
mod settings;
mod tier;
#[cfg(any(test, feature = "test-util"))]
pub mod testing;

pub use connection::validity::Tracking;
pub use error::Error;
pub use settings::Timing;
pub use tier::RedisTier;
