//! `larder import`: writes the entries of an export to a file that no process owns.
//!
//! 1. Read the export to its end, because its checksum is there, and check every key and TTL. Nothing is
//!    written before that.
//! 2. Read the same file again, and write its entries in batches of a bounded size, one commit each. Fail
//!    before bytes that were not read in step 1 ([`blocks`]).
//! 3. Check for Ctrl-C between batches. Committed batches stay. Another run completes the import: it writes
//!    the same entries again, except where the file has a newer entry.

mod blocks;
mod index;

use std::io::Write;

use larder::admin::{Admin, NewEntry, NewKeyspace, Written};
use larder::inspect::{KeyspaceInfo, RecordStatus, escape_control, format_name};
use larder::{ByteSize, Timestamp};
use larder_export::{Item, Keyspace};
use serde::Serialize;

use self::index::{ExportFile, ExportIndex};
use super::{entries, own};
use crate::args::ImportOptions;
use crate::cache::errors::WHERE;
use crate::cache::{owner, snapshot};
use crate::term::clock;
use crate::term::exit::{Exit, Failure};
use crate::term::interrupt::Interrupt;
use crate::term::out::{self, note, progress};

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
    let file = &options.cache.file;
    let interrupt = Interrupt::listen()?;
    let export = ExportFile::open(&options.export)?;
    let index = ExportIndex::of(&export, options.keyspace.as_deref(), &interrupt)?;
    if options.dry_run {
        let (written, replaced) = dry_run(options, &export, &index)?;
        return report(options, written, replaced);
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
    let replaced = conflicts(&admin.keyspaces(), &index, options.replace)?;
    let done = write(&mut admin, &export, &index, &interrupt);
    // The file is closed even after a failure. Committed batches stay.
    let closed = admin.close();
    let written = done?;
    closed?;
    report(options, written, replaced)
}

/// Returns the names of the keyspaces whose definition in the file differs from that in the export. Fails if
/// there are any, unless `replace` is set.
fn conflicts(there: &[KeyspaceInfo], index: &ExportIndex, replace: bool) -> Result<Vec<String>, Failure> {
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
    let differing: Vec<&Keyspace> = index.chosen().filter(differs).collect();
    if let Some(new) = differing.first().filter(|_| !replace) {
        let old = there.iter().find(|old| old.name == new.name);
        let text = format!(
            "the export has keyspace {:?} with {}, and the file has it with {}; --replace retires the keyspace of the file",
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

/// Returns a text that describes the definition of a keyspace, for errors.
fn definition(version: u32, keys: &str, format: u8, fingerprint: u64) -> String {
    let values = format_name(format);
    let of_type = if fingerprint == 0 { String::new() } else { format!(" of type 0x{fingerprint:016X}") };
    let keys = escape_control(keys);
    format!("version {version}, keys {keys} and values in {values}{of_type}")
}

fn write(
    admin: &mut Admin,
    export: &ExportFile<'_>,
    index: &ExportIndex,
    interrupt: &Interrupt,
) -> Result<Written, Failure> {
    let bar = progress("importing", index.entries);
    for keyspace in index.chosen() {
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
    each_batch(export, index, &mut |keyspace, batch| {
        let read = batch.len() as u64;
        add(&mut total, admin.write(keyspace, batch)?);
        bar.inc(read);
        let done = entries(total.written);
        interrupt.check(&format!("{done} of {} written, and kept; run it again for the rest", index.entries))
    })?;
    bar.finish_and_clear();
    Ok(total)
}

/// Returns the counts that the import would have now, and the keyspaces that it would retire.
fn dry_run(
    options: &ImportOptions,
    export: &ExportFile<'_>,
    index: &ExportIndex,
) -> Result<(Written, Vec<String>), Failure> {
    let snapshot = match snapshot::open(&options.cache.file) {
        Ok(snapshot) => Some(snapshot),
        Err(failure) if options.create && failure.is(Exit::Missing) => None,
        Err(failure) => return Err(failure),
    };
    let refusal = snapshot.as_ref().and_then(|snapshot| owner::refusal(&snapshot.file()));
    if let Some(refusal) = refusal {
        note(options.cache.json, &refusal);
    }
    let there = snapshot.as_ref().map_or(&[][..], |snapshot| snapshot.keyspaces());
    let replaced = conflicts(there, index, options.replace)?;
    let now = snapshot.as_ref().map_or_else(
        || Timestamp::from_millis(u64::try_from(clock::since_epoch().as_millis()).unwrap_or(u64::MAX)),
        larder::inspect::Snapshot::now,
    );
    let mut total = Written::default();
    each_batch(export, index, &mut |keyspace, batch| {
        let snapshot = snapshot.as_ref().filter(|_| !replaced.iter().any(|name| name == keyspace));
        for entry in batch {
            let info = snapshot.and_then(|snapshot| Some((snapshot, snapshot.keyspace(keyspace)?)));
            let there = info.map(|(snapshot, info)| snapshot.find(info, &entry.key)).transpose()?;
            // A live value or a live absence is kept if it is newer.
            let kept = match &there {
                Some(RecordStatus::Live(there) | RecordStatus::KnownAbsent(there)) => Some(there),
                _ => None,
            };
            if entry.expires_at <= now {
                total.expired += 1;
            } else if kept.is_some_and(|there| there.written_at > entry.written_at) {
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

/// A function that receives each batch and the name of its keyspace.
type OnBatch<'a> = dyn FnMut(&str, Vec<NewEntry>) -> Result<(), Failure> + 'a;

/// Reads the selected entries in batches. Each batch has entries of one keyspace.
fn each_batch(
    export: &ExportFile<'_>,
    index: &ExportIndex,
    on_batch: &mut OnBatch<'_>,
) -> Result<(), Failure> {
    let (mut batch, mut bytes, mut of) = (Vec::new(), 0, 0);
    let mut commit = |of: u32, batch: &mut Vec<NewEntry>| match index.name(of) {
        Some(name) if !batch.is_empty() => on_batch(name, std::mem::take(batch)),
        _ => {
            batch.clear();
            Ok(())
        }
    };
    for item in export.second_pass(index)? {
        let Item::Entry(entry) = item.map_err(|error| export.failure(&error))? else { continue };
        if entry.keyspace != of || batch.len() == BATCH_ENTRIES || bytes >= BATCH_BYTES.as_u64() {
            commit(of, &mut batch)?;
            (bytes, of) = (0, entry.keyspace);
        }
        bytes += entry.value.as_ref().map_or(0, Vec::len) as u64;
        batch.push(NewEntry {
            key: entry.key,
            written_at: Timestamp::from_millis(entry.written_at_ms),
            expires_at: Timestamp::from_millis(entry.expires_at_ms),
            delete_after: Timestamp::from_millis(entry.delete_after_ms),
            fingerprint: entry.fingerprint,
            compression: entry.compression,
            value: entry.value,
        });
    }
    commit(of, &mut batch)
}

fn report(options: &ImportOptions, written: Written, replaced: Vec<String>) -> Result<Exit, Failure> {
    let (file, export) = (options.cache.file.display().to_string(), options.export.display().to_string());
    if options.cache.json {
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
            "{} keyspace {name} of {file}",
            if options.dry_run { "would retire" } else { "retired" }
        )?;
    }
    let have = if written.expired == 1 { "has" } else { "have" };
    for (count, why) in [
        (written.expired, format!("that {have} expired since the export")),
        (written.kept_newer, "of which the file has a later version".to_owned()),
    ] {
        if count > 0 {
            writeln!(out, "skipped {} {why}", entries(count))?;
        }
    }
    out.flush()?;
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use larder_export::{Entry, Form, Header, Skipped, Writer};

    use super::*;

    /// Writes an export with one entry.
    fn write_export(path: &Path, key: u64) {
        let header = Header { exported_at_ms: 1, sequence: 1 };
        let mut writer = Writer::new(Vec::new(), Form::Binary, header).unwrap();
        let keyspace = writer
            .keyspace(&Keyspace {
                name: "name".to_owned(),
                version: 1,
                key_shape: "u64".to_owned(),
                value_format: 0,
                schema: None,
                fingerprint: 0,
            })
            .unwrap();
        let entry = Entry {
            keyspace,
            key: key.to_be_bytes().to_vec(),
            written_at_ms: 1,
            expires_at_ms: 2,
            delete_after_ms: 2,
            fingerprint: None,
            compression: 0,
            value: Some(b"value".to_vec()),
        };
        writer.entry(&entry).unwrap();
        fs::write(path, writer.finish(Skipped::default()).unwrap()).unwrap();
    }

    /// Returns the keys that an import would write.
    fn keys_of(export: &ExportFile<'_>, index: &ExportIndex) -> Result<Vec<Vec<u8>>, String> {
        let mut keys = Vec::new();
        let read = each_batch(export, index, &mut |_, batch| {
            keys.extend(batch.into_iter().map(|entry| entry.key));
            Ok(())
        });
        read.map(|()| keys).map_err(|failure| format!("{failure:?}"))
    }

    #[test]
    fn the_export_that_was_checked_is_written_though_another_gets_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("shop.export"), dir.path().join("other.export"));
        write_export(&path, 1);
        write_export(&other, 2);
        let export = ExportFile::open(&path).unwrap();
        let index = ExportIndex::of(&export, None, &Interrupt::listen().unwrap()).unwrap();
        fs::rename(&other, &path).unwrap();
        assert_eq!(keys_of(&export, &index), Ok(vec![1_u64.to_be_bytes().to_vec()]));
    }

    #[test]
    fn an_export_that_is_overwritten_after_its_check_is_not_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("shop.export");
        write_export(&path, 1);
        let export = ExportFile::open(&path).unwrap();
        let index = ExportIndex::of(&export, None, &Interrupt::listen().unwrap()).unwrap();
        // The file has the same length.
        write_export(&path, 2);
        let failure = keys_of(&export, &index).unwrap_err();
        assert!(failure.contains("changed during the import"), "{failure}");
    }
}
