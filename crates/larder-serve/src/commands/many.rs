//! Commands that read or write the values of several keys at one moment.

use larder::Ttl;

use super::errors;
use super::family::family;
use crate::protocol::arguments::Arguments;
use crate::protocol::reply::ReplyBuffer;
use crate::session::Command;
use crate::session::entries::{Done, Entries};
use crate::session::flags::{DENYOOM, FAST, READONLY, WRITE};

pub(super) static COMMANDS: &[Command] = family! { "string";
    "mget" -2 (READONLY | FAST) ALL [values] get_many, "Atomically returns the string values of one or more keys.";
    "mset" -3 (WRITE | DENYOOM) PAIRS [group] set_many, "Atomically creates or modifies the string values of one or more keys.";
    "msetnx" -3 (WRITE | DENYOOM) PAIRS [group] set_many_if_absent, "Atomically modifies the string values of one or more keys only when all keys don't exist.";
};

/// `MGET key [key ...]`
fn get_many(entries: &mut dyn Entries, args: Arguments<'_>, reply: &mut ReplyBuffer) -> Done {
    let keys = args.from(1);
    reply.array(keys.len());
    for key in keys {
        match entries.get(key)? {
            Some(value) => reply.bulk(value),
            None => reply.null(),
        }
        if reply.is_too_large() {
            break;
        }
    }
    Ok(())
}

/// Returns the pairs of keys and values, or `None` if the last key has no value.
fn pairs(args: Arguments<'_>) -> Option<impl Iterator<Item = (&[u8], &[u8])>> {
    let is_whole = args.len() % 2 == 1;
    is_whole.then(|| (1..args.len()).step_by(2).map(move |at| (args.get(at), args.get(at + 1))))
}

/// Runs `MSET key value [key value ...]`.
fn set_many(entries: &mut dyn Entries, args: Arguments<'_>, reply: &mut ReplyBuffer) -> Done {
    let Some(pairs) = pairs(args) else {
        reply.error(&errors::wrong_arity("mset"));
        return Ok(());
    };
    for (key, value) in pairs {
        entries.put(key, value.into(), Ttl::Never)?;
    }
    reply.ok();
    Ok(())
}

/// Runs `MSETNX key value [key value ...]`.
fn set_many_if_absent(entries: &mut dyn Entries, args: Arguments<'_>, reply: &mut ReplyBuffer) -> Done {
    let Some(keys) = pairs(args) else {
        reply.error(&errors::wrong_arity("msetnx"));
        return Ok(());
    };
    for (key, _) in keys {
        if entries.remaining(key)?.is_some() {
            reply.integer(0);
            return Ok(());
        }
    }
    for (key, value) in pairs(args).into_iter().flatten() {
        entries.put(key, value.into(), Ttl::Never)?;
    }
    reply.integer(1);
    Ok(())
}
