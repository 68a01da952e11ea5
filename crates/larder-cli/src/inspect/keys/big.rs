//! `larder keys --big`: how many entries each keyspace has, what they take, and the largest.

use std::io::Write;

use larder::ByteSize;
use larder::inspect::{KeyspaceFacts, spell_hex};
use serde::Serialize;

use super::{Keys, Listing, prefix, visit};
use crate::exit::{Exit, Failure};
use crate::out;

#[derive(Debug, Default, Serialize)]
struct Row {
    keyspace: String,
    entries: u64,
    value_bytes: u64,
    mean_bytes: u64,
    largest_bytes: u64,
    /// None if there is no entry.
    largest_key: Option<String>,
    largest_key_bytes: Option<String>,
}

pub(super) fn run(listing: &Listing<'_>) -> Result<Exit, Failure> {
    let rows = listing.keyspaces.iter().map(|keyspace| row(listing, keyspace));
    let mut rows = rows.collect::<Result<Vec<_>, _>>()?;
    // The keyspace with the largest values first.
    rows.sort_by(|one, other| other.largest_bytes.cmp(&one.largest_bytes));
    if listing.options.look.json {
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

fn row(listing: &Listing<'_>, keyspace: &KeyspaceFacts) -> Result<Row, Failure> {
    let all = listing.options.all;
    let mut row = Row { keyspace: keyspace.name.clone(), ..Row::default() };
    let mut largest: Option<Vec<u8>> = None;
    visit(listing.snapshot, keyspace, &prefix(listing, keyspace)?, all, |entry| {
        let Some(record) = entry.finding.record() else { return };
        let bytes = record.payload_len() as u64;
        row.entries += 1;
        row.value_bytes += bytes;
        if largest.is_none() || bytes > row.largest_bytes {
            row.largest_bytes = bytes;
            largest = Some(entry.key.clone());
        }
    })?;
    row.mean_bytes = row.value_bytes.checked_div(row.entries).unwrap_or(0);
    row.largest_key = largest.as_deref().map(|key| listing.speller.spell(Keys::of(keyspace), key));
    row.largest_key_bytes = largest.as_deref().map(spell_hex);
    Ok(row)
}
