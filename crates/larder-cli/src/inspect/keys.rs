//! `larder keys`: the keys of a file, a line each.

mod big;
mod sorted;

use std::io::Write;

use larder::inspect::{Entry, Finding, KeyspaceFacts, Record, Snapshot};

use super::key::{KeyJson, spell, state};
use super::{named, open};
use crate::args::{KeysOptions, SortBy};
use crate::exit::{Exit, Failure};
use crate::out::{self, FAINT, json_line, styled};

use sorted::{First, SORTED};

const PAGE: usize = 256;

pub(crate) fn run(options: &KeysOptions) -> Result<Exit, Failure> {
    let snapshot = open(&options.look.file)?;
    let keyspaces = match &options.keyspace {
        Some(name) => std::slice::from_ref(named(&snapshot, name)?),
        None => snapshot.keyspaces(),
    };
    if options.prefix.is_some() && keyspaces.len() > 1 {
        let text = "a prefix is of the keys of one keyspace: give --keyspace";
        return Err(Failure::new(Exit::Usage, format!("{text}; {}", super::which_there_are(&snapshot))));
    }
    if options.big {
        return big::run(options, &snapshot, keyspaces);
    }
    if let Some(by) = options.sort {
        return sort(options, &snapshot, keyspaces, by);
    }
    let mut out = out::stdout();
    let mut left = options.limit.unwrap_or(u64::MAX);
    for keyspace in keyspaces {
        let prefix = prefix(keyspace, options)?;
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = snapshot.page(keyspace, &prefix, after.as_deref(), PAGE)?;
            let Some(last) = page.last() else { break };
            after = Some(last.key.clone());
            for entry in page.iter().filter(|entry| options.all || entry.finding.live().is_some()) {
                if left == 0 {
                    out.flush()?;
                    eprintln!(
                        "larder: there are more keys than the {} of --limit",
                        options.limit.unwrap_or(0)
                    );
                    return Ok(Exit::Ok);
                }
                left -= 1;
                print(&mut out, options, &snapshot, keyspace, &entry.key, &entry.finding, None)?;
            }
        }
    }
    out.flush()?;
    Ok(Exit::Ok)
}

/// Prints the first entries of all, by what they are sorted by.
fn sort(
    options: &KeysOptions,
    snapshot: &Snapshot,
    keyspaces: &[KeyspaceFacts],
    by: SortBy,
) -> Result<Exit, Failure> {
    let limit = options.limit.unwrap_or(SORTED);
    let mut first = First::new(usize::try_from(limit).unwrap_or(usize::MAX));
    for keyspace in keyspaces {
        let prefix = prefix(keyspace, options)?;
        visit(snapshot, keyspace, &prefix, options.all, |entry| {
            if let Some(record) = entry.finding.record() {
                let item = || (keyspace, entry.key.clone(), sorted::figure(by, record, snapshot.now()));
                first.offer(sorted::rank(by, record), item);
            }
        })?;
    }
    let seen = first.seen();
    let mut out = out::stdout();
    for (keyspace, key, figure) in first.into_sorted() {
        // Not kept with its value, which may be large.
        let finding = snapshot.find(keyspace, &key)?;
        print(&mut out, options, snapshot, keyspace, &key, &finding, Some(&figure))?;
    }
    out.flush()?;
    if seen > limit && options.limit.is_some() {
        eprintln!("larder: there are more keys than the {limit} of --limit");
    }
    Ok(Exit::Ok)
}

/// Shows each entry whose key begins so, page by page: those that are live, or all.
fn visit(
    snapshot: &Snapshot,
    keyspace: &KeyspaceFacts,
    prefix: &[u8],
    all: bool,
    mut show: impl FnMut(&Entry),
) -> Result<(), Failure> {
    let mut after: Option<Vec<u8>> = None;
    loop {
        let page = snapshot.page(keyspace, prefix, after.as_deref(), PAGE)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.key.clone());
        page.iter().filter(|entry| all || entry.finding.live().is_some()).for_each(&mut show);
    }
}

fn prefix(keyspace: &KeyspaceFacts, options: &KeysOptions) -> Result<Vec<u8>, Failure> {
    let Some(text) = &options.prefix else { return Ok(Vec::new()) };
    let shape = keyspace.shape().unwrap_or(larder::inspect::KeyShape::Unit);
    shape.parse_prefix(text).map_err(|error| Failure::new(Exit::Usage, error.to_string()))
}

fn print(
    out: &mut impl Write,
    options: &KeysOptions,
    snapshot: &Snapshot,
    keyspace: &KeyspaceFacts,
    key: &[u8],
    finding: &Finding,
    figure: Option<&str>,
) -> Result<(), Failure> {
    if options.look.json {
        return json_line(out, &KeyJson::new(snapshot, keyspace, key, finding));
    }
    write!(out, "{}\t{}", styled(FAINT, &keyspace.name), spell(keyspace, key))?;
    if let Some(figure) = figure {
        write!(out, "\t{figure}")?;
    }
    if options.long {
        let record = finding.record();
        let ttl = record.map_or(0.0, |record| record.expires_at.since(snapshot.now()).as_secs_f64());
        let len = record.map_or(0, Record::payload_len);
        write!(out, "\t{}\t{ttl:.3}\t{len}", state(finding))?;
    }
    Ok(writeln!(out)?)
}
