//! `larder keys`: the keys of a file, a line each.

use std::io::Write;

use larder::inspect::{Entry, KeyspaceFacts, Record, Snapshot, escape_control};

use super::key::{KeyJson, state};
use super::spelling::{Keys, Misread, Speller};
use super::{named, open};
use crate::args::KeysOptions;
use crate::exit::{Exit, Failure};
use crate::out::{self, FAINT, json_line, styled};

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
    let speller = Speller::of(options.keyspace.as_deref(), snapshot.keyspaces());
    let mut out = out::stdout();
    let mut left = options.limit.unwrap_or(u64::MAX);
    for keyspace in keyspaces {
        let prefix = prefix(keyspace, options)?;
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = snapshot.page(keyspace, &prefix, after.as_deref(), PAGE)?;
            let Some(last) = page.last() else {
                refuse_misread(&snapshot, keyspace, options, after.is_none())?;
                break;
            };
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
                print(&mut out, options, (&snapshot, &speller), keyspace, entry)?;
            }
        }
    }
    out.flush()?;
    Ok(Exit::Ok)
}

fn prefix(keyspace: &KeyspaceFacts, options: &KeysOptions) -> Result<Vec<u8>, Failure> {
    options.prefix.as_ref().map_or(Ok(Vec::new()), |text| Keys::of(keyspace).read_prefix(text))
}

/// Refuses a prefix that no key has, and that reads as the beginning of spelled keys: an empty answer would be
/// taken for the truth about those.
fn refuse_misread(
    snapshot: &Snapshot,
    keyspace: &KeyspaceFacts,
    options: &KeysOptions,
    is_empty: bool,
) -> Result<(), Failure> {
    let Some(text) = options.prefix.as_ref().filter(|_| is_empty) else { return Ok(()) };
    let Some(misread) = Misread::of_prefix(Keys::of(keyspace), text) else { return Ok(()) };
    if misread.is_of_schema() || !snapshot.page(keyspace, &misread.bytes, None, 1)?.is_empty() {
        let text = format!("no key begins with {}; {}", escape_control(text), misread.advice());
        return Err(Failure::new(Exit::Usage, text));
    }
    Ok(())
}

fn print(
    out: &mut impl Write,
    options: &KeysOptions,
    (snapshot, speller): (&Snapshot, &Speller<'_>),
    keyspace: &KeyspaceFacts,
    entry: &Entry,
) -> Result<(), Failure> {
    let Entry { key, finding, .. } = entry;
    let shown = speller.spell(Keys::of(keyspace), key);
    if options.look.json {
        return json_line(out, &KeyJson::new(snapshot, keyspace, (key, shown), finding));
    }
    write!(out, "{}\t{shown}", styled(FAINT, escape_control(&keyspace.name)))?;
    if options.long {
        let record = finding.record();
        let ttl = record.map_or(0.0, |record| record.expires_at.since(snapshot.now()).as_secs_f64());
        let len = record.map_or(0, Record::payload_len);
        write!(out, "\t{}\t{ttl:.3}\t{len}", state(finding))?;
    }
    Ok(writeln!(out)?)
}
