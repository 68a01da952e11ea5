//! A simple cache that can be written in an afternoon: `quick_cache` in front of redb, with a thread that
//! commits every 100 ms.
//!
//! This cache is fast, but it loses updates. `quick_cache` may evict a page before its commit. A lookup then
//! reads the older page from the file, and puts it into memory in place of the newer page. Entries do not
//! expire, and records have no checksum. The comparison shows what larder's promises cost.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use larder::ByteSize;
use quick_cache::sync::Cache;
use redb::{Builder, Database, ReadableDatabase, TableDefinition};

use super::fjall::{decode, encode};
use super::{Peer, Session};
use crate::disk::PAGE_CACHE;
use crate::stopwatch::Stopwatch;
use crate::workload::Page;

const TABLE: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("pages");
const INTERVAL: Duration = Duration::from_millis(100);

enum Message {
    Put(String, Arc<Page>),
    /// Requests a flush. The sender is dropped when all earlier writes are committed.
    Flush(#[expect(dead_code, reason = "dropping it is the answer")] Sender<()>),
}

/// Both tiers, and the thread that commits.
pub struct Naive {
    name: &'static str,
    memory: Cache<String, Arc<Page>>,
    db: Arc<Database>,
    writes: Option<Sender<Message>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl std::fmt::Debug for Naive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Naive").finish_non_exhaustive()
    }
}

impl Naive {
    /// Opens a file, or creates it. `in_memory` is the memory capacity in pages.
    ///
    /// # Errors
    /// Fails if redb can't open the file.
    pub fn open(path: &Path, in_memory: usize) -> Result<Self, redb::Error> {
        Self::open_with(path, "quick_cache, over redb", in_memory, PAGE_CACHE)
    }

    /// Like [`open`](Naive::open), with this page cache. The peer's name should mention the page cache.
    ///
    /// # Errors
    /// Fails if redb can't open the file.
    pub fn open_with(
        path: &Path,
        name: &'static str,
        in_memory: usize,
        page_cache: ByteSize,
    ) -> Result<Self, redb::Error> {
        let mut builder = Builder::new();
        builder.set_cache_size(usize::try_from(page_cache.as_u64()).unwrap_or(usize::MAX));
        let db = Arc::new(builder.create(path)?);
        let txn = db.begin_write()?;
        txn.open_table(TABLE)?;
        txn.commit()?;
        let (writes, inbox) = channel();
        let thread = std::thread::spawn({
            let db = db.clone();
            move || write(&db, &inbox)
        });
        let memory = Cache::new(in_memory);
        Ok(Self { name, memory, db, writes: Some(writes), writer: Mutex::new(Some(thread)) })
    }

    fn read(&self, key: &str) -> Result<Option<Page>, redb::Error> {
        let table = self.db.begin_read()?.open_table(TABLE)?;
        Ok(table.get_owned(key)?.and_then(|bytes| decode(bytes.value())))
    }

    fn send(&self, message: Message) {
        if let Some(writes) = &self.writes {
            drop(writes.send(message));
        }
    }
}

impl Drop for Naive {
    fn drop(&mut self) {
        self.writes = None;
        if let Some(writer) = self.writer.lock().ok().and_then(|mut writer| writer.take()) {
            drop(writer.join());
        }
    }
}

/// Commits the pages of each interval. Dropping a flush message wakes the caller that waits for the flush.
fn write(db: &Database, inbox: &Receiver<Message>) {
    while let Ok(first) = inbox.recv() {
        let watch = Stopwatch::start();
        let mut taken = vec![first];
        while watch.elapsed() < INTERVAL && !matches!(taken.last(), Some(Message::Flush(_))) {
            match inbox.recv_timeout(INTERVAL.saturating_sub(watch.elapsed())) {
                Ok(message) => taken.push(message),
                Err(_) => break,
            }
        }
        commit(db, &taken).expect("the disk takes writes");
    }
}

fn commit(db: &Database, messages: &[Message]) -> Result<(), redb::Error> {
    let txn = db.begin_write()?;
    {
        let mut table = txn.open_table(TABLE)?;
        for message in messages {
            if let Message::Put(key, page) = message {
                table.insert(key.as_str(), encode(page).as_slice())?;
            }
        }
    }
    Ok(txn.commit()?)
}

impl Peer for Naive {
    fn name(&self) -> &'static str {
        self.name
    }

    fn terms(&self) -> String {
        "a commit every 100 ms, no checksum, no expiry; loses updates".to_owned()
    }

    fn session(&self) -> Box<dyn Session + '_> {
        Box::new(self)
    }

    fn settle(&self) {
        let (answer, answered) = channel();
        self.send(Message::Flush(answer));
        // The writer drops the sender after the commit, so an error is the expected result.
        let _ = answered.recv();
    }
}

impl Session for &Naive {
    fn get(&mut self, key: &str) -> bool {
        if self.memory.get(key).is_some() {
            return true;
        }
        let Some(page) = self.read(key).expect("the disk can be read") else { return false };
        self.memory.insert(key.to_owned(), Arc::new(page));
        true
    }

    fn insert(&mut self, key: &str, page: Page) {
        let page = Arc::new(page);
        self.memory.insert(key.to_owned(), page.clone());
        self.send(Message::Put(key.to_owned(), page));
    }
}
