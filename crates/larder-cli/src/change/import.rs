//! `larder import`: the entries of an export, into a file that nobody has.
//!
//! An export's checksum stands at its end, so it is read twice: once to its end, with every key and lifetime
//! checked, before a byte is written; then again, in batches of a bounded size, each a commit. Ctrl-C is
//! heard between them. What is committed stays, and another run goes on from there: it writes the same
//! entries again, or keeps those that were written later.

mod survey;

use std::io::{BufReader, Write};
use std::path::Path;

use larder::admin::{Admin, NewEntry, NewKeyspace, Written};
use larder::inspect::{KeyspaceInfo, escape_control, format_name};
use larder::{ByteSize, Timestamp};
use larder_export::{Item, Keyspace, Reader};
use serde::Serialize;

use self::survey::{Survey, reading};
use super::{entries, own};
use crate::args::ImportOptions;
use crate::exit::{Exit, Failure, WHERE};
use crate::interrupt::Interrupt;
use crate::live;
use crate::out::{self, progress};

const BATCH_ENTRIES: usize = 1000;
const BATCH_BYTES: ByteSize = ByteSize::mib(4);

#[derive(Serialize)]
struct ImportJson {
    file: String,
    export: String,
    written: u64,
    skipped_expired: u64,
    kept_newer: u64,
    replaced: Vec<String>,
    dry_run: bool,
}

pub(crate) fn run(options: &ImportOptions) -> Result<Exit, Failure> {
    let file = &options.look.file;
    let interrupt = Interrupt::heard()?;
    let survey = Survey::of(&options.export, options.keyspace.as_deref(), &interrupt)?;
    if options.dry_run {
        let (written, replaced) = rehearse(options, &survey)?;
        return tell(options, written, replaced);
    }
    let is_there = file.symlink_metadata().is_ok();
    if !is_there && !options.create {
        let text = format!("there is no file {}; {WHERE}, and --create makes one", file.display());
        return Err(Failure::new(Exit::Missing, text));
    }
    let instead = format!(
        "stop it, and repeat this command before it is started again: larder import {} {}",
        file.display(),
        options.export.display()
    );
    let mut admin =
        own(if options.create { Admin::create(file) } else { Admin::open(file) }, Some(&instead))?;
    let replaced = conflicts(&admin.keyspaces(), &survey, options.replace)?;
    let done = write(&mut admin, options, &survey, &interrupt);
    // What was committed stays, also of an import that failed.
    let closed = admin.close();
    let written = done?;
    closed?;
    tell(options, written, replaced)
}

/// The keyspaces that the file has otherwise than the export: refused, unless they are to be replaced.
fn conflicts(there: &[KeyspaceInfo], survey: &Survey, replace: bool) -> Result<Vec<String>, Failure> {
    let differs = |new: &&Keyspace| {
        there.iter().any(|old| {
            let is_other_type =
                old.fingerprint != new.fingerprint && old.fingerprint != 0 && new.fingerprint != 0;
            old.name == new.name
                && (old.version != new.version
                    || old.key_shape != new.key_shape
                    || old.value_format != new.value_format
                    || is_other_type)
        })
    };
    let differing: Vec<&Keyspace> = survey.chosen().filter(differs).collect();
    if let Some(new) = differing.first().filter(|_| !replace) {
        let old = there.iter().find(|old| old.name == new.name);
        let text = format!(
            "the export has keyspace {:?} with {}, and the file has it with {}; --replace retires what the file has of it",
            new.name,
            definition(new.version, &new.key_shape, new.value_format, new.fingerprint),
            old.map_or_else(String::new, |old| {
                definition(old.version, &old.key_shape, old.value_format, old.fingerprint)
            }),
        );
        return Err(Failure::new(Exit::No, text));
    }
    Ok(differing.into_iter().map(|keyspace| keyspace.name.clone()).collect())
}

/// What makes two keyspaces of a name different, in words.
fn definition(version: u32, keys: &str, format: u8, fingerprint: u64) -> String {
    let values = format_name(format);
    let of_type = if fingerprint == 0 { String::new() } else { format!(" of type 0x{fingerprint:016X}") };
    let keys = escape_control(keys);
    format!("version {version}, keys {keys} and values in {values}{of_type}")
}

fn write(
    admin: &mut Admin,
    options: &ImportOptions,
    survey: &Survey,
    interrupt: &Interrupt,
) -> Result<Written, Failure> {
    let bar = progress("importing", survey.entries);
    for keyspace in survey.chosen() {
        admin.keyspace(NewKeyspace {
            name: keyspace.name.clone(),
            version: keyspace.version,
            key_shape: keyspace.key_shape.clone(),
            value_format: keyspace.value_format,
            schema: keyspace.schema.clone(),
            fingerprint: keyspace.fingerprint,
        })?;
    }
    let mut total = Written::default();
    each_batch(&options.export, survey, &mut |keyspace, batch| {
        let read = batch.len() as u64;
        add(&mut total, admin.write(keyspace, batch)?);
        bar.inc(read);
        let done = entries(total.written);
        interrupt.check(&format!("{done} of {} written, and kept; run it again for the rest", survey.entries))
    })?;
    bar.finish_and_clear();
    Ok(total)
}

/// What an import would do to the file as it is.
fn rehearse(options: &ImportOptions, survey: &Survey) -> Result<(Written, Vec<String>), Failure> {
    let snapshot = match crate::inspect::open(&options.look.file) {
        Ok(snapshot) => Some(snapshot),
        Err(failure) if options.create && failure.is(Exit::Missing) => None,
        Err(failure) => return Err(failure),
    };
    let refusal = snapshot.as_ref().and_then(|snapshot| live::refusal(&snapshot.file()));
    if let Some(refusal) = refusal {
        live::say(options.look.json, &refusal);
    }
    let there = snapshot.as_ref().map_or(&[][..], |snapshot| snapshot.keyspaces());
    let replaced = conflicts(there, survey, options.replace)?;
    let now = snapshot.as_ref().map_or_else(
        || Timestamp::from_millis(u64::try_from(crate::clock::since_epoch().as_millis()).unwrap_or(u64::MAX)),
        larder::inspect::Snapshot::now,
    );
    let mut total = Written::default();
    each_batch(&options.export, survey, &mut |keyspace, batch| {
        let snapshot = snapshot.as_ref().filter(|_| !replaced.iter().any(|name| name == keyspace));
        for entry in batch {
            let facts = snapshot.and_then(|snapshot| Some((snapshot, snapshot.keyspace(keyspace)?)));
            let there = facts.map(|(snapshot, facts)| snapshot.find(facts, &entry.key)).transpose()?;
            let is_newer = there.as_ref().and_then(|there| there.live());
            if entry.expires_at <= now {
                total.expired += 1;
            } else if is_newer.is_some_and(|there| there.written_at > entry.written_at) {
                total.kept_newer += 1;
            } else {
                total.written += 1;
            }
        }
        Ok(())
    })?;
    Ok((total, replaced))
}

fn add(total: &mut Written, more: Written) {
    total.written += more.written;
    total.expired += more.expired;
    total.kept_newer += more.kept_newer;
}

/// What is done with a batch of a keyspace.
type Then<'a> = dyn FnMut(&str, Vec<NewEntry>) -> Result<(), Failure> + 'a;

/// Reads the entries that were chosen, a batch of one keyspace at a time.
fn each_batch(path: &Path, survey: &Survey, then: &mut Then<'_>) -> Result<(), Failure> {
    let failed = |error: larder_export::Error| reading(path, &error);
    let reader = Reader::new(BufReader::new(survey::open(path)?)).map_err(failed)?;
    let (mut batch, mut bytes, mut of) = (Vec::new(), 0, 0);
    let mut commit = |of: u32, batch: &mut Vec<NewEntry>| match survey.name(of) {
        Some(name) if !batch.is_empty() => then(name, std::mem::take(batch)),
        _ => {
            batch.clear();
            Ok(())
        }
    };
    for item in reader {
        let Item::Entry(entry) = item.map_err(failed)? else { continue };
        if entry.keyspace != of || batch.len() == BATCH_ENTRIES || bytes >= BATCH_BYTES.as_u64() {
            commit(of, &mut batch)?;
            (bytes, of) = (0, entry.keyspace);
        }
        bytes += entry.value.len() as u64;
        batch.push(NewEntry {
            key: entry.key,
            written_at: Timestamp::from_millis(entry.written_at_ms),
            expires_at: Timestamp::from_millis(entry.expires_at_ms),
            fingerprint: entry.fingerprint,
            compression: entry.compression,
            value: entry.value,
        });
    }
    commit(of, &mut batch)
}

fn tell(options: &ImportOptions, written: Written, replaced: Vec<String>) -> Result<Exit, Failure> {
    let (file, export) = (options.look.file.display().to_string(), options.export.display().to_string());
    if options.look.json {
        out::json(&ImportJson {
            file,
            export,
            written: written.written,
            skipped_expired: written.expired,
            kept_newer: written.kept_newer,
            replaced,
            dry_run: options.dry_run,
        })?;
        return Ok(Exit::Ok);
    }
    let mut out = out::stdout();
    let verb = if options.dry_run { "would import" } else { "imported" };
    writeln!(out, "{verb} {} into {file}", entries(written.written))?;
    for name in replaced {
        let name = escape_control(&name);
        writeln!(
            out,
            "{} what {file} had of keyspace {name}",
            if options.dry_run { "would retire" } else { "retired" }
        )?;
    }
    for (count, why) in [
        (written.expired, "expired since it was exported"),
        (written.kept_newer, "was written to the file later than to the export"),
    ] {
        if count > 0 {
            writeln!(out, "skipped {count} of which each {why}")?;
        }
    }
    out.flush()?;
    Ok(Exit::Ok)
}
