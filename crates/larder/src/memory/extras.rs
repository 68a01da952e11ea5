//! Facts about an entry for which its slot has no room. Only some keyspaces need them.
//!
//! A slot fills one line of the processor's cache. So these facts are in a side table of the shard, like the
//! data of dirty values. They cost nothing in a lookup that does not need them. The table has a row only for
//! an entry whose writer requests one. The row is removed together with the content of the slot. In a record,
//! the time of writing is part of the header, and the other facts are fields of the extension.

use std::time::Duration;

use crate::format::record::{Extension, Header};
use crate::units::Timestamp;

/// Bytes that the extras of one entry need in memory. They are part of the weight of such an entry. A test
/// compares this number with the sizes of the types.
pub(crate) const EXTRAS_OVERHEAD: u64 = 72;

/// The facts about one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EntryExtras {
    /// The time at which the value was written.
    pub(crate) written_at: Timestamp,
    /// The latest expiry that uses may give to the entry ([`super::use_stamps`]). [`Timestamp::NEVER`] means
    /// no limit. [`Timestamp::ZERO`] means that uses do not extend the life of the entry.
    pub(crate) ends_at: Timestamp,
    /// The duration of the value's load, in microseconds. `None` for a value that was not loaded.
    load_micros: Option<u32>,
}

impl EntryExtras {
    pub(crate) fn new(written_at: Timestamp, load_time: Option<Duration>, ends_at: Timestamp) -> Self {
        // A load of more than about an hour is recorded as the largest number.
        let load_micros = load_time.map(|took| u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
        Self { written_at, ends_at, load_micros }
    }

    /// Returns the extras of a record.
    pub(crate) fn of_record(header: &Header, extension: &Extension) -> Self {
        Self {
            written_at: header.written_at,
            ends_at: extension.ends_at.unwrap_or(Timestamp::ZERO),
            load_micros: extension.load_micros,
        }
    }

    /// Returns the extension of the entry's record.
    pub(crate) fn extend(self, extension: Extension) -> Extension {
        let ends_at = self.is_extended_by_uses().then_some(self.ends_at);
        Extension { load_micros: self.load_micros, ends_at, ..extension }
    }

    /// Returns the time at which an entry expires even if it is used.
    pub(crate) fn hard_limit(extras: Option<Self>, expires_at: Timestamp) -> Timestamp {
        extras.filter(|extras| extras.is_extended_by_uses()).map_or(expires_at, |extras| extras.ends_at)
    }

    /// Returns whether uses extend the life of the entry.
    pub(crate) fn is_extended_by_uses(self) -> bool {
        self.ends_at > Timestamp::ZERO
    }

    /// Returns the duration of the value's load, if the value was loaded.
    pub(crate) fn load_time(self) -> Option<Duration> {
        self.load_micros.map(|micros| Duration::from_micros(micros.into()))
    }
}
