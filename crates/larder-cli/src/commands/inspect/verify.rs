//! `larder verify`: checks every page and every record of a file.

use std::io::Write;

use larder::inspect::{FileVerifyReport, Inspector, PageVerifyReport, escape_control, spell_hex};
use serde::Serialize;

use crate::args::FileOptions;
use crate::cache::spelling::{KeySyntax, Speller};
use crate::term::exit::{Exit, Failure};
use crate::term::out::{self, BAD, GOOD, field, progress, styled};

#[derive(Serialize)]
struct VerifyJson {
    file: String,
    is_whole: bool,
    pages: &'static str,
    pages_cause: Option<String>,
    records: u64,
    damaged_records: u64,
    damaged: Vec<DamagedJson>,
    unreadable_records: u64,
    unreadable: Vec<UnreadableJson>,
    miscounted: Vec<MiscountedJson>,
}

#[derive(Serialize)]
struct DamagedJson {
    keyspace: Option<String>,
    key: String,
    key_bytes: String,
}

#[derive(Serialize)]
struct UnreadableJson {
    keyspace: String,
    key: String,
    key_bytes: String,
    cause: String,
}

#[derive(Serialize)]
struct MiscountedJson {
    keyspace: String,
    recorded: u64,
    found: u64,
}

pub(crate) fn run(options: &FileOptions) -> Result<Exit, Failure> {
    let inspector = Inspector::open(&options.file)?;
    let bar = progress("checking records", 0);
    let found = inspector.verify(&mut |done, of| {
        bar.set_length(of.max(done));
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    let snapshot = inspector.snapshot()?;
    let speller = Speller::of(None, snapshot.keyspaces());
    let show = |keyspace: Option<&str>, key: &[u8]| {
        let keyspace = keyspace.and_then(|name| snapshot.keyspace(name));
        keyspace.map_or_else(|| spell_hex(key), |info| speller.spell(KeySyntax::of(info), key))
    };
    let damaged = found.damaged.iter().map(|record| DamagedJson {
        keyspace: record.keyspace.clone(),
        key: show(record.keyspace.as_deref(), &record.key),
        key_bytes: spell_hex(&record.key),
    });
    let damaged: Vec<DamagedJson> = damaged.collect();
    let unreadable = found.unreadable.iter().map(|record| UnreadableJson {
        keyspace: record.keyspace.clone(),
        key: show(Some(&record.keyspace), &record.key),
        key_bytes: spell_hex(&record.key),
        cause: record.cause.clone(),
    });
    let unreadable: Vec<UnreadableJson> = unreadable.collect();
    drop(speller);
    drop(snapshot);
    let file = options.file.display().to_string();
    if options.json {
        out::json(&as_json(file, &found, damaged, unreadable))?;
    } else {
        print(&file, &found, &damaged, &unreadable)?;
    }
    Ok(match (&found.pages, found.is_whole()) {
        (_, false) => Exit::Damaged,
        (PageVerifyReport::Unknown { .. }, true) => Exit::InUse,
        (_, true) => Exit::Ok,
    })
}

fn as_json(
    file: String,
    found: &FileVerifyReport,
    damaged: Vec<DamagedJson>,
    unreadable: Vec<UnreadableJson>,
) -> VerifyJson {
    let (pages, pages_cause) = match &found.pages {
        PageVerifyReport::Whole => ("whole", None),
        PageVerifyReport::Damaged { cause } => ("damaged", Some(cause.clone())),
        PageVerifyReport::Unknown { cause } => ("unknown", Some(cause.clone())),
        _ => ("unknown", None),
    };
    let miscounted = found.miscounted.iter().map(|keyspace| MiscountedJson {
        keyspace: keyspace.keyspace.clone(),
        recorded: keyspace.recorded,
        found: keyspace.found,
    });
    VerifyJson {
        file,
        is_whole: found.is_whole(),
        pages,
        pages_cause,
        records: found.records,
        damaged_records: found.damaged_records,
        damaged,
        unreadable_records: found.unreadable_records,
        unreadable,
        miscounted: miscounted.collect(),
    }
}

fn print(
    file: &str,
    found: &FileVerifyReport,
    damaged: &[DamagedJson],
    unreadable: &[UnreadableJson],
) -> Result<(), Failure> {
    let mut out = out::stdout();
    field(&mut out, "file", file)?;
    let pages = match &found.pages {
        PageVerifyReport::Whole => styled(GOOD, "whole"),
        PageVerifyReport::Damaged { cause } => {
            format!("{}: {}", styled(BAD, "damaged"), escape_control(cause))
        }
        PageVerifyReport::Unknown { cause } => format!("not checked: {}", escape_control(cause)),
        _ => "not checked".to_owned(),
    };
    field(&mut out, "pages", pages)?;
    let records = match found.damaged_records {
        0 => format!("{}, {}", found.records, styled(GOOD, "all whole")),
        some => format!("{}, {} of them", found.records, styled(BAD, format!("{some} damaged"))),
    };
    field(&mut out, "records", records)?;
    for record in damaged {
        let keyspace = escape_control(record.keyspace.as_deref().unwrap_or("a retired keyspace"));
        writeln!(out, "damaged: {} in {keyspace}; a lookup misses it", record.key)?;
    }
    let unlisted = found.damaged_records.saturating_sub(damaged.len() as u64);
    if unlisted > 0 {
        writeln!(out, "damaged: {unlisted} more")?;
    }
    for record in unreadable {
        let UnreadableJson { keyspace, key, cause, .. } = record;
        let [keyspace, cause] = [keyspace, cause].map(|text| escape_control(text));
        writeln!(out, "unreadable: {key} in {keyspace}; a lookup misses it: {cause}")?;
    }
    let unlisted = found.unreadable_records.saturating_sub(unreadable.len() as u64);
    if unlisted > 0 {
        writeln!(out, "unreadable: {unlisted} more")?;
    }
    for keyspace in &found.miscounted {
        let (name, recorded, found) = (escape_control(&keyspace.keyspace), keyspace.recorded, keyspace.found);
        writeln!(out, "miscounted: {name} has {found} entries, and should have {recorded}")?;
    }
    if !found.is_whole() {
        writeln!(
            out,
            "Open it as a cache, which moves a damaged file aside; or move it away, and a new one is created."
        )?;
    }
    Ok(out.flush()?)
}
