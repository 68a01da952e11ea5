//! `larder compact`: gives the space that a file does not need back to the file system.
//!
//! A copy is written beside the file and takes its place, so Ctrl-C leaves the file as it is; the unfinished
//! copy is removed.

use std::io::Write;

use larder::admin::{Admin, Compacted};
use serde::Serialize;

use super::{entries, own};
use crate::args::FileOptions;
use crate::exit::{Exit, Failure};
use crate::interrupt::Interrupt;
use crate::out;

#[derive(Serialize)]
struct CompactJson {
    file: String,
    length_before: u64,
    length: u64,
    deleted_expired: u64,
}

pub(crate) fn run(options: &FileOptions) -> Result<Exit, Failure> {
    let interrupt = Interrupt::heard()?;
    let mut admin =
        own(Admin::open(&options.file), Some("stop it, and compact the file before it is started again"))?;
    let done = admin.compact(&mut || !interrupt.is_asked())?;
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
