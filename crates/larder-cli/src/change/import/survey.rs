//! An export, read to its end before anything is done with it.

use std::fs::File;
use std::io::{BufReader, ErrorKind};
use std::path::Path;

use larder::MAX_TTL;
use larder::inspect::KeyShape;
use larder_export::{Error, Item, Keyspace, Reader};

use crate::exit::{Exit, Failure};
use crate::interrupt::Interrupt;
use crate::live::is_socket;
use crate::out::progress;

/// What is in an export that is whole.
#[derive(Debug)]
pub(super) struct Survey {
    /// Its keyspaces, in the order of their numbers, and whether each is to be imported.
    keyspaces: Vec<(Keyspace, bool)>,
    /// Entries of those that are.
    pub(super) entries: u64,
}

impl Survey {
    pub(super) fn of(path: &Path, only: Option<&str>, interrupt: &Interrupt) -> Result<Self, Failure> {
        let failed = |error: Error| reading(path, &error);
        let reader = Reader::new(BufReader::new(open(path)?)).map_err(failed)?;
        let bar = progress("checking the export", 0);
        let mut survey = Self { keyspaces: Vec::new(), entries: 0 };
        let mut shapes: Vec<Option<KeyShape>> = Vec::new();
        for item in reader {
            match item.map_err(failed)? {
                Item::Keyspace(keyspace) => {
                    shapes.push(keyspace.key_shape.parse().ok());
                    let is_chosen = only.is_none_or(|only| only == keyspace.name);
                    survey.keyspaces.push((keyspace, is_chosen));
                }
                Item::Entry(entry) => {
                    let number = usize::try_from(entry.keyspace).unwrap_or(usize::MAX);
                    let shape = shapes.get(number).and_then(Option::as_ref);
                    let damaged = |why: &str| {
                        failed(Error::Damaged { place: "in an entry".to_owned(), why: why.to_owned() })
                    };
                    if shape.is_some_and(|shape| shape.decode(&entry.key).is_err()) {
                        return Err(damaged("its key is not of the shape of its keyspace"));
                    }
                    let lifetime = u128::from(entry.expires_at_ms.saturating_sub(entry.written_at_ms));
                    if lifetime > MAX_TTL.as_millis() {
                        return Err(damaged("it lives longer than an entry may"));
                    }
                    survey.entries += u64::from(survey.name(entry.keyspace).is_some());
                    bar.inc(1);
                    interrupt.check("nothing was written")?;
                }
                Item::End(_) => {}
            }
        }
        bar.finish_and_clear();
        if let Some(name) = only.filter(|_| survey.chosen().next().is_none()) {
            return Err(Failure::new(Exit::No, format!("the export has no keyspace {name:?}")));
        }
        Ok(survey)
    }

    /// The keyspaces to be imported.
    pub(super) fn chosen(&self) -> impl Iterator<Item = &Keyspace> {
        self.keyspaces.iter().filter(|(_, is_chosen)| *is_chosen).map(|(keyspace, _)| keyspace)
    }

    /// The name of a keyspace that is to be imported.
    pub(super) fn name(&self, number: u32) -> Option<&str> {
        let (keyspace, is_chosen) = self.keyspaces.get(usize::try_from(number).ok()?)?;
        is_chosen.then_some(&*keyspace.name)
    }
}

/// Opens an export: a file, since it is read twice.
pub(super) fn open(path: &Path) -> Result<File, Failure> {
    if is_socket(path) {
        let text = format!(
            "cannot read {}: it is a socket, and no export; give the file that `larder export FILE --output EXPORT` wrote",
            path.display()
        );
        return Err(Failure::new(Exit::NotLarder, text));
    }
    let file = File::open(path).map_err(|error| reading(path, &error.into()))?;
    if file.metadata().is_ok_and(|found| found.is_file()) {
        return Ok(file);
    }
    let text = format!("cannot read {}: it is no regular file, and an export is read twice", path.display());
    Err(Failure::new(Exit::NotLarder, text))
}

/// The failure of reading an export.
pub(super) fn reading(path: &Path, error: &Error) -> Failure {
    let exit = match error {
        Error::NotAnExport => Exit::NotLarder,
        Error::NewerFormat { .. } => Exit::NewerFormat,
        Error::CutOff { .. } | Error::Damaged { .. } => Exit::Damaged,
        Error::Io(error) if error.kind() == ErrorKind::NotFound => Exit::Missing,
        _ => Exit::System,
    };
    Failure::new(exit, format!("cannot read {}: {error}", path.display()))
}
