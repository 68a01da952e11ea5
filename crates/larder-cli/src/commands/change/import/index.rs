//! Opens an export, and reads and checks it to its end, before anything is written.
//!
//! The export is opened once and read twice. Otherwise another file could get its name in between, and
//! entries that were not checked would be written. The second pass reads the bytes that were checked, or
//! fails ([`BlockSums`]).

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;

use larder::inspect::KeyShape;
use larder::{MAX_TTL, Timestamp};
use larder_export::{Error, Item, Keyspace, Reader};

use super::blocks::{BlockReader, BlockSums};
use crate::cache::path::is_socket;
use crate::term::exit::{Exit, Failure};
use crate::term::interrupt::Interrupt;
use crate::term::out::progress;

/// The keyspaces of an export, and the number of entries to import.
#[derive(Debug)]
pub(super) struct ExportIndex {
    /// The keyspaces in the order of their numbers, each with a flag that says whether it is imported.
    keyspaces: Vec<(Keyspace, bool)>,
    pub(super) entries: u64,
    sums: BlockSums,
}

/// An open export.
#[derive(Debug)]
pub(super) struct ExportFile<'a> {
    path: &'a Path,
    file: File,
}

impl<'a> ExportFile<'a> {
    pub(super) fn open(path: &'a Path) -> Result<Self, Failure> {
        Ok(Self { path, file: open(path)? })
    }

    /// Starts the first pass. Only one reader may be in use at a time, because the file has one offset.
    fn first_pass<'b>(&'b self, sums: &'b mut BlockSums) -> Result<Reader<BlockReader<'b>>, Failure> {
        self.reader(BlockReader::first(&self.file, sums))
    }

    /// Starts a second pass, which reads what the index was made of.
    pub(super) fn second_pass<'b>(
        &'b self,
        index: &'b ExportIndex,
    ) -> Result<Reader<BlockReader<'b>>, Failure> {
        self.reader(BlockReader::second(&self.file, &index.sums))
    }

    fn reader<'b>(&self, input: io::Result<BlockReader<'b>>) -> Result<Reader<BlockReader<'b>>, Failure> {
        input.map_err(Error::from).and_then(Reader::new).map_err(|error| self.failure(&error))
    }

    /// Returns the failure for an error in reading the export.
    pub(super) fn failure(&self, error: &Error) -> Failure {
        read_failure(self.path, error)
    }
}

impl ExportIndex {
    pub(super) fn of(
        export: &ExportFile<'_>,
        only: Option<&str>,
        interrupt: &Interrupt,
    ) -> Result<Self, Failure> {
        let failed = |error: Error| export.failure(&error);
        let mut sums = BlockSums::default();
        let reader = export.first_pass(&mut sums)?;
        let bar = progress("checking the export", 0);
        let mut index = Self { keyspaces: Vec::new(), entries: 0, sums: BlockSums::default() };
        let mut shapes: Vec<Option<KeyShape>> = Vec::new();
        for item in reader {
            match item.map_err(failed)? {
                Item::Keyspace(keyspace) => {
                    shapes.push(keyspace.key_shape.parse().ok());
                    let is_chosen = only.is_none_or(|only| only == keyspace.name);
                    index.keyspaces.push((keyspace, is_chosen));
                }
                Item::Entry(entry) => {
                    let number = usize::try_from(entry.keyspace).unwrap_or(usize::MAX);
                    let shape = shapes.get(number).and_then(Option::as_ref);
                    let damaged = |why: &str| {
                        failed(Error::Damaged { place: "in an entry".to_owned(), why: why.to_owned() })
                    };
                    if shape.is_some_and(|shape| shape.decode(&entry.key).is_err()) {
                        return Err(damaged("its key does not have the shape of its keyspace"));
                    }
                    let lifetime = u128::from(entry.expires_at_ms.saturating_sub(entry.written_at_ms));
                    let is_never = Timestamp::from_millis(entry.expires_at_ms).is_never();
                    if lifetime > MAX_TTL.as_millis() && !is_never {
                        return Err(damaged("its TTL is longer than an entry may have"));
                    }
                    index.entries += u64::from(index.name(entry.keyspace).is_some());
                    bar.inc(1);
                    interrupt.check("nothing was written")?;
                }
                Item::End(_) => {}
            }
        }
        bar.finish_and_clear();
        index.sums = sums;
        if let Some(name) = only.filter(|_| index.chosen().next().is_none()) {
            return Err(Failure::new(Exit::No, format!("the export has no keyspace {name:?}")));
        }
        Ok(index)
    }

    pub(super) fn chosen(&self) -> impl Iterator<Item = &Keyspace> {
        self.keyspaces.iter().filter(|(_, is_chosen)| *is_chosen).map(|(keyspace, _)| keyspace)
    }

    /// Returns the name of the keyspace with this number, if that keyspace is imported.
    pub(super) fn name(&self, number: u32) -> Option<&str> {
        let (keyspace, is_chosen) = self.keyspaces.get(usize::try_from(number).ok()?)?;
        is_chosen.then_some(&*keyspace.name)
    }
}

/// Opens an export. It must be a regular file, because it is read twice.
fn open(path: &Path) -> Result<File, Failure> {
    if is_socket(path) {
        let text = format!(
            "cannot read {}: it is a socket, not an export; give the file that `larder export FILE --output EXPORT` wrote",
            path.display()
        );
        return Err(Failure::new(Exit::NotLarder, text));
    }
    let file = File::open(path).map_err(|error| read_failure(path, &error.into()))?;
    if file.metadata().is_ok_and(|found| found.is_file()) {
        return Ok(file);
    }
    let text =
        format!("cannot read {}: it is not a regular file, and an export is read twice", path.display());
    Err(Failure::new(Exit::NotLarder, text))
}

/// Returns the failure for an error in reading an export.
fn read_failure(path: &Path, error: &Error) -> Failure {
    let exit = match error {
        Error::NotAnExport => Exit::NotLarder,
        Error::NewerFormat { .. } => Exit::NewerFormat,
        Error::CutOff { .. } | Error::Damaged { .. } => Exit::Damaged,
        Error::Io(error) if error.kind() == ErrorKind::NotFound => Exit::Missing,
        _ => Exit::System,
    };
    let shown = path.display();
    let text = match error {
        Error::Io(source) => format!("cannot read {shown}: {source}"),
        error => format!("cannot read {shown}: {error}"),
    };
    Failure::new(exit, text)
}
