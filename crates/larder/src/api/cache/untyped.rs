//! Opens a handle to a keyspace by its name, without its types.

use super::Cache;
use crate::api::untyped::UntypedKeyspace;

impl Cache {
    /// Returns a handle to the keyspace with this name, for code that does not know the types of its keys and
    /// values. Requires the feature `untyped`.
    ///
    /// The keyspace need not exist yet, and the handle does not keep it open: the application may close it,
    /// or open another version. So each call on an entry uses the version that
    /// [`pin`](UntypedKeyspace::pin) has found.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # let cache = Cache::builder().open()?;
    /// use larder::inspect::KeyShape;
    ///
    /// const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// let prices = cache.keyspace(PRICE)?;
    /// prices.insert("MTNVTU", 100)?;
    ///
    /// let untyped = cache.untyped_keyspace("price").pin()?;
    /// let shape: KeyShape = untyped.info()?.key_shape.parse()?;
    /// let key = shape.parse_key("MTNVTU")?;
    /// assert_eq!(untyped.get(&key)?.as_deref(), Some(&[100][..])); // as bincode encodes it
    /// assert!(untyped.remove(&key)?);
    /// assert!(prices.get("MTNVTU").is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn untyped_keyspace(&self, name: impl Into<String>) -> UntypedKeyspace {
        UntypedKeyspace::new(&self.shared, name.into())
    }
}
