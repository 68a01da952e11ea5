//! Reads an export. For any input, each read returns an item or an error, within the limits in `limits.rs`.

use std::collections::HashMap;
use std::io::{BufRead, Read};

use crate::error::Error;
use crate::item::{End, Form, Header, Item};
use crate::limits::{FORMAT, MAX_KEYSPACES, check_entry, check_keyspace};
use crate::summing::Sum;
use crate::{binary, jsonl};

/// An iterator over the items of an export. It returns no item after the end or after an error.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    form: Form,
    /// The format version of the export, for the binary form.
    format: u32,
    header: Header,
    sum: Sum,
    names: Vec<String>,
    numbers: HashMap<String, u32>,
    entries: u64,
    is_over: bool,
}

impl<R: BufRead> Reader<R> {
    /// Reads the header of an export of either form.
    ///
    /// # Errors
    /// Returns [`Error::NotAnExport`], [`Error::NewerFormat`], [`Error::CutOff`], [`Error::Damaged`] or
    /// [`Error::Io`].
    pub fn new(mut input: R) -> Result<Self, Error> {
        let mut sum = Sum::default();
        let first = input.fill_buf()?.first().copied();
        let (form, header, format) = if first == Some(b'{') {
            // Lines name their fields, so both versions are read in the same way.
            (Form::JsonLines, jsonl::read_header(&mut input, &mut sum)?, FORMAT)
        } else {
            let mut magic = Vec::new();
            input.by_ref().take(binary::MAGIC.len() as u64).read_to_end(&mut magic)?;
            if magic != binary::MAGIC {
                return Err(Error::NotAnExport);
            }
            let (header, format) = binary::read_header(&mut input, &mut sum)?;
            (Form::Binary, header, format)
        };
        let (names, numbers) = (Vec::new(), HashMap::new());
        Ok(Self { input, form, format, header, sum, names, numbers, entries: 0, is_over: false })
    }

    /// Returns the header.
    #[must_use]
    pub const fn header(&self) -> Header {
        self.header
    }

    /// Returns the form.
    #[must_use]
    pub const fn form(&self) -> Form {
        self.form
    }

    fn read(&mut self) -> Result<Item, Error> {
        let (item, checksum) = match self.form {
            Form::Binary => binary::read_item(&mut self.input, &mut self.sum, self.format)?,
            Form::JsonLines => {
                let number = |name: &str| self.numbers.get(name).copied();
                jsonl::read_item(&mut self.input, &mut self.sum, number)?
            }
        };
        let damaged = |why| Error::Damaged { place: String::new(), why };
        match &item {
            Item::Keyspace(keyspace) => {
                check_keyspace(keyspace, &[]).map_err(damaged)?;
                let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
                if self.names.len() >= MAX_KEYSPACES {
                    return Err(damaged("it has more keyspaces than an export may have".to_owned()));
                }
                if self.numbers.insert(keyspace.name.clone(), number).is_some() {
                    return Err(damaged(format!("the keyspace {:?} comes twice", keyspace.name)));
                }
                self.names.push(keyspace.name.clone());
            }
            Item::Entry(entry) => {
                check_entry(entry).map_err(damaged)?;
                if usize::try_from(entry.keyspace).is_ok_and(|number| number >= self.names.len()) {
                    return Err(damaged(format!(
                        "an entry belongs to keyspace {}, which did not come before it",
                        entry.keyspace
                    )));
                }
                self.entries += 1;
            }
            Item::End(end) => self.check_end(end, checksum)?,
        }
        Ok(item)
    }

    fn check_end(&mut self, end: &End, checksum: Option<u64>) -> Result<(), Error> {
        let damaged = |why: &str| Error::Damaged { place: String::new(), why: why.to_owned() };
        self.is_over = true;
        if checksum != Some(self.sum.value()) {
            return Err(damaged("its checksum is not that of its bytes"));
        }
        if end.entries != self.entries {
            return Err(damaged("the number of its entries is not the one that it states"));
        }
        if !self.input.fill_buf()?.is_empty() {
            return Err(damaged("something follows its end"));
        }
        Ok(())
    }

    /// Adds the current place in the export to an error.
    fn placed(&self, error: Error) -> Error {
        match error {
            Error::CutOff { .. } => Error::CutOff { entries: self.entries },
            Error::Damaged { why, .. } if self.is_over => {
                Error::Damaged { place: "at its end".to_owned(), why }
            }
            Error::Damaged { why, .. } => {
                Error::Damaged { place: format!("after {} entries", self.entries), why }
            }
            other => other,
        }
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Item, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let read = self.read().map_err(|error| self.placed(error));
        self.is_over |= read.is_err();
        Some(read)
    }
}

/// Reads and checks a complete export. Returns the header and the end.
///
/// # Errors
/// Returns the first [`Error`] in the export.
pub fn check(input: impl BufRead) -> Result<(Header, End), Error> {
    let reader = Reader::new(input)?;
    let header = reader.header();
    for item in reader {
        if let Item::End(end) = item? {
            return Ok((header, end));
        }
    }
    Err(Error::CutOff { entries: 0 })
}

#[cfg(test)]
mod tests;
