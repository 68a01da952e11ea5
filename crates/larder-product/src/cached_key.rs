//! The key of an entry of any family: one of the shop's, or one of the application's own.

use std::fmt;

use crate::family::Family;
use crate::own::key::FamilyKey;
use crate::part::Parts;
use crate::selection::{Selection, own_key_text};
use crate::spelled::SpelledKey;

/// The key of an entry of any family, as text for people.
///
/// For a family of the shop, the text is that of the [`SpelledKey`]. For one of the application's own
/// families, it is the name of the family and the parts of the key, as in `price_tag_MTNVTU_en`. In every
/// part except the last, an underscore is written as `%5F`, and a percent sign as `%25`.
///
/// # Examples
/// See [`ProductCache::keys`](crate::ProductCache::keys).
#[derive(Clone, PartialEq, Eq)]
pub struct CachedKey {
    family: Family,
    parts: Parts,
    text: String,
}

impl CachedKey {
    pub(crate) fn own(family: Family, key: &impl FamilyKey) -> Self {
        let (parts, texts) = key.described();
        Self { family, parts, text: own_key_text(family.keyspace(), &texts) }
    }

    /// Returns the family of the key.
    #[must_use]
    pub const fn family(&self) -> Family {
        self.family
    }

    /// Returns whether the entry of the key is in a selection.
    pub(crate) fn is_in(&self, selection: &Selection) -> bool {
        self.family == selection.family() && selection.parts().cover(&self.parts)
    }
}

impl From<SpelledKey> for CachedKey {
    fn from(key: SpelledKey) -> Self {
        let text = key.to_string();
        let selection = Selection::from(key);
        Self { family: selection.family(), parts: selection.parts().clone(), text }
    }
}

impl fmt::Display for CachedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for CachedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
