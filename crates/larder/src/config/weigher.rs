//! A weigher: a function of the application that returns the weight of an entry in memory.

use std::any::Any;
use std::fmt;

use crate::sys::sync::Arc;

/// What a [`weigher`](crate::CacheBuilder::weigher) knows about an entry.
///
/// Lengths are plain numbers, because a weigher calculates with them.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct EntryInfo<'a> {
    /// Name of the keyspace.
    pub keyspace: &'a str,
    /// Length of the encoded key, in bytes.
    pub key_len: usize,
    /// Length of the encoded value, in bytes. Zero for an absence.
    pub encoded_len: usize,
    /// The value. Its type is the value type of the keyspace. `None` for an absence, which records that the
    /// source has no value for the key ([`absent_ttl`](crate::KeyspaceDefinition::absent_ttl)).
    pub value: Option<&'a (dyn Any + Send + Sync)>,
}

impl fmt::Debug for EntryInfo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { keyspace, key_len, encoded_len, .. } = self;
        f.debug_struct("EntryInfo")
            .field("keyspace", keyspace)
            .field("key_len", key_len)
            .field("encoded_len", encoded_len)
            .finish_non_exhaustive()
    }
}

pub(crate) type Weigher = Arc<dyn Fn(&EntryInfo<'_>) -> u64 + Send + Sync>;
