//! Counts loaded values that are not cached. Logs the first one of each keyspace that can't be cached.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Keyspace;
use super::write::InsertOutcome;
use crate::error::Error;
use crate::format::key::Key;
use crate::memory::slot_key::SlotKey;
use crate::stats::count::Count;
use crate::sys::sync::Ordering;

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Counts a loaded value if it was not cached. `written` is the result of its insert.
    pub(super) fn count_fill(&self, key: SlotKey<'_>, written: &Result<InsertOutcome, Error>) {
        let counters = &self.opened.counters;
        match written {
            Ok(InsertOutcome::Revoked) => counters.add(Count::VoidedFills),
            Ok(InsertOutcome::NoRoom) => {
                self.count_uncacheable(
                    key,
                    &"memory has no room for it, and the disk tier is off; raise memory_capacity",
                    false,
                );
            }
            // The value is cached.
            Ok(_) => {}
            Err(error) => self.count_refused(key, error),
        }
    }

    /// Counts a loaded value whose encoding was refused. Ignores any other error: the cache was closed during
    /// the load.
    pub(super) fn count_refused(&self, key: SlotKey<'_>, error: &Error) {
        match error {
            Error::ValueTooLarge { .. } => self.count_uncacheable(key, error, false),
            // The error message comes from the value's type, so it may quote the value.
            Error::Encode { .. } => self.count_uncacheable(key, error, true),
            _ => {}
        }
    }

    /// Counts a loaded value that can't be cached. Logs the first of these values in each keyspace.
    fn count_uncacheable(&self, key: SlotKey<'_>, why: &dyn std::fmt::Display, may_quote: bool) {
        let counters = &self.opened.counters;
        counters.add(Count::Uncacheable);
        counters.uncacheable_cause.note(why, may_quote);
        if !counters.has_told_uncacheable.swap(true, Ordering::Relaxed) {
            let key = self.shared.key_for_log(&self.opened, key.bytes);
            tracing::warn!(
                keyspace = self.opened.name,
                key,
                "a loaded value is not cached, so each caller loads it anew: {why}"
            );
        }
    }
}
