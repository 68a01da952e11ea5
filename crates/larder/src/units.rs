//! Sizes in bytes and points in time, as types with a unit.

mod byte_size;
mod timestamp;

pub(crate) use byte_size::SIZE_FORM;
pub use byte_size::{ByteSize, ParseByteSizeError};
pub use timestamp::Timestamp;
pub(crate) use timestamp::millis;
