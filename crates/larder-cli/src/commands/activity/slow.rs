//! `larder slow`: prints the latest slow loads of a live cache.

use std::io::Write;

use larder::{SlowLoad, Timestamp};

use super::{KeyNames, connect};
use crate::args::ActivityOptions;
use crate::term::exit::{Exit, Failure};
use crate::term::out::{self, FAINT, styled};
use crate::term::time::{rfc3339, span};

pub(crate) fn run(options: &ActivityOptions) -> Result<Exit, Failure> {
    let mut client = connect(&options.socket, options.json)?;
    let mut slow = client.slow_loads(options.keyspace.as_deref(), options.limit)?;
    let names = KeyNames::of(&mut client, options.keyspace.as_deref())?;
    for load in &mut slow.loads {
        names.spell(&load.keyspace, &load.key_bytes, &mut load.key);
    }
    if options.json {
        out::json(&slow)?;
        return Ok(Exit::Ok);
    }
    let mut out = out::stdout();
    let threshold = span(slow.threshold);
    let (total, shown) = (slow.total, slow.loads.len());
    if shown > 0 {
        let head = ["number", "ended", "took", "result", "keyspace", "key"];
        let rows = slow.loads.into_iter().map(|load| {
            let SlowLoad { number, keyspace, key, ended_at_ms, took, has_failed, .. } = load;
            let result = if has_failed { "failed" } else { "loaded" }.to_owned();
            let ended = rfc3339(Timestamp::from_millis(ended_at_ms));
            let took = format!("{:.3} s", took.as_secs_f64());
            vec![number.to_string(), ended, took, result, keyspace, key]
        });
        let head = head.map(str::to_owned).to_vec();
        out::table(&mut out, &[head].into_iter().chain(rows).collect::<Vec<_>>())?;
        writeln!(out)?;
    }
    let text = format!("{shown} shown; {total} loads took {threshold} or longer since the cache was opened.");
    writeln!(out, "{}", styled(FAINT, text))?;
    out.flush()?;
    Ok(Exit::Ok)
}
