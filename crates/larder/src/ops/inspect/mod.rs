//! Reads a cache file without the application's types and without help from its owner.
//!
//! [`Inspector`] reads a file while its owner uses it, a closed file, or a file left by a crash. It shows a
//! file left by a crash as its next owner will find it. An inspector never writes, repairs or creates a file.
//! Its results are untyped. It shows keys by the shape that the file records ([`KeyShape`]), and values as
//! bytes, or as JSON or text if their format allows it ([`Content`]).
//!
//! The `larder` command uses this module. To read a live cache with the application's types, use a
//! [`Follower`](crate::Follower).
//!
//! ```no_run
//! use larder::inspect::Inspector;
//!
//! let inspector = Inspector::open("var/shop.larder")?;
//! let snapshot = inspector.snapshot()?;
//! for keyspace in snapshot.keyspaces() {
//!     println!("{}: {} entries", keyspace.name, keyspace.entries);
//!     for entry in snapshot.page(keyspace, &[], None, 10)? {
//!         println!("  {}", keyspace.spell_key(&entry.key));
//!     }
//! }
//! # Ok::<(), larder::Error>(())
//! ```

mod content;
pub(super) mod file_info;
mod finding;
mod key_spelling;
mod snapshot;
mod verify;

use std::path::{Path, PathBuf};

use crate::disk::file::directories::absolute;
use crate::disk::reader::file_snapshot::FileSnapshot;
use crate::error::Error;
use crate::sys::clock::Clock;
use crate::sys::clock::system::SystemClock;
use crate::sys::sync::Arc;

pub use crate::disk::file::holders::holders;
pub use crate::disk::store::identity::FileIdentity;
pub use crate::disk::store::keyspace_row::{MAX_RETIRED_VERSIONS, RetiredVersion};
pub use crate::error::holder::Holder;
pub use crate::format::codec::document::Document;
pub use crate::format::escape::escape_control;
pub use crate::format::key::shape::{KeyShape, KeyValue};
pub use crate::format::key::spelling::spell_hex;
pub use content::Content;

pub use crate::disk::reader::keyspace_info::{KeyspaceInfo, format_name};
pub use file_info::{FileInfo, FileState, RetiredKeyspace};
pub use finding::{Entry, Record, RecordStatus, compression_name};
pub use key_spelling::KeySpelling;
pub use snapshot::Snapshot;
pub use verify::{
    DamagedRecord, FileVerifyReport, MAX_DAMAGED_NAMED, Miscounted, PageVerifyReport, UnreadableRecord,
};

/// A reader of one cache file. It takes any number of snapshots.
///
/// An inspector keeps no file open between snapshots. So each snapshot reads the file that is then at the
/// path, and an idle inspector does not prevent an owner from reusing space.
#[derive(Debug, Clone)]
pub struct Inspector {
    path: PathBuf,
    clock: Arc<dyn Clock>,
}

impl Inspector {
    /// Opens a cache file for reading, and checks that it can be read.
    ///
    /// # Errors
    /// Returns [`Error::Missing`] if there is no file. Returns [`Error::Foreign`] if the file is empty or
    /// not a larder file. Returns [`Error::InUse`] if a program other than larder has the file open.
    /// Otherwise, returns [`Error::Damaged`], [`Error::NewerFormat`], [`Error::UnknownFeatures`],
    /// [`Error::NotAFile`], [`Error::Permission`] or [`Error::Io`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_with_clock(path, Arc::new(SystemClock::new()))
    }

    /// Does the same as [`open`](Self::open), with another clock. `clock` decides which entries have expired.
    ///
    /// # Errors
    /// Returns the same errors as [`open`](Self::open).
    pub fn open_with_clock(path: impl AsRef<Path>, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let inspector = Self { path: absolute(path.as_ref())?, clock };
        drop(inspector.snapshot()?);
        Ok(inspector)
    }

    /// Takes a snapshot of the file in the state of its last commit.
    ///
    /// The owner cannot reuse space while a snapshot exists. Drop the snapshot within a second if this
    /// matters.
    ///
    /// # Errors
    /// Returns the same errors as [`open`](Self::open).
    ///
    /// # Cost
    /// Opening the file takes well below a millisecond. A file left by a crash is first repaired in memory,
    /// which takes a few milliseconds.
    pub fn snapshot(&self) -> Result<Snapshot, Error> {
        let look = FileSnapshot::open(&self.path)?;
        // The clock of this process may be behind the owner's clock.
        let now = self.clock.wall().max(look.contents.catalog.state.clock_watermark);
        Ok(Snapshot::new(look, now))
    }

    /// Returns the absolute path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests;
