//! fjall, a log-structured store, with its default settings.

use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use super::{Peer, Session};
use crate::workload::Page;

/// An open database.
pub struct Fjall {
    db: Database,
    pages: Keyspace,
}

impl std::fmt::Debug for Fjall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fjall").finish_non_exhaustive()
    }
}

impl Fjall {
    /// Opens a database, or creates it.
    ///
    /// # Errors
    /// Fails if fjall can't open the database.
    pub fn open(dir: &Path) -> fjall::Result<Self> {
        let db = Database::builder(dir).open()?;
        let pages = db.keyspace("page", KeyspaceCreateOptions::default)?;
        Ok(Self { db, pages })
    }

    /// Removes a page. The removal is on the disk once `persist` has returned.
    ///
    /// # Errors
    /// Fails if fjall can't write the removal.
    pub fn remove(&self, key: &str) -> fjall::Result<()> {
        self.pages.remove(key)
    }

    /// Writes everything to the disk, and syncs it.
    ///
    /// # Errors
    /// Fails if fjall can't write to the disk.
    pub fn persist(&self) -> fjall::Result<()> {
        self.db.persist(PersistMode::SyncData)
    }
}

impl Peer for Fjall {
    fn name(&self) -> &'static str {
        "fjall"
    }

    fn terms(&self) -> String {
        "written to its journal, no fsync: safe from a crash of the process".to_owned()
    }

    fn session(&self) -> Box<dyn Session + '_> {
        Box::new(self)
    }

    fn settle(&self) {
        self.persist().expect("the disk takes what was written");
    }
}

impl Session for &Fjall {
    fn get(&mut self, key: &str) -> bool {
        let bytes = self.pages.get(key).expect("the disk can be read");
        bytes.is_some_and(|bytes| decode(&bytes).is_some())
    }

    fn insert(&mut self, key: &str, page: Page) {
        self.pages.insert(key, encode(&page)).expect("the disk takes writes");
    }
}

/// Returns the encoded page. The peers that store nothing but an encoded page use this function.
pub(crate) fn encode(page: &Page) -> Vec<u8> {
    bincode::serde::encode_to_vec(page, bincode::config::standard()).expect("a page can be encoded")
}

pub(crate) fn decode(bytes: &[u8]) -> Option<Page> {
    bincode::serde::decode_from_slice(bytes, bincode::config::standard()).ok().map(|(page, _)| page)
}
