//! `larder remove`, `remove-prefix` and `clear` of a server. Every machine drops its copies of the removed
//! keys, and loads of these keys that are in progress store nothing.

use std::io::Write;

use larder_redis::inspect::{ServerInspector, WalkCursor, WalkFilter};
use serde_json::json;

use super::shown::{read, refuse_options, shown};
use crate::args::{ClearOptions, RemoveOptions, RemovePrefixOptions, TargetOptions};
use crate::cache::server::{ServerUrl, name};
use crate::term::exit::{Exit, Failure};
use crate::term::out;

fn connect(server: &ServerUrl, target: &TargetOptions) -> Result<ServerInspector, Failure> {
    refuse_options(&[("--socket", target.socket.is_some()), ("--file-only", target.file_only)])?;
    server.connect(target.json)
}

pub(super) fn one(server: &ServerUrl, options: &RemoveOptions) -> Result<Exit, Failure> {
    refuse_options(&[("--keyspace", options.keyspace.is_some())])?;
    let mut inspector = connect(server, &options.target)?;
    let key = read(&inspector, &options.key)?;
    let removed = if options.dry_run {
        let slot = inspector.slot(&key)?;
        u64::from(slot.state != larder_redis::inspect::SlotState::Missing)
    } else {
        inspector.remove(std::slice::from_ref(&key))?
    };
    say(&options.target, options.dry_run, removed, &format!("key {}", shown(&key)))
}

pub(super) fn prefix(server: &ServerUrl, options: &RemovePrefixOptions) -> Result<Exit, Failure> {
    refuse_options(&[("--keyspace", options.keyspace.is_some())])?;
    let mut inspector = connect(server, &options.target)?;
    let prefix = prefix_of(&inspector, &options.prefix)?;
    let what = format!("keys that begin with {}", shown(&prefix));
    let filter = WalkFilter { keyspace: None, prefix: Some(prefix) };
    let removed = walk(&mut inspector, &filter, options.dry_run)?;
    say(&options.target, options.dry_run, removed, &what)
}

pub(super) fn clear(server: &ServerUrl, options: &ClearOptions) -> Result<Exit, Failure> {
    let mut inspector = connect(server, &options.target)?;
    let what = match &options.keyspace {
        Some(keyspace) => format!("keys of the keyspace {keyspace:?}"),
        None => format!("keys of {}", name(&inspector)),
    };
    let filter = WalkFilter { keyspace: options.keyspace.clone(), prefix: None };
    let removed = walk(&mut inspector, &filter, options.dry_run)?;
    say(&options.target, options.dry_run, removed, &what)
}

/// Parses the beginning of keys on the server. It must include the prefix of the cache and a version.
pub(super) fn prefix_of(inspector: &ServerInspector, text: &str) -> Result<Vec<u8>, Failure> {
    let prefix = format!("{}:", inspector.prefix());
    let is_version =
        |rest: &str| rest.split_once(':').is_some_and(|(version, _)| version.parse::<u32>().is_ok());
    if text.strip_prefix(&prefix).is_some_and(is_version) {
        return Ok(text.as_bytes().to_vec());
    }
    let text = format!(
        "{text:?} is no beginning of keys of {}; write it as `larder keys` shows keys: {prefix}VERSION:KEYSPACE:MTN, \
         or {prefix}VERSION:product_MTN",
        name(inspector)
    );
    Err(Failure::new(Exit::Usage, text))
}

/// Removes the keys of a filter, or only counts them.
fn walk(inspector: &mut ServerInspector, filter: &WalkFilter, dry_run: bool) -> Result<u64, Failure> {
    if !dry_run {
        return Ok(inspector.clear(filter)?);
    }
    let (mut count, mut cursor) = (0, WalkCursor::default());
    loop {
        let page = inspector.keys(filter, cursor)?;
        count += page.keys.len() as u64;
        match page.next {
            Some(next) => cursor = next,
            None => return Ok(count),
        }
    }
}

fn say(target: &TargetOptions, dry_run: bool, removed: u64, what: &str) -> Result<Exit, Failure> {
    if target.json {
        out::json(&json!({ "removed": removed, "dry_run": dry_run }))?;
        return Ok(Exit::Ok);
    }
    let mut out = out::stdout();
    let did = if dry_run { "would remove" } else { "removed" };
    writeln!(out, "{did} {removed}: {what}")?;
    out.flush()?;
    Ok(Exit::Ok)
}
