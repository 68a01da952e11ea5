//! `larder remove`, `remove-prefix` and `clear`: durable removals.
//!
//! A removal never deletes an entry if the user may have meant another one, and never reports success for a
//! key that it may have misread:
//!
//! - Without `--keyspace`, a text is refused if it spells a key in a schema and is also, read literally,
//!   another key that has an entry.
//! - A literal key without an entry is refused if its text spells another key in the schema of the
//!   keyspace, or another key that has an entry. Otherwise the cache would keep serving the entry of that
//!   key.

mod count;
mod removal;

use std::io::Write;

use larder::admin::Admin;
use larder::control::Client;
use larder::inspect::spell_hex;
use serde::Serialize;

use self::removal::{Removal, RemovalRequest};
use super::target::ChangeTarget;
use super::{entries, own};
use crate::args::{ClearOptions, RemoveOptions, RemovePrefixOptions, TargetOptions};
use crate::cache::entries::Entries;
use crate::cache::owner;
use crate::cache::snapshot::{self, keys_of};
use crate::cache::spelling::{KeySyntax, PrefixCommand};
use crate::term::exit::{Exit, Failure};
use crate::term::out::{self, note};

#[derive(Serialize)]
struct RemovedJson {
    removed: u64,
    dry_run: bool,
}

pub(crate) fn one(options: &RemoveOptions) -> Result<Exit, Failure> {
    run(&options.target, options.keyspace.as_deref(), &RemovalRequest::Key(&options.key), options.dry_run)
}

pub(crate) fn prefix(options: &RemovePrefixOptions) -> Result<Exit, Failure> {
    let TargetOptions { file, socket, .. } = &options.target;
    let command = PrefixCommand::Remove(file, socket.as_deref());
    let request = RemovalRequest::Prefix(&options.prefix, command);
    run(&options.target, options.keyspace.as_deref(), &request, options.dry_run)
}

pub(crate) fn clear(options: &ClearOptions) -> Result<Exit, Failure> {
    run(&options.target, options.keyspace.as_deref(), &RemovalRequest::All, options.dry_run)
}

fn run(
    target: &TargetOptions,
    keyspace: Option<&str>,
    request: &RemovalRequest<'_>,
    dry_run: bool,
) -> Result<Exit, Failure> {
    let json = target.json;
    let mut target = ChangeTarget::of(target)?;
    let snapshot = match (&target, target.file()) {
        (_, Some(file)) => Some(snapshot::open(file)?),
        // Only the file has the shape and the schema of a keyspace that the process has not opened.
        (ChangeTarget::Process { client, .. }, None) => snapshot::of_process(client),
        (ChangeTarget::File(_), None) => None,
    };
    let (removal, refusal) = match (&mut target, &snapshot) {
        // The process may have keyspaces and entries that are not in the file.
        (ChangeTarget::Process { client, .. }, _) => {
            let found = client.keyspaces()?;
            let keyspaces = keys_of(&found, snapshot.as_ref());
            request.resolve(&keyspaces, keyspace, &mut Entries::Process(client))?
        }
        (_, Some(snapshot)) => {
            let keyspaces: Vec<KeySyntax<'_>> = snapshot.keyspaces().iter().map(KeySyntax::of).collect();
            request.resolve(&keyspaces, keyspace, &mut Entries::File(snapshot))?
        }
        (_, None) => (Removal::Everything, None),
    };
    let removed = match (dry_run, snapshot, &mut target) {
        (true, _, ChangeTarget::Process { client, .. }) => count::in_process(client, &removal)?,
        (true, Some(snapshot), ChangeTarget::File(_)) => {
            if let Some(refusal) = owner::refusal(&snapshot.file()) {
                note(json, &refusal);
            }
            count::in_file(&snapshot, &removal)?
        }
        (true, None, ChangeTarget::File(_)) => 0,
        (false, snapshot, ChangeTarget::Process { client, .. }) => {
            drop(snapshot);
            remove_in_process(client, &removal)?
        }
        (false, snapshot, ChangeTarget::File(file)) => {
            // Dropped first, because the snapshot prevents the reuse of pages.
            drop(snapshot);
            let mut admin = own(Admin::open(&*file), None)?;
            let removed = remove_in_file(&mut admin, &removal)?;
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

fn remove_in_file(admin: &mut Admin, removal: &Removal) -> Result<u64, larder::Error> {
    match removal {
        Removal::Key(keyspace, key) => admin.remove(keyspace, key).map(u64::from),
        Removal::Prefix(keyspace, prefix) => admin.remove_prefix(keyspace, prefix),
        Removal::Everything => admin.clear(),
    }
}

fn remove_in_process(client: &mut Client, removal: &Removal) -> Result<u64, Failure> {
    Ok(match removal {
        Removal::Key(keyspace, key) => client.remove(keyspace, &spell_hex(key))?,
        Removal::Prefix(keyspace, prefix) if prefix.is_empty() => client.clear(keyspace)?,
        Removal::Prefix(keyspace, prefix) => client.remove_prefix(keyspace, &spell_hex(prefix))?,
        Removal::Everything => client.clear_all()?,
    })
}
