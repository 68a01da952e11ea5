//! The catalog: the content of a file's metadata tables, in memory.

use super::charging::Charging;
use super::file_format::{FEATURES, FORMAT};
use super::identity::{FileIdentity, Identities};
use super::keyspace_rows::{Keyspaces, Retired, clamped};
use super::tables::CommitState;
use crate::format::range_tombstone::RangeTombstone;
use crate::units::Timestamp;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Catalog {
    pub(crate) format: u32,
    /// The features that readers must know, one bit each.
    pub(super) features: u64,
    /// The identity of the file. A file of format 1 has none.
    pub(crate) identity: Option<FileIdentity>,
    pub(crate) state: CommitState,
    pub(crate) keyspaces: Keyspaces,
    /// Keyspaces that are being deleted, with the bytes that they are still charged for.
    pub(crate) retired: Retired,
    /// Pending range removals. Lookups ignore the entries that these removals cover.
    pub(crate) ranges: Vec<RangeTombstone>,
    /// The rule by which the charges in `keyspaces` and `retired` were computed.
    pub(crate) charging: Charging,
    /// The rule that the file names. If opening has recounted the entries, this rule differs from `charging`
    /// until the first commit writes all rows with charges.
    pub(super) charging_on_file: Charging,
}

impl Catalog {
    /// Returns the catalog of a file without entries.
    pub(crate) fn fresh(clock_watermark: Timestamp, identities: Identities) -> Self {
        let state = CommitState { clock_watermark, next_keyspace: 1, closed_cleanly: true, sequence: 0 };
        let features = FEATURES;
        Self {
            format: FORMAT,
            features,
            identity: Some(identities.make(clock_watermark, None)),
            state,
            ..Self::default()
        }
    }

    /// Returns the catalog for a new file that replaces the file of this catalog. The new catalog has the
    /// same keyspaces without entries, and a new identity. So handles keep the numbers of their keyspaces.
    pub(crate) fn emptied(&self, clock_watermark: Timestamp, sequence: u64, identities: Identities) -> Self {
        let identity = Some(identities.make(clock_watermark, self.identity));
        let nothing = Self { state: self.state, identity, ..Self::fresh(clock_watermark, identities) };
        let charging = self.charging;
        let keyspaces = self.keyspaces.clone();
        let mut catalog = Self { keyspaces, charging, charging_on_file: charging, ..nothing };
        catalog.keyspaces.empty_all();
        catalog.state.clock_watermark = catalog.state.clock_watermark.max(clock_watermark);
        catalog.state.sequence = catalog.state.sequence.max(sequence);
        catalog
    }

    /// Returns how many bytes all entries are charged for, including the entries of retired keyspaces.
    pub(crate) fn live_bytes(&self) -> u64 {
        clamped(self.keyspaces.usage().bytes + self.retired.bytes())
    }

    /// Returns the number of entries of all keyspaces, without the entries of retired keyspaces.
    pub(crate) fn entries(&self) -> u64 {
        clamped(self.keyspaces.usage().entries)
    }
}
