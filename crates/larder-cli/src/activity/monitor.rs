//! `larder monitor`: a sample of what a live cache does, as it does it.

use std::io::{self, Write};

use larder::Timestamp;
use larder::control::{Monitor, MonitorOptions as Asked, Monitored, Operation};
use larder::inspect::escape_control;

use super::{Shown, connect, without_sample};
use crate::args::MonitorOptions;
use crate::exit::{Exit, Failure};
use crate::live::say;
use crate::out::{self, FAINT, json_line, styled};
use crate::time::rfc3339;

pub(crate) fn run(options: &MonitorOptions) -> Result<Exit, Failure> {
    let asked = Asked {
        one_in: options.sample,
        seconds: options.seconds,
        count: options.count,
        keyspace: options.keyspace.clone(),
    };
    let mut client = connect(&options.socket, options.json)?;
    let shown = Shown::of(&mut client, options.keyspace.as_deref())?;
    let mut monitor = client.monitor(&asked).map_err(|error| without_sample(&options.socket, error))?;
    if !options.json {
        match monitor.one_in() {
            1 => eprintln!("larder: every operation is shown"),
            one_in => eprintln!("larder: one operation in {one_in} is shown; --sample 1 shows all"),
        }
    }
    follow(&mut monitor, &shown, options.json)
}

fn follow(monitor: &mut Monitor, shown: &Shown, json: bool) -> Result<Exit, Failure> {
    let mut out = out::stdout();
    loop {
        match monitor.next()? {
            Monitored::Operation(mut seen) => {
                // The beginning of removed keys is no key.
                if let Some(keyspace) = seen.keyspace.as_ref().filter(|_| seen.operation != "remove_prefix") {
                    shown.spell(keyspace, &seen.key_bytes, &mut seen.key);
                }
                if json { json_line(&mut out, &seen)? } else { print(&mut out, &seen)? }
            }
            Monitored::Missed(missed) => {
                out.flush()?;
                say(json, &format!("{missed} more are not shown: they came faster than they could be"));
            }
            Monitored::End(end) => {
                out.flush()?;
                say(json, &format!("{} operations were shown, and {} missed", end.shown, end.missed));
                return Ok(Exit::Ok);
            }
            _ => {}
        }
        // Seen as it happens, also through a pipe.
        out.flush()?;
    }
}

fn print(out: &mut impl Write, operation: &Operation) -> io::Result<()> {
    let Operation { at_ms, operation, keyspace, key, .. } = operation;
    let at = styled(FAINT, rfc3339(Timestamp::from_millis(*at_ms)));
    let operation = operation.replace('_', " ");
    let told = [&operation, keyspace.as_deref().unwrap_or("-"), key].map(escape_control);
    writeln!(out, "{at}\t{}", told.join("\t"))
}
