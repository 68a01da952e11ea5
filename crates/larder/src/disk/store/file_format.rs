//! The format of a file, and the features that its readers must know.
//!
//! A file of a newer format is refused, and so is a file with an unknown feature. A feature is a change of
//! the file's content that a reader must know to read the file correctly. A feature needs no new format. If
//! a reader may ignore a new table, metadata row or keyspace field, the change needs neither a feature nor a
//! format.
//!
//! A file of an older format is opened unchanged. The first commit also upgrades the file, in the same
//! transaction ([`super::draft::Draft::upgrade`]).

use std::path::Path;

use redb::{ReadTransaction, ReadableDatabase, TableError};

use super::guard::{Guarded, StoreError, guarded};
use super::tables::{FEATURES_ROW, FORMAT_ROW, META};
use crate::error::Error;

/// The format that this version writes.
pub(crate) const FORMAT: u32 = 2;
/// The first format. It has no identity, no features and no fields of keyspaces.
pub(super) const FORMAT_1: u32 = 1;
/// The feature that rows of the expiry table have classes ([`super::expiry`]). Each program that deletes
/// entries must know this feature.
const LIFETIME_CLASSES: u64 = 1;
/// The features of files that this version creates, one bit each. The first commit adds them to an older
/// file.
pub(super) const FEATURES: u64 = LIFETIME_CLASSES;
const KNOWN_FEATURES: u64 = FEATURES;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileFormat {
    version: u32,
    features: u64,
}

impl FileFormat {
    /// Returns the format of a larder file, or `None` if the file has no metadata table of ours.
    pub(crate) fn of(db: &impl ReadableDatabase) -> Result<Option<Self>, StoreError> {
        let txn = Guarded::new(guarded(|| Ok(db.begin_read()?))?);
        Self::at(&txn)
    }

    /// Like [`FileFormat::of`], but reads in an existing transaction.
    pub(crate) fn at(txn: &ReadTransaction) -> Result<Option<Self>, StoreError> {
        let rows = guarded(|| {
            let meta = match txn.open_table(META) {
                Ok(meta) => meta,
                // A table of that name with other types is not ours.
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

    /// Returns the version of the format, or an error if this version of larder does not support the format
    /// or one of the features.
    pub(crate) fn supported_version(self, path: &Path) -> Result<u32, Error> {
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
