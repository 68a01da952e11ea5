//! Sizes in bytes and points in time, as types with a unit.

mod byte_size;
mod remaining;
mod timestamp;

pub(crate) use byte_size::SIZE_FORM;
pub use byte_size::{ByteSize, ParseByteSizeError};
pub use remaining::Remaining;
pub use timestamp::Timestamp;
pub(crate) use timestamp::millis;
