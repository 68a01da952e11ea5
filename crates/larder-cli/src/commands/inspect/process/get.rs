//! `larder get` of a live cache.

use std::io::{self, Write};

use larder::Timestamp;
use larder::control::{Client, EntryState, FoundIn, KeyStatus};
use larder::inspect::{Content, compression_name, escape_control, format_name};
use serde::Serialize;

use super::{LiveCache, LiveLookup, StatusJson, at, expiry_and_now};
use crate::args::GetOptions;
use crate::commands::inspect::value::{Extent, ValueJson, print_content};
use crate::term::exit::{Exit, Failure};
use crate::term::out::{self, field};
use crate::term::time::{expiry_in, span};

#[derive(Serialize)]
struct LiveGetJson<'a> {
    #[serde(flatten)]
    status: StatusJson,
    #[serde(flatten)]
    value: ValueJson<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_withheld: Option<&'a str>,
}

pub(crate) fn run(cache: &mut LiveCache, options: &GetOptions) -> Result<Exit, Failure> {
    let lookup = cache.find(&options.key, Client::get)?;
    if lookup.status.state != EntryState::Live {
        return Err(lookup.no_entry(cache));
    }
    let value = cache.value(&lookup);
    let withheld = lookup.status.value_withheld.as_deref().unwrap_or("the process does not send it");
    if options.raw {
        let Some(value) = value else {
            return Err(Failure::new(
                Exit::System,
                format!("the value of {} is not shown: {}", lookup.shown, escape_control(withheld)),
            ));
        };
        let mut out = io::stdout().lock();
        out.write_all(&value)?;
        out.flush()?;
        return Ok(Exit::Ok);
    }
    let format = lookup.status.value_format.or(file_format(cache, &lookup.keyspace)).unwrap_or(u8::MAX);
    let content = value.as_deref().map(|value| Content::of(format, value));
    let shown = content.as_ref().zip(value.as_deref());
    if options.key.cache.json {
        out::json(&LiveGetJson {
            status: lookup.json(),
            value: shown.map(|(content, bytes)| ValueJson::of(content, bytes)).unwrap_or_default(),
            value_withheld: value.is_none().then_some(withheld),
        })?;
        return Ok(Exit::Ok);
    }
    let mut out = out::stdout();
    print_entry(&mut out, &lookup)?;
    let len = lookup.status.value_bytes.map_or_else(String::new, |len| format!("{} bytes, ", len.as_u64()));
    let stored = match (lookup.status.compression, lookup.status.stored_bytes) {
        (Some(how @ 1..), Some(len)) => {
            format!("; {} bytes in the file, {}", len.as_u64(), compression_name(how))
        }
        _ => String::new(),
    };
    field(&mut out, "value", format!("{len}{}{stored}", format_name(format)))?;
    match shown {
        Some((content, bytes)) => print_content(&mut out, content, bytes, Extent::of(options.full))?,
        None => field(&mut out, "not shown", escape_control(withheld))?,
    }
    Ok(out.flush().map(|()| Exit::Ok)?)
}

/// Returns the format of a keyspace's values that the file records.
fn file_format(cache: &LiveCache, keyspace: &str) -> Option<u8> {
    cache.snapshot.as_ref()?.keyspace(keyspace).map(|info| info.value_format)
}

fn print_entry(out: &mut impl Write, lookup: &LiveLookup) -> io::Result<()> {
    let status = &lookup.status;
    field(out, "key", &lookup.shown)?;
    let version = status.version.map_or_else(String::new, |version| format!(", version {version}"));
    field(out, "keyspace", format!("{}{version}", escape_control(&lookup.keyspace)))?;
    field(out, "found in", tier_of(status))?;
    if let Some(written) = status.written_at_ms {
        let age = expiry_and_now(status).map(|(_, now)| now.since(Timestamp::from_millis(written)));
        let ago = age.map_or_else(String::new, |age| format!(", {} ago", span(age)));
        field(out, "written", format!("{}{ago}", at(written)))?;
    }
    if let Some((expires_at, now)) = expiry_and_now(status) {
        field(out, "expires", expiry_in(expires_at, now))?;
    }
    if let Some(sequence) = status.sequence {
        field(out, "sequence", sequence)?;
    }
    Ok(())
}

fn tier_of(status: &KeyStatus) -> String {
    let tier = match status.found_in {
        Some(FoundIn::Memory) => "memory",
        Some(FoundIn::Disk) => "disk",
        Some(FoundIn::Both) => "memory and disk",
        _ => "-",
    };
    if status.is_unflushed { format!("{tier}, still to be committed") } else { tier.to_owned() }
}
