//! The types of an open keyspace, for untyped handles. [`super::untyped_calls`] implements the calls.

use std::fmt;
use std::sync::Weak;

use super::definition::KeyspaceDefinition;
use crate::engine::shared::Shared;
use crate::sys::sync::Arc;

/// The cache and the definition of an open keyspace, behind
/// [`TypedCalls`](crate::engine::keyspaces::open_keyspace::TypedCalls).
pub(super) struct CallsOfTypes<K, V> {
    /// A strong reference would keep the cache open, because the cache has the list of its keyspaces.
    pub(super) shared: Weak<Shared>,
    /// The definition of the handle that opened the keyspace first.
    pub(super) definition: KeyspaceDefinition<K, V>,
}

impl<K, V> CallsOfTypes<K, V> {
    pub(super) fn new(shared: &Arc<Shared>, definition: KeyspaceDefinition<K, V>) -> Self {
        Self { shared: Arc::downgrade(shared), definition }
    }
}

impl<K, V> fmt::Debug for CallsOfTypes<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallsOfTypes").finish_non_exhaustive()
    }
}
