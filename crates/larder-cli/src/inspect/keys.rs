//! `larder keys`: the keys of a file, a line each.

mod big;
mod live;
mod sorted;

use std::io::Write;

use larder::inspect::{Entry, KeyspaceInfo, Record, RecordStatus, Snapshot, escape_control};

use super::existing::Existing;
use super::key::{KeyJson, state};
use super::live::Source;
use super::spelling::{Keys, Prefixed, Speller};
use super::{named, open};
use crate::args::{KeysOptions, SortBy};
use crate::exit::{Exit, Failure};
use crate::live::{behind, is_socket, say};
use crate::out::{self, FAINT, json_line, styled};

use sorted::{First, SORTED};

const PAGE: usize = 256;

/// What is listed: of which keys, and how they are shown.
struct Listing<'a> {
    options: &'a KeysOptions,
    snapshot: &'a Snapshot,
    keyspaces: &'a [KeyspaceInfo],
    speller: Speller<'a>,
}

pub(crate) fn run(options: &KeysOptions) -> Result<Exit, Failure> {
    let file = &options.look.file;
    // What is sorted or summed up is read from the file, where one is given.
    let is_read = (options.big || options.sort.is_some()) && !is_socket(file);
    if let Some(mut client) = behind(file, options.file_only || is_read, options.look.json)? {
        if options.big || options.sort.is_some() {
            return live::run(&mut client, options);
        }
        return super::live::keys(&mut Source::of(client)?, options);
    }
    let snapshot = open(&options.look.file)?;
    let keyspaces = match &options.keyspace {
        Some(name) => std::slice::from_ref(named(&snapshot, name)?),
        None => snapshot.keyspaces(),
    };
    if let Some(text) = options.prefix.as_ref().filter(|_| keyspaces.len() > 1) {
        let keyspaces: Vec<Keys<'_>> = keyspaces.iter().map(Keys::of).collect();
        return Err(Prefixed::Keys(&options.look.file).of_which(&keyspaces, text));
    }
    let speller = Speller::of(options.keyspace.as_deref(), snapshot.keyspaces());
    let listing = Listing { options, snapshot: &snapshot, keyspaces, speller };
    if options.big {
        return big::run(&listing);
    }
    if let Some(by) = options.sort {
        return sort(&listing, by);
    }
    list(&listing)
}

fn list(listing: &Listing<'_>) -> Result<Exit, Failure> {
    let Listing { options, snapshot, keyspaces, .. } = listing;
    let mut out = out::stdout();
    let mut left = options.limit.unwrap_or(u64::MAX);
    for keyspace in *keyspaces {
        let prefix = prefix(listing, keyspace)?;
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = snapshot.page(keyspace, &prefix, after.as_deref(), PAGE)?;
            let Some(last) = page.last() else { break };
            after = Some(last.key.clone());
            for entry in page.iter().filter(|entry| options.all || entry.finding.live().is_some()) {
                if left == 0 {
                    out.flush()?;
                    say_more(options);
                    return Ok(Exit::Ok);
                }
                left -= 1;
                print(&mut out, listing, keyspace, (&entry.key, &entry.finding), None)?;
            }
        }
    }
    out.flush()?;
    Ok(Exit::Ok)
}

/// Prints the first entries of all, by what they are sorted by.
fn sort(listing: &Listing<'_>, by: SortBy) -> Result<Exit, Failure> {
    let Listing { options, snapshot, keyspaces, .. } = listing;
    let limit = options.limit.unwrap_or(SORTED);
    let mut first = First::new(usize::try_from(limit).unwrap_or(usize::MAX));
    for keyspace in *keyspaces {
        let prefix = prefix(listing, keyspace)?;
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
        print(&mut out, listing, keyspace, (&key, &finding), Some(&figure))?;
    }
    out.flush()?;
    if seen > limit && options.limit.is_some() {
        say_more(options);
    }
    Ok(Exit::Ok)
}

/// Says that `--limit` has left keys out.
pub(super) fn say_more(options: &KeysOptions) {
    let limit = options.limit.unwrap_or_default();
    say(options.look.json, &format!("there are more keys than the {limit} of --limit"));
}

/// Shows each entry whose key begins so, page by page: those that are live, or all.
fn visit(
    snapshot: &Snapshot,
    keyspace: &KeyspaceInfo,
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

/// The bytes that the keys begin with. A prefix that no key has, and that reads as the beginning of spelled
/// keys, is refused: an empty answer would be taken for the truth about those.
fn prefix(listing: &Listing<'_>, keyspace: &KeyspaceInfo) -> Result<Vec<u8>, Failure> {
    let Some(text) = &listing.options.prefix else { return Ok(Vec::new()) };
    let prefix = Keys::of(keyspace).read_prefix(text)?;
    match Existing::Of(listing.snapshot).misread_prefix(Keys::of(keyspace), text, &prefix)? {
        Some(other) => Err(other.refusal(&listing.options.look.file)),
        None => Ok(prefix),
    }
}

fn print(
    out: &mut impl Write,
    listing: &Listing<'_>,
    keyspace: &KeyspaceInfo,
    (key, finding): (&[u8], &RecordStatus),
    figure: Option<&str>,
) -> Result<(), Failure> {
    let Listing { options, snapshot, speller, .. } = listing;
    let shown = speller.spell(Keys::of(keyspace), key);
    if options.look.json {
        return json_line(out, &KeyJson::new(snapshot, keyspace, (key, shown), finding));
    }
    write!(out, "{}\t{shown}", styled(FAINT, escape_control(&keyspace.name)))?;
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
