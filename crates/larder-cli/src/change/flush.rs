//! `larder flush`: has a live cache commit what it has not.
//!
//! A file that no process has is committed as it is: that is success, and said. One whose process can't be asked may
//! not be.

use std::io::Write;

use serde_json::json;

use crate::args::SocketOptions;
use crate::exit::{Exit, Failure};
use crate::live::{self, Absent};
use crate::out;

pub(crate) fn run(options: &SocketOptions) -> Result<Exit, Failure> {
    let path = &options.socket;
    let Some(mut client) = live::process_behind(path, options.json)? else {
        return unasked(options);
    };
    client.flush()?;
    let pid = client.server().pid;
    if options.json {
        out::json(&json!({ "flushed": true, "pid": pid }))?;
    } else {
        let mut out = out::stdout();
        writeln!(out, "process {pid} has committed everything that was inserted")?;
        out.flush()?;
    }
    Ok(Exit::Ok)
}

/// No process could be asked.
fn unasked(options: &SocketOptions) -> Result<Exit, Failure> {
    let path = options.socket.display();
    match live::absent(&options.socket)? {
        Absent::Unused if options.json => out::json(&json!({ "flushed": false, "pid": null }))?,
        Absent::Unused => {
            let mut out = out::stdout();
            writeln!(out, "nothing to flush: no process has {path}, and what is in it is committed")?;
            out.flush()?;
        }
        Absent::Ended { told } => {
            let text = format!("cannot flush {path}: {told}; what is in the file is committed");
            return Err(Failure::new(Exit::InUse, text));
        }
        Absent::Unasked => {
            let text = format!(
                "cannot flush {path}: the process that has it can't be asked; give it a control socket with control=PATH in its URL; it flushes by itself, and when it is stopped"
            );
            return Err(Failure::new(Exit::System, text));
        }
    }
    Ok(Exit::Ok)
}
