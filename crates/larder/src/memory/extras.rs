//! Facts about an entry for which its slot has no room. Only some keyspaces need them.
//!
//! A slot fills one line of the processor's cache. So these facts are in a side table of the shard, as the
//! data of dirty values is. A lookup that does not ask for them pays nothing. The table has a row for an
//! entry whose writer asks for one, and the row leaves with the content of its slot. In a record, the time of
//! writing is part of the header, and the other facts are fields of the extension.

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
    /// The time until which uses may extend the entry's life at most ([`super::use_stamps`]):
    /// [`Timestamp::NEVER`] if they may do so for ever, [`Timestamp::ZERO`] if uses extend nothing.
    pub(crate) ends_at: Timestamp,
    /// How long the load of the value took, in microseconds. `None` for a value that was not loaded.
    load_micros: Option<u32>,
}

impl EntryExtras {
    pub(crate) fn new(written_at: Timestamp, load_time: Option<Duration>, ends_at: Timestamp) -> Self {
        // A longer load takes over an hour, and counts as the longest that has a number.
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

    /// Returns the time at which an entry must end, however often it is used.
    pub(crate) fn hard_limit(extras: Option<Self>, expires_at: Timestamp) -> Timestamp {
        extras.filter(|extras| extras.is_extended_by_uses()).map_or(expires_at, |extras| extras.ends_at)
    }

    /// Returns whether uses extend the life of the entry.
    pub(crate) fn is_extended_by_uses(self) -> bool {
        self.ends_at > Timestamp::ZERO
    }

    /// Returns how long the load of the value took, if the value was loaded.
    pub(crate) fn load_time(self) -> Option<Duration> {
        self.load_micros.map(|micros| Duration::from_micros(micros.into()))
    }
}
