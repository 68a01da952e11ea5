//! Lookups of several keys with a registered loader.
//!
//! 1. Encode all keys. If a key is refused, no key is looked up.
//! 2. Look up every key in memory, like [`LoadingKeyspace::get`].
//! 3. Read from disk or from the server the keys that memory does not have, like `Keyspace::get_many`
//!    ([`super::super::read_many`]). If a value is old, begin a refresh.
//! 4. Load the remaining keys one after another, in the order of the input. Each load takes a lease and looks
//!    its key up again. A load may be published only with a lease that was taken before the disk was read or
//!    the server was asked.

use std::collections::HashMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::LoadingKeyspace;
use crate::api::keyspace::load::Loaded;
use crate::error::load_error::LoadError;
use crate::format::key::{EncodeKey, Key};
use crate::format::stored_key::StoredKey;
use crate::stats::count::Count;
use crate::sys::sync::Arc;
use crate::sys::user_code::HeldValue;

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static, E: Send + Sync + 'static>
    LoadingKeyspace<K, V, E>
{
    /// Returns the values of several keys, in the order of the keys. Each key is looked up, refreshed and
    /// loaded as with [`get`](Self::get). A key that occurs twice is loaded once.
    ///
    /// The loader takes a single key, so the missing keys are loaded one after another. If the source can
    /// return several values at once, use [`get_or_load_many`](crate::Keyspace::get_or_load_many).
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use larder::{Cache, KeyspaceDefinition, Load, LoadPolicy};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// prices.insert("MTNVTU", 100)?;
    /// let loader = |code: &String, _: Option<Arc<u64>>| {
    ///     Ok::<_, std::io::Error>(if code == "GLO" { Load::Cache(Arc::new(90)) } else { Load::Absent })
    /// };
    /// let prices = prices.with_loader(LoadPolicy::new(), loader)?;
    /// let found = prices.get_many(["MTNVTU", "AIRTEL", "GLO"])?;
    /// let found: Vec<_> = found.iter().map(|price| price.value.as_deref().copied()).collect();
    /// assert_eq!(found, [Some(100), None, Some(90)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`get`](Self::get). The first error ends the call, so the later keys are
    /// not loaded. The values that were already loaded stay in the cache. After [`LoadError::Key`], no key
    /// was looked up.
    ///
    /// # Panics
    /// Panics in the same cases as [`get`](Self::get).
    ///
    /// # Cost
    /// Hits cost the same as with [`get_many`](crate::Keyspace::get_many). Each missing key costs a load, and
    /// a second lookup on disk or at the server. The call may take as long as all loads together, because a
    /// [`hard_timeout`](crate::LoadPolicy::hard_timeout) limits each load, but not the call.
    pub fn get_many<Q: EncodeKey<K>>(
        &self,
        keys: impl IntoIterator<Item = Q>,
    ) -> Result<Vec<Loaded<V>>, LoadError<E>> {
        // 1.
        let encode = |key: Q| self.keyspace.encode(&key).map(|full| StoredKey::from(full.as_slice()));
        let keys = keys.into_iter().map(encode).collect::<Result<Vec<_>, _>>().map_err(LoadError::Key)?;
        // 2 and 3.
        let found: Vec<_> = self.find_many(&keys).into_iter().map(HeldValue::new).collect();
        // 4. A loader may panic, so the other values are held.
        let mut loads: HashMap<&StoredKey, HeldValue<Loaded<V>>> = HashMap::new();
        let answers = keys.iter().zip(found).map(|(key, value)| {
            if value.is_some() {
                return Ok(HeldValue::new(Loaded::fresh(value.into_inner())));
            }
            if let Some(loaded) = loads.get(key) {
                return Ok(HeldValue::new(Loaded::clone(loaded)));
            }
            let loaded = HeldValue::new(self.load_missing(self.keyspace.shared.tiers.memory.key(key))?);
            loads.insert(key, HeldValue::new(Loaded::clone(&loaded)));
            Ok(loaded)
        });
        let answers = answers.collect::<Result<Vec<_>, _>>()?;
        Ok(answers.into_iter().map(HeldValue::into_inner).collect())
    }

    /// Runs steps 2 and 3. A key without a live value is not counted here, because its load counts the miss.
    fn find_many(&self, keys: &[StoredKey]) -> Vec<Option<Arc<V>>> {
        let keyspace = &self.keyspace;
        let memory = &keyspace.shared.tiers.memory;
        let mut found: Vec<_> = keys.iter().map(|key| self.hit_or_refresh(memory.key(key))).collect();
        let unfound = keys.iter().zip(&found).enumerate().filter(|(_, (_, value))| value.is_none());
        let missed = unfound.filter_map(|(at, (key, _))| keyspace.missed_key(at, memory.key(key))).collect();
        keyspace.read_missed(missed, |at, key, value| {
            if let (Some(place), Some(value)) = (found.get_mut(at), value) {
                keyspace.answered(Count::DiskHits, key);
                *place = Some(value);
                self.refresh_what_was_read(key);
            }
        });
        found
    }
}
