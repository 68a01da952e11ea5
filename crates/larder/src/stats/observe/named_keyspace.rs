//! The name of a keyspace and the shape of its keys, for reporting samples.

use crate::format::key::shape::KeyShape;
use crate::format::key::spelling::spell_hex;

#[derive(Debug, Clone)]
pub(crate) struct NamedKeyspace {
    pub(crate) name: String,
    pub(crate) shape: Option<KeyShape>,
}

impl NamedKeyspace {
    /// Returns a key as text. `key` does not include the keyspace's number.
    pub(crate) fn spell(&self, key: &[u8]) -> String {
        self.shape.as_ref().map_or_else(|| spell_hex(key), |shape| shape.spell_key(key))
    }
}
