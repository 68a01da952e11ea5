//! The ranges of a keyspace, which a remote tier removes with one request.

use super::KeyspaceDefinition;
use crate::error::Error;
use crate::format::key::Key;
use crate::format::key::shape::KeyShape;

/// Maximum number of parts that the keys of a range may have in common.
const MAX_RANGE_PARTS: u8 = 9;

impl<K, V> KeyspaceDefinition<K, V> {
    /// Makes the keys with the same first `parts` parts a *range*, which a remote tier removes with one
    /// request. `parts` is from 1 to 9, and less than the number of parts of the keys. By default, there
    /// are no ranges, and a remote tier removes the keys with a prefix by a walk over all keys of its
    /// database.
    ///
    /// The removal of a range is a [`remove_prefix`](crate::Keyspace::remove_prefix) of exactly `parts`
    /// parts, or a [`remove_matching`](crate::Keyspace::remove_matching) of a pattern whose first
    /// [`Any`](crate::Any) comes right after them. A removal of any other prefix is a walk. The server does
    /// not count the entries of a range, so the removal of a range returns 0. It also frees no memory at
    /// the server: each entry stays there as a miss until it expires, is stored again or evicted, or the
    /// keyspace is cleared.
    ///
    /// A cache without a remote tier ignores this setting. So do keyspaces in the format
    /// [`Raw`](crate::Format::Raw), which have no ranges. If you change the setting, also change the
    /// [version](Self::version). Otherwise machines with the old definition and machines with the new one
    /// void each other's entries and leases with each insert, so that hardly any entry is found. In one
    /// process, the setting of the first definition that opens the keyspace applies.
    ///
    /// ```
    /// use larder::KeyspaceDefinition;
    ///
    /// // The page of a category, by its number.
    /// const PAGE: KeyspaceDefinition<(String, u64), String> =
    ///     KeyspaceDefinition::new("page").range_parts(1);
    /// # let cache = larder::Cache::builder().open()?;
    /// let pages = cache.keyspace(PAGE)?;
    /// pages.insert(&("AIRTIME".to_owned(), 1_u64), "…".to_owned())?;
    /// _ = pages.remove_prefix(("AIRTIME",))?;
    /// assert!(pages.get(&("AIRTIME".to_owned(), 1_u64)).is_none());
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Cost
    /// A lookup at the server reads two more keys. Each range that has entries takes a small key at the
    /// server, which lives for at least two days. Each removal of a range makes every machine that has read
    /// from it walk over its whole memory once.
    #[must_use]
    pub const fn range_parts(mut self, parts: u8) -> Self {
        self.range_parts = parts;
        self
    }

    /// Returns the number of first parts that the keys of a range have in common, or zero without ranges.
    #[must_use]
    pub const fn parts_of_ranges(&self) -> u8 {
        self.range_parts
    }
}

impl<K: Key, V> KeyspaceDefinition<K, V> {
    /// Checks the number of parts against the shape of the keys.
    pub(in crate::api::keyspace) fn check_range_parts(&self, shape: &str) -> Result<(), Error> {
        let parts = match shape.parse() {
            Ok(KeyShape::Tuple(parts)) => parts.len(),
            _ => 1,
        };
        let most = parts.saturating_sub(1).min(MAX_RANGE_PARTS.into());
        if usize::from(self.range_parts) <= most {
            return Ok(());
        }
        let allowed = match most {
            0 => format!("keys of shape {shape} have no ranges, because they have one part"),
            _ => format!("it may be from 1 to {most} for keys of shape {shape}"),
        };
        Err(Error::InvalidSetting { setting: "range_parts", value: self.range_parts.to_string(), allowed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of<K: Key>(parts: u8) -> Option<String> {
        let definition = KeyspaceDefinition::<K, u64>::new("page").range_parts(parts);
        definition.check_range_parts(&K::shape()).err().map(|error| error.to_string())
    }

    #[test]
    fn a_range_has_fewer_parts_than_a_key() {
        assert_eq!(error_of::<String>(0), None);
        assert_eq!(error_of::<(String, u64)>(1), None);
        assert_eq!(error_of::<(String, u64, u64)>(2), None);
        let one_part = error_of::<String>(1).unwrap();
        assert!(one_part.contains("keys of shape string have no ranges"), "{one_part}");
        let too_many = error_of::<(String, u64, u64)>(3).unwrap();
        assert!(too_many.contains("range_parts") && too_many.contains("from 1 to 2"), "{too_many}");
    }
}
