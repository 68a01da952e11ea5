//! `OBJECT` and `MEMORY`: report the encoding, the frequency of use and the memory of an entry.

use larder::ENTRY_OVERHEAD;

use super::errors;
use super::family::family;
use crate::protocol::arguments::Arguments;
use crate::protocol::number::integer;
use crate::protocol::reply::ReplyBuffer;
use crate::session::Command;
use crate::session::entries::{Done, Entries};
use crate::session::flags::{CONTAINER, READONLY};

pub(super) static OBJECT: &[Command] = family! { "generic";
    "object" -2 (CONTAINER | READONLY) SECOND [group] object, "A container for object introspection commands.";
};

pub(super) static MEMORY: &[Command] = family! { "server";
    "memory" -2 (CONTAINER | READONLY) SECOND [group] memory, "A container for memory diagnostics commands.";
};

/// Maximum length of a value that Redis embeds in its object.
const MAX_EMBEDDED: usize = 44;

fn encoding(value: &[u8]) -> &'static str {
    match value.len() {
        0..=20 if integer(value).is_some() => "int",
        0..=MAX_EMBEDDED => "embstr",
        _ => "raw",
    }
}

/// Runs `OBJECT ENCODING | FREQ | IDLETIME | REFCOUNT key` or `OBJECT HELP`.
fn object(entries: &mut dyn Entries, args: Arguments<'_>, reply: &mut ReplyBuffer) -> Done {
    if args.is(1, "help") {
        reply.lines(&OBJECT_HELP);
        return Ok(());
    }
    let Some(value) = entries.get(args.get(2))? else {
        reply.null();
        return Ok(());
    };
    if args.is(1, "encoding") {
        reply.bulk(encoding(value).as_bytes());
    } else if args.is(1, "refcount") {
        reply.integer(1);
    } else if args.is(1, "freq") {
        reply.count(entries.frequency(args.get(2)));
    } else {
        reply.error(
            "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching \
             between policies at runtime LRU and LFU data will take some time to adjust.",
        );
    }
    Ok(())
}

const OBJECT_HELP: [&str; 9] = [
    "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "ENCODING <key>",
    "    Return the kind of internal representation that Redis would use for the value of <key>.",
    "FREQ <key>",
    "    Return how often <key> was used recently, from 0 to 15. It is 0 until memory has been full.",
    "IDLETIME <key>",
    "    Return an error: larder does not note when a key was last used.",
    "REFCOUNT <key>",
    "    Return 1.",
];

const MEMORY_HELP: [&str; 3] = [
    "MEMORY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "USAGE <key> [SAMPLES <count>]",
    "    Return memory in bytes used by <key> and its value.",
];

/// Runs `MEMORY USAGE key [SAMPLES count]` or `MEMORY HELP`.
fn memory(entries: &mut dyn Entries, args: Arguments<'_>, reply: &mut ReplyBuffer) -> Done {
    if args.is(1, "help") {
        reply.lines(&MEMORY_HELP);
        return Ok(());
    }
    let error = match args.len() {
        3 => None,
        5 if args.is(3, "samples") => match integer(args.get(4)) {
            None => Some(errors::NOT_AN_INTEGER),
            Some(samples) if samples < 0 => Some(errors::SYNTAX),
            Some(_) => None,
        },
        _ => Some(errors::SYNTAX),
    };
    if let Some(error) = error {
        reply.error(error);
        return Ok(());
    }
    let key = args.get(2);
    match entries.get(key)? {
        Some(value) => reply.count(ENTRY_OVERHEAD + (key.len() + value.len()) as u64),
        None => reply.null(),
    }
    Ok(())
}
