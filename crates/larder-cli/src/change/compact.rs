//! `larder compact`: gives the space that a file does not need back to the file system.
//!
//! Ctrl-C ends it at once: every step is a commit, so the file is whole at any time, and its next owner repairs what a crash leaves open.

use std::io::Write;

use larder::ByteSize;
use larder::admin::Admin;
use serde::Serialize;

use super::{entries, own};
use crate::args::FileOptions;
use crate::exit::{Exit, Failure};
use crate::interrupt;
use crate::out;

#[derive(Serialize)]
struct CompactJson {
    file: String,
    length_before: u64,
    length: u64,
    deleted_expired: u64,
}

pub(crate) fn run(options: &FileOptions) -> Result<Exit, Failure> {
    let mut admin = own(Admin::open(&options.file))?;
    interrupt::end_at_once()?;
    let len = || std::fs::metadata(&options.file).map_or(0, |file| file.len());
    let before = len();
    let deleted = admin.sweep(&mut || true)?;
    let is_compacted = admin.compact()?;
    admin.close()?;
    if !is_compacted {
        let file = options.file.display();
        let text = format!("cannot compact {file}: somebody is reading it; try again when nobody does");
        return Err(Failure::new(Exit::InUse, text));
    }
    let after = len();
    if options.json {
        let file = options.file.display().to_string();
        out::json(&CompactJson { file, length_before: before, length: after, deleted_expired: deleted })?;
    } else {
        let mut out = out::stdout();
        let (before, after) = (ByteSize::bytes(before), ByteSize::bytes(after));
        let deleted = entries(deleted);
        writeln!(out, "deleted {deleted} that had expired; the file had {before}, and has {after}")?;
        out.flush()?;
    }
    Ok(Exit::Ok)
}
