//! Changing a cache file that no cache has open, without a type of the application's.
//!
//! [`Admin`] owns a file as a [`Cache`](crate::Cache) does: it takes the owner's lock, and a file that
//! somebody has is refused with who that is. What it removes is durable when the call returns, and what it
//! writes is counted, numbered and indexed as a cache would have done it. It has no memory tier, runs no
//! thread, and evicts nothing: a file that has become longer than its service lets it be is shortened when
//! that opens it.
//!
//! Keys are their encoded bytes ([`KeyShape`](crate::inspect::KeyShape) makes them), values what the codec
//! made of them, before any compression.
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
use crate::disk::reader::edit::{Compaction, Edit};
use crate::disk::reader::keyspace_info::{KeyspaceInfo, of_catalog};
use crate::disk::store::entry_change::EntryChange;
use crate::disk::store::registration::Registration;
use crate::error::Error;
use crate::format::codec::format::Format;
use crate::format::codec::limits::MAX_VALUE_LEN;
use crate::format::key::MAX_KEY_LEN;
use crate::format::key::scope::Scope;
use crate::format::keyspace_id::KeyspaceId;
use crate::sys::clock::system::SystemClock;
use crate::units::{ByteSize, Timestamp};

pub use entry::{NewEntry, NewKeyspace, Written};

/// What [`Admin::compact`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Compacted {
    /// The length of the file before.
    pub length_before: ByteSize,
    /// Its length now: never more.
    pub length: ByteSize,
    /// Entries that were left out because they had expired.
    pub expired: u64,
}

/// A cache file that this process owns, to be changed by hand.
#[derive(Debug)]
#[must_use = "what was changed is durable, but the file counts as left by a crash until it is closed"]
pub struct Admin {
    edit: Edit,
}

impl Admin {
    /// Opens a cache file that nobody has. None is made.
    ///
    /// # Errors
    /// [`Error::Missing`]; [`Error::InUse`] with the owner; [`Error::Foreign`] if it is not larder's, or
    /// empty; [`Error::Damaged`], and the file is left as it is; [`Error::NewerFormat`]; [`Error::NotAFile`];
    /// [`Error::Permission`]; [`Error::Io`]. None of them changes the file.
    ///
    /// # Cost
    /// That of opening a cache.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::at(path.as_ref(), false)
    }

    /// The same, and makes the file if there is nothing.
    ///
    /// # Errors
    /// Those of [`open`](Self::open), but for [`Error::Missing`].
    pub fn create(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::at(path.as_ref(), true)
    }

    fn at(path: &Path, makes: bool) -> Result<Self, Error> {
        let clock = SystemClock::new();
        let verify_up_to = DEFAULT_VERIFY_ON_OPEN.as_u64();
        Ok(Self { edit: Edit::open(&absolute(path)?, &clock, verify_up_to, makes)? })
    }

    /// The time by which entries expire here: the clock's, or that of the file's last commit if that is
    /// later.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.edit.now()
    }

    /// The keyspaces, by name.
    #[must_use]
    pub fn keyspaces(&self) -> Vec<KeyspaceInfo> {
        self.edit.catalog().map(of_catalog).unwrap_or_default()
    }

    /// Finds a keyspace, or makes it. If the file has one of the name with another version, another shape of
    /// keys or values, or values in another format, that one is retired with its entries, as when a service
    /// opens a new version.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] for a name, of it or of its schema, that is empty or longer than 255 bytes,
    /// and for a format that is unknown; [`Error::Io`], [`Error::Damaged`].
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
        let wanted = Registration { name: name.clone(), version, shape, format, fingerprint, schema };
        self.edit.register(wanted)?;
        let found = self.keyspaces().into_iter().find(|keyspace| keyspace.name == name);
        found.ok_or(Error::Closed)
    }

    /// Writes entries to a keyspace, with one commit. An entry that has expired is not written, and neither
    /// is one whose key has a live entry that was written later.
    ///
    /// An entry keeps when it was written and when it expires; one that says it was written later than now
    /// lives no longer from now than it was given.
    ///
    /// # Errors
    /// [`Error::KeyTooLarge`], [`Error::ValueTooLarge`]; [`Error::Io`], [`Error::Damaged`]. Nothing is
    /// written then. In a keyspace that the file does not have nothing is written either.
    pub fn write(&mut self, keyspace: &str, entries: Vec<NewEntry>) -> Result<Written, Error> {
        let mut written = Written::default();
        let Some((id, version)) = self.id(keyspace) else { return Ok(written) };
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

    /// Removes an entry. Whether there was a live one. Durable when it returns.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`]: then it may still be there.
    #[must_use = "an invalidation that failed must be handled: stale data may be served"]
    pub fn remove(&mut self, keyspace: &str, key: &[u8]) -> Result<bool, Error> {
        let Some((id, _)) = self.id(keyspace) else { return Ok(false) };
        let full = full(id, key);
        let was_live = self.edit.live(&[&full])?.first().is_some_and(Option::is_some);
        let sequence = self.edit.next_sequence();
        self.edit.apply(&[EntryChange::deletion(full.as_slice(), sequence)])?;
        Ok(was_live)
    }

    /// Removes every entry whose encoded key starts so. How many live ones there were. Durable when it
    /// returns.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`]: then they may still be there.
    #[must_use = "an invalidation that failed must be handled: stale data may be served"]
    pub fn remove_prefix(&mut self, keyspace: &str, prefix: &[u8]) -> Result<u64, Error> {
        let Some((id, _)) = self.id(keyspace) else { return Ok(0) };
        self.edit.remove_scope(Scope::prefix(full(id, prefix)))
    }

    /// Removes every entry of every keyspace. How many live ones there were. Durable when it returns.
    ///
    /// # Errors
    /// Those of [`remove_prefix`](Self::remove_prefix).
    #[must_use = "an invalidation that failed must be handled: stale data may be served"]
    pub fn clear(&mut self) -> Result<u64, Error> {
        self.edit.remove_scope(Scope::prefix([]))
    }

    /// Deletes what has expired, and what is left of retired keyspaces, in bounded transactions, for as long
    /// as `go_on` says so. How many expired entries went.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`].
    pub fn sweep(&mut self, go_on: &mut dyn FnMut() -> bool) -> Result<u64, Error> {
        self.edit.sweep(go_on)
    }

    /// Makes the file as short as its entries need: writes a copy beside it, and renames that over the file
    /// if it is no longer. What has expired is left out, and so is what retired keyspaces left.
    ///
    /// `go_on` is asked between rows; if it answers no, the file stays as it is, and so does the answer:
    /// none. The process may end at any time meanwhile. Who reads the file goes on with the old one until it
    /// is opened again; a [`Follower`](crate::Follower) sees to that itself.
    ///
    /// # Errors
    /// [`Error::Io`], also when there is no room for the copy, which takes at most what the file does: the
    /// text says how much; and when the file has tables of a later version that can't be copied.
    /// [`Error::Damaged`]; [`Error::Foreign`] for a file of somebody else's that has the copy's name.
    ///
    /// # Cost
    /// The entries are read, and written once, or some of them twice.
    pub fn compact(&mut self, go_on: &mut dyn FnMut() -> bool) -> Result<Option<Compacted>, Error> {
        let done = self.edit.compact(go_on)?;
        Ok(done.map(|Compaction { len_before, len, expired }| Compacted {
            length_before: ByteSize::bytes(len_before),
            length: ByteSize::bytes(len),
            expired,
        }))
    }

    /// Closes the file.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`].
    pub fn close(self) -> Result<(), Error> {
        self.edit.close()
    }

    fn id(&self, name: &str) -> Option<(KeyspaceId, u32)> {
        self.edit.catalog()?.keyspaces.get(name).map(|row| (row.id, row.version))
    }
}

fn full(id: KeyspaceId, key: &[u8]) -> Vec<u8> {
    [&id.to_bytes()[..], key].concat()
}

fn fit(keyspace: &str, entry: &NewEntry) -> Result<(), Error> {
    let keyspace = keyspace.to_owned();
    let (len, size) = (entry.key.len(), ByteSize::bytes(entry.value.len() as u64));
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
