//! `larder flush`: has a live cache commit what it has not.

use std::io::Write;

use serde_json::json;

use crate::args::SocketOptions;
use crate::exit::{Exit, Failure};
use crate::{live, out};

pub(crate) fn run(options: &SocketOptions) -> Result<Exit, Failure> {
    let path = &options.socket;
    let Some(mut client) = live::process_behind(path, options.json)? else {
        let text = format!(
            "cannot flush {}: no process that has it can be asked; what a file has is committed, so start the service with a control socket, or close it",
            path.display()
        );
        return Err(Failure::new(Exit::System, text));
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
