//! Changes a cache file that no cache has open, without the application's types.
//!
//! Like a [`Cache`](crate::Cache), [`Admin`] owns its file and holds the owner's lock. If another process
//! owns the file, opening fails with an error that names that process. A removal is durable when the call
//! returns. Each written entry is counted, and gets a sequence and index rows, as in a cache. `Admin` has
//! no memory tier, starts no thread, and evicts nothing. If the file grows beyond the capacity that its
//! cache has set, the next opening of the file as a cache shrinks it.
//!
//! Keys are passed as encoded bytes; [`KeyShape`](crate::inspect::KeyShape) encodes them. Values are passed
//! encoded and uncompressed.
//!
//! ```
//! # let dir = tempfile::tempdir()?;
//! # let path = dir.path().join("shop.larder");
//! use larder::admin::Admin;
//! use larder::{Cache, KeyspaceDefinition};
//!
//! const PRODUCT: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("product");
//! let cache = Cache::builder().path(&path).open()?;
//! cache.keyspace(PRODUCT)?.insert("MTNVTU", 100)?;
//! cache.close()?;
//!
//! let mut admin = Admin::open(&path)?;
//! assert_eq!(admin.remove_prefix("product", b"MTN")?, 1);
//! admin.close()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod entry;

use std::path::Path;

use crate::config::DEFAULT_VERIFY_ON_OPEN;
use crate::config::validate::check_name;
use crate::disk::file::directories::absolute;
use crate::disk::reader::edit::{Compaction, OfflineEdit};
use crate::disk::reader::keyspace_info::{KeyspaceInfo, of_catalog};
use crate::disk::store::entry_change::EntryChange;
use crate::disk::store::registration::Registration;
use crate::error::Error;
use crate::format::codec::format::Format;
use crate::format::codec::limits::MAX_VALUE_LEN;
use crate::format::key::MAX_KEY_LEN;
use crate::format::key::scope::Scope;
use crate::format::keyspace_id::KeyspaceId;
use crate::format::record::RecordKind;
use crate::sys::clock::system::SystemClock;
use crate::units::{ByteSize, Timestamp};

pub use entry::{NewEntry, NewKeyspace, Written};

/// The result of [`Admin::compact`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Compacted {
    /// The length of the file before the call.
    pub length_before: ByteSize,
    /// The length of the file after the call, never greater than `length_before`.
    pub length: ByteSize,
    /// Number of entries that were not copied, because they had expired and their grace time had ended.
    pub expired: u64,
}

/// A cache file that this process owns, and changes without opening a cache.
///
/// After a change of the file fails, every later call that returns a `Result` returns the same error. Drop
/// this value then, and open the file again. In a forked child, calls that read or change entries return
/// [`Error::Forked`].
#[derive(Debug)]
#[must_use = "what was changed is durable, but the file counts as left by a crash until it is closed"]
pub struct Admin {
    edit: OfflineEdit,
}

impl Admin {
    /// Opens a cache file that no process owns. Never creates a file.
    ///
    /// # Errors
    /// Returns [`Error::Missing`] if there is no file. Returns [`Error::InUse`], which names the owner, if
    /// a process owns the file. Returns [`Error::Foreign`] if the file is empty or not a larder file.
    /// Returns [`Error::InvalidSetting`] if the path is too long. Otherwise, returns [`Error::Damaged`],
    /// [`Error::NewerFormat`], [`Error::UnknownFeatures`], [`Error::NotAFile`], [`Error::Permission`] or
    /// [`Error::Io`]. After an error other than [`Error::Damaged`] and [`Error::Io`], the file is
    /// unchanged.
    ///
    /// # Cost
    /// Costs the same as opening a cache.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::at(path.as_ref(), false)
    }

    /// Opens a cache file, and creates it if it is missing.
    ///
    /// # Errors
    /// Returns the same errors as [`open`](Self::open), except [`Error::Missing`].
    pub fn create(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::at(path.as_ref(), true)
    }

    fn at(path: &Path, makes: bool) -> Result<Self, Error> {
        let clock = SystemClock::new();
        let verify_up_to = DEFAULT_VERIFY_ON_OPEN.as_u64();
        Ok(Self { edit: OfflineEdit::open(&absolute(path)?, &clock, verify_up_to, makes)? })
    }

    /// Returns the time against which expiry is checked: the clock's time or the time of the last commit,
    /// whichever is later.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.edit.now()
    }

    /// Returns the keyspaces, sorted by name. The list is empty after a change has failed.
    #[must_use]
    pub fn keyspaces(&self) -> Vec<KeyspaceInfo> {
        self.edit.catalog().map(of_catalog).unwrap_or_default()
    }

    /// Opens a keyspace, and creates it if it is missing.
    ///
    /// If the file has a keyspace of this name with another version, format, or shape of keys or values, that
    /// keyspace is retired with its entries. The same happens when a service opens a new version.
    ///
    /// # Errors
    /// Returns [`Error::InvalidSetting`] if the name of the keyspace or of its schema is empty or longer than
    /// 255 bytes, or if the format is unknown. Returns [`Error::Io`] or [`Error::Damaged`] if the file cannot
    /// be read or written.
    pub fn keyspace(&mut self, keyspace: NewKeyspace) -> Result<KeyspaceInfo, Error> {
        let NewKeyspace { name, version, key_shape: shape, value_format: format, schema, fingerprint } =
            keyspace;
        check_name("keyspace name", &name)?;
        if let Some(schema) = &schema {
            check_name("schema name", schema)?;
        }
        if Format::of_code(format).is_none() {
            let allowed = "it may be 0 (bincode), 1 (MessagePack) or 2 (raw bytes)".to_owned();
            return Err(Error::InvalidSetting {
                setting: "value format",
                value: format.to_string(),
                allowed,
            });
        }
        self.edit.register(Registration { name, version, shape, format, fingerprint, schema })
    }

    /// Writes entries to a keyspace in one commit. Skips an expired entry. Also skips an entry if the file
    /// has a live entry of the same key with a later time of writing.
    ///
    /// Each entry keeps its time of writing, its expiry and its grace time. If the time of writing is in the
    /// future, the entry counts as written now, with its whole TTL.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # let path = dir.path().join("shop.larder");
    /// use std::time::Duration;
    /// use larder::admin::{Admin, NewEntry, NewKeyspace};
    ///
    /// let mut admin = Admin::create(&path)?;
    /// let price = NewKeyspace {
    ///     name: "price".to_owned(),
    ///     version: 0,
    ///     key_shape: "string".to_owned(),
    ///     value_format: 2, // raw bytes
    ///     schema: None,
    ///     fingerprint: 0,
    /// };
    /// let shape = admin.keyspace(price)?.shape().unwrap();
    /// let now = admin.now();
    /// let entry = NewEntry {
    ///     key: shape.parse_key("MTNVTU")?,
    ///     written_at: now,
    ///     expires_at: now.after(Duration::from_secs(60)),
    ///     delete_after: now.after(Duration::from_secs(60)), // no grace
    ///     fingerprint: None,
    ///     compression: 0,
    ///     value: Some(b"100".to_vec()),
    /// };
    /// assert_eq!(admin.write("price", vec![entry])?.written, 1);
    /// admin.close()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`Error::KeyTooLarge`] or [`Error::ValueTooLarge`] for an entry that is too large. Returns
    /// [`Error::Io`] for a value that needs a larger page than this file can have. Returns [`Error::Io`] or
    /// [`Error::Damaged`] if the file cannot be read or written. After an error, the file has either all of
    /// the new entries or none. If the file does not have the keyspace, the call succeeds and writes
    /// nothing.
    pub fn write(&mut self, keyspace: &str, entries: Vec<NewEntry>) -> Result<Written, Error> {
        let mut written = Written::default();
        let Some((id, version)) = self.id(keyspace)? else { return Ok(written) };
        entries.iter().try_for_each(|entry| fit(keyspace, entry))?;
        let now = self.now();
        let fulls: Vec<Vec<u8>> = entries.iter().map(|entry| full(id, &entry.key)).collect();
        let there = self.edit.live(&fulls.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
        let mut changes = Vec::with_capacity(entries.len());
        for ((entry, full), there) in entries.into_iter().zip(&fulls).zip(there) {
            let entry = entry.not_from_the_future(now);
            if entry.expires_at <= now {
                written.expired += 1;
            } else if there.is_some_and(|there| there.written_at > entry.written_at) {
                written.kept_newer += 1;
            } else {
                written.written += 1;
                changes.push(entry.change(full, version, self.edit.next_sequence()));
            }
        }
        if !changes.is_empty() {
            self.edit.apply(&changes)?;
        }
        Ok(written)
    }

    /// Removes an entry or an absence. Returns whether a live value was removed. The removal is durable
    /// when the call returns.
    ///
    /// # Errors
    /// Returns [`Error::Io`] or [`Error::Damaged`] if the file cannot be read or written. After an error the
    /// entry may still be in the file.
    #[must_use = "an invalidation that failed must be handled: stale data may be served"]
    pub fn remove(&mut self, keyspace: &str, key: &[u8]) -> Result<bool, Error> {
        let Some((id, _)) = self.id(keyspace)? else { return Ok(false) };
        let full = full(id, key);
        let there = self.edit.live(&[&full])?;
        let was_live = there.into_iter().flatten().any(|there| there.kind == RecordKind::Value);
        let sequence = self.edit.next_sequence();
        self.edit.apply(&[EntryChange::deletion(full.as_slice(), sequence)])?;
        Ok(was_live)
    }

    /// Removes every entry whose encoded key starts with a prefix. Returns the number of removed live
    /// entries. The removal is durable when the call returns.
    ///
    /// # Errors
    /// Returns [`Error::Io`] or [`Error::Damaged`] if the file cannot be read or written. After an error the
    /// entries may still be in the file.
    #[must_use = "an invalidation that failed must be handled: stale data may be served"]
    pub fn remove_prefix(&mut self, keyspace: &str, prefix: &[u8]) -> Result<u64, Error> {
        let Some((id, _)) = self.id(keyspace)? else { return Ok(0) };
        self.edit.remove_scope(Scope::prefix(full(id, prefix)))
    }

    /// Removes every entry of every keyspace. Returns the number of removed live entries. The removal is
    /// durable when the call returns.
    ///
    /// # Errors
    /// Returns the same errors as [`remove_prefix`](Self::remove_prefix).
    #[must_use = "an invalidation that failed must be handled: stale data may be served"]
    pub fn clear(&mut self) -> Result<u64, Error> {
        self.edit.remove_scope(Scope::prefix([]))
    }

    /// Deletes expired entries and the entries of retired keyspaces, in bounded transactions, as long as
    /// `go_on` returns true. Returns the number of deleted expired entries.
    ///
    /// # Errors
    /// Returns [`Error::Io`] or [`Error::Damaged`] if the file cannot be read or written.
    pub fn sweep(&mut self, go_on: &mut dyn FnMut() -> bool) -> Result<u64, Error> {
        self.edit.sweep(go_on)
    }

    /// Shrinks the file to the space that its entries need. Writes a copy beside the file, without retired
    /// keyspaces and without entries whose grace time has ended. Then renames the copy over the file,
    /// unless the copy is longer.
    ///
    /// Calls `go_on` between rows. If `go_on` returns false, the method leaves the file unchanged and
    /// returns `None`. The file stays intact if the process ends during the call. Readers keep the old file
    /// until they open the path again. A [`Follower`](crate::Follower) switches to the new file by itself.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # let path = dir.path().join("shop.larder");
    /// let mut admin = larder::admin::Admin::create(&path)?;
    /// if let Some(compacted) = admin.compact(&mut || true)? {
    ///     println!("from {} to {}", compacted.length_before, compacted.length);
    /// }
    /// admin.close()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`Error::Io`] if there is not enough space for the copy. The error says how much space the
    /// copy needs, which is at most the length of the file. Also returns [`Error::Io`] if the file has tables
    /// of a later version that cannot be copied. Returns [`Error::Damaged`] if the file is damaged. Returns
    /// [`Error::Foreign`] if a file that is not larder's has the name of the copy.
    ///
    /// # Cost
    /// Reads every entry. Writes every copied entry at least once, and some twice.
    pub fn compact(&mut self, go_on: &mut dyn FnMut() -> bool) -> Result<Option<Compacted>, Error> {
        let done = self.edit.compact(go_on)?;
        Ok(done.map(|Compaction { len_before, len, expired }| Compacted {
            length_before: ByteSize::bytes(len_before),
            length: ByteSize::bytes(len),
            expired,
        }))
    }

    /// Closes the file as a cache does. A changed file that is not closed looks like a file left by a crash.
    ///
    /// # Errors
    /// Returns [`Error::Io`] or [`Error::Damaged`] if the file cannot be read or written.
    pub fn close(self) -> Result<(), Error> {
        self.edit.close()
    }

    fn id(&self, name: &str) -> Result<Option<(KeyspaceId, u32)>, Error> {
        Ok(self.edit.catalog()?.keyspaces.get(name).map(|row| (row.id, row.version)))
    }
}

fn full(id: KeyspaceId, key: &[u8]) -> Vec<u8> {
    [&id.to_bytes()[..], key].concat()
}

fn fit(keyspace: &str, entry: &NewEntry) -> Result<(), Error> {
    let keyspace = keyspace.to_owned();
    let (len, size) = (entry.key.len(), ByteSize::bytes(entry.value.as_ref().map_or(0, Vec::len) as u64));
    if len > MAX_KEY_LEN {
        return Err(Error::KeyTooLarge { keyspace, len, max: MAX_KEY_LEN });
    }
    if size > MAX_VALUE_LEN {
        let (bound, remedy) = ("encoded", "leave it out");
        return Err(Error::ValueTooLarge {
            keyspace,
            size,
            bound,
            max: MAX_VALUE_LEN,
            remedy: remedy.into(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
