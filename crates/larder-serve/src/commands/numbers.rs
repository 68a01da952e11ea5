//! Counters, which are values that contain a decimal number. Changing a counter keeps its TTL.

use larder::Ttl;

use super::decimal::Decimal;
use super::errors;
use super::family::family;
use crate::protocol::arguments::Arguments;
use crate::protocol::number::{IntegerText, integer};
use crate::protocol::reply::ReplyBuffer;
use crate::session::Command;
use crate::session::entries::{Done, Entries, Stop};
use crate::session::flags::{DENYOOM, FAST, WRITE};

pub(super) static COMMANDS: &[Command] = family! { "string";
    "decr" 2 (WRITE | DENYOOM | FAST) FIRST [entry] decr, "Decrements the integer value of a key by one. Uses 0 as initial value if the key doesn't exist.";
    "decrby" 3 (WRITE | DENYOOM | FAST) FIRST [entry] decr_by, "Decrements a number from the integer value of a key. Uses 0 as initial value if the key doesn't exist.";
    "incr" 2 (WRITE | DENYOOM | FAST) FIRST [entry] incr, "Increments the integer value of a key by one. Uses 0 as initial value if the key doesn't exist.";
    "incrby" 3 (WRITE | DENYOOM | FAST) FIRST [entry] incr_by, "Increments the integer value of a key by a number. Uses 0 as initial value if the key doesn't exist.";
    "incrbyfloat" 3 (WRITE | DENYOOM | FAST) FIRST [entry] incr_by_float, "Increments the floating point value of a key by a number. Uses 0 as initial value if the key doesn't exist.";
};

/// Adds to a counter, and stores the sum. Returns the sum, or the text of an error reply.
pub(super) fn add(entries: &mut dyn Entries, key: &[u8], by: i64) -> Result<Result<i64, &'static str>, Stop> {
    let old = entries.get(key)?.map(integer);
    let is_new = old.is_none();
    let Some(old) = old.unwrap_or(Some(0)) else { return Ok(Err(errors::NOT_AN_INTEGER)) };
    let Some(sum) = old.checked_add(by) else { return Ok(Err(errors::OVERFLOW)) };
    let ttl = if is_new { Ttl::Never } else { Ttl::Keep };
    entries.put(key, IntegerText::of(sum).as_bytes().into(), ttl)?;
    Ok(Ok(sum))
}

fn reply_sum(entries: &mut dyn Entries, key: &[u8], by: i64, reply: &mut ReplyBuffer) -> Done {
    match add(entries, key, by)? {
        Ok(sum) => reply.integer(sum),
        Err(error) => reply.error(error),
    }
    Ok(())
}

/// `INCR key`
fn incr(entries: &mut dyn Entries, args: Arguments<'_>, reply: &mut ReplyBuffer) -> Done {
    reply_sum(entries, args.get(1), 1, reply)
}

/// `DECR key`
fn decr(entries: &mut dyn Entries, args: Arguments<'_>, reply: &mut ReplyBuffer) -> Done {
    reply_sum(entries, args.get(1), -1, reply)
}

/// `INCRBY key number`
fn incr_by(entries: &mut dyn Entries, args: Arguments<'_>, reply: &mut ReplyBuffer) -> Done {
    let Some(by) = integer(args.get(2)) else {
        reply.error(errors::NOT_AN_INTEGER);
        return Ok(());
    };
    reply_sum(entries, args.get(1), by, reply)
}

/// `DECRBY key number`
fn decr_by(entries: &mut dyn Entries, args: Arguments<'_>, reply: &mut ReplyBuffer) -> Done {
    match integer(args.get(2)) {
        Some(i64::MIN) => {
            reply.error("ERR decrement would overflow");
            Ok(())
        }
        Some(by) => reply_sum(entries, args.get(1), -by, reply),
        None => {
            reply.error(errors::NOT_AN_INTEGER);
            Ok(())
        }
    }
}

/// `INCRBYFLOAT key number`
fn incr_by_float(entries: &mut dyn Entries, args: Arguments<'_>, reply: &mut ReplyBuffer) -> Done {
    let old = entries.get(args.get(1))?.map(Decimal::parse);
    let is_new = old.is_none();
    let (Some(old), Some(by)) = (old.unwrap_or(Some(Decimal::ZERO)), Decimal::parse(args.get(2))) else {
        reply.error("ERR value is not a valid float");
        return Ok(());
    };
    let Some(sum) = old.add(&by) else {
        reply.error("ERR increment would produce NaN or Infinity");
        return Ok(());
    };
    let text = sum.to_string();
    reply.bulk(text.as_bytes());
    entries.put(args.get(1), text.into_bytes().into(), if is_new { Ttl::Never } else { Ttl::Keep })
}
