//! What tests need: a disk that fails on demand, and a way to larder's bytes.
//!
//! Behind the feature `test-util`, which no program needs. It is for tests, and may change without a new version.

#[doc(hidden)]
pub mod bytes;
mod volume;

pub use volume::{Failure, Loss, Operation, SimulatedVolume};
