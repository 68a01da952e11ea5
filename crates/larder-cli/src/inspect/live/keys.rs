//! `larder keys` of a live cache: page by page, as its process lists them.

use std::io::Write;

use larder::control::{Client, FoundIn, KeyStatus, MAX_PAGE};
use larder::inspect::{escape_control, spell_hex};

use super::{Source, keys_of, status_json};
use crate::args::KeysOptions;
use crate::exit::{Exit, Failure};
use crate::inspect::existing::Existing;
use crate::inspect::spelling::{Keys, Speller, pick};
use crate::out::{self, FAINT, json_line, styled};

pub(in crate::inspect) fn keys(source: &mut Source, options: &KeysOptions) -> Result<Exit, Failure> {
    let Source { client, keyspaces, snapshot } = source;
    let all = keys_of(keyspaces, snapshot.as_ref());
    let chosen = match &options.keyspace {
        Some(name) => vec![pick(&all, name)?],
        None => all.clone(),
    };
    if options.prefix.is_some() && chosen.len() > 1 {
        let text = "a prefix is of the keys of one keyspace: give --keyspace";
        return Err(Failure::new(Exit::Usage, text));
    }
    let speller = Speller::new(options.keyspace.as_deref(), all.into_iter());
    let mut out = out::stdout();
    let mut left = options.limit.unwrap_or(u64::MAX);
    for keyspace in chosen {
        let prefix = match &options.prefix {
            Some(text) => spell_hex(&prefix(client, keyspace, text)?),
            None => String::new(),
        };
        let mut after: Option<String> = None;
        loop {
            let page = client.keys(keyspace.name, &prefix, after.as_deref(), MAX_PAGE, options.all)?;
            for status in &page.keys {
                if left == 0 {
                    out.flush()?;
                    let limit = options.limit.unwrap_or(0);
                    eprintln!("larder: there are more keys than the {limit} of --limit");
                    return Ok(Exit::Ok);
                }
                left -= 1;
                print_key(&mut out, options, (&speller, keyspace), status)?;
            }
            after = page.after;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(out.flush().map(|()| Exit::Ok)?)
}

/// The bytes that the keys begin with; refused if no key begins so, and others are spelled so.
pub(in crate::inspect) fn prefix(
    client: &mut Client,
    keyspace: Keys<'_>,
    text: &str,
) -> Result<Vec<u8>, Failure> {
    let prefix = keyspace.read_prefix(text)?;
    match Existing::Live(client).misread_prefix(keyspace, text, &prefix)? {
        Some(other) => Err(other.refusal()),
        None => Ok(prefix),
    }
}

fn print_key(
    out: &mut impl Write,
    options: &KeysOptions,
    (speller, keyspace): (&Speller<'_>, Keys<'_>),
    status: &KeyStatus,
) -> Result<(), Failure> {
    let key = larder::inspect::KeyShape::Unit.parse_key(&status.key).unwrap_or_default();
    let shown = speller.spell(keyspace, &key);
    if options.look.json {
        return json_line(out, &status_json(keyspace.name, (&key, shown), status));
    }
    write!(out, "{}\t{shown}", styled(FAINT, escape_control(keyspace.name)))?;
    if options.long {
        write!(out, "{}", long(status))?;
    }
    Ok(writeln!(out)?)
}

/// The columns of `--long`.
pub(in crate::inspect) fn long(status: &KeyStatus) -> String {
    let ttl = status.ttl_ms.unwrap_or_default();
    let len = status.value_bytes.map_or_else(|| "-".to_owned(), |len| len.to_string());
    let place = status.found_in.map_or("-", FoundIn::name);
    let flushed = if status.is_unflushed { ",unflushed" } else { "" };
    format!("\t{}\t{}.{:03}\t{len}\t{place}{flushed}", status.state.name(), ttl / 1000, ttl % 1000)
}
