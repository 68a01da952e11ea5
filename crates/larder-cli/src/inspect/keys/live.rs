//! `larder keys --sort` and `--big` of a live cache: what its memory and its disk have, page by page.
//!
//! An entry that is in memory alone has no encoded length, and counts by what memory is charged for it; nor does
//! memory know when it was written.

use std::io::Write;

use larder::control::{Client, KeyStatus, MAX_PAGE};
use larder::inspect::{KeyShape, escape_control, spell_hex};
use serde::Serialize;

use super::big::{Row, print};
use super::sorted::{First, SORTED};
use crate::args::{KeysOptions, SortBy};
use crate::exit::{Exit, Failure};
use crate::inspect::live::{file_of, keys_of, long, prefix};
use crate::inspect::spelling::{Keys, Speller, pick};
use crate::out::{self, FAINT, json_line, styled};

/// An entry in JSON, by the names that a live cache's keys have.
#[derive(Serialize)]
struct EntryJson<'a> {
    keyspace: &'a str,
    key: String,
    key_bytes: String,
    state: &'static str,
    written_at_ms: Option<u64>,
    expires_at_ms: Option<u64>,
    ttl_ms: Option<u64>,
    value_bytes: Option<u64>,
    memory_bytes: Option<u64>,
}

pub(super) fn run(client: &mut Client, options: &KeysOptions) -> Result<Exit, Failure> {
    let keyspaces = client.keyspaces()?;
    let file = file_of(client);
    let all = keys_of(&keyspaces, file.as_ref());
    let chosen = match &options.keyspace {
        Some(name) => vec![pick(&all, name)?],
        None => all.clone(),
    };
    if options.prefix.is_some() && chosen.len() > 1 {
        let text = "a prefix is of the keys of one keyspace: give --keyspace";
        return Err(Failure::new(Exit::Usage, text));
    }
    let speller = Speller::new(options.keyspace.as_deref(), all.into_iter());
    match options.sort {
        Some(by) => sort(client, options, &chosen, &speller, by),
        None => big(client, options, &chosen, &speller),
    }
}

/// Shows each entry, page by page.
fn visit(
    client: &mut Client,
    options: &KeysOptions,
    keyspace: Keys<'_>,
    mut show: impl FnMut(&KeyStatus),
) -> Result<(), Failure> {
    let prefix = match &options.prefix {
        Some(text) => spell_hex(&prefix(client, keyspace, text)?),
        None => String::new(),
    };
    let mut after: Option<String> = None;
    loop {
        let page = client.keys(keyspace.name, &prefix, after.as_deref(), MAX_PAGE, options.all)?;
        page.keys.iter().for_each(&mut show);
        after = page.after;
        if after.is_none() {
            return Ok(());
        }
    }
}

fn size(status: &KeyStatus) -> Option<u64> {
    status.value_bytes.or(status.memory_bytes)
}

/// What an entry is sorted by, smaller first; what is not known comes last. And as it is shown.
fn rank(by: SortBy, status: &KeyStatus) -> (u64, String) {
    let seconds = |ms: u64| format!("{}.{:03}", ms / 1000, ms % 1000);
    let known = match by {
        SortBy::Size => size(status).map(|size| (u64::MAX - size, size.to_string())),
        SortBy::Ttl => status.expires_at_ms.map(|at| (at, seconds(status.ttl_ms.unwrap_or_default()))),
        SortBy::Age => status.written_at_ms.map(|at| {
            let now = status.expires_at_ms.zip(status.ttl_ms).map(|(at, ttl)| at.saturating_sub(ttl));
            (at, now.map_or_else(|| "-".to_owned(), |now| seconds(now.saturating_sub(at))))
        }),
    };
    known.unwrap_or_else(|| (u64::MAX, "-".to_owned()))
}

fn sort(
    client: &mut Client,
    options: &KeysOptions,
    chosen: &[Keys<'_>],
    speller: &Speller<'_>,
    by: SortBy,
) -> Result<Exit, Failure> {
    let limit = options.limit.unwrap_or(SORTED);
    let mut first = First::new(usize::try_from(limit).unwrap_or(usize::MAX));
    for &keyspace in chosen {
        visit(client, options, keyspace, |status| {
            let (rank, figure) = rank(by, status);
            first.offer(rank, || (keyspace, status.clone(), figure));
        })?;
    }
    let seen = first.seen();
    let mut out = out::stdout();
    for (keyspace, status, figure) in first.into_sorted() {
        let key = KeyShape::Unit.parse_key(&status.key).unwrap_or_default();
        let key = speller.spell(keyspace, &key);
        if options.look.json {
            let KeyStatus { written_at_ms, expires_at_ms, ttl_ms, value_bytes, memory_bytes, .. } = status;
            json_line(
                &mut out,
                &EntryJson {
                    keyspace: keyspace.name,
                    key,
                    key_bytes: status.key,
                    state: status.state.name(),
                    written_at_ms,
                    expires_at_ms,
                    ttl_ms,
                    value_bytes,
                    memory_bytes,
                },
            )?;
        } else {
            write!(out, "{}\t{key}\t{figure}", styled(FAINT, escape_control(keyspace.name)))?;
            writeln!(out, "{}", if options.long { long(&status) } else { String::new() })?;
        }
    }
    out.flush()?;
    if seen > limit && options.limit.is_some() {
        eprintln!("larder: there are more keys than the {limit} of --limit");
    }
    Ok(Exit::Ok)
}

fn big(
    client: &mut Client,
    options: &KeysOptions,
    chosen: &[Keys<'_>],
    speller: &Speller<'_>,
) -> Result<Exit, Failure> {
    let mut rows = Vec::new();
    for &keyspace in chosen {
        let mut row = Row::of(keyspace.name);
        let mut largest = None;
        visit(client, options, keyspace, |status| {
            if row.count(size(status).unwrap_or_default()) {
                largest = Some(status.key.clone());
            }
        })?;
        let key = largest.and_then(|key| KeyShape::Unit.parse_key(&key).ok());
        row.end(key.map(|key| (speller.spell(keyspace, &key), spell_hex(&key))));
        rows.push(row);
    }
    print(rows, options.look.json)
}
