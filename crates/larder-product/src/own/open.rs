//! The open keyspace of one of the application's own families, with its types erased.

use std::any::Any;

use larder::{Error, Invalidation, Keyspace};

use crate::cached_key::CachedKey;
use crate::family::{Family, OwnFamilyId};
use crate::own::key::FamilyKey;
use crate::part::Parts;
use crate::value::Value;

/// An open family with its types erased.
///
/// Public only because a hidden method of [`AnyOwnFamily`](crate::AnyOwnFamily) uses it.
pub trait OpenFamily: Send + Sync {
    /// Returns the family's name and the kinds of its key parts.
    fn id(&self) -> OwnFamilyId;

    /// Adds the removal of the entries whose keys have the known `parts`.
    fn remove(&self, parts: &Parts, stale: &mut Invalidation) -> Result<(), Error>;

    /// Returns the keys of the live entries, in key order.
    fn keys(&self) -> Vec<CachedKey>;

    /// Returns the keyspace, for a downcast to its type.
    fn keyspace(&self) -> &dyn Any;
}

pub(crate) struct OpenOwnFamily<K, V> {
    pub(crate) id: OwnFamilyId,
    pub(crate) keyspace: Keyspace<K, V>,
}

impl<K: FamilyKey, V: Value> OpenFamily for OpenOwnFamily<K, V> {
    fn id(&self) -> OwnFamilyId {
        self.id
    }

    fn remove(&self, parts: &Parts, stale: &mut Invalidation) -> Result<(), Error> {
        K::remove(&self.keyspace, parts, stale)
    }

    fn keys(&self) -> Vec<CachedKey> {
        self.keyspace.keys().map(|key| CachedKey::own(Family::Own(self.id), &key)).collect()
    }

    fn keyspace(&self) -> &dyn Any {
        &self.keyspace
    }
}
