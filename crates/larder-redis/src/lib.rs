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
#[cfg(any(test, feature = "test-util"))]
pub mod testing;
mod tier;

pub use connection::validity::Tracking;
pub use error::Error;
pub use settings::{
    DEFAULT_CONNECT_TIMEOUT, DEFAULT_REQUEST_TIMEOUT, DEFAULT_STALENESS, MAX_STALENESS, MIN_STALENESS,
};
pub use tier::RedisTier;
