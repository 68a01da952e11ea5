//! The keyspace that a request names.

use super::refusal::{Refusal, RefusalKind};
use crate::engine::shared::Shared;
use crate::format::codec::erased::ErasedCodec;
use crate::format::keyspace_id::KeyspaceId;
use crate::stats::counters::Counters;

/// A keyspace that is open, or that is only in the file.
///
/// A target does not keep the keyspace open. Otherwise the application could not open the keyspace with
/// another version meanwhile.
pub(super) struct Target {
    pub(super) id: KeyspaceId,
    /// The shape of the keyspace's keys. `None` if the keyspace is not open.
    shape: Option<String>,
    pub(super) version: Option<u32>,
    pub(super) codec: Option<ErasedCodec>,
    pub(super) format: Option<u8>,
    /// Counters that are discarded with the target. If the statistics counted an operator's removals, they
    /// would hide that the application itself never invalidates.
    pub(super) uncounted: Counters,
}

impl Target {
    pub(super) fn find(shared: &Shared, name: &str) -> Result<Self, Refusal> {
        shared.refuse_if_closed()?;
        if let Some(open_keyspace) = shared.keyspaces.by_name.lock().get(name) {
            return Ok(Self {
                id: open_keyspace.id,
                shape: Some(open_keyspace.shape.clone()),
                version: Some(open_keyspace.kind.version),
                codec: Some(open_keyspace.codec),
                format: Some(open_keyspace.kind.format.code()),
                uncounted: Counters::default(),
            });
        }
        let Some(id) = shared.tiers.disk.with_status(|status| status.keyspaces.get(name).map(|row| row.id))
        else {
            return Err(Refusal::new(
                RefusalKind::UnknownKeyspace,
                format!("the cache has no keyspace {name:?}"),
                "ask {\"v\":1,\"do\":\"keyspaces\"} for their names",
            ));
        };
        let uncounted = Counters::default();
        Ok(Self { id, shape: None, version: None, codec: None, format: None, uncounted })
    }

    pub(super) fn shape(&self) -> Option<&str> {
        self.shape.as_deref()
    }
}
