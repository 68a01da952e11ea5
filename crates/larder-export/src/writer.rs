//! Writes an export.

use std::io::Write;

use crate::error::Error;
use crate::item::{End, Entry, Form, Header, Keyspace, Skipped};
use crate::limits::{check_entry, check_keyspace};
use crate::summing::Summing;
use crate::{binary, jsonl};

/// A writer of an export. [`finish`](Self::finish) completes the export. The output should be buffered.
#[derive(Debug)]
pub struct Writer<W> {
    out: Summing<W>,
    form: Form,
    names: Vec<String>,
    entries: u64,
}

impl<W: Write> Writer<W> {
    /// Begins an export, and writes its header.
    ///
    /// # Errors
    /// Returns [`Error::Io`].
    pub fn new(out: W, form: Form, header: Header) -> Result<Self, Error> {
        let mut out = Summing::new(out);
        match form {
            Form::Binary => binary::write_header(&mut out, &header)?,
            Form::JsonLines => jsonl::write_header(&mut out, &header)?,
        }
        Ok(Self { out, form, names: Vec::new(), entries: 0 })
    }

    /// Writes a keyspace. Returns its number in this export.
    ///
    /// # Errors
    /// Returns [`Error::Io`], and [`Error::Unfit`] if a name is empty or too long, if the shape is too long,
    /// if the keyspace was written before, or if there are too many keyspaces.
    pub fn keyspace(&mut self, keyspace: &Keyspace) -> Result<u32, Error> {
        check_keyspace(keyspace, &self.names).map_err(|why| Error::Unfit { what: "a keyspace", why })?;
        let number = u32::try_from(self.names.len())
            .map_err(|error| Error::Unfit { what: "a keyspace", why: error.to_string() })?;
        match self.form {
            Form::Binary => binary::write_keyspace(&mut self.out, keyspace)?,
            Form::JsonLines => jsonl::write_keyspace(&mut self.out, keyspace)?,
        }
        self.names.push(keyspace.name.clone());
        Ok(number)
    }

    /// Writes an entry.
    ///
    /// # Errors
    /// Returns [`Error::Io`], and [`Error::Unfit`] if the keyspace was not written before, if the key or the
    /// value is too long, if the compression is unknown, or if an absence has a compression or a fingerprint.
    pub fn entry(&mut self, entry: &Entry) -> Result<(), Error> {
        self.spelled_entry(entry, None)
    }

    /// Writes an entry. In JSON lines, `spelled` becomes a field of the entry, if it is `Some`: the key as
    /// text for people. The binary form ignores it.
    ///
    /// # Errors
    /// Returns the same errors as [`entry`](Self::entry).
    pub fn spelled_entry(&mut self, entry: &Entry, spelled: Option<&str>) -> Result<(), Error> {
        let unfit = |why| Error::Unfit { what: "an entry", why };
        check_entry(entry).map_err(unfit)?;
        let name = usize::try_from(entry.keyspace).ok().and_then(|number| self.names.get(number));
        let name = name.ok_or_else(|| {
            unfit(format!("its keyspace is number {} of {}", entry.keyspace, self.names.len()))
        })?;
        match self.form {
            Form::Binary => binary::write_entry(&mut self.out, entry)?,
            Form::JsonLines => jsonl::write_entry(&mut self.out, name, entry, spelled)?,
        }
        self.entries += 1;
        Ok(())
    }

    /// Returns the number of entries written so far.
    #[must_use]
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    /// Writes the end, and flushes the output. Returns the output.
    ///
    /// # Errors
    /// Returns [`Error::Io`].
    pub fn finish(mut self, skipped: Skipped) -> Result<W, Error> {
        let end = End { entries: self.entries, skipped };
        match self.form {
            Form::Binary => binary::write_end(&mut self.out, &end)?,
            Form::JsonLines => jsonl::write_end(&mut self.out, &end)?,
        }
        self.out.inner.flush()?;
        Ok(self.out.inner)
    }
}
