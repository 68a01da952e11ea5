//! Which format a file is of, and what it asks of its readers.
//!
//! A file of a newer format is refused, and so is one that uses a feature that this version does not know: a
//! feature is what a reader must know to read the file rightly, and costs no format of its own. What a reader
//! may pass over needs neither: tables, rows of the metadata and fields of keyspaces.
//!
//! A file of an older format is read as it is. The first commit upgrades it, in the same transaction
//! ([`super::catalog::Catalog::upgrade`]).

use std::path::Path;

use redb::{ReadTransaction, ReadableDatabase, TableError};

use super::guard::{Guarded, StoreError, guarded};
use super::tables::{FEATURES_ROW, FORMAT_ROW, META};
use crate::error::Error;

/// The format that is written. Files of a newer one are refused.
pub(crate) const FORMAT: u32 = 2;
/// The first format: without identity, features, and fields of keyspaces.
pub(crate) const FORMAT_1: u32 = 1;
/// Rows of the expiry table have classes ([`super::expiry`]): whoever deletes entries must know.
const LIFETIME_CLASSES: u64 = 1;
/// The features of the files that this version makes, a bit each, and brings others to with its first commit.
pub(crate) const FEATURES: u64 = LIFETIME_CLASSES;
/// The features that this version knows.
const KNOWN_FEATURES: u64 = FEATURES;

/// What a file says of its format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileFormat {
    version: u32,
    features: u64,
}

impl FileFormat {
    /// The format of a larder file; `None` if the file has no table of ours.
    pub(crate) fn of(db: &impl ReadableDatabase) -> Result<Option<Self>, StoreError> {
        let txn = Guarded::new(guarded(|| Ok(db.begin_read()?))?);
        Self::at(&txn)
    }

    /// The same, in a transaction.
    pub(crate) fn at(txn: &ReadTransaction) -> Result<Option<Self>, StoreError> {
        let rows = guarded(|| {
            let meta = match txn.open_table(META) {
                Ok(meta) => meta,
                // A table of that name that is not like ours is somebody else's.
                Err(
                    TableError::TableDoesNotExist(_)
                    | TableError::TableTypeMismatch { .. }
                    | TableError::TableIsMultimap(_),
                ) => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            let version = meta.get(FORMAT_ROW)?.and_then(|row| row.value().first_chunk().copied());
            let features = meta.get(FEATURES_ROW)?.map(|row| row.value().try_into());
            Ok(Some((version, features)))
        })?;
        match rows {
            None => Ok(None),
            Some((None, _)) => Err(StoreError::damage("the format version is missing")),
            Some((_, Some(Err(_)))) => Err(StoreError::damage("the row of features is illegible")),
            Some((Some(version), features)) => Ok(Some(Self {
                version: u32::from_be_bytes(version),
                features: features.and_then(Result::ok).map_or(0, u64::from_be_bytes),
            })),
        }
    }

    pub(crate) fn version(self) -> u32 {
        self.version
    }

    /// The format's version, if this version of larder reads the file.
    pub(crate) fn catalog(self, path: &Path) -> Result<u32, Error> {
        let path = || path.to_owned();
        if self.version > FORMAT {
            return Err(Error::NewerFormat { path: path(), found: self.version, supported: FORMAT });
        }
        match self.features & !KNOWN_FEATURES {
            0 => Ok(self.version),
            unknown => Err(Error::UnknownFeatures { path: path(), unknown }),
        }
    }
}
