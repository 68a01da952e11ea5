//! `larder keys` of a server: the keys of the cache, one per line, after the name of its keyspace.

use std::collections::BTreeSet;
use std::io::Write;

use larder::Remaining;
use larder::inspect::escape_control;
use larder_redis::inspect::{WalkCursor, WalkFilter};
use serde_json::json;

use super::entry::{seconds, state_name};
use super::shown::{refuse_options, shown};
use crate::args::KeysOptions;
use crate::cache::server::ServerUrl;
use crate::term::exit::{Exit, Failure};
use crate::term::out::{self, json_line, note};

pub(super) fn run(server: &ServerUrl, options: &KeysOptions) -> Result<Exit, Failure> {
    let others = [("--sort", options.sort.is_some()), ("--big", options.big), ("--all", options.all)];
    refuse_options(&others)?;
    refuse_options(&[("--file-only", options.file_only)])?;
    let mut inspector = server.connect(options.cache.json)?;
    let prefix =
        options.prefix.as_deref().map(|text| super::remove::prefix_of(&inspector, text)).transpose()?;
    let filter = WalkFilter { keyspace: options.keyspace.clone(), prefix };
    let (mut out, mut cursor) = (out::stdout(), WalkCursor::default());
    let mut left = options.limit.unwrap_or(u64::MAX);
    // A walk of the server may return a key twice.
    let mut seen = BTreeSet::new();
    loop {
        let page = inspector.keys(&filter, cursor)?;
        for key in page.keys {
            if !seen.insert(key.clone()) {
                continue;
            }
            if left == 0 {
                out.flush()?;
                note(
                    options.cache.json,
                    &format!("there are more keys than the {} of --limit", seen.len() - 1),
                );
                return Ok(Exit::Ok);
            }
            left -= 1;
            let slot = options.long.then(|| inspector.slot(&key)).transpose()?;
            let keyspace = inspector.keyspace_of(&key).map(|(name, _)| name);
            let (state, ttl, len) = match &slot {
                Some(slot) => (Some(state_name(&slot.state)), slot.left, Some(slot.len)),
                None => (None, None, None),
            };
            if options.cache.json {
                let ttl = ttl.map(|ttl| {
                    if let Remaining::For(ttl) = ttl { json!(ttl.as_secs_f64()) } else { json!("never") }
                });
                json_line(
                    &mut out,
                    &json!({
                        "keyspace": keyspace, "key": shown(&key), "state": state, "ttl_s": ttl, "bytes": len
                    }),
                )?;
                continue;
            }
            let keyspace = keyspace.unwrap_or_else(|| "-".to_owned());
            write!(out, "{}\t{}", escape_control(&keyspace), shown(&key))?;
            if let Some((state, len)) = state.zip(len) {
                write!(out, "\t{state}\t{}\t{len}", ttl.map_or_else(|| "-".to_owned(), seconds))?;
            }
            writeln!(out)?;
        }
        match page.next {
            Some(next) => cursor = next,
            None => break,
        }
    }
    out.flush()?;
    Ok(Exit::Ok)
}
