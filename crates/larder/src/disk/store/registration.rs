//! Describes a keyspace that is being opened, from its definition.

use super::keyspace_row::KeyspaceRow;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Registration {
    pub(crate) name: String,
    pub(crate) version: u32,
    pub(crate) shape: String,
    /// The format of the values: see [`super::keyspace_row`].
    pub(crate) format: u8,
    pub(crate) fingerprint: u64,
    pub(crate) schema: Option<String>,
}

impl Registration {
    /// Returns whether a definition with this registration can use the entries of the keyspace in this row.
    pub(super) fn is_served_by(&self, row: &KeyspaceRow) -> bool {
        let is_same_value =
            row.fingerprint == self.fingerprint || row.fingerprint == 0 || self.fingerprint == 0;
        row.version == self.version && row.shape == self.shape && row.format == self.format && is_same_value
    }
}
