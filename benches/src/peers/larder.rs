//! larder as a peer.

use std::time::Duration;

use larder::{Cache, Keyspace};

use super::{Peer, Session};
use crate::disk;
use crate::workload::Page;

/// A cache and its keyspace of pages.
#[derive(Debug)]
pub struct Larder {
    /// The cache.
    pub cache: Cache,
    /// The keyspace of pages.
    pub pages: Keyspace<String, Page>,
    name: String,
    how: Lookup,
}

/// The method that looks up a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// [`Keyspace::get`], which promotes an entry from disk to memory.
    Get,
    /// [`Keyspace::peek`], which promotes no entry.
    Peek,
}

impl Larder {
    /// Makes a peer of an open cache.
    ///
    /// # Panics
    /// Panics if the keyspace is already open with other types.
    #[must_use]
    pub fn new(cache: Cache, name: &str, how: Lookup) -> Self {
        Self { pages: disk::pages(&cache), cache, name: name.to_owned(), how }
    }
}

impl Peer for Larder {
    fn name(&self) -> &str {
        &self.name
    }

    fn terms(&self) -> String {
        let flush = larder::DEFAULT_FLUSH_INTERVAL;
        let promotes = if self.how == Lookup::Get { "promoting" } else { "not promoting" };
        format!("on disk within {} (two-phase commit, quick repair), {promotes}", show(flush))
    }

    fn session(&self) -> Box<dyn Session + '_> {
        match self.how {
            Lookup::Get => Box::new(&self.pages),
            Lookup::Peek => Box::new(Peeking(&self.pages)),
        }
    }

    fn settle(&self) {
        self.cache.flush().expect("the disk takes what was written");
    }
}

impl Session for &Keyspace<String, Page> {
    fn get(&mut self, key: &str) -> bool {
        Keyspace::get(self, key).is_some()
    }

    fn insert(&mut self, key: &str, page: Page) {
        Keyspace::insert(self, key, page).expect("the cache is open");
    }
}

struct Peeking<'a>(&'a Keyspace<String, Page>);

impl Session for Peeking<'_> {
    fn get(&mut self, key: &str) -> bool {
        self.0.peek(key).is_some()
    }

    fn insert(&mut self, key: &str, page: Page) {
        self.0.insert(key, page).expect("the cache is open");
    }
}

fn show(duration: Duration) -> String {
    format!("{} ms", duration.as_millis())
}
