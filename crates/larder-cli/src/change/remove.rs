//! `larder remove`, `remove-prefix` and `clear`: durable removals.

mod counted;

use std::io::Write;

use larder::admin::Admin;
use larder::control::Client;
use larder::inspect::{KeyShape, Snapshot, spell_hex};
use serde::Serialize;

use super::target::{Target, shape};
use super::{entries, own};
use crate::args::{ClearOptions, RemoveOptions, RemovePrefixOptions, TargetOptions};
use crate::exit::{Exit, Failure};
use crate::inspect::key::{Keys, choose, pick};
use crate::out;

const PAGE: usize = 256;

#[derive(Serialize)]
struct RemovedJson {
    removed: u64,
    dry_run: bool,
}

/// What is to go, as a person says it.
enum What<'a> {
    Key(&'a str),
    Prefix(&'a str),
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
    run(&options.target, options.keyspace.as_deref(), &What::Prefix(&options.prefix), options.dry_run)
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
    let snapshot = match target.file() {
        Some(file) => Some(crate::inspect::open(file)?),
        None => None,
    };
    let chosen = match (&snapshot, &mut target) {
        (Some(snapshot), target) => {
            // A process has keyspaces, too, that are in memory alone.
            let told = match target {
                Target::Live { client, .. } => client.keyspaces()?,
                Target::File(_) => Vec::new(),
            };
            let mut keyspaces: Vec<Keys<'_>> = snapshot.keyspaces().iter().map(Keys::of).collect();
            let others = told.iter().filter(|found| snapshot.keyspace(&found.name).is_none());
            keyspaces.extend(others.map(|found| Keys { name: &found.name, shape: shape(found) }));
            resolve(&keyspaces, keyspace, what)?
        }
        (None, Target::Live { client, .. }) => {
            let told = client.keyspaces()?;
            let keyspaces: Vec<Keys<'_>> =
                told.iter().map(|found| Keys { name: &found.name, shape: shape(found) }).collect();
            resolve(&keyspaces, keyspace, what)?
        }
        (None, Target::File(_)) => Chosen::Everything,
    };
    let removed = match (dry_run, snapshot, &mut target) {
        (true, _, Target::Live { client, .. }) => counted::of_process(client, &chosen)?,
        (true, Some(snapshot), Target::File(_)) => count(&snapshot, &chosen)?,
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
    if json {
        out::json(&RemovedJson { removed, dry_run })?;
    } else {
        let mut out = out::stdout();
        writeln!(out, "{} {}", if dry_run { "would remove" } else { "removed" }, entries(removed))?;
        out.flush()?;
    }
    Ok(Exit::Ok)
}

fn resolve(keyspaces: &[Keys<'_>], name: Option<&str>, what: &What<'_>) -> Result<Chosen, Failure> {
    match what {
        What::Key(text) => {
            let (keyspace, key) = choose(keyspaces, name, text)?;
            Ok(Chosen::Key(keyspace.name.to_owned(), key))
        }
        What::Prefix(text) => {
            let keyspace = match (name, keyspaces) {
                (Some(name), _) => pick(keyspaces, name)?,
                (None, [only]) => *only,
                (None, _) => {
                    let text = "a prefix is of the keys of one keyspace: give --keyspace";
                    return Err(Failure::new(Exit::Usage, text));
                }
            };
            let shape = keyspace.shape().unwrap_or(KeyShape::Unit);
            let prefix = shape.parse_prefix(text);
            let prefix = prefix.map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
            if prefix.is_empty() {
                let text = "every key has an empty prefix; `larder clear` is for that";
                return Err(Failure::new(Exit::Usage, text));
            }
            Ok(Chosen::Prefix(keyspace.name.to_owned(), prefix))
        }
        What::All => match name {
            Some(name) => Ok(Chosen::Prefix(pick(keyspaces, name)?.name.to_owned(), Vec::new())),
            None => Ok(Chosen::Everything),
        },
    }
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
