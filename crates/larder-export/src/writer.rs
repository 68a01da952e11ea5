//! Writing an export.

use std::io::Write;

use crate::error::Error;
use crate::item::{End, Entry, Header, Keyspace, Skipped};
use crate::summing::Summing;
use crate::{
    MAX_COMPRESSION, MAX_KEY_LEN, MAX_KEYSPACES, MAX_NAME_LEN, MAX_SHAPE_LEN, MAX_VALUE_LEN, binary, jsonl,
};

/// The form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// See [`binary`].
    Binary,
    /// See [`jsonl`].
    JsonLines,
}

/// Writes an export, from its header to its [`finish`](Self::finish). Give it a buffered output.
#[derive(Debug)]
pub struct Writer<W> {
    out: Summing<W>,
    form: Form,
    names: Vec<String>,
    entries: u64,
}

impl<W: Write> Writer<W> {
    /// Begins an export.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn new(out: W, form: Form, header: Header) -> Result<Self, Error> {
        let mut out = Summing::new(out);
        match form {
            Form::Binary => binary::write_header(&mut out, &header)?,
            Form::JsonLines => jsonl::write_header(&mut out, &header)?,
        }
        Ok(Self { out, form, names: Vec::new(), entries: 0 })
    }

    /// Writes a keyspace, and answers its number in this export.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Unfit`] if its name or shape has a length that none may have, it was written
    /// before, or there are too many.
    pub fn keyspace(&mut self, keyspace: &Keyspace) -> Result<u32, Error> {
        fit_keyspace(keyspace, &self.names).map_err(|why| Error::Unfit { what: "a keyspace", why })?;
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
    /// [`Error::Io`]; [`Error::Unfit`] if its keyspace was not written before, or key or value are too long.
    pub fn entry(&mut self, entry: &Entry) -> Result<(), Error> {
        self.spelled_entry(entry, None)
    }

    /// Writes an entry, with its key as people read it where the form has a place for that.
    ///
    /// # Errors
    /// Those of [`entry`](Self::entry).
    pub fn spelled_entry(&mut self, entry: &Entry, spelled: Option<&str>) -> Result<(), Error> {
        let unfit = |why| Error::Unfit { what: "an entry", why };
        fit_entry(entry).map_err(unfit)?;
        let name = usize::try_from(entry.keyspace).ok().and_then(|number| self.names.get(number));
        let name = name
            .ok_or_else(|| unfit(format!("it is of keyspace {}, of {}", entry.keyspace, self.names.len())))?;
        match self.form {
            Form::Binary => binary::write_entry(&mut self.out, entry)?,
            Form::JsonLines => jsonl::write_entry(&mut self.out, name, entry, spelled)?,
        }
        self.entries += 1;
        Ok(())
    }

    /// Entries written so far.
    #[must_use]
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    /// Writes the end, and gives the output back, flushed.
    ///
    /// # Errors
    /// [`Error::Io`].
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

/// What keeps a keyspace from being in an export, after those of `names`.
pub(crate) fn fit_keyspace(keyspace: &Keyspace, names: &[String]) -> Result<(), String> {
    let Keyspace { name, key_shape, schema, .. } = keyspace;
    if !(1..=MAX_NAME_LEN).contains(&name.len()) {
        return Err(format!("its name has {} bytes; it may have 1 to {MAX_NAME_LEN}", name.len()));
    }
    if let Some(schema) = schema.as_ref().filter(|schema| !(1..=MAX_NAME_LEN).contains(&schema.len())) {
        return Err(format!("its schema's name has {} bytes; it may have 1 to {MAX_NAME_LEN}", schema.len()));
    }
    if key_shape.len() > MAX_SHAPE_LEN {
        return Err(format!(
            "the shape of its keys has {} bytes; the most is {MAX_SHAPE_LEN}",
            key_shape.len()
        ));
    }
    if names.len() >= MAX_KEYSPACES {
        return Err(format!("there are {MAX_KEYSPACES} before it, which is the most"));
    }
    if names.contains(name) {
        return Err(format!("the keyspace {name:?} came before"));
    }
    Ok(())
}

pub(crate) fn fit_entry(entry: &Entry) -> Result<(), String> {
    for (what, len, most) in
        [("key", entry.key.len(), MAX_KEY_LEN), ("value", entry.value.len(), MAX_VALUE_LEN)]
    {
        if len > most {
            return Err(format!("its {what} has {len} bytes; the most is {most}"));
        }
    }
    if entry.compression > MAX_COMPRESSION {
        return Err(format!("its compression has the unknown number {}", entry.compression));
    }
    Ok(())
}
