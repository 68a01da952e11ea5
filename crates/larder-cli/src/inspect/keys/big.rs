//! `larder keys --big`: how many entries each keyspace has, what they take, and the largest.

use std::io::Write;

use larder::ByteSize;
use larder::inspect::{KeyspaceInfo, spell_hex};
use serde::Serialize;

use super::{Keys, Listing, prefix, visit};
use crate::exit::{Exit, Failure};
use crate::out;

#[derive(Debug, Default, Serialize)]
pub(super) struct Row {
    keyspace: String,
    entries: u64,
    value_bytes: u64,
    mean_bytes: u64,
    largest_bytes: u64,
    /// None if there is no entry.
    largest_key: Option<String>,
    largest_key_bytes: Option<String>,
}

impl Row {
    pub(super) fn of(keyspace: &str) -> Self {
        Self { keyspace: keyspace.to_owned(), ..Self::default() }
    }

    /// Counts a value. Returns whether it is the largest so far.
    pub(super) fn count(&mut self, bytes: u64) -> bool {
        let is_largest = self.entries == 0 || bytes > self.largest_bytes;
        self.entries += 1;
        self.value_bytes += bytes;
        self.largest_bytes = self.largest_bytes.max(bytes);
        is_largest
    }

    /// Ends with the key of the largest value: as it is shown, and its bytes.
    pub(super) fn end(&mut self, largest: Option<(String, String)>) {
        self.mean_bytes = self.value_bytes.checked_div(self.entries).unwrap_or(0);
        (self.largest_key, self.largest_key_bytes) = largest.unzip();
    }
}

pub(super) fn run(listing: &Listing<'_>) -> Result<Exit, Failure> {
    let rows = listing.keyspaces.iter().map(|keyspace| row(listing, keyspace));
    print(rows.collect::<Result<Vec<_>, _>>()?, listing.options.look.json)
}

pub(super) fn print(mut rows: Vec<Row>, json: bool) -> Result<Exit, Failure> {
    // The keyspace with the largest values first.
    rows.sort_by_key(|row| std::cmp::Reverse(row.largest_bytes));
    if json {
        out::json(&rows)?;
        return Ok(Exit::Ok);
    }
    let size = |bytes: u64| ByteSize::bytes(bytes).to_string();
    let head = ["keyspace", "entries", "values", "mean", "largest", "its key"].map(str::to_owned).to_vec();
    let rows = rows.into_iter().map(|row| {
        let key = row.largest_key.unwrap_or_else(|| "-".to_owned());
        let [values, mean, largest] = [row.value_bytes, row.mean_bytes, row.largest_bytes].map(size);
        vec![row.keyspace, row.entries.to_string(), values, mean, largest, key]
    });
    let mut out = out::stdout();
    out::table(&mut out, &[head].into_iter().chain(rows).collect::<Vec<_>>())?;
    out.flush()?;
    Ok(Exit::Ok)
}

fn row(listing: &Listing<'_>, keyspace: &KeyspaceInfo) -> Result<Row, Failure> {
    let all = listing.options.all;
    let mut row = Row::of(&keyspace.name);
    let mut largest: Option<Vec<u8>> = None;
    visit(listing.snapshot, keyspace, &prefix(listing, keyspace)?, all, |entry| {
        let Some(record) = entry.finding.record() else { return };
        if row.count(record.payload_len() as u64) {
            largest = Some(entry.key.clone());
        }
    })?;
    row.end(largest.map(|key| (listing.speller.spell(Keys::of(keyspace), &key), spell_hex(&key))));
    Ok(row)
}
