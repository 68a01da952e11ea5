//! Measures the length of a file at each stage: filled, overwritten twice, with nine tenths deleted, and
//! closed and reopened.
//!
//! Each store is flushed or committed after every 1,000 pages. fjall stores a directory, so its length is
//! the sum of all files in it.

#![forbid(unsafe_code)]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use larder::{ByteSize, Cache};
use larder_benches::disk::{TEXT_LEN, builder, page, pages, room};
use larder_benches::peers::Peer;
use larder_benches::peers::fjall::Fjall;
use larder_benches::peers::raw_redb::RawRedb;
use larder_benches::peers::sqlite::{Sqlite, Synchronous};
use larder_benches::{Against, Contest, Pace, Page, Unit, key};

const ROW: &str = "file-size";
const TITLE: &str = "File size";
/// Number of pages between two commits.
const BATCH: usize = 1_000;
const STAGES: [&str; 5] =
    ["filled", "overwritten twice", "nine tenths deleted", "opened again", "the longest it was"];

/// The length of a file at each stage.
type Lengths = [u64; STAGES.len()];

fn main() -> Result<(), Box<dyn Error>> {
    let Some(pace) = Pace::of_program("file_size") else { return Ok(()) };
    let entries = pace.pick(50_000, 10_000);
    let setting = |stage: &str| format!("{}k × {TEXT_LEN} B: {stage}", entries / 1_000);
    if !STAGES.iter().any(|stage| pace.wants(ROW, &setting(stage))) {
        return Ok(());
    }
    let dir = tempfile::tempdir()?;
    let at = |name: &str| dir.path().join(name);
    let lives = [
        live(&mut OfLarder::new(&at("larder"), entries)?, entries)?,
        live(&mut OfRedb { path: at("redb"), file: Some(RawRedb::create(&at("redb"))?) }, entries)?,
        live(&mut OfFjall { path: at("fjall"), file: Some(Fjall::open(&at("fjall"))?) }, entries)?,
        live(&mut OfSqlite::new(&at("sqlite"))?, entries)?,
    ];
    let stored = (entries * (TEXT_LEN + key(0).len())) as u64;
    for (number, stage) in STAGES.iter().enumerate() {
        let setting = setting(stage);
        if !pace.wants(ROW, &setting) {
            continue;
        }
        let mut contest = Contest::new(ROW, TITLE, setting, Unit::Bytes);
        for (name, lengths) in ["larder", "redb", "fjall", "rusqlite"].iter().zip(&lives) {
            let length = lengths.get(number).copied().unwrap_or(0);
            contest.contestant(name, "as committed", move || figure(length));
        }
        let capacity = disk_capacity(entries);
        contest.target(
            Against::Bound(figure(capacity)),
            1.0,
            &format!("never above disk_capacity, {}", ByteSize::bytes(capacity)),
        );
        contest.note(format!("Keys and values filled in: {}.", ByteSize::bytes(stored)));
        contest.run(&pace.rounds(1));
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a file's length is below what a double tells apart")]
fn figure(length: u64) -> f64 {
    length as f64
}

/// A store whose length the bench measures after each stage.
trait Stored {
    fn put(&mut self, pages: &[(String, Page)]) -> Result<(), Box<dyn Error>>;
    fn delete(&mut self, keys: &[String]) -> Result<(), Box<dyn Error>>;
    fn reopen(&mut self) -> Result<(), Box<dyn Error>>;
    /// Returns the current length of the store on disk, in bytes.
    fn length(&self) -> u64;
}

fn live(stored: &mut dyn Stored, entries: usize) -> Result<Lengths, Box<dyn Error>> {
    let (mut lengths, mut longest) = (Vec::new(), 0);
    let numbers: Vec<usize> = (0..entries).map(|place| place * 7919 % entries).collect();
    for turn in 0..3 {
        for batch in numbers.chunks(BATCH) {
            let pages: Vec<_> = batch.iter().map(|number| (key(*number), page(number + turn))).collect();
            stored.put(&pages)?;
            longest = longest.max(stored.length());
        }
        if turn != 1 {
            lengths.push(stored.length());
        }
    }
    let gone: Vec<usize> = numbers.into_iter().filter(|number| number % 10 > 0).collect();
    for batch in gone.chunks(BATCH) {
        stored.delete(&batch.iter().map(|number| key(*number)).collect::<Vec<_>>())?;
        longest = longest.max(stored.length());
    }
    lengths.push(stored.length());
    stored.reopen()?;
    lengths.push(stored.length());
    lengths.push(longest);
    <Lengths>::try_from(lengths).map_err(|_| "a stage is missing".into())
}

/// Returns the length of a file, or the sum of all files in a directory.
fn length(path: &Path) -> u64 {
    let Ok(found) = fs::metadata(path) else { return 0 };
    if !found.is_dir() {
        return found.len();
    }
    fs::read_dir(path).into_iter().flatten().flatten().map(|file| length(&file.path())).sum()
}

fn borrowed(pages: &[(String, Page)]) -> impl Iterator<Item = (&str, &Page)> {
    pages.iter().map(|(key, page)| (key.as_str(), page))
}

fn disk_capacity(entries: usize) -> u64 {
    // If the file system does not count blocks, entries can fill only a quarter of the capacity
    // (docs/design.md, "Room on disk").
    5 * room(entries, TEXT_LEN)
}

struct OfLarder {
    path: PathBuf,
    entries: usize,
    cache: Cache,
}

impl OfLarder {
    fn new(path: &Path, entries: usize) -> Result<Self, larder::Error> {
        Ok(Self { path: path.to_owned(), entries, cache: Self::open(path, entries)? })
    }

    fn open(path: &Path, entries: usize) -> Result<Cache, larder::Error> {
        builder(path, 0).disk_capacity(disk_capacity(entries)).open()
    }
}

impl Stored for OfLarder {
    fn put(&mut self, batch: &[(String, Page)]) -> Result<(), Box<dyn Error>> {
        let pages = pages(&self.cache);
        for (key, page) in batch {
            pages.insert(key.as_str(), page.clone())?;
        }
        Ok(self.cache.flush()?)
    }

    fn delete(&mut self, keys: &[String]) -> Result<(), Box<dyn Error>> {
        let pages = pages(&self.cache);
        let mut invalidation = self.cache.invalidation();
        for key in keys {
            invalidation.remove(&pages, key.as_str())?;
        }
        invalidation.commit()?;
        Ok(())
    }

    fn reopen(&mut self) -> Result<(), Box<dyn Error>> {
        self.cache.close()?;
        self.cache = Self::open(&self.path, self.entries)?;
        Ok(())
    }

    fn length(&self) -> u64 {
        length(&self.path)
    }
}

struct OfRedb {
    path: PathBuf,
    file: Option<RawRedb>,
}

impl Stored for OfRedb {
    fn put(&mut self, pages: &[(String, Page)]) -> Result<(), Box<dyn Error>> {
        self.file.as_ref().map_or(Ok(()), |file| file.commit(borrowed(pages))).map_err(Into::into)
    }

    fn delete(&mut self, keys: &[String]) -> Result<(), Box<dyn Error>> {
        let keys = keys.iter().map(String::as_str);
        self.file.as_ref().map_or(Ok(()), |file| file.remove(keys)).map_err(Into::into)
    }

    fn reopen(&mut self) -> Result<(), Box<dyn Error>> {
        self.file.take().map_or(Ok(()), RawRedb::close)?;
        self.file = Some(RawRedb::open(&self.path)?);
        Ok(())
    }

    fn length(&self) -> u64 {
        length(&self.path)
    }
}

struct OfFjall {
    path: PathBuf,
    file: Option<Fjall>,
}

impl Stored for OfFjall {
    fn put(&mut self, pages: &[(String, Page)]) -> Result<(), Box<dyn Error>> {
        let Some(file) = &self.file else { return Ok(()) };
        let mut session = file.session();
        for (key, page) in pages {
            session.insert(key, page.clone());
        }
        Ok(file.persist()?)
    }

    fn delete(&mut self, keys: &[String]) -> Result<(), Box<dyn Error>> {
        let Some(file) = &self.file else { return Ok(()) };
        for key in keys {
            file.remove(key)?;
        }
        Ok(file.persist()?)
    }

    fn reopen(&mut self) -> Result<(), Box<dyn Error>> {
        self.file = None;
        self.file = Some(Fjall::open(&self.path)?);
        Ok(())
    }

    fn length(&self) -> u64 {
        length(&self.path)
    }
}

struct OfSqlite {
    path: PathBuf,
    file: Sqlite,
}

impl OfSqlite {
    /// `SQLite` gets its own directory, because the length includes the log file.
    fn new(dir: &Path) -> Result<Self, Box<dyn Error>> {
        fs::create_dir(dir)?;
        Ok(Self { path: dir.to_owned(), file: Sqlite::open(&dir.join("pages"), Synchronous::Normal)? })
    }
}

impl Stored for OfSqlite {
    fn put(&mut self, pages: &[(String, Page)]) -> Result<(), Box<dyn Error>> {
        Ok(self.file.commit(borrowed(pages))?)
    }

    fn delete(&mut self, keys: &[String]) -> Result<(), Box<dyn Error>> {
        Ok(self.file.remove(keys.iter().map(String::as_str))?)
    }

    fn reopen(&mut self) -> Result<(), Box<dyn Error>> {
        self.file = Sqlite::open(&self.path.join("pages"), Synchronous::Normal)?;
        Ok(())
    }

    fn length(&self) -> u64 {
        length(&self.path)
    }
}
