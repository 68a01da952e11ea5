//! `larder monitor`: prints a sample of the operations of a live cache as they happen.

use std::io::{self, Write};

use larder::Timestamp;
use larder::control::{Monitor, MonitorOptions as Asked, Monitored, Operation};
use larder::inspect::escape_control;

use super::{KeyNames, connect, without_sample};
use crate::args::MonitorOptions;
use crate::term::exit::{Exit, Failure};
use crate::term::out::{self, FAINT, json_line, note, styled};
use crate::term::time::rfc3339;

pub(crate) fn run(options: &MonitorOptions) -> Result<Exit, Failure> {
    let asked = Asked {
        one_in: options.sample,
        seconds: options.seconds,
        count: options.count,
        keyspace: options.keyspace.clone(),
    };
    let mut client = connect(&options.socket, options.json)?;
    let names = KeyNames::of(&mut client, options.keyspace.as_deref())?;
    let mut monitor = client.monitor(&asked).map_err(|error| without_sample(&options.socket, error))?;
    if !options.json {
        let shown = match monitor.one_in() {
            1 => "every operation is shown".to_owned(),
            one_in => format!("one operation in {one_in} is shown; --sample 1 shows all"),
        };
        note(false, &shown);
    }
    follow(&mut monitor, &names, options.json)
}

fn follow(monitor: &mut Monitor, names: &KeyNames, json: bool) -> Result<Exit, Failure> {
    let mut out = out::stdout();
    loop {
        match monitor.next()? {
            Monitored::Operation(mut operation) => {
                // `remove_prefix` has a prefix instead of a key, so its text is kept.
                if let Some(keyspace) =
                    operation.keyspace.as_ref().filter(|_| operation.operation != "remove_prefix")
                {
                    names.spell(keyspace, &operation.key_bytes, &mut operation.key);
                }
                if json { json_line(&mut out, &operation)? } else { print(&mut out, &operation)? }
            }
            Monitored::Missed(missed) => {
                out.flush()?;
                note(json, &format!("{missed} more are not shown: they came faster than they could be"));
            }
            Monitored::End(end) => {
                out.flush()?;
                note(json, &format!("{} operations were shown, and {} missed", end.shown, end.missed));
                return Ok(Exit::Ok);
            }
            _ => {}
        }
        // Flushed after each operation, so that it appears immediately even in a pipe.
        out.flush()?;
    }
}

fn print(out: &mut impl Write, operation: &Operation) -> io::Result<()> {
    let Operation { at_ms, operation, keyspace, key, .. } = operation;
    let at = styled(FAINT, rfc3339(Timestamp::from_millis(*at_ms)));
    let operation = operation.replace('_', " ");
    let cells = [&operation, keyspace.as_deref().unwrap_or("-"), key].map(escape_control);
    writeln!(out, "{at}\t{}", cells.join("\t"))
}
