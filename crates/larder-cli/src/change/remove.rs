//! `larder remove`, `remove-prefix` and `clear`: durable removals.
//!
//! A removal never takes what a person may not have meant, and never lets nothing pass for something:
//!
//! - a text that is a schema's spelling of one key, and as it stands another key that has an entry, is refused;
//! - so is a text that removed nothing, and reads as a schema's spelling of something else. The entry that was
//!   meant would be served on.

mod counted;

use std::io::Write;

use larder::admin::Admin;
use larder::control::Client;
use larder::inspect::{Snapshot, escape_control, spell_hex};
use serde::Serialize;

use super::target::Target;
use super::{entries, own};
use crate::args::{ClearOptions, RemoveOptions, RemovePrefixOptions, TargetOptions};
use crate::exit::{Exit, Failure};
use crate::inspect::existing::Existing;
use crate::inspect::live::{file_of, keys_of};
use crate::inspect::spelling::{Keys, Misread, Prefixed, choose, literally, pick};
use crate::{live, out};

const PAGE: usize = 256;

#[derive(Serialize)]
struct RemovedJson {
    removed: u64,
    dry_run: bool,
}

/// What is to go, as a person says it.
enum What<'a> {
    Key(&'a str),
    Prefix(&'a str, Prefixed<'a>),
    All,
}

/// What is to go, by keyspace and bytes.
enum Chosen {
    Key(String, Vec<u8>),
    Prefix(String, Vec<u8>),
    Everything,
}

pub(crate) fn one(options: &RemoveOptions) -> Result<Exit, Failure> {
    run(&options.target, options.keyspace.as_deref(), &What::Key(&options.key), options.dry_run)
}

pub(crate) fn prefix(options: &RemovePrefixOptions) -> Result<Exit, Failure> {
    let TargetOptions { file, socket, .. } = &options.target;
    let what = What::Prefix(&options.prefix, Prefixed::Remove(file, socket.as_deref()));
    run(&options.target, options.keyspace.as_deref(), &what, options.dry_run)
}

pub(crate) fn clear(options: &ClearOptions) -> Result<Exit, Failure> {
    run(&options.target, options.keyspace.as_deref(), &What::All, options.dry_run)
}

fn run(
    target: &TargetOptions,
    keyspace: Option<&str>,
    what: &What<'_>,
    dry_run: bool,
) -> Result<Exit, Failure> {
    let json = target.json;
    let mut target = Target::of(target)?;
    let snapshot = match (&target, target.file()) {
        (_, Some(file)) => Some(crate::inspect::open(file)?),
        // Of a keyspace that the process has not opened, the file alone has the shape and the schema.
        (Target::Live { client, .. }, None) => file_of(client),
        (Target::File(_), None) => None,
    };
    let (chosen, refusal) = match (&mut target, &snapshot) {
        // It has keyspaces and entries that the file has not.
        (Target::Live { client, .. }, _) => {
            let told = client.keyspaces()?;
            let keyspaces = keys_of(&told, snapshot.as_ref());
            resolve(&keyspaces, keyspace, what, &mut Existing::Live(client))?
        }
        (_, Some(snapshot)) => {
            let keyspaces: Vec<Keys<'_>> = snapshot.keyspaces().iter().map(Keys::of).collect();
            resolve(&keyspaces, keyspace, what, &mut Existing::Of(snapshot))?
        }
        (_, None) => (Chosen::Everything, None),
    };
    let removed = match (dry_run, snapshot, &mut target) {
        (true, _, Target::Live { client, .. }) => counted::of_process(client, &chosen)?,
        (true, Some(snapshot), Target::File(_)) => {
            if let Some(refusal) = live::refusal(&snapshot.file()) {
                live::say(json, &refusal);
            }
            count(&snapshot, &chosen)?
        }
        (true, None, Target::File(_)) => 0,
        (false, snapshot, Target::Live { client, .. }) => {
            drop(snapshot);
            ask(client, &chosen)?
        }
        (false, snapshot, Target::File(file)) => {
            // The transaction keeps pages from being reused.
            drop(snapshot);
            let mut admin = own(Admin::open(&*file), None)?;
            let removed = remove(&mut admin, &chosen)?;
            admin.close()?;
            removed
        }
    };
    if let Some(refusal) = refusal.filter(|_| removed == 0) {
        return Err(refusal);
    }
    if json {
        out::json(&RemovedJson { removed, dry_run })?;
    } else {
        let mut out = out::stdout();
        writeln!(out, "{} {}", if dry_run { "would remove" } else { "removed" }, entries(removed))?;
        out.flush()?;
    }
    Ok(Exit::Ok)
}

/// What is to go; and what to say if that turns out to be nothing, where it may not be what was meant.
fn resolve(
    keyspaces: &[Keys<'_>],
    name: Option<&str>,
    what: &What<'_>,
    existing: &mut Existing<'_>,
) -> Result<(Chosen, Option<Failure>), Failure> {
    match what {
        What::Key(text) => {
            let (keyspace, key) = choose(keyspaces, name, text)?;
            if name.is_none() {
                refuse_two_meanings(existing, keyspaces, (keyspace, &key), text)?;
            }
            let misread = Misread::of_key(keyspace, text).filter(|other| other.bytes != key);
            let refusal = match misread {
                // In a keyspace that is not the schema's, the text is only odd if there is such an entry.
                Some(other) if other.is_of_schema() || existing.has(keyspace, &other.bytes)? => {
                    let text = escape_control(text);
                    let advice = other.advice();
                    let why = format!("nothing is removed: there is no entry of a key {text}; {advice}");
                    Some(Failure::new(Exit::Usage, why))
                }
                _ => keyspace
                    .no_key(&key)
                    .map(|why| Failure::new(Exit::Usage, format!("nothing is removed: {why}"))),
            };
            Ok((Chosen::Key(keyspace.name.to_owned(), key), refusal))
        }
        What::Prefix(text, asked) => {
            let (keyspace, prefix) = resolve_prefix(keyspaces, name, text, *asked)?;
            let misread = existing.misread_prefix(keyspace, text, &prefix)?;
            let refusal = misread.map(|other| {
                let why = format!("nothing is removed: no key begins with {}", escape_control(text));
                other.refused(*asked, &why)
            });
            Ok((Chosen::Prefix(keyspace.name.to_owned(), prefix), refusal))
        }
        What::All => Ok(match name {
            Some(name) => (Chosen::Prefix(pick(keyspaces, name)?.name.to_owned(), Vec::new()), None),
            None => (Chosen::Everything, None),
        }),
    }
}

fn resolve_prefix<'a>(
    keyspaces: &[Keys<'a>],
    name: Option<&str>,
    text: &str,
    asked: Prefixed<'_>,
) -> Result<(Keys<'a>, Vec<u8>), Failure> {
    let keyspace = match (name, keyspaces) {
        (Some(name), _) => pick(keyspaces, name)?,
        (None, [only]) => *only,
        (None, _) => return Err(asked.of_which(keyspaces, text)),
    };
    let prefix = keyspace.read_prefix(text)?;
    if prefix.is_empty() {
        let text = "every key has an empty prefix; `larder clear` is for that";
        return Err(Failure::new(Exit::Usage, text));
    }
    Ok((keyspace, prefix))
}

/// Refuses a text that is read as a schema's spelling, and as it stands is a key of some keyspace that has an
/// entry.
fn refuse_two_meanings(
    existing: &mut Existing<'_>,
    keyspaces: &[Keys<'_>],
    (chosen, key): (Keys<'_>, &[u8]),
    text: &str,
) -> Result<(), Failure> {
    for other in keyspaces {
        let Ok(literal) = other.read(text) else { continue };
        let is_chosen = *other == chosen && literal == key;
        if is_chosen || !existing.has(*other, &literal)? {
            continue;
        }
        let (as_spelled, as_it_stands) = (literally(chosen, &chosen.show(key)), literally(*other, text));
        let text = escape_control(text);
        return Err(Failure::new(
            Exit::Usage,
            format!(
                "nothing is removed: {text} may be two keys; give {as_spelled} for the one that is spelled so, or {as_it_stands}"
            ),
        ));
    }
    Ok(())
}

fn remove(admin: &mut Admin, chosen: &Chosen) -> Result<u64, larder::Error> {
    match chosen {
        Chosen::Key(keyspace, key) => admin.remove(keyspace, key).map(u64::from),
        Chosen::Prefix(keyspace, prefix) => admin.remove_prefix(keyspace, prefix),
        Chosen::Everything => admin.clear(),
    }
}

fn ask(client: &mut Client, chosen: &Chosen) -> Result<u64, Failure> {
    Ok(match chosen {
        Chosen::Key(keyspace, key) => client.remove(keyspace, &spell_hex(key))?,
        Chosen::Prefix(keyspace, prefix) if prefix.is_empty() => client.clear(keyspace)?,
        Chosen::Prefix(keyspace, prefix) => client.remove_prefix(keyspace, &spell_hex(prefix))?,
        Chosen::Everything => client.clear_all()?,
    })
}

/// How many live entries there are of what was chosen.
fn count(snapshot: &Snapshot, chosen: &Chosen) -> Result<u64, Failure> {
    let (names, prefix): (Vec<&str>, &[u8]) = match chosen {
        Chosen::Key(keyspace, key) => {
            let Some(facts) = snapshot.keyspace(keyspace) else { return Ok(0) };
            return Ok(u64::from(snapshot.find(facts, key)?.live().is_some()));
        }
        Chosen::Prefix(keyspace, prefix) => (vec![keyspace], prefix),
        Chosen::Everything => (snapshot.keyspaces().iter().map(|facts| &*facts.name).collect(), &[]),
    };
    let mut live = 0;
    for facts in names.into_iter().filter_map(|name| snapshot.keyspace(name)) {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = snapshot.page(facts, prefix, after.as_deref(), PAGE)?;
            let Some(last) = page.last() else { break };
            after = Some(last.key.clone());
            live += page.iter().filter(|entry| entry.finding.live().is_some()).count() as u64;
        }
    }
    Ok(live)
}
