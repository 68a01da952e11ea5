//! What a file says of itself and of its keyspaces.

use std::path::PathBuf;

use crate::disk::reader::file_snapshot::{Condition, FileContents};
use crate::disk::store::catalog::Catalog;
use crate::disk::store::identity::FileIdentity;
use crate::disk::store::keyspace_row::RetiredVersion;
use crate::format::codec::format::Format;
use crate::format::key::shape::KeyShape;
use crate::format::key::spelling::spell_hex;
use crate::format::keyspace_id::KeyspaceId;
use crate::units::Timestamp;

/// Who has a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileState {
    /// A process has it open as a cache.
    Owned {
        /// The process, where that can be told.
        pid: Option<u32>,
        /// Whether that process has ended. Then one that it forked holds the file still. Not where it is of
        /// another namespace of process ids ([`FileInfo::owner_is_elsewhere`]).
        has_ended: bool,
    },
    /// Nobody has it; its last owner closed it.
    Closed,
    /// Nobody has it; its last owner ended without closing it. The next one repairs it when it opens it.
    Crashed,
}

/// What a file says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileInfo {
    /// Where it stands.
    pub path: PathBuf,
    /// Its length in bytes.
    pub len: u64,
    /// The version of its format. The first commit of an owner makes it the latest.
    pub format: u32,
    /// Which file it is; a file of format 1 has no identity yet.
    pub identity: Option<FileIdentity>,
    /// Who has it.
    pub state: FileState,
    /// Whether the owner's process id is of another namespace of process ids, as of a container: here no
    /// process has it, or another one. An owner with an earlier version of larder does not say.
    pub owner_is_elsewhere: bool,
    /// The control socket that the owner names, by an absolute path; none if the file has no owner, or one
    /// without a socket.
    ///
    /// It is what the lock says, and may be stale: the owner writes it before the socket listens. Ask who
    /// answers there, as `control::Client::connect_to_owner` does, in a build with the feature `control`.
    pub socket: Option<PathBuf>,
    /// Whether the last commit was that of a close.
    pub closed_cleanly: bool,
    /// The number of the last change that was committed.
    pub sequence: u64,
    /// When the last commit was made, by the cache's time.
    pub last_flush: Timestamp,
    /// Live and expired entries of all keyspaces, and those that a pending removal covers.
    pub entries: u64,
    /// Bytes that all entries are charged for, those of retired keyspaces included.
    pub bytes: u64,
    /// Large removals of many keys that hold already, and whose entries are still to be deleted.
    pub pending_removals: usize,
}

/// What a file says of a keyspace.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyspaceFacts {
    /// Its name.
    pub name: String,
    /// Its number in this file.
    pub number: u32,
    /// The version of its values' shape.
    pub version: u32,
    /// The shape of its keys, such as `(string, u64)`.
    pub key_shape: String,
    /// How its values are encoded: 0 bincode, 1 MessagePack, 2 raw bytes. [`format_name`](Self::format_name)
    /// tells it in words.
    pub value_format: u8,
    /// The name of the schema that it belongs to; none if it was made by hand, or by a definition without
    /// one.
    pub schema: Option<String>,
    /// Versions of it that were retired, oldest first, up to the latest
    /// [`MAX_RETIRED_VERSIONS`](crate::inspect::MAX_RETIRED_VERSIONS).
    pub retired_versions: Vec<RetiredVersion>,
    /// The fingerprint of its values' type; zero if there is none.
    pub fingerprint: u64,
    /// Its entries, those included that have expired and are not yet swept.
    pub entries: u64,
    /// Bytes that these are charged for.
    pub bytes: u64,
}

/// A keyspace that was opened with another version or shape: nobody can reach its entries, and the sweeper
/// has yet to delete them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetiredKeyspace {
    /// Its number in this file. Its name is not kept.
    pub number: u32,
    /// Bytes that its entries are still charged for.
    pub bytes: u64,
}

impl KeyspaceFacts {
    /// The shape of its keys, if it is made of larder's own parts.
    #[must_use]
    pub fn shape(&self) -> Option<KeyShape> {
        self.key_shape.parse().ok()
    }

    /// How its values are encoded, in words.
    #[must_use]
    pub const fn format_name(&self) -> &'static str {
        format_name(self.value_format)
    }

    /// A key of it as a person reads it: by its shape, or `0x` and the digits of its bytes.
    #[must_use]
    pub fn spell_key(&self, key: &[u8]) -> String {
        self.shape().map_or_else(|| spell_hex(key), |shape| shape.spell_key(key))
    }

    pub(super) fn id(&self) -> KeyspaceId {
        KeyspaceId::on_disk(self.number)
    }
}

/// How values are encoded, in words, by the number of their format.
///
/// ```
/// assert_eq!(larder::inspect::format_name(1), "MessagePack");
/// assert_eq!(larder::inspect::format_name(9), "unknown");
/// ```
#[must_use]
pub const fn format_name(value_format: u8) -> &'static str {
    match Format::of_code(value_format) {
        Some(format) => format.name(),
        None => "unknown",
    }
}

pub(super) fn file(facts: &FileContents) -> FileInfo {
    let state = facts.catalog.state;
    let owner = match &facts.condition {
        Condition::Owned(owner) => Some(owner),
        Condition::Closed | Condition::Crashed => None,
    };
    FileInfo {
        path: facts.path.clone(),
        len: facts.len,
        format: facts.catalog.format,
        identity: facts.catalog.identity,
        state: match &facts.condition {
            Condition::Owned(owner) => FileState::Owned { pid: owner.pid, has_ended: owner.has_ended },
            Condition::Closed => FileState::Closed,
            Condition::Crashed => FileState::Crashed,
        },
        owner_is_elsewhere: owner.is_some_and(|owner| owner.is_elsewhere),
        socket: owner.and_then(|owner| owner.socket.clone()),
        closed_cleanly: state.closed_cleanly,
        sequence: state.sequence,
        last_flush: state.clock_watermark,
        entries: facts.catalog.entries(),
        bytes: facts.catalog.live_bytes(),
        pending_removals: facts.catalog.ranges.len(),
    }
}

pub(super) fn keyspaces(facts: &FileContents) -> Vec<KeyspaceFacts> {
    of_catalog(&facts.catalog)
}

pub(crate) fn of_catalog(catalog: &Catalog) -> Vec<KeyspaceFacts> {
    let rows = catalog.keyspaces.iter().map(|(name, row)| KeyspaceFacts {
        name: name.clone(),
        number: row.id.number(),
        version: row.version,
        key_shape: row.shape.clone(),
        value_format: row.format,
        schema: row.schema.clone(),
        retired_versions: row.retired_versions.clone(),
        fingerprint: row.fingerprint,
        entries: row.entries,
        bytes: row.bytes,
    });
    rows.collect()
}

pub(super) fn retired(facts: &FileContents) -> Vec<RetiredKeyspace> {
    let rows = facts.catalog.retired.iter();
    rows.map(|(id, &bytes)| RetiredKeyspace { number: id.number(), bytes }).collect()
}
