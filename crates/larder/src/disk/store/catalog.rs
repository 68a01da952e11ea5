//! What a file knows of its keyspaces, and how it learns of those that were opened while it was out of
//! service.

use super::charging::Charging;
use super::file_format::{FEATURES, FORMAT};
use super::identity::{FileIdentity, Identities};
use super::keyspace_rows::{Keyspaces, Retired, clamped};
use super::tables::CommitState;
use crate::format::range_tombstone::RangeTombstone;
use crate::units::Timestamp;

/// What the metadata tables say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Catalog {
    /// The version of the file's format.
    pub(crate) format: u32,
    /// What its readers must know, a bit each.
    pub(crate) features: u64,
    /// Which file it is; a file of format 1 has none yet.
    pub(crate) identity: Option<FileIdentity>,
    pub(crate) state: CommitState,
    pub(crate) keyspaces: Keyspaces,
    /// Keyspaces to be deleted, with the bytes they are still charged for.
    pub(crate) retired: Retired,
    /// Range removals that are still to be made: what they cover is not to be believed.
    pub(crate) ranges: Vec<RangeTombstone>,
    /// The rule by which the charges above are counted.
    pub(crate) charging: Charging,
    /// The rule that the file names: another than `charging` from an opening that counted anew to its first
    /// commit, which writes every row that charges.
    pub(crate) charging_on_file: Charging,
}

impl Catalog {
    /// What a file without entries says.
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

    /// The same keyspaces without their entries, for a file that takes this one's place: handles go on with
    /// their numbers. It is another file, of another identity.
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

    /// Returns the bytes that all entries are charged for, those of retired keyspaces included.
    pub(crate) fn live_bytes(&self) -> u64 {
        clamped(self.keyspaces.usage().bytes + self.retired.bytes())
    }

    /// Returns the number of entries of all keyspaces.
    pub(crate) fn entries(&self) -> u64 {
        clamped(self.keyspaces.usage().entries)
    }
}
