//! Finds a keyspace by its name: among the open keyspaces of the application, and in the file.

use crate::api::keyspace::untyped_calls::{BytesKeyspace, EncodedKey, EncodedKeyRef};
use crate::engine::keyspaces::open_keyspace::{KeyspaceType, OpenKeyspace, TypedCalls};
use crate::engine::shared::Shared;
use crate::error::Error;
use crate::format::codec::erased::ErasedCodec;
use crate::format::codec::format::Format;
use crate::format::key::buffer::KeyBuffer;
use crate::sys::sync::{Arc, Mutex};

#[derive(Debug)]
pub(super) struct KeyspaceSearch {
    pub(super) shared: Arc<Shared>,
    pub(super) name: String,
    /// The result of the latest search. Reused while the name still belongs to the same keyspace.
    latest: Mutex<Option<Arc<FoundKeyspace>>>,
}

/// A version of a keyspace, as a search has found it.
#[derive(Debug)]
pub(super) struct FoundKeyspace {
    pub(super) keyspace: BytesKeyspace,
    pub(super) detached: Arc<OpenKeyspace>,
    /// The calls with the application's types. `None` if the application has not opened the keyspace.
    pub(super) typed: Option<Arc<dyn TypedCalls>>,
}

impl KeyspaceSearch {
    pub(super) fn new(shared: &Arc<Shared>, name: String) -> Self {
        Self { shared: shared.clone(), name, latest: Mutex::new(None) }
    }

    pub(super) fn find(&self) -> Result<Arc<FoundKeyspace>, Error> {
        self.shared.refuse_if_unusable()?;
        let latest = self.latest.lock().clone();
        let found = self.open_by_name(latest.as_ref()).or_else(|| self.in_file(latest.as_ref()));
        let Some(found) = found else { return Err(Error::UnknownKeyspace { name: self.name.clone() }) };
        if found.detached.id.is_remote() {
            let remedy = "ask the server of the remote tier";
            return Err(Error::NotRemote { what: "an untyped handle", remedy });
        }
        if latest.is_none_or(|latest| !Arc::ptr_eq(&latest, &found)) {
            *self.latest.lock() = Some(found.clone());
        }
        Ok(found)
    }

    /// Finds the keyspace if the application has opened it. Returns `latest` if that is still the keyspace.
    fn open_by_name(&self, latest: Option<&Arc<FoundKeyspace>>) -> Option<Arc<FoundKeyspace>> {
        let open_keyspaces = self.shared.keyspaces.by_name.lock();
        let open = open_keyspaces.get(&self.name)?;
        let is_same = |latest: &&Arc<FoundKeyspace>| {
            let of = &latest.detached;
            Arc::ptr_eq(&of.typed_changes, &open.typed_changes) && of.keeps_extras() == open.keeps_extras()
        };
        if let Some(latest) = latest.filter(is_same) {
            return Some(latest.clone());
        }
        let (detached, typed) = (open.detached(), open.typed_calls.clone());
        drop(open_keyspaces);
        Some(self.found(detached, typed))
    }

    /// Finds the keyspace if only the file has it.
    fn in_file(&self, latest: Option<&Arc<FoundKeyspace>>) -> Option<Arc<FoundKeyspace>> {
        let row = self.shared.tiers.disk.with_status(|status| status.keyspaces.get(&self.name).cloned())?;
        let is_same = |latest: &&Arc<FoundKeyspace>| {
            let of = &latest.detached;
            latest.typed.is_none() && of.id == row.id && of.kind.version == row.version
        };
        if let Some(latest) = latest.filter(is_same) {
            return Some(latest.clone());
        }
        let kind = KeyspaceType::new::<EncodedKey, Box<[u8]>>(row.version, Format::Raw, false);
        let codec = ErasedCodec::of::<Box<[u8]>>(Format::Raw);
        Some(self.found(OpenKeyspace::of_file(&self.name, row.id, kind, &row.shape, codec), None))
    }

    fn found(&self, detached: OpenKeyspace, typed: Option<Arc<dyn TypedCalls>>) -> Arc<FoundKeyspace> {
        let detached = Arc::new(detached);
        let keyspace = BytesKeyspace::of_bytes(&self.shared, detached.clone());
        Arc::new(FoundKeyspace { keyspace, detached, typed })
    }
}

impl FoundKeyspace {
    pub(super) fn full_key(&self, key: &[u8]) -> Result<KeyBuffer, Error> {
        self.keyspace.encode(&EncodedKeyRef(key))
    }
}
