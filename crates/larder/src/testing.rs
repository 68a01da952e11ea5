//! What larder's own harnesses drive: internals, for tests outside of this crate.
//!
//! Behind the feature `test-util`, which no program needs. It is not part of the interface: it changes without a version.

pub mod bytes;
