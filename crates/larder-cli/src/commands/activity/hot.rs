//! `larder hot`: shows the keys of a live cache with the most hits, and the keys with the most misses.

use std::io::{self, Write};

use larder::{HotKey, HotLookups};

use super::{KeyNames, connect, without_sample};
use crate::args::ActivityOptions;
use crate::term::exit::{Exit, Failure};
use crate::term::out::{self, FAINT, NAME, styled};

/// Default number of keys in each of the two lists.
const KEYS: usize = 10;

pub(crate) fn run(options: &ActivityOptions) -> Result<Exit, Failure> {
    let mut client = connect(&options.socket, options.json)?;
    let limit = options.limit.unwrap_or(KEYS);
    let mut hot = client
        .hot_keys(options.keyspace.as_deref(), Some(limit))
        .map_err(|error| without_sample(&options.socket, error))?;
    let names = KeyNames::of(&mut client, options.keyspace.as_deref())?;
    for found in hot.hits.keys.iter_mut().chain(&mut hot.misses.keys) {
        names.spell(&found.keyspace, &found.key_bytes, &mut found.key);
    }
    if options.json {
        out::json(&hot)?;
        return Ok(Exit::Ok);
    }
    let mut out = out::stdout();
    list(&mut out, "hits", &hot.hits)?;
    writeln!(out)?;
    list(&mut out, "misses", &hot.misses)?;
    let half_life = hot.half_life.as_secs();
    let text = format!("Shares are of the last minutes: a lookup counts half after {half_life} s.");
    writeln!(out, "\n{}", styled(FAINT, text))?;
    out.flush()?;
    Ok(Exit::Ok)
}

fn list(out: &mut impl Write, name: &str, lookups: &HotLookups) -> io::Result<()> {
    let HotLookups { sampled_one_in, samples, per_second, .. } = lookups;
    let head = format!("{NAME}{name:<7}{NAME:#}");
    if *samples < 0.5 {
        return writeln!(out, "{head} none was sampled in the last minutes (one in {sampled_one_in} is)");
    }
    writeln!(
        out,
        "{head} about {per_second:.1} a second, from {samples:.0} samples (one in {sampled_one_in})"
    )?;
    if lookups.keyspaces.len() > 1 {
        let rows = lookups.keyspaces.iter();
        let rows = rows.map(|row| cells(row.share, row.error, row.per_second, [&row.keyspace]));
        table(out, &["share", "error", "a second", "keyspace"], rows)?;
    }
    if lookups.keys.is_empty() {
        return writeln!(out, "no key stands out");
    }
    let rows = lookups.keys.iter();
    let rows = rows.map(|HotKey { keyspace, key, share, error, per_second, .. }| {
        cells(*share, *error, *per_second, [keyspace, key])
    });
    table(out, &["share", "error", "a second", "keyspace", "key"], rows)
}

fn cells<const N: usize>(share: f64, error: f64, per_second: f64, names: [&String; N]) -> Vec<String> {
    let figures = [
        format!("{:>5.1} %", share * 100.0),
        format!("± {:.1} %", error * 100.0),
        format!("{per_second:>8.1}"),
    ];
    figures.into_iter().chain(names.into_iter().cloned()).collect()
}

fn table(out: &mut impl Write, head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> io::Result<()> {
    let head = head.iter().map(|&cell| cell.to_owned()).collect();
    out::table(out, &[head].into_iter().chain(rows).collect::<Vec<_>>())
}
