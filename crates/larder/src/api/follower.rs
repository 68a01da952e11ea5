//! A reader of a cache file that another process is using.

use std::marker::PhantomData;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::keyspace::definition::KeyspaceDefinition;
use crate::disk::file::error_translation::{FileAction, error_of};
use crate::disk::reader::follow::Followed;
use crate::disk::reader::keyspace_info::{KeyspaceInfo, of_catalog};
use crate::disk::store::catalog::Catalog;
use crate::disk::store::guard::StoreError;
use crate::disk::store::snapshot::StoreSnapshot;
use crate::error::Error;
use crate::format::codec::checks::ValueChecks;
use crate::format::key::buffer::KeyBuffer;
use crate::format::key::{EncodeKey, Key, MAX_KEY_LEN};
use crate::format::keyspace_id::KeyspaceId;
use crate::format::record::{Damage, Header};
use crate::format::{key, record};
use crate::sys::clock::Clock;
use crate::sys::clock::system::SystemClock;
use crate::sys::sync::Arc;
use crate::units::{Remaining, Timestamp};

const PAGE_CACHE: usize = 4 << 20;
const CHUNK: usize = 256;

/// A reader of a cache file that another process, the owner, is writing.
///
/// A follower sees the changes that the owner has committed. The owner commits an insert within its flush
/// interval, and a removal before the removing call returns `Ok`. The follower does not change the file. Each
/// lookup uses its own read transaction of a few microseconds, so a follower never prevents the owner from
/// reusing space for long.
///
/// If the owner replaces the file because the disk failed or the file was damaged, the follower switches to
/// the new file. Until the new file exists, lookups fail.
///
/// ```no_run
/// use larder::{Follower, KeyspaceDefinition};
///
/// const NAME: KeyspaceDefinition<u64, String> = KeyspaceDefinition::new("name");
///
/// let follower = Follower::open("var/shop.larder")?;
/// for keyspace in follower.keyspaces()? {
///     println!("{}: {} entries", keyspace.name, keyspace.entries);
/// }
/// let name = follower.keyspace(NAME).get(&7)?;
/// # Ok::<(), larder::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Follower {
    file: Arc<Followed>,
    path: Arc<Path>,
    clock: Arc<dyn Clock>,
}

impl Follower {
    /// Opens a cache file for lookups. If the process forks later, lookups in the child fail with
    /// [`Error::Forked`].
    ///
    /// # Errors
    /// Returns [`Error::Io`] if the file is missing or damaged, or if its last owner crashed and no owner has
    /// opened it since. Returns [`Error::Foreign`], [`Error::NewerFormat`], [`Error::UnknownFeatures`],
    /// [`Error::NotAFile`] and [`Error::Permission`] in the same cases as for a cache. Returns
    /// [`Error::InUse`] while a program that is not larder has the file open exclusively.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_with_clock(path, Arc::new(SystemClock::new()))
    }

    /// Opens a cache file for lookups, with the given clock.
    ///
    /// # Errors
    /// Returns the same errors as [`open`](Follower::open).
    pub fn open_with_clock(path: impl AsRef<Path>, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let path = path.as_ref();
        Ok(Self { file: Arc::new(Followed::open(path, PAGE_CACHE)?), path: path.into(), clock })
    }

    /// Returns the keyspaces in the file, sorted by name.
    ///
    /// # Errors
    /// Returns [`Error::Io`] if the file can't be read, and [`Error::Forked`] in a forked child. If another
    /// file is at the path by now, also returns the same errors as [`open`](Follower::open).
    pub fn keyspaces(&self) -> Result<Vec<KeyspaceInfo>, Error> {
        let (catalog, _) = self.file.view(None)?;
        Ok(of_catalog(&catalog))
    }

    /// Returns a handle for lookups in a keyspace. Lookups do not find entries of another version, key
    /// shape or format.
    #[must_use]
    pub fn keyspace<K: Key, V>(&self, definition: KeyspaceDefinition<K, V>) -> FollowerKeyspace<K, V> {
        FollowerKeyspace {
            follower: self.clone(),
            definition,
            checks: ValueChecks::new(false),
            types: PhantomData,
        }
    }

    fn failed(&self, fault: StoreError) -> Error {
        error_of(FileAction::Follow, &self.path, fault)
    }

    fn unreadable(&self, cause: String) -> Error {
        Error::io("read", self.path.to_path_buf(), cause)
    }
}

/// A keyspace of a [`Follower`].
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("shop.larder");
/// use larder::{Cache, Follower, KeyspaceDefinition};
///
/// const NAME: KeyspaceDefinition<u64, String> = KeyspaceDefinition::new("name");
///
/// let cache = Cache::builder().path(&path).open()?; // in the process that owns the file
/// cache.keyspace(NAME)?.insert(&7, "Ada".to_owned())?;
/// cache.close()?;
///
/// let names = Follower::open(&path)?.keyspace(NAME);
/// assert_eq!(names.get(&7)?.as_deref(), Some("Ada"));
/// assert_eq!(names.keys()?, [7]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FollowerKeyspace<K, V> {
    follower: Follower,
    definition: KeyspaceDefinition<K, V>,
    checks: ValueChecks,
    types: PhantomData<fn() -> (K, V)>,
}

struct FoundRecord {
    /// The time at which the entry was found to be live.
    now: Timestamp,
    full: Vec<u8>,
    record: Vec<u8>,
    header: Header,
}

/// A snapshot of the file, for lookups in one keyspace.
struct FileView {
    id: KeyspaceId,
    catalog: Catalog,
    now: Timestamp,
    snapshot: StoreSnapshot,
}

impl<K: Key, V: Serialize + DeserializeOwned + 'static> FollowerKeyspace<K, V> {
    /// Returns the live value of a key, if one is committed.
    ///
    /// # Errors
    /// Returns [`Error::Io`] if the file can't be read, or if the key's record is damaged or can't be
    /// decoded. Also returns [`Error::KeyTooLarge`], and the same errors as [`Follower::keyspaces`].
    pub fn get(&self, key: impl EncodeKey<K>) -> Result<Option<V>, Error> {
        let Some(FoundRecord { full, record, header, .. }) = self.find(&key)? else {
            return Ok(None);
        };
        if header.version != self.definition.schema_version() {
            return Ok(None);
        }
        let (_, extension, payload) = record::read(&full, &record).map_err(|damage| self.damaged(damage))?;
        self.checks
            .read(self.definition.value_format(), header.compression, &extension, payload)
            .map(|(value, _)| Some(value))
            .map_err(|error| self.follower.unreadable(format!("a value does not decode: {error}")))
    }

    /// Returns the remaining TTL of a key's entry, or `None` if there is no live entry.
    ///
    /// # Errors
    /// Returns the same errors as [`get`](FollowerKeyspace::get).
    pub fn ttl(&self, key: impl EncodeKey<K>) -> Result<Option<Remaining>, Error> {
        Ok(self.find(&key)?.map(|found| Remaining::until(found.header.expires_at, found.now)))
    }

    /// Returns the keys of the live entries, in order. The call reads the keys in chunks of 256. The keys of
    /// a chunk are from the same commit.
    ///
    /// # Errors
    /// Returns [`Error::Io`] if the file can't be read, or if a record is damaged. Also returns the same
    /// errors as [`Follower::keyspaces`].
    pub fn keys(&self) -> Result<Vec<K>, Error> {
        let mut keys = Vec::new();
        // The last key without the number of its keyspace. The number may be another one in the next view, if
        // the file was replaced or the keyspace was retired. The old number would then lead to keys of other
        // keyspaces, or behind all keys.
        let mut last: Option<Box<[u8]>> = None;
        while let Some(view) = self.view()? {
            let id = view.id.to_bytes();
            let after = last.map(|key| [&id[..], &key].concat());
            let chunk = view.snapshot.keys(&id, after.as_deref(), CHUNK);
            let chunk = chunk.map_err(|fault| self.follower.failed(fault))?;
            for full in &chunk {
                let is_live = self.record(&view, full)?.is_some();
                keys.extend(
                    full.get(KeyspaceId::LEN..).filter(|_| is_live).and_then(|key| key::decode(key).ok()),
                );
            }
            if chunk.len() < CHUNK {
                break;
            }
            last = chunk.last().and_then(|full| full.get(KeyspaceId::LEN..)).map(Into::into);
        }
        Ok(keys)
    }

    fn find<Q: EncodeKey<K> + ?Sized>(&self, key: &Q) -> Result<Option<FoundRecord>, Error> {
        let mut bytes = KeyBuffer::default();
        key.encode(&mut bytes.writer());
        let len = bytes.as_slice().len();
        if len > MAX_KEY_LEN {
            let keyspace = self.definition.name().to_owned();
            return Err(Error::KeyTooLarge { keyspace, len, max: MAX_KEY_LEN });
        }
        let Some(view) = self.view()? else { return Ok(None) };
        let full = [&view.id.to_bytes(), bytes.as_slice()].concat();
        let found = self.record(&view, &full)?;
        Ok(found.map(|(record, header)| FoundRecord { now: view.now, full, record, header }))
    }

    /// Returns the live record of a full key. Ignores absences.
    fn record(&self, view: &FileView, full: &[u8]) -> Result<Option<(Vec<u8>, Header)>, Error> {
        let found = view.snapshot.get(full).map_err(|fault| self.follower.failed(fault))?;
        let Some(record) = found else { return Ok(None) };
        match record::read(full, &record) {
            Ok((header, ..)) if view.catalog.is_removed(full, header.sequence) => Ok(None),
            Ok((header, ..)) if header.has_live_value(view.now) => Ok(Some((record, header))),
            Ok(_) => Ok(None),
            Err(damage) => Err(self.damaged(damage)),
        }
    }

    fn damaged(&self, damage: Damage) -> Error {
        self.follower.unreadable(format!("a record is damaged: {damage:?}"))
    }

    /// Begins a read transaction, and looks up the number of the keyspace. Returns `None` if the file does
    /// not have the keyspace with this version, key shape and format.
    fn view(&self) -> Result<Option<FileView>, Error> {
        let (catalog, snapshot) = self.follower.file.view(Some(self.definition.name()))?;
        let Some(row) = catalog.keyspaces.get(self.definition.name()) else {
            return Ok(None);
        };
        let is_same_shape = row.shape == K::shape() && row.format == self.definition.value_format().code();
        if row.version != self.definition.schema_version() || !is_same_shape {
            return Ok(None);
        }
        // This process's clock may be behind the owner's clock.
        let now = self.follower.clock.wall().max(catalog.state.clock_watermark);
        Ok(Some(FileView { id: row.id, catalog, now, snapshot }))
    }
}
