//! Commands on values. [`super::numbers`] has the counters, [`super::ranges`] has the commands on parts of
//! values, and [`super::many`] has the commands on values of several keys.

use std::pin::pin;

use larder::{InsertOptions, Timestamp, Ttl};

use super::expiry::{Expiry, Unit, parse_expiry};
use super::family::family;
use super::{data, errors};
use crate::protocol::arguments::Arguments;
use crate::protocol::reply::ReplyBuffer;
use crate::session::databases::{Selected, WriteMode};
use crate::session::entries::{Done, Entries};
use crate::session::flags::{DENYOOM, FAST, READONLY, WRITE};
use crate::session::output::Output;
use crate::session::{Command, Session};

pub(super) static COMMANDS: &[Command] = family! { "string";
    "get" 2 (READONLY | FAST) FIRST [value] get_value, "Returns the string value of a key.";
    "getdel" 2 (WRITE | FAST) FIRST [entry] get_and_delete, "Returns the string value of a key after deleting the key.";
    "getex" -2 (WRITE | FAST) FIRST [entry] get_and_expire, "Returns the string value of a key after setting its expiration time.";
    "getset" 3 (WRITE | DENYOOM | FAST) FIRST [entry] get_and_set, "Returns the previous string value of a key after setting it to a new value.";
    "psetex" 4 (WRITE | DENYOOM) FIRST [entry] set_for, "Sets both string value and expiration time in milliseconds of a key. The key is created if it doesn't exist.";
    "set" -3 (WRITE | DENYOOM) FIRST [entry] set_entry, "Sets the string value of a key, ignoring its type. The key is created if it doesn't exist.";
    "setex" 4 (WRITE | DENYOOM) FIRST [entry] set_for, "Sets the string value and expiration time of a key. Creates the key if it doesn't exist.";
    "setnx" 3 (WRITE | DENYOOM | FAST) FIRST [entry] set_if_absent, "Sets the string value of a key only when the key doesn't exist.";
};

/// Runs `GET key` outside of a transaction. A value in memory is returned without a wait.
pub(super) async fn get(session: &mut Session, args: Arguments<'_>, out: &mut Output) {
    let Selected::Raw(database) = session.database() else {
        // Boxed, so that the future of the most frequent command stays small.
        return Box::pin(data::value(session, args, out, get_value)).await;
    };
    match out.wait(pin!(database.keyspace.get_async(args.get(1)))).await {
        Some(value) => out.reply().bulk(&value),
        None => out.reply().null(),
    }
}

/// Runs `SET key value [option ...]` outside of a transaction. A buffered write reads the existing entry
/// only if an option needs it.
pub(super) async fn set(session: &mut Session, args: Arguments<'_>, out: &mut Output) {
    let now = || session.served.cache.now();
    let options = match SetOptions::parse(args, now) {
        Ok(options) => options,
        Err(error) => return out.reply().error(error),
    };
    // An expiry in the past removes the entry.
    let removes = matches!(options.ttl, Some(Ttl::Until(until)) if until <= now());
    // After `data::entry` has begun a durable write or a removal, the connection executes its next requests,
    // which can share the commit.
    let database = match session.database() {
        Selected::Raw(database)
            if !options.needs_entry() && !removes && database.writes == WriteMode::Buffered =>
        {
            database
        }
        _ if data::entry_at_once(session, Some(set_entry), args, out, &mut None) => return,
        _ => return Box::pin(data::entry(session, args, out, set_entry)).await,
    };
    let ttl = options.ttl.unwrap_or(Ttl::Never);
    let insert = InsertOptions::new().ttl(ttl).durability(data::durability(database));
    let value: Box<[u8]> = args.get(2).into();
    match out.wait(pin!(database.keyspace.insert_with_async(args.get(1), value, insert))).await {
        Ok(()) => out.reply().ok(),
        Err(error) => out.reply().error(&errors::of(&error)),
    }
}

#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command")]
struct SetOptions {
    if_absent: bool,
    if_present: bool,
    gets: bool,
    keeps_ttl: bool,
    /// The TTL of the option `EX`, `PX`, `EXAT` or `PXAT`.
    ttl: Option<Ttl>,
}

impl SetOptions {
    /// Parses the options. `now` returns the time of the cache, for an expiry.
    fn parse(args: Arguments<'_>, now: impl FnOnce() -> Timestamp) -> Result<Self, &'static str> {
        let mut options = Self::default();
        let mut next = 3;
        let mut given = None;
        while next < args.len() {
            if args.is(next, "nx") && !options.if_present {
                options.if_absent = true;
            } else if args.is(next, "xx") && !options.if_absent {
                options.if_present = true;
            } else if args.is(next, "get") {
                options.gets = true;
            } else if args.is(next, "keepttl") && given.is_none() {
                options.keeps_ttl = true;
            } else if let Some(unit) = Expiry::unit(args, next)
                && !options.keeps_ttl
                && next + 1 < args.len()
                && goes_with(given, unit)
            {
                given = Some((unit, args.get(next + 1)));
                next += 1;
            } else {
                return Err(errors::SYNTAX);
            }
            next += 1;
        }
        if let Some((unit, number)) = given {
            let now = now();
            options.ttl = Some(parse_expiry(unit, number, now, errors::INVALID_EXPIRE_SET)?.ttl(now));
        }
        Ok(options)
    }

    /// Returns whether the existing entry affects the stored value or the reply.
    const fn needs_entry(&self) -> bool {
        self.if_absent || self.if_present || self.gets || self.keeps_ttl
    }
}

/// Returns whether an expiry option can follow an earlier one: both options must have the same unit. The
/// last option applies.
fn goes_with(given: Option<(Unit, &[u8])>, unit: Unit) -> bool {
    given.is_none_or(|(present, _)| present == unit)
}

fn get_value(entries: &mut dyn Entries, args: Arguments<'_>, reply: &mut ReplyBuffer) -> Done {
    reply_value(reply, entries.get(args.get(1))?);
    Ok(())
}

fn reply_value(reply: &mut ReplyBuffer, value: Option<&[u8]>) {
    match value {
        Some(value) => reply.bulk(value),
        None => reply.null(),
    }
}

/// Runs `SET key value [NX | XX] [GET] [EX s | PX ms | EXAT s | PXAT ms | KEEPTTL]`.
fn set_entry(entries: &mut dyn Entries, args: Arguments<'_>, reply: &mut ReplyBuffer) -> Done {
    let options = match SetOptions::parse(args, || entries.now()) {
        Ok(options) => options,
        Err(error) => {
            reply.error(error);
            return Ok(());
        }
    };
    let key = args.get(1);
    let is_present = if options.gets {
        let old = entries.get(key)?;
        reply_value(reply, old);
        old.is_some()
    } else {
        options.needs_entry() && entries.remaining(key)?.is_some()
    };
    if (options.if_absent && is_present) || (options.if_present && !is_present) {
        if !options.gets {
            reply.null();
        }
        return Ok(());
    }
    let ttl = match options.ttl {
        Some(ttl) => ttl,
        None if options.keeps_ttl && is_present => Ttl::Keep,
        None => Ttl::Never,
    };
    entries.put(key, args.get(2).into(), ttl)?;
    if !options.gets {
        reply.ok();
    }
    Ok(())
}

/// Runs `SETEX key seconds value` or `PSETEX key milliseconds value`.
fn set_for(entries: &mut dyn Entries, args: Arguments<'_>, reply: &mut ReplyBuffer) -> Done {
    let (unit, error) = if args.is(0, "setex") {
        (Unit::Seconds, errors::INVALID_EXPIRE_SETEX)
    } else {
        (Unit::Millis, errors::INVALID_EXPIRE_PSETEX)
    };
    let now = entries.now();
    match parse_expiry(unit, args.get(2), now, error) {
        Ok(expiry) => {
            entries.put(args.get(1), args.get(3).into(), expiry.ttl(now))?;
            reply.ok();
        }
        Err(error) => reply.error(error),
    }
    Ok(())
}

/// `SETNX key value`
fn set_if_absent(entries: &mut dyn Entries, args: Arguments<'_>, reply: &mut ReplyBuffer) -> Done {
    let is_absent = entries.remaining(args.get(1))?.is_none();
    if is_absent {
        entries.put(args.get(1), args.get(2).into(), Ttl::Never)?;
    }
    reply.integer(i64::from(is_absent));
    Ok(())
}

/// `GETSET key value`
fn get_and_set(entries: &mut dyn Entries, args: Arguments<'_>, reply: &mut ReplyBuffer) -> Done {
    reply_value(reply, entries.get(args.get(1))?);
    entries.put(args.get(1), args.get(2).into(), Ttl::Never)
}

/// Runs `GETDEL key`. The reply is sent when the removal is durable, unless the removals of the database are
/// buffered.
fn get_and_delete(entries: &mut dyn Entries, args: Arguments<'_>, reply: &mut ReplyBuffer) -> Done {
    let value = entries.get(args.get(1))?;
    let is_present = value.is_some();
    reply_value(reply, value);
    if is_present {
        entries.remove(args.get(1))?;
    }
    Ok(())
}

/// Runs `GETEX key [EX s | PX ms | EXAT s | PXAT ms | PERSIST]`.
fn get_and_expire(entries: &mut dyn Entries, args: Arguments<'_>, reply: &mut ReplyBuffer) -> Done {
    let (mut given, mut persists) = (None, false);
    let mut next = 2;
    while next < args.len() {
        if args.is(next, "persist") && given.is_none() {
            persists = true;
        } else if let Some(unit) = Expiry::unit(args, next)
            && !persists
            && next + 1 < args.len()
            && goes_with(given, unit)
        {
            given = Some((unit, args.get(next + 1)));
            next += 1;
        } else {
            reply.error(errors::SYNTAX);
            return Ok(());
        }
        next += 1;
    }
    let now = entries.now();
    let Some(value) = entries.get(args.get(1))? else {
        reply.null();
        return Ok(());
    };
    let ttl = match given {
        // The expiry is parsed only if the key has an entry, as in Redis.
        Some((unit, number)) => match parse_expiry(unit, number, now, errors::INVALID_EXPIRE_GETEX) {
            Ok(expiry) => Some(expiry.ttl(now)),
            Err(error) => {
                reply.error(error);
                return Ok(());
            }
        },
        None => persists.then_some(Ttl::Never),
    };
    reply.bulk(value);
    if let Some(ttl) = ttl {
        entries.touch(args.get(1), ttl)?;
    }
    Ok(())
}
