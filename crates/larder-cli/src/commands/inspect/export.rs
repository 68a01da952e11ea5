//! `larder export`: writes the live entries of one commit to a file or to standard output.
//!
//! Values are exported uncompressed, but each entry names the compression of its record. Absences are
//! exported too, so that an import restores them.
//!
//! The output file is written under a temporary name in the same directory, synced, and renamed, so it
//! appears complete or not at all. Ctrl-C and SIGTERM are checked between entries, and remove the unfinished
//! file. A second Ctrl-C ends the process immediately.

mod destination;

use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;

use indicatif::ProgressBar;
use larder::inspect::{Entry, KeyspaceInfo, RecordStatus, Snapshot};
use larder_export::{Form, Header, Keyspace, Skipped, Writer};
use serde::Serialize;

use self::destination::Destination;
use crate::args::{ExportOptions, Format};
use crate::cache::pages::visit_file;
use crate::cache::snapshot;
use crate::cache::spelling::{KeySyntax, Speller};
use crate::term::escape::{escape_json, warn};
use crate::term::exit::{Exit, Failure};
use crate::term::interrupt::Interrupt;
use crate::term::out::progress;

/// The end of the message after an interruption.
const INCOMPLETE: &str = "the export is not whole";

// Every key and every value of a cache fits into an export.
const _: () = assert!(larder_export::MAX_KEY_LEN == larder::MAX_KEY_LEN);
const _: () = assert!(larder_export::MAX_VALUE_LEN as u64 == larder::MAX_VALUE_LEN.as_u64());

#[derive(Serialize)]
struct ExportJson {
    output: Option<String>,
    format: &'static str,
    sequence: u64,
    entries: u64,
    skipped_expired: u64,
    skipped_damaged: u64,
    skipped_other_version: u64,
}

pub(crate) fn run(options: &ExportOptions) -> Result<Exit, Failure> {
    let snapshot = snapshot::open(&options.cache.file)?;
    let keyspaces = snapshot::chosen(&snapshot, options.keyspace.as_deref())?;
    // Ignores `--keyspace`, so that a key is spelled the same in every export of a file.
    let speller = Speller::of(None, snapshot.keyspaces());
    let job = Job { snapshot: &snapshot, keyspaces, options, speller, interrupt: Interrupt::listen()? };
    let (entries, skipped) = match &options.output {
        Some(path) => job.write_file(&Destination::of(path, &options.cache.file)?)?,
        None => job
            .write(BufWriter::new(io::stdout().lock()), &ProgressBar::hidden())
            .map(|(_, entries, skipped)| (entries, skipped))?,
    };
    report(options, &snapshot, entries, skipped);
    Ok(if skipped.damaged == 0 { Exit::Ok } else { Exit::Damaged })
}

struct Job<'a> {
    snapshot: &'a Snapshot,
    keyspaces: &'a [KeyspaceInfo],
    options: &'a ExportOptions,
    speller: Speller<'a>,
    interrupt: Interrupt,
}

impl Job<'_> {
    fn write_file(&self, destination: &Destination<'_>) -> Result<(u64, Skipped), Failure> {
        let failed = |error: io::Error| destination.failure(&error);
        // Dropping the value removes the file.
        let unfinished = destination.create_unfinished().map_err(failed)?;
        let expected = self.keyspaces.iter().map(|keyspace| keyspace.entries).fold(0, u64::saturating_add);
        let bar = progress("exporting", expected);
        let (out, entries, skipped) = self.write(BufWriter::new(unfinished), &bar).map_err(|failure| {
            bar.finish_and_clear();
            failure.of_file(&destination.path)
        })?;
        bar.finish_and_clear();
        let complete = out.into_inner().map_err(|error| failed(error.into_error()))?;
        complete.as_file().sync_all().map_err(failed)?;
        self.interrupt.check(INCOMPLETE)?;
        destination.persist(complete)?;
        Ok((entries, skipped))
    }

    /// Writes all entries. Returns the output, and the numbers of written and skipped entries.
    fn write<W: Write>(&self, out: W, bar: &ProgressBar) -> Result<(W, u64, Skipped), Failure> {
        let header = Header {
            exported_at_ms: self.snapshot.now().as_millis(),
            sequence: self.snapshot.file().sequence,
        };
        let form = match self.options.format {
            Format::Jsonl => Form::JsonLines,
            Format::Binary => Form::Binary,
        };
        let mut writer = Writer::new(out, form, header)?;
        let mut skipped = Skipped::default();
        for info in self.keyspaces {
            let number = writer.keyspace(&Keyspace {
                name: info.name.clone(),
                version: info.version,
                key_shape: info.key_shape.clone(),
                value_format: info.value_format,
                schema: info.schema.clone(),
                fingerprint: info.fingerprint,
            })?;
            // The visitor never breaks.
            let _end = visit_file(self.snapshot, info, &[], |entry| {
                self.interrupt.check(INCOMPLETE)?;
                write_entry(&mut writer, &self.speller, (info, number), entry, &mut skipped)?;
                bar.inc(1);
                Ok(ControlFlow::Continue(()))
            })?;
        }
        let entries = writer.entries();
        Ok((writer.finish(skipped)?, entries, skipped))
    }
}

fn write_entry<W: Write>(
    writer: &mut Writer<W>,
    speller: &Speller<'_>,
    (info, keyspace): (&KeyspaceInfo, u32),
    entry: Entry,
    skipped: &mut Skipped,
) -> Result<(), Failure> {
    let Entry { key, finding, .. } = entry;
    match finding {
        RecordStatus::Live(record) | RecordStatus::KnownAbsent(record) => {
            // Exported uncompressed, so that any program can read the export. A value that cannot be
            // decompressed is skipped, because it is a miss for every lookup.
            let Ok(value) = record.payload() else {
                skipped.damaged += 1;
                return Ok(());
            };
            let shown = speller.spell(KeySyntax::of(info), &key);
            let entry = larder_export::Entry {
                keyspace,
                key,
                written_at_ms: record.written_at.as_millis(),
                expires_at_ms: record.expires_at.as_millis(),
                delete_after_ms: record.delete_after.as_millis(),
                fingerprint: record.fingerprint,
                compression: record.compression,
                value: (!record.is_absence).then(|| value.into_owned()),
            };
            writer.spelled_entry(&entry, Some(&shown))?;
        }
        RecordStatus::Expired(_) => skipped.expired += 1,
        RecordStatus::Damaged { .. } => skipped.damaged += 1,
        // A removed entry does not count as skipped, because it is no longer part of the cache.
        RecordStatus::Removed(_) => {}
        _ => skipped.other_version += 1,
    }
    Ok(())
}

impl From<larder_export::Error> for Failure {
    fn from(error: larder_export::Error) -> Self {
        match error {
            larder_export::Error::Io(error) => error.into(),
            error => Self::new(Exit::System, error.to_string()),
        }
    }
}

/// Prints on standard error how many entries were written and skipped.
fn report(options: &ExportOptions, snapshot: &Snapshot, entries: u64, skipped: Skipped) {
    let output = options.output.as_ref().map(|path| path.display().to_string());
    if options.cache.json {
        let json = ExportJson {
            output,
            format: match options.format {
                Format::Jsonl => "jsonl",
                Format::Binary => "binary",
            },
            sequence: snapshot.file().sequence,
            entries,
            skipped_expired: skipped.expired,
            skipped_damaged: skipped.damaged,
            skipped_other_version: skipped.other_version,
        };
        warn(&escape_json(&serde_json::to_string(&json).unwrap_or_default()));
        return;
    }
    let to = output.map_or_else(String::new, |path| format!(" to {path}"));
    let sequence = snapshot.file().sequence;
    warn(&format!("exported {entries} entries{to}, as change {sequence} left them"));
    for (count, what) in [
        (skipped.expired, "that had expired"),
        (skipped.damaged, "with a damaged record, or a value that can't be inflated"),
        (skipped.other_version, "of another version of their keyspace"),
    ] {
        if count > 0 {
            warn(&format!("skipped {count} {what}"));
        }
    }
    for old in snapshot.retired().iter().filter(|_| options.keyspace.is_none()) {
        let bytes = old.bytes;
        let number = old.number;
        warn(&format!("skipped the rest of keyspace number {number}, which is retired: {bytes}"));
    }
}
