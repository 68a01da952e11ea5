//! `larder keys --big`: shows the number of entries, the total size of the values, and the largest value of
//! each keyspace.

use std::io::Write;

use larder::ByteSize;
use serde::Serialize;

use crate::term::exit::{Exit, Failure};
use crate::term::out;

#[derive(Debug, Default, Serialize)]
pub(super) struct KeyspaceSizes {
    keyspace: String,
    entries: u64,
    value_bytes: ByteSize,
    mean_bytes: ByteSize,
    largest_bytes: ByteSize,
    /// `None` if the keyspace has no entry.
    largest_key: Option<String>,
    largest_key_bytes: Option<String>,
}

impl KeyspaceSizes {
    pub(super) fn of(keyspace: &str) -> Self {
        Self { keyspace: keyspace.to_owned(), ..Self::default() }
    }

    /// Adds a value. Returns whether it is the largest so far.
    pub(super) fn add(&mut self, size: ByteSize) -> bool {
        let is_largest = self.entries == 0 || size > self.largest_bytes;
        self.entries += 1;
        self.value_bytes += size;
        self.largest_bytes = self.largest_bytes.max(size);
        is_largest
    }

    /// Sets the mean, and the key of the largest value: its text, and its bytes in hexadecimal.
    pub(super) fn finish(&mut self, largest: Option<(String, String)>) {
        self.mean_bytes = self.value_bytes.as_u64().checked_div(self.entries).unwrap_or(0).into();
        (self.largest_key, self.largest_key_bytes) = largest.unzip();
    }
}

pub(super) fn print(mut sizes: Vec<KeyspaceSizes>, json: bool) -> Result<Exit, Failure> {
    sizes.sort_by_key(|sizes| std::cmp::Reverse(sizes.largest_bytes));
    if json {
        out::json(&sizes)?;
        return Ok(Exit::Ok);
    }
    let head = ["keyspace", "entries", "values", "mean", "largest", "its key"].map(str::to_owned).to_vec();
    let rows = sizes.into_iter().map(|sizes| {
        let key = sizes.largest_key.unwrap_or_else(|| "-".to_owned());
        let [values, mean, largest] =
            [sizes.value_bytes, sizes.mean_bytes, sizes.largest_bytes].map(|size| size.to_string());
        vec![sizes.keyspace, sizes.entries.to_string(), values, mean, largest, key]
    });
    let mut out = out::stdout();
    out::table(&mut out, &[head].into_iter().chain(rows).collect::<Vec<_>>())?;
    out.flush()?;
    Ok(Exit::Ok)
}
