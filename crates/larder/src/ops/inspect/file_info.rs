//! A file's own metadata, and information about its owner.

use std::path::PathBuf;

use crate::disk::reader::file_snapshot::{Condition, FileContents};
use crate::disk::store::identity::FileIdentity;
use crate::units::{ByteSize, Timestamp};

/// Whether a process owns a file, and if not, how its last owner left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileState {
    /// A process owns the file, or a fork of the owner still has it open.
    Owned {
        /// The process id of the owner, if it is known.
        pid: Option<u32>,
        /// Whether the owner has ended. If so, a fork of the owner probably still has the file open. Always
        /// false if the process is in another PID namespace ([`FileInfo::owner_is_elsewhere`]).
        has_ended: bool,
    },
    /// No process owns the file. Its last owner closed it.
    Closed,
    /// No process owns the file. Its last owner ended without closing it. The next owner repairs the file
    /// when it opens it.
    Crashed,
}

/// A file's own metadata, and information about its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileInfo {
    /// The path of the file.
    pub path: PathBuf,
    /// The length of the file.
    pub len: ByteSize,
    /// The version of the file's format. The first commit of an owner raises this version to the latest one
    /// that the owner knows.
    pub format: u32,
    /// The identity of the file. `None` if its format is 1.
    pub identity: Option<FileIdentity>,
    /// Whether a process owns the file, and if not, how its last owner left it.
    pub state: FileState,
    /// Whether the owner's process id belongs to another PID namespace, such as a container's. If so, the id
    /// names no process here, or a different process. Earlier versions of larder do not record the namespace.
    pub owner_is_elsewhere: bool,
    /// Absolute path of the owner's control socket. `None` if the file has no owner, or if the owner has no
    /// socket.
    ///
    /// The path comes from the lock file and may be stale, because the owner writes it before the socket
    /// listens. `control::Client::connect_to_owner` (feature `control`) checks which process answers at the
    /// socket.
    pub socket: Option<PathBuf>,
    /// Whether the last commit was made by closing the cache.
    pub closed_cleanly: bool,
    /// The sequence of the last committed change.
    pub sequence: u64,
    /// Time of the last commit, by the clock of the cache.
    pub last_flush: Timestamp,
    /// Number of entries of all keyspaces: live entries, expired entries, and entries that a pending removal
    /// covers.
    pub entries: u64,
    /// The disk space charged for all entries, including the entries of retired keyspaces.
    pub bytes: ByteSize,
    /// Number of large removals that are in effect, but have entries left to delete.
    pub pending_removals: usize,
}

/// A keyspace that was replaced by another version or shape. No lookup finds its entries, and the sweeper has
/// not deleted all of them yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetiredKeyspace {
    /// The number of the keyspace in this file. The file does not keep the keyspace's name.
    pub number: u32,
    /// The disk space charged for the remaining entries.
    pub bytes: ByteSize,
}

pub(super) fn file(contents: &FileContents) -> FileInfo {
    let state = contents.catalog.state;
    let owner = match &contents.condition {
        Condition::Owned(owner) => Some(owner),
        Condition::Closed | Condition::Crashed => None,
    };
    FileInfo {
        path: contents.path.clone(),
        len: contents.len.into(),
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
        bytes: contents.catalog.live_bytes().into(),
        pending_removals: contents.catalog.ranges.len(),
    }
}

pub(super) fn retired(contents: &FileContents) -> Vec<RetiredKeyspace> {
    let rows = contents.catalog.retired.iter();
    rows.map(|(id, &bytes)| RetiredKeyspace { number: id.number(), bytes: bytes.into() }).collect()
}
