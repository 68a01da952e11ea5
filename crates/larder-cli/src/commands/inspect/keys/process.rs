//! `larder keys` of a live cache: lists the keys in memory and on disk.
//!
//! An entry that is only in memory has no encoded length, so its weight in memory is used as its size. Memory
//! does not record when an entry was written.

use std::io::Write;
use std::ops::ControlFlow;

use larder::ByteSize;
use larder::control::{Client, FoundIn, KeyStatus};
use larder::inspect::{KeyShape, escape_control, spell_hex};
use serde::Serialize;

use super::limit::{SORTED, note_more};
use super::sizes::{self, KeyspaceSizes};
use super::top_k::TopK;
use crate::args::{KeysOptions, SortBy};
use crate::cache::entries::Entries;
use crate::cache::pages::{Visited, visit_process};
use crate::cache::snapshot::{self, keys_of};
use crate::cache::spelling::{KeySyntax, PrefixCommand, Speller, pick};
use crate::commands::inspect::process::{StatusJson, expiry_and_now, unless_never};
use crate::term::exit::{Exit, Failure};
use crate::term::out::{self, FAINT, json_line, styled};
use crate::term::time::seconds_left;

/// A sorted key in JSON. The fields have the same names as without `--sort`.
#[derive(Serialize)]
struct SortedKeyJson<'a> {
    keyspace: &'a str,
    key: String,
    key_bytes: String,
    state: &'static str,
    written_at_ms: Option<u64>,
    expires_at_ms: Option<u64>,
    ttl_ms: Option<u64>,
    value_bytes: Option<ByteSize>,
    memory_bytes: Option<ByteSize>,
}

/// The keyspaces whose keys are listed, and the speller that shows the keys.
struct LiveListing<'a> {
    options: &'a KeysOptions,
    keyspaces: Vec<KeySyntax<'a>>,
    speller: Speller<'a>,
}

pub(super) fn run(mut client: Client, options: &KeysOptions) -> Result<Exit, Failure> {
    let (found, file) = (client.keyspaces()?, snapshot::of_process(&client));
    let all = keys_of(&found, file.as_ref());
    let keyspaces = match &options.keyspace {
        Some(name) => vec![pick(&all, name)?],
        None => all.clone(),
    };
    if let Some(text) = options.prefix.as_ref().filter(|_| keyspaces.len() > 1) {
        return Err(PrefixCommand::Keys(&options.cache.file).needs_keyspace(&keyspaces, text));
    }
    let speller = Speller::new(options.keyspace.as_deref(), all.into_iter());
    let listing = LiveListing { options, keyspaces, speller };
    match options.sort {
        _ if options.big => listing.sizes(&mut client),
        Some(by) => listing.sort(&mut client, by),
        None => listing.list(&mut client),
    }
}

impl LiveListing<'_> {
    fn list(&self, client: &mut Client) -> Result<Exit, Failure> {
        let mut out = out::stdout();
        let mut left = self.options.limit.unwrap_or(u64::MAX);
        for &keyspace in &self.keyspaces {
            let end = self.visit(client, keyspace, |status| {
                if left == 0 {
                    return Ok(ControlFlow::Break(()));
                }
                left -= 1;
                self.print(&mut out, keyspace, status)?;
                Ok(ControlFlow::Continue(()))
            })?;
            if end.is_break() {
                out.flush()?;
                note_more(self.options);
                return Ok(Exit::Ok);
            }
        }
        Ok(out.flush().map(|()| Exit::Ok)?)
    }

    /// Prints the first entries of all keyspaces in the order of `--sort`.
    fn sort(&self, client: &mut Client, by: SortBy) -> Result<Exit, Failure> {
        let limit = self.options.limit.unwrap_or(SORTED);
        let mut first = TopK::new(usize::try_from(limit).unwrap_or(usize::MAX));
        for &keyspace in &self.keyspaces {
            self.visit_all(client, keyspace, |status| {
                let (rank, figure) = rank(by, status);
                first.offer(rank, || (keyspace, status.clone(), figure));
            })?;
        }
        let offered = first.offered();
        let mut out = out::stdout();
        for (keyspace, status, figure) in first.into_sorted() {
            self.print_sorted(&mut out, keyspace, status, &figure)?;
        }
        out.flush()?;
        if offered > limit && self.options.limit.is_some() {
            note_more(self.options);
        }
        Ok(Exit::Ok)
    }

    fn sizes(&self, client: &mut Client) -> Result<Exit, Failure> {
        let mut all = Vec::new();
        for &keyspace in &self.keyspaces {
            let mut sizes = KeyspaceSizes::of(keyspace.name);
            let mut largest = None;
            self.visit_all(client, keyspace, |status| {
                if sizes.add(size(status).unwrap_or_default()) {
                    largest = Some(status.key.clone());
                }
            })?;
            let key = largest.and_then(|key| KeyShape::Unit.parse_key(&key).ok());
            sizes.finish(key.map(|key| (self.speller.spell(keyspace, &key), spell_hex(&key))));
            all.push(sizes);
        }
        sizes::print(all, self.options.cache.json)
    }

    /// Visits those keys of a keyspace that the options select.
    fn visit(
        &self,
        client: &mut Client,
        keyspace: KeySyntax<'_>,
        visit: impl FnMut(&KeyStatus) -> Visited,
    ) -> Visited {
        let prefix = self.prefix(client, keyspace)?;
        visit_process(client, keyspace.name, &prefix, self.options.all, visit)
    }

    fn visit_all(
        &self,
        client: &mut Client,
        keyspace: KeySyntax<'_>,
        mut visit: impl FnMut(&KeyStatus),
    ) -> Result<(), Failure> {
        let end = self.visit(client, keyspace, |status| {
            visit(status);
            Ok(ControlFlow::Continue(()))
        });
        end.map(|_| ())
    }

    /// Returns the bytes of `--prefix` in hexadecimal. Fails if no key has the prefix, and the user probably
    /// meant the prefix that a schema spells with the same text.
    fn prefix(&self, client: &mut Client, keyspace: KeySyntax<'_>) -> Result<String, Failure> {
        let Some(text) = &self.options.prefix else { return Ok(String::new()) };
        let prefix = keyspace.read_prefix(text)?;
        match Entries::Process(client).other_prefix(keyspace, text, &prefix)? {
            Some(other) => Err(other.refusal(&self.options.cache.file)),
            None => Ok(spell_hex(&prefix)),
        }
    }

    fn print(
        &self,
        out: &mut impl Write,
        keyspace: KeySyntax<'_>,
        status: &KeyStatus,
    ) -> Result<(), Failure> {
        let key = KeyShape::Unit.parse_key(&status.key).unwrap_or_default();
        let shown = self.speller.spell(keyspace, &key);
        if self.options.cache.json {
            return json_line(out, &StatusJson::new(keyspace.name, (&key, shown), status));
        }
        write!(out, "{}\t{shown}", styled(FAINT, escape_control(keyspace.name)))?;
        if self.options.long {
            write!(out, "{}", long_columns(status))?;
        }
        Ok(writeln!(out)?)
    }

    fn print_sorted(
        &self,
        out: &mut impl Write,
        keyspace: KeySyntax<'_>,
        status: KeyStatus,
        figure: &str,
    ) -> Result<(), Failure> {
        let key = KeyShape::Unit.parse_key(&status.key).unwrap_or_default();
        let key = self.speller.spell(keyspace, &key);
        if !self.options.cache.json {
            write!(out, "{}\t{key}\t{figure}", styled(FAINT, escape_control(keyspace.name)))?;
            let long = if self.options.long { long_columns(&status) } else { String::new() };
            return Ok(writeln!(out, "{long}")?);
        }
        let (expires_at_ms, ttl_ms) =
            (unless_never(&status, status.expires_at_ms), unless_never(&status, status.ttl_ms));
        let KeyStatus { written_at_ms, value_bytes, memory_bytes, .. } = status;
        let json = SortedKeyJson {
            keyspace: keyspace.name,
            key,
            key_bytes: status.key,
            state: status.state.name(),
            written_at_ms,
            expires_at_ms,
            ttl_ms,
            value_bytes,
            memory_bytes,
        };
        json_line(out, &json)
    }
}

fn size(status: &KeyStatus) -> Option<ByteSize> {
    status.value_bytes.or(status.memory_bytes)
}

/// Returns the number by which an entry is sorted, and its text. The smallest number comes first, unknown
/// numbers last.
fn rank(by: SortBy, status: &KeyStatus) -> (u64, String) {
    let seconds = |ms: u64| format!("{}.{:03}", ms / 1000, ms % 1000);
    let known = match by {
        SortBy::Size => size(status).map(|size| (u64::MAX - size.as_u64(), size.as_u64().to_string())),
        SortBy::Ttl => status.expires_at_ms.map(|at| (at, ttl_of(status))),
        SortBy::Age => status.written_at_ms.map(|at| {
            let now = expiry_and_now(status).map(|(_, now)| now.as_millis());
            (at, now.map_or_else(|| "-".to_owned(), |now| seconds(now.saturating_sub(at))))
        }),
    };
    known.unwrap_or_else(|| (u64::MAX, "-".to_owned()))
}

/// Returns the remaining TTL of an entry in seconds, or `never`. Returns zero if neither a value nor an
/// absence is live.
fn ttl_of(status: &KeyStatus) -> String {
    expiry_and_now(status)
        .map_or_else(|| "0.000".to_owned(), |(expires_at, now)| seconds_left(expires_at, now))
}

fn long_columns(status: &KeyStatus) -> String {
    let ttl = ttl_of(status);
    let len = status.value_bytes.map_or_else(|| "-".to_owned(), |len| len.as_u64().to_string());
    let tier = status.found_in.map_or("-", FoundIn::name);
    let flushed = if status.is_unflushed { ",unflushed" } else { "" };
    format!("\t{}\t{ttl}\t{len}\t{tier}{flushed}", status.state.name())
}
