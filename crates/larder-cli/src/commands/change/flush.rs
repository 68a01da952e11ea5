//! `larder flush`: makes a live cache commit its dirty entries.
//!
//! If the file has no owner, there is nothing to flush: the command says so and succeeds. If the command
//! cannot ask the owner, it fails, because entries may be uncommitted.

use std::io::Write;

use serde_json::json;

use crate::args::SocketOptions;
use crate::cache::owner::{NoProcess, connect_process, why_no_process};
use crate::term::exit::{Exit, Failure};
use crate::term::out;

pub(crate) fn run(options: &SocketOptions) -> Result<Exit, Failure> {
    let Some(mut client) = connect_process(&options.socket, options.json)? else {
        return without_process(options);
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

fn without_process(options: &SocketOptions) -> Result<Exit, Failure> {
    let path = options.socket.display();
    match why_no_process(&options.socket)? {
        NoProcess::Unowned if options.json => out::json(&json!({ "flushed": false, "pid": null }))?,
        NoProcess::Unowned => {
            let mut out = out::stdout();
            writeln!(out, "nothing to flush: no process has {path}, and what is in it is committed")?;
            out.flush()?;
        }
        NoProcess::OwnerEnded { text } => {
            let text = format!("cannot flush {path}: {text}; what is in the file is committed");
            return Err(Failure::new(Exit::InUse, text));
        }
        NoProcess::NoSocket => {
            let text = format!(
                "cannot flush {path}: the process that has it can't be asked; give it a control socket with control=PATH \
                 in its URL; it flushes by itself, and when it is stopped"
            );
            return Err(Failure::new(Exit::System, text));
        }
    }
    Ok(Exit::Ok)
}
