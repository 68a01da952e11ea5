//! Looking into a cache file without a type of the application's, and without its owner.
//!
//! [`Inspector`] opens a file to be read, whoever has it: a live one beside its owner, a closed one, and one
//! that a crash left, which it reads as its next owner will find it. Nothing is written, repaired or made.
//! What it shows is untyped: keys by the shape that the file keeps of them ([`KeyShape`]), values as their
//! bytes, and as JSON or text where their format allows it ([`Content`]).
//!
//! It is what the `larder` command is made of. A program that knows its types looks at a live cache with a
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
pub(crate) mod file_info;
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

/// Opens a cache file to be looked into, as often as asked.
///
/// It holds no file open itself, so it goes on with whatever stands at the path, and never keeps an owner
/// from reusing space.
#[derive(Debug, Clone)]
pub struct Inspector {
    path: PathBuf,
    clock: Arc<dyn Clock>,
}

impl Inspector {
    /// Looks whether a cache file can be looked into.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is none; [`Error::Foreign`] if it is not larder's, or empty;
    /// [`Error::Damaged`]; [`Error::NewerFormat`]; [`Error::NotAFile`]; [`Error::Permission`];
    /// [`Error::InUse`] if a program that is not larder has it; [`Error::Io`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_with_clock(path, Arc::new(SystemClock::new()))
    }

    /// The same, by another clock: it says what has expired.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub fn open_with_clock(path: impl AsRef<Path>, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let inspector = Self { path: absolute(path.as_ref())?, clock };
        drop(inspector.snapshot()?);
        Ok(inspector)
    }

    /// The file as its last commit left it.
    ///
    /// A snapshot keeps the owner from reusing space for as long as it is held: let go of it within a second
    /// where that matters.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    ///
    /// # Cost
    /// Opening the file: well below a millisecond. A file that a crash left is repaired in memory first,
    /// which takes milliseconds.
    pub fn snapshot(&self) -> Result<Snapshot, Error> {
        let look = FileSnapshot::open(&self.path)?;
        // Its own clock may be behind the owner's.
        let now = self.clock.wall().max(look.contents.catalog.state.clock_watermark);
        Ok(Snapshot::new(look, now))
    }

    /// The path, made absolute.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests;
