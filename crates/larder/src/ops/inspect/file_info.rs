//! What a file records of itself.

use std::path::PathBuf;

use crate::disk::reader::file_snapshot::{Condition, FileContents};
use crate::disk::store::identity::FileIdentity;
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

/// Describes a file.
pub(super) fn file(contents: &FileContents) -> FileInfo {
    let state = contents.catalog.state;
    let owner = match &contents.condition {
        Condition::Owned(owner) => Some(owner),
        Condition::Closed | Condition::Crashed => None,
    };
    FileInfo {
        path: contents.path.clone(),
        len: contents.len,
        format: contents.catalog.format,
        identity: contents.catalog.identity,
        state: match &contents.condition {
            Condition::Owned(owner) => FileState::Owned { pid: owner.pid, has_ended: owner.has_ended },
            Condition::Closed => FileState::Closed,
            Condition::Crashed => FileState::Crashed,
        },
        owner_is_elsewhere: owner.is_some_and(|owner| owner.is_elsewhere),
        socket: owner.and_then(|owner| owner.socket.clone()),
        closed_cleanly: state.closed_cleanly,
        sequence: state.sequence,
        last_flush: state.clock_watermark,
        entries: contents.catalog.entries(),
        bytes: contents.catalog.live_bytes(),
        pending_removals: contents.catalog.ranges.len(),
    }
}

/// Returns the keyspaces whose entries are still to be deleted.
pub(super) fn retired(contents: &FileContents) -> Vec<RetiredKeyspace> {
    let rows = contents.catalog.retired.iter();
    rows.map(|(id, &bytes)| RetiredKeyspace { number: id.number(), bytes }).collect()
}
