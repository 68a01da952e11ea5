//! `larder compact`: returns unused space of a file to the file system.
//!
//! The command writes a copy beside the file, then replaces the file with the copy. On Ctrl-C, it removes the
//! unfinished copy and leaves the file unchanged.

use std::io::Write;

use larder::admin::{Admin, Compacted};
use serde::Serialize;

use super::{entries, own};
use crate::args::FileOptions;
use crate::term::exit::{Exit, Failure};
use crate::term::interrupt::Interrupt;
use crate::term::out;

#[derive(Serialize)]
struct CompactJson {
    file: String,
    length_before: u64,
    length: u64,
    deleted_expired: u64,
}

pub(crate) fn run(options: &FileOptions) -> Result<Exit, Failure> {
    let interrupt = Interrupt::listen()?;
    let mut admin =
        own(Admin::open(&options.file), Some("stop it, and compact the file before it is started again"))?;
    let done = admin.compact(&mut || !interrupt.is_requested())?;
    admin.close()?;
    let Some(Compacted { length_before, length, expired, .. }) = done else {
        return Err(Failure::new(Exit::Interrupted, "interrupted; the file is as it was"));
    };
    if options.json {
        out::json(&CompactJson {
            file: options.file.display().to_string(),
            length_before: length_before.as_u64(),
            length: length.as_u64(),
            deleted_expired: expired,
        })?;
    } else {
        let mut out = out::stdout();
        let deleted = entries(expired);
        writeln!(out, "deleted {deleted} that had expired; the file had {length_before}, and has {length}")?;
        out.flush()?;
    }
    Ok(Exit::Ok)
}
