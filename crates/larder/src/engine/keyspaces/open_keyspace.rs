//! An open keyspace: the state that all its handles share.

use std::any::{TypeId, type_name};
use std::time::Duration;

use super::typed_changes::TypedChanges;
use crate::error::Error;
use crate::format::codec::checks::ValueChecks;
use crate::format::codec::erased::ErasedCodec;
use crate::format::codec::format::Format;
use crate::format::key::Key;
use crate::format::keyspace_id::KeyspaceId;
use crate::stats::counters::Counters;
use crate::stats::observe::named_keyspace::NamedKeyspace;
use crate::sys::sync::{Arc, AtomicBool, Ordering};
use crate::units::Timestamp;

/// The calls on a keyspace that need its types, for a caller that does not know the types. The caller passes
/// full keys, and the keyspace as [`OpenKeyspace::detached`] returns it.
pub(crate) trait TypedCalls: std::fmt::Debug + Send + Sync {
    /// Returns the encoding of a key's live value.
    fn read(&self, keyspace: &Arc<OpenKeyspace>, full: &[u8]) -> Result<Option<Vec<u8>>, Error>;

    /// Like [`read`](Self::read), but reads memory only, and encodes a value only up to `max_len` bytes.
    #[cfg(feature = "untyped")]
    fn try_read(
        &self,
        keyspace: &Arc<OpenKeyspace>,
        full: &[u8],
        max_len: usize,
    ) -> Result<MemoryLookup<Vec<u8>>, Error>;

    /// Makes the live entry of a key expire at `expires_at`, unless the entry expires earlier.
    fn shorten(
        &self,
        keyspace: &Arc<OpenKeyspace>,
        full: &[u8],
        expires_at: Timestamp,
    ) -> Result<Shortened, Error>;
}

/// The result of a lookup in memory only, such as
/// [`PinnedKeyspace::try_get`](crate::PinnedKeyspace::try_get).
#[cfg(feature = "untyped")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MemoryLookup<T> {
    /// The key has a live entry, and memory has it.
    Found(T),
    /// The key has no live entry in any tier.
    Absent,
    /// Memory does not have the key, but the disk or the server may have it.
    Unknown,
    /// Memory has the value, but its encoding is longer than the caller's maximum.
    TooLong,
}

/// The result of [`PinnedKeyspace::shorten`](crate::PinnedKeyspace::shorten).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shortened {
    /// The entry has the new expiry.
    Done,
    /// The entry expires earlier, or at the same time. Nothing was changed.
    EarlierAlready,
    /// The key has no live entry.
    Missing,
}

#[derive(Debug)]
pub(crate) struct OpenKeyspace {
    pub(crate) name: String,
    pub(crate) id: KeyspaceId,
    pub(crate) kind: KeyspaceType,
    pub(crate) shape: String,
    #[cfg_attr(
        not(any(feature = "untyped", all(unix, feature = "control"))),
        expect(dead_code, reason = "for the control socket, and for untyped handles")
    )]
    pub(crate) codec: ErasedCodec,
    /// The schema name of the definition that opened the keyspace.
    #[cfg_attr(
        not(any(feature = "untyped", all(unix, feature = "control"))),
        expect(dead_code, reason = "for the control socket, and for untyped handles")
    )]
    pub(crate) schema: Option<&'static str>,
    /// The calls of an untyped handle that need the keyspace's types. `None` if the keyspace is not open with
    /// its types, and in a build without the feature `untyped`.
    #[cfg_attr(not(feature = "untyped"), expect(dead_code, reason = "for untyped handles"))]
    pub(crate) typed_calls: Option<Arc<dyn TypedCalls>>,
    pub(crate) counters: Counters,
    /// Checks whether an encoded value decodes to the same value again.
    pub(crate) checks: ValueChecks,
    /// Whether the log already has a warning about a record of this keyspace that could not be decoded.
    pub(in crate::engine) has_told_undecodable: AtomicBool,
    /// The minimum duration of a load that is logged as slow.
    pub(crate) slow_load: Duration,
    /// Whether newly stored entries get extras ([`crate::memory::extras`]).
    pub(super) keeps_extras: AtomicBool,
    /// The changes that are made through `typed_calls`. A copy of this keyspace shares them.
    pub(crate) typed_changes: Arc<TypedChanges>,
}

impl OpenKeyspace {
    /// Adds extras to the values that are stored after this call.
    pub(crate) fn keep_extras(&self) {
        self.keeps_extras.store(true, Ordering::Relaxed);
    }

    /// Returns whether newly stored entries get extras. Relaxed order is enough, because an entry that
    /// another thread stores at the same moment may lack extras.
    pub(crate) fn keeps_extras(&self) -> bool {
        self.keeps_extras.load(Ordering::Relaxed)
    }

    /// Returns a copy with its own counters. The copy is not in the list of open keyspaces, and does not
    /// keep the keyspace open. So the application can still open another version of the keyspace.
    #[cfg(feature = "untyped")]
    pub(crate) fn detached(&self) -> Self {
        Self {
            name: self.name.clone(),
            id: self.id,
            kind: self.kind.clone(),
            shape: self.shape.clone(),
            codec: self.codec,
            schema: self.schema,
            typed_calls: None,
            counters: Counters::default(),
            checks: ValueChecks::new(false),
            has_told_undecodable: AtomicBool::new(false),
            slow_load: self.slow_load,
            keeps_extras: AtomicBool::new(self.keeps_extras()),
            typed_changes: self.typed_changes.clone(),
        }
    }

    /// Returns the state of a keyspace that is in the file but not open. Its values stay encoded.
    #[cfg(feature = "untyped")]
    pub(crate) fn of_file(
        name: &str,
        id: KeyspaceId,
        kind: KeyspaceType,
        shape: &str,
        codec: ErasedCodec,
    ) -> Self {
        Self {
            name: name.to_owned(),
            id,
            kind,
            shape: shape.to_owned(),
            codec,
            schema: None,
            typed_calls: None,
            counters: Counters::default(),
            checks: ValueChecks::new(false),
            has_told_undecodable: AtomicBool::new(false),
            slow_load: Duration::MAX,
            keeps_extras: AtomicBool::new(false),
            typed_changes: Arc::default(),
        }
    }

    /// Returns the keyspace's name, and the shape that is used to print its keys as text.
    pub(in crate::engine) fn named(&self) -> NamedKeyspace {
        NamedKeyspace { name: self.name.clone(), shape: self.shape.parse().ok() }
    }
}

/// The properties that all handles of a keyspace must agree on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyspaceType {
    key: TypeId,
    value: TypeId,
    pub(crate) version: u32,
    pub(crate) format: Format,
    /// Whether the definition keeps the keyspace in memory. If not, the tiers of the cache decide where its
    /// entries are kept.
    pub(super) stays_in_memory: bool,
    names: (&'static str, &'static str),
}

impl KeyspaceType {
    pub(crate) fn new<K: Key, V: 'static>(version: u32, format: Format, stays_in_memory: bool) -> Self {
        Self {
            key: TypeId::of::<K>(),
            value: TypeId::of::<V>(),
            version,
            format,
            stays_in_memory,
            names: (type_name::<K>(), type_name::<V>()),
        }
    }

    pub(super) fn conflict(&self, name: &str, requested: &Self) -> Error {
        Error::KeyspaceConflict {
            name: name.to_owned(),
            opened: self.to_string(),
            requested: requested.to_string(),
        }
    }
}

impl std::fmt::Display for KeyspaceType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tiers = if self.stays_in_memory { ", memory only" } else { "" };
        write!(f, "<{}, {}> version {}, {}{tiers}", self.names.0, self.names.1, self.version, self.format)
    }
}
