//! What a test needs to have a cache in its hands: a disk that fails on demand. (Feature `test-util`.)

mod volume;

pub use volume::{Failure, Loss, Operation, SimulatedVolume};
