//! `larder keys` of a file: lists the keys of its last commit.

use std::io::Write;
use std::ops::ControlFlow;

use larder::Timestamp;
use larder::inspect::{Entry, KeyspaceInfo, Record, RecordStatus, Snapshot, escape_control, spell_hex};

use super::limit::{SORTED, note_more};
use super::sizes::{self, KeyspaceSizes};
use super::top_k::TopK;
use crate::args::{KeysOptions, SortBy};
use crate::cache::entries::Entries;
use crate::cache::pages::visit_file;
use crate::cache::snapshot;
use crate::cache::spelling::{KeySyntax, PrefixCommand, Speller};
use crate::commands::inspect::key::{KeyJson, state_name};
use crate::term::exit::{Exit, Failure};
use crate::term::out::{self, FAINT, json_line, styled};
use crate::term::time::seconds_left;

/// The keyspaces whose keys are listed, and the speller that shows the keys.
struct Listing<'a> {
    options: &'a KeysOptions,
    snapshot: &'a Snapshot,
    keyspaces: &'a [KeyspaceInfo],
    speller: Speller<'a>,
}

pub(super) fn run(options: &KeysOptions) -> Result<Exit, Failure> {
    let snapshot = snapshot::open(&options.cache.file)?;
    let keyspaces = snapshot::chosen(&snapshot, options.keyspace.as_deref())?;
    if let Some(text) = options.prefix.as_ref().filter(|_| keyspaces.len() > 1) {
        let keyspaces: Vec<KeySyntax<'_>> = keyspaces.iter().map(KeySyntax::of).collect();
        return Err(PrefixCommand::Keys(&options.cache.file).needs_keyspace(&keyspaces, text));
    }
    let speller = Speller::of(options.keyspace.as_deref(), snapshot.keyspaces());
    let listing = Listing { options, snapshot: &snapshot, keyspaces, speller };
    match options.sort {
        _ if options.big => listing.sizes(),
        Some(by) => listing.sort(by),
        None => listing.list(),
    }
}

impl Listing<'_> {
    fn list(&self) -> Result<Exit, Failure> {
        let mut out = out::stdout();
        let mut left = self.options.limit.unwrap_or(u64::MAX);
        for keyspace in self.keyspaces {
            let end = self.visit(keyspace, |entry| {
                if left == 0 {
                    return Ok(ControlFlow::Break(()));
                }
                left -= 1;
                self.print(&mut out, keyspace, (&entry.key, &entry.finding), None)?;
                Ok(ControlFlow::Continue(()))
            })?;
            if end.is_break() {
                out.flush()?;
                note_more(self.options);
                return Ok(Exit::Ok);
            }
        }
        out.flush()?;
        Ok(Exit::Ok)
    }

    /// Sorts the entries of the chosen keyspaces by `--sort`, and prints the first ones.
    fn sort(&self, by: SortBy) -> Result<Exit, Failure> {
        let limit = self.options.limit.unwrap_or(SORTED);
        let mut first = TopK::new(usize::try_from(limit).unwrap_or(usize::MAX));
        for keyspace in self.keyspaces {
            self.visit_records(keyspace, |entry, record| {
                let item = || (keyspace, entry.key.clone(), figure(by, record, self.snapshot.now()));
                first.offer(rank(by, record), item);
            })?;
        }
        let offered = first.offered();
        let mut out = out::stdout();
        for (keyspace, key, figure) in first.into_sorted() {
            // The heap does not keep records, because values may be large. So the record is read again.
            let finding = self.snapshot.find(keyspace, &key)?;
            self.print(&mut out, keyspace, (&key, &finding), Some(&figure))?;
        }
        out.flush()?;
        if offered > limit && self.options.limit.is_some() {
            note_more(self.options);
        }
        Ok(Exit::Ok)
    }

    fn sizes(&self) -> Result<Exit, Failure> {
        let sizes = self.keyspaces.iter().map(|keyspace| {
            let mut sizes = KeyspaceSizes::of(&keyspace.name);
            let mut largest: Option<Vec<u8>> = None;
            self.visit_records(keyspace, |entry, record| {
                if sizes.add(record.payload_len()) {
                    largest = Some(entry.key.clone());
                }
            })?;
            sizes.finish(
                largest.map(|key| (self.speller.spell(KeySyntax::of(keyspace), &key), spell_hex(&key))),
            );
            Ok(sizes)
        });
        sizes::print(sizes.collect::<Result<Vec<_>, Failure>>()?, self.options.cache.json)
    }

    /// Visits those entries of a keyspace that the options select.
    fn visit(
        &self,
        keyspace: &KeyspaceInfo,
        mut visit: impl FnMut(&Entry) -> Result<ControlFlow<()>, Failure>,
    ) -> Result<ControlFlow<()>, Failure> {
        visit_file(self.snapshot, keyspace, &self.prefix(keyspace)?, |entry| {
            if self.options.all || entry.finding.live().is_some() {
                visit(&entry)
            } else {
                Ok(ControlFlow::Continue(()))
            }
        })
    }

    /// Visits the selected entries that have a readable record.
    fn visit_records(
        &self,
        keyspace: &KeyspaceInfo,
        mut visit: impl FnMut(&Entry, &Record),
    ) -> Result<(), Failure> {
        let end = self.visit(keyspace, |entry| {
            if let Some(record) = entry.finding.record() {
                visit(entry, record);
            }
            Ok(ControlFlow::Continue(()))
        });
        end.map(|_| ())
    }

    /// Returns the bytes of `--prefix`.
    ///
    /// Fails if no key has the prefix, and the user probably meant the prefix that a schema spells with the
    /// same text. An empty list would suggest that the spelled keys do not exist.
    fn prefix(&self, keyspace: &KeyspaceInfo) -> Result<Vec<u8>, Failure> {
        let Some(text) = &self.options.prefix else { return Ok(Vec::new()) };
        let keys = KeySyntax::of(keyspace);
        let prefix = keys.read_prefix(text)?;
        match Entries::File(self.snapshot).other_prefix(keys, text, &prefix)? {
            Some(other) => Err(other.refusal(&self.options.cache.file)),
            None => Ok(prefix),
        }
    }

    fn print(
        &self,
        out: &mut impl Write,
        keyspace: &KeyspaceInfo,
        (key, finding): (&[u8], &RecordStatus),
        figure: Option<&str>,
    ) -> Result<(), Failure> {
        let shown = self.speller.spell(KeySyntax::of(keyspace), key);
        if self.options.cache.json {
            return json_line(out, &KeyJson::new(self.snapshot, keyspace, (key, shown), finding));
        }
        write!(out, "{}\t{shown}", styled(FAINT, escape_control(&keyspace.name)))?;
        if let Some(figure) = figure {
            write!(out, "\t{figure}")?;
        }
        if self.options.long {
            let (record, now) = (finding.record(), self.snapshot.now());
            let ttl = seconds_left(record.map_or(now, |record| record.expires_at), now);
            let len = record.map_or(0, |record| record.payload_len().as_u64());
            write!(out, "\t{}\t{ttl}\t{len}", state_name(finding))?;
        }
        Ok(writeln!(out)?)
    }
}

/// Returns the number by which an entry is sorted. The smallest number comes first.
fn rank(by: SortBy, record: &Record) -> u64 {
    match by {
        SortBy::Size => u64::MAX - record.payload_len().as_u64(),
        SortBy::Age => record.written_at.as_millis(),
        SortBy::Ttl => record.expires_at.as_millis(),
    }
}

/// Returns the text of the value by which an entry is sorted: a size in bytes, or a time in seconds.
fn figure(by: SortBy, record: &Record, now: Timestamp) -> String {
    match by {
        SortBy::Size => record.payload_len().as_u64().to_string(),
        SortBy::Age => format!("{:.3}", now.since(record.written_at).as_secs_f64()),
        SortBy::Ttl => seconds_left(record.expires_at, now),
    }
}
