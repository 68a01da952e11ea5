//! A record at the server that a load replaces.

use crate::engine::promotion::DecodedEntry;
use crate::sys::sync::Arc;
use crate::sys::user_code::HeldValue;
use crate::units::Timestamp;

pub(crate) struct ReplacedRecord<V> {
    pub(crate) bytes: Vec<u8>,
    pub(crate) value: HeldValue<Arc<V>>,
    pub(crate) expires_at: Timestamp,
}

impl<V> ReplacedRecord<V> {
    /// Returns `None` for an absence, which no load replaces.
    pub(crate) fn new(bytes: Vec<u8>, decoded: DecodedEntry<V>) -> Option<Box<Self>> {
        let expires_at = decoded.expires_at;
        let value = HeldValue::new(decoded.value.into_inner()?);
        Some(Box::new(Self { bytes, value, expires_at }))
    }
}
