//! `SQLite` in WAL mode, with one connection per thread and prepared statements.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};

use super::fjall::{decode, encode};
use super::{Peer, Session};
use crate::disk::PAGE_CACHE;
use crate::workload::Page;

const GET: &str = "SELECT page FROM pages WHERE key = ?1";
const PUT: &str = "INSERT INTO pages (key, page) VALUES (?1, ?2) \
    ON CONFLICT (key) DO UPDATE SET page = excluded.page";

/// When a commit is synced (`PRAGMA synchronous`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Synchronous {
    /// A commit is not synced. A power loss can lose the last commits, but a crash of the process can't.
    Normal,
    /// Every commit is synced.
    Full,
}

/// A database file.
#[derive(Debug)]
pub struct Sqlite {
    path: PathBuf,
    synchronous: Synchronous,
}

impl Sqlite {
    /// Opens a database, or creates it.
    ///
    /// # Errors
    /// Fails if `SQLite` can't open the database.
    pub fn open(path: &Path, synchronous: Synchronous) -> rusqlite::Result<Self> {
        let this = Self { path: path.to_owned(), synchronous };
        this.connect()?.execute_batch(
            "CREATE TABLE IF NOT EXISTS pages (key TEXT PRIMARY KEY, page BLOB) WITHOUT ROWID",
        )?;
        Ok(this)
    }

    /// Opens a connection with the settings of this database.
    ///
    /// # Errors
    /// Fails if `SQLite` can't open the connection.
    pub fn connect(&self) -> rusqlite::Result<Connection> {
        let connection = Connection::open(&self.path)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        let synchronous = if self.synchronous == Synchronous::Full { "FULL" } else { "NORMAL" };
        connection.pragma_update(None, "synchronous", synchronous)?;
        // A negative number in this pragma is a size in KiB. Each connection has its own page cache of this
        // size, and larder and redb have one for all threads.
        let kib = i64::try_from(PAGE_CACHE.as_u64() >> 10).unwrap_or(i64::MAX);
        connection.pragma_update(None, "cache_size", -kib)?;
        Ok(connection)
    }

    /// Stores pages in one transaction.
    ///
    /// # Errors
    /// Fails if `SQLite` can't commit the pages.
    pub fn commit<'a>(&self, pages: impl IntoIterator<Item = (&'a str, &'a Page)>) -> rusqlite::Result<()> {
        let mut connection = self.connect()?;
        let txn = connection.transaction()?;
        for (key, page) in pages {
            txn.prepare_cached(PUT)?.execute((key, encode(page)))?;
        }
        txn.commit()
    }

    /// Removes keys in one transaction.
    ///
    /// # Errors
    /// Fails if `SQLite` can't commit the removal.
    pub fn remove<'a>(&self, keys: impl IntoIterator<Item = &'a str>) -> rusqlite::Result<()> {
        let mut connection = self.connect()?;
        let txn = connection.transaction()?;
        for key in keys {
            txn.prepare_cached("DELETE FROM pages WHERE key = ?1")?.execute([key])?;
        }
        txn.commit()
    }
}

impl Peer for Sqlite {
    fn name(&self) -> &'static str {
        let full = self.synchronous == Synchronous::Full;
        if full { "rusqlite, FULL" } else { "rusqlite, NORMAL" }
    }

    fn terms(&self) -> String {
        let full = self.synchronous == Synchronous::Full;
        let terms = if full {
            "WAL, synchronous=FULL: each write durable"
        } else {
            "WAL, synchronous=NORMAL: safe from a crash of the process"
        };
        terms.to_owned()
    }

    fn session(&self) -> Box<dyn Session + '_> {
        Box::new(Connected(self.connect().expect("the database opens")))
    }
}

struct Connected(Connection);

impl Session for Connected {
    fn get(&mut self, key: &str) -> bool {
        let mut statement = self.0.prepare_cached(GET).expect("the statement is right");
        let page = statement.query_row([key], |row| row.get_ref(0).map(|page| page.as_bytes().map(decode)));
        page.optional()
            .expect("the disk can be read")
            .is_some_and(|page| page.is_ok_and(|page| page.is_some()))
    }

    fn insert(&mut self, key: &str, page: Page) {
        let mut statement = self.0.prepare_cached(PUT).expect("the statement is right");
        statement.execute((key, encode(&page))).expect("the disk takes writes");
    }
}
