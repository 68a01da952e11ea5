//! `larder info` of a server: what it is, and the keyspaces of the cache.

use std::collections::BTreeMap;
use std::io::Write;

use larder_redis::inspect::{ServerInspector, WalkCursor, WalkFilter};
use serde_json::json;

use crate::args::FileOptions;
use crate::cache::server::{ServerUrl, name};
use crate::term::exit::{Exit, Failure};
use crate::term::out::{self, field};

pub(super) fn run(server: &ServerUrl, options: &FileOptions) -> Result<Exit, Failure> {
    let mut inspector = server.connect(options.json)?;
    let info = inspector.info()?;
    let counts = count(&mut inspector)?;
    let text = |name: &str| info.field(name).unwrap_or("unknown").to_owned();
    let version = info.version().unwrap_or_else(|| "unknown".to_owned());
    if options.json {
        let keyspaces = counts
            .iter()
            .map(|((name, version), keys)| json!({ "name": name, "version": version, "keys": keys }));
        out::json(&json!({
            "server": inspector.server(), "database": inspector.database(), "prefix": inspector.prefix(),
            "version": version, "used_memory": info.number("used_memory"),
            "maxmemory": info.number("maxmemory"), "maxmemory_policy": text("maxmemory_policy"),
            "keyspaces": keyspaces.collect::<Vec<_>>(),
        }))?;
        return Ok(Exit::Ok);
    }
    let mut out = out::stdout();
    field(&mut out, "server", name(&inspector))?;
    field(&mut out, "version", version)?;
    let limit = match info.number("maxmemory") {
        Some(0) => "no limit".to_owned(),
        Some(_) => format!("of {}, {}", text("maxmemory_human"), text("maxmemory_policy")),
        None => "unknown limit".to_owned(),
    };
    field(&mut out, "memory", format!("{} {limit}", text("used_memory_human")))?;
    field(&mut out, "keys", counts.values().sum::<u64>())?;
    if !counts.is_empty() {
        writeln!(out)?;
        let head = ["keyspace", "version", "keys"].map(str::to_owned).to_vec();
        let rows = counts.into_iter().map(|((name, version), keys)| vec![name, version, keys.to_string()]);
        out::table(&mut out, &[head].into_iter().chain(rows).collect::<Vec<_>>())?;
    }
    out.flush()?;
    Ok(Exit::Ok)
}

/// Counts the keys of each keyspace, by a walk. A key that belongs to no keyspace is counted under `-`.
fn count(inspector: &mut ServerInspector) -> Result<BTreeMap<(String, String), u64>, Failure> {
    let (mut counts, mut cursor) = (BTreeMap::new(), WalkCursor::default());
    loop {
        let page = inspector.keys(&WalkFilter::default(), cursor)?;
        for key in &page.keys {
            let of = inspector.keyspace_of(key).map(|(name, version)| (name, version.to_string()));
            *counts.entry(of.unwrap_or_else(|| ("-".to_owned(), "-".to_owned()))).or_default() += 1;
        }
        match page.next {
            Some(next) => cursor = next,
            None => return Ok(counts),
        }
    }
}
