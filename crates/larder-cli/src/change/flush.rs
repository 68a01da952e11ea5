//! `larder flush`: has a live cache commit what it has not.

use std::io::Write;

use larder::control::Client;
use serde_json::json;

use crate::args::SocketOptions;
use crate::exit::{Exit, Failure};
use crate::out;

pub(crate) fn run(options: &SocketOptions) -> Result<Exit, Failure> {
    let mut client = Client::connect(&options.socket)?;
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
