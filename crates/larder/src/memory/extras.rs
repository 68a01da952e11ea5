//! Optional data of an entry for which its slot has no room. Only some keyspaces need it.
//!
//! A slot fills exactly one CPU cache line. So the extras are in a side table of the shard, like the data of
//! dirty values. A lookup that does not need the extras pays nothing for them. The table has a row only for
//! an entry that was stored with extras. The row is removed together with the content of the slot. In a
//! record, the time of writing is part of the header, and the other extras are fields of the extension.

use std::time::Duration;

use crate::format::record::{Extension, Header};
use crate::units::Timestamp;

/// Memory that the extras of one entry take, in bytes. It is part of the entry's weight. A test compares
/// this constant with the sizes of the types.
pub(crate) const EXTRAS_OVERHEAD: u64 = 72;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EntryExtras {
    pub(crate) written_at: Timestamp,
    /// The latest expiry to which uses may extend the entry ([`super::use_stamps`]). [`Timestamp::NEVER`]
    /// means no limit. [`Timestamp::ZERO`] means that uses do not extend the entry.
    pub(crate) ends_at: Timestamp,
    /// How long loading the value took, in microseconds plus one. 0 for a value that was not loaded. An
    /// `Option` would take four bytes more.
    load_micros: u32,
    /// In a near copy, the [mark](crate::remote::tier::RecordUse::mark) of the record at the server. 0 in any
    /// other entry.
    pub(crate) record_mark: u32,
}

impl EntryExtras {
    pub(crate) fn new(written_at: Timestamp, load_time: Option<Duration>, ends_at: Timestamp) -> Self {
        // A load that takes longer than `u32::MAX` µs (71 minutes) is recorded as `u32::MAX`.
        let load_micros = load_time.map(|took| u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
        Self { written_at, ends_at, load_micros: plus_one(load_micros), record_mark: 0 }
    }

    pub(crate) fn of_record(header: &Header, extension: &Extension) -> Self {
        Self {
            written_at: header.written_at,
            ends_at: extension.ends_at.unwrap_or(Timestamp::ZERO),
            load_micros: plus_one(extension.load_micros),
            record_mark: 0,
        }
    }

    /// Returns the extras of a near copy. `sequence` is that of the record at the server.
    pub(crate) fn of_near_copy(self, sequence: u64) -> Self {
        let [.., a, b, c, d] = sequence.to_be_bytes();
        Self { record_mark: u32::from_be_bytes([a, b, c, d]), ..self }
    }

    pub(crate) fn extend(self, extension: Extension) -> Extension {
        let ends_at = self.is_extended_by_uses().then_some(self.ends_at);
        Extension { load_micros: self.load_micros(), ends_at, ..extension }
    }

    /// Returns the time at which an entry expires even if it is used.
    pub(crate) fn hard_limit(extras: Option<Self>, expires_at: Timestamp) -> Timestamp {
        extras.filter(|extras| extras.is_extended_by_uses()).map_or(expires_at, |extras| extras.ends_at)
    }

    pub(crate) fn is_extended_by_uses(self) -> bool {
        self.ends_at > Timestamp::ZERO
    }

    pub(crate) fn load_time(self) -> Option<Duration> {
        self.load_micros().map(|micros| Duration::from_micros(micros.into()))
    }

    fn load_micros(self) -> Option<u32> {
        match self.load_micros {
            0 => None,
            u32::MAX => Some(u32::MAX),
            more => Some(more - 1),
        }
    }
}

/// Returns the form of a load time in [`EntryExtras`]. `u32::MAX` stays as it is.
fn plus_one(load_micros: Option<u32>) -> u32 {
    load_micros.map_or(0, |took| took.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_load_is_kept_as_it_was_taken() {
        let longest = Duration::from_micros(u32::MAX.into());
        for (took, kept) in [
            (None, None),
            (Some(Duration::ZERO), Some(Duration::ZERO)),
            (Some(Duration::from_micros(7)), Some(Duration::from_micros(7))),
            (Some(longest), Some(longest)),
            (Some(2 * longest), Some(longest)),
        ] {
            let extras = EntryExtras::new(Timestamp::ZERO, took, Timestamp::ZERO);
            assert_eq!(extras.load_time(), kept);
            let recorded = extras.extend(Extension::default()).load_micros;
            assert_eq!(recorded.map(|micros| Duration::from_micros(micros.into())), kept);
        }
    }
}
