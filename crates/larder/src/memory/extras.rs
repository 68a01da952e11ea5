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
    /// The time from which the entry must not live, however often it is used. [`Timestamp::NEVER`] if there
    /// is no such time.
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
            ends_at: extension.ends_at.unwrap_or(Timestamp::NEVER),
            load_micros: extension.load_micros,
        }
    }

    /// Returns the extension of the entry's record.
    pub(crate) fn extend(self, extension: Extension) -> Extension {
        let ends_at = Some(self.ends_at).filter(|ends_at| !ends_at.is_never());
        Extension { load_micros: self.load_micros, ends_at, ..extension }
    }

    /// Returns how long the load of the value took, if the value was loaded.
    pub(crate) fn load_time(self) -> Option<Duration> {
        self.load_micros.map(|micros| Duration::from_micros(micros.into()))
    }
}
