//! Commands that walk over all keys of a database.
//!
//! A walk is in key order, so it is never at a wrong place, whatever is added or removed meanwhile. See
//! [`crate::session::cursors`] for the places of `SCAN`. A walk reads on a thread for blocking work, because
//! it may wait for the disk. While the file can't be read, a walk would leave out keys, and its end would not
//! be the end of the keys. So it is an error then.

use larder::{Keys, Keyspace};
use tokio::task::spawn_blocking;

use super::family::family;
use super::{errors, glob};
use crate::protocol::arguments::Arguments;
use crate::protocol::number::integer;
use crate::session::cursors::{KeysAhead, Place};
use crate::session::databases::Value;
use crate::session::flags::{FAST, NO_MULTI, READONLY};
use crate::session::output::Output;
use crate::session::{Command, Session};

pub(super) static COMMANDS: &[Command] = family! { "generic";
    "keys" 2 (READONLY | NO_MULTI) NONE keys, "Returns all key names that match a pattern.";
    "randomkey" 1 (READONLY | NO_MULTI) NONE random_key, "Returns a random key name from the database.";
    "scan" -2 (READONLY | NO_MULTI) NONE scan, "Iterates over the key names in the database.";
};

/// `DBSIZE` is of another group.
pub(super) static SIZE: &[Command] = family! { "server";
    "dbsize" 1 (READONLY | FAST | NO_MULTI) NONE count, "Returns the number of keys in the database.";
};

/// The number of keys that a walk reads ahead. More would be stale for longer, fewer would begin more walks.
const READ_AHEAD: usize = 8192;

const WRONG_CURSOR: &str = "ERR invalid cursor";
const FORGOTTEN_CURSOR: &str = "ERR invalid cursor: the server has forgotten it; begin again with SCAN 0";

const INCOMPLETE: &str = "ERR the file of the cache can't be read now, so keys would be left out";

type DatabaseKeyspace = Keyspace<Vec<u8>, Value>;

/// The options of `SCAN`.
#[derive(Debug)]
struct ScanOptions {
    /// How many keys the call passes.
    count: usize,
    pattern: Option<Vec<u8>>,
    /// Whether entries of the wanted type exist: strings.
    has_type: bool,
}

impl ScanOptions {
    fn parse(args: Arguments<'_>) -> Result<Self, &'static str> {
        let mut options = Self { count: 10, pattern: None, has_type: true };
        let mut next = 2;
        while next < args.len() {
            let Some(value) = args.find(next + 1) else { return Err(errors::SYNTAX) };
            if args.is(next, "count") {
                let count = integer(value).ok_or(errors::NOT_AN_INTEGER)?;
                options.count =
                    usize::try_from(count).ok().filter(|count| *count > 0).ok_or(errors::SYNTAX)?;
            } else if args.is(next, "match") {
                options.pattern = Some(value.to_vec()).filter(|pattern| pattern != b"*");
            } else if args.is(next, "type") {
                options.has_type = value.eq_ignore_ascii_case(b"string");
            } else {
                return Err(errors::SYNTAX);
            }
            next += 2;
        }
        Ok(options)
    }

    fn wants(&self, key: &[u8]) -> bool {
        self.has_type && self.pattern.as_ref().is_none_or(|pattern| glob::matches(pattern, key))
    }
}

/// `SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]`
async fn scan(session: &mut Session, args: Arguments<'_>, out: &mut Output) {
    let cursor = match args.get(1) {
        [] => Some(0),
        text => std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()),
    };
    let Some(cursor) = cursor else { return out.reply().error(WRONG_CURSOR) };
    let options = match ScanOptions::parse(args) {
        Ok(options) => options,
        Err(error) => return out.reply().error(error),
    };
    let place = match cursor {
        0 => Some(Place { db: session.db, ..Place::default() }),
        cursor => session.served.cursors.place(cursor).filter(|place| place.db == session.db),
    };
    let Some(place) = place else { return out.reply().error(FORGOTTEN_CURSOR) };
    let keyspace = session.database().keyspace.clone();
    let (found, place) = match on_thread(move || walk(&keyspace, place, &options)).await {
        Ok(walked) => walked,
        Err(error) => return out.reply().error(&error),
    };
    let next = if let Some(place) = place {
        session.served.cursors.add(place, cursor)
    } else {
        session.served.cursors.end(cursor);
        0
    };
    let reply = out.reply();
    reply.array(2);
    reply.bulk(next.to_string().as_bytes());
    reply.array(found.len());
    for key in found {
        reply.bulk(&key);
    }
}

/// Runs a walk on a thread for blocking work.
async fn on_thread<R: Send + 'static>(
    walk: impl FnOnce() -> Result<R, String> + Send + 'static,
) -> Result<R, String> {
    let failed = |_| Err("ERR the walk over the keys has failed".to_owned());
    spawn_blocking(walk).await.unwrap_or_else(failed)
}

/// Returns the answer of a walk, if the walk has left out no key.
fn if_complete<R>(walked: &Keys<Vec<u8>, Value>, answer: R) -> Result<R, String> {
    if walked.is_complete() { Ok(answer) } else { Err(INCOMPLETE.to_owned()) }
}

/// Passes keys from a place on. Returns those that are wanted, and the next place. None at the end.
fn walk(
    keyspace: &DatabaseKeyspace,
    mut place: Place,
    options: &ScanOptions,
) -> Result<(Vec<Vec<u8>>, Option<Place>), String> {
    let mut found = Vec::new();
    let mut left = options.count;
    let mut is_fresh = false;
    while left > 0 {
        let Some(key) = place.ahead.keys.get(place.ahead.next) else {
            if place.ahead.is_end {
                return Ok((found, None));
            }
            place.ahead = read_ahead(keyspace, place.passed.as_deref(), left)?;
            is_fresh = true;
            continue;
        };
        if options.wants(key) {
            // A key that was read ahead by an earlier call may be gone. But a lookup also misses an entry on
            // disk while the writer makes room. So the keys are read again, which waits for the writer.
            if !is_fresh && !keyspace.contains_key(key) {
                place.ahead = KeysAhead::default();
                continue;
            }
            found.push(key.clone());
        }
        place.passed = Some(key.clone());
        place.ahead.next += 1;
        left -= 1;
    }
    let is_end = place.ahead.is_end && place.ahead.next == place.ahead.keys.len();
    Ok((found, (!is_end).then_some(place)))
}

fn read_ahead(keyspace: &DatabaseKeyspace, after: Option<&[u8]>, wanted: usize) -> Result<KeysAhead, String> {
    let max = READ_AHEAD.max(wanted);
    let mut walked = match after {
        Some(after) => keyspace.keys_after(after).map_err(|error| errors::of(&error))?,
        None => keyspace.keys(),
    };
    let keys: Vec<_> = walked.by_ref().take(max).collect();
    let is_end = keys.len() < max;
    if_complete(&walked, KeysAhead::new(keys, is_end))
}

/// `KEYS pattern`
async fn keys(session: &mut Session, args: Arguments<'_>, out: &mut Output) {
    let (keyspace, pattern) = (session.database().keyspace.clone(), args.get(1).to_vec());
    let found = on_thread(move || {
        let mut walked = keyspace.keys();
        let found = walked.by_ref().filter(|key| glob::matches(&pattern, key)).collect::<Vec<_>>();
        if_complete(&walked, found)
    });
    match found.await {
        Ok(found) => {
            out.reply().array(found.len());
            for key in found {
                out.reply().bulk(&key);
            }
        }
        Err(error) => out.reply().error(&error),
    }
}

/// `DBSIZE`. Counts the live entries, so it takes time that grows with their number.
async fn count(session: &mut Session, _args: Arguments<'_>, out: &mut Output) {
    let keyspace = session.database().keyspace.clone();
    let counted = on_thread(move || {
        let mut walked = keyspace.keys();
        let count = walked.by_ref().count();
        if_complete(&walked, count as u64)
    });
    match counted.await {
        Ok(count) => out.reply().count(count),
        Err(error) => out.reply().error(&error),
    }
}

/// `RANDOMKEY`. Each key has the same chance. Takes time that grows with the number of keys.
async fn random_key(session: &mut Session, _args: Arguments<'_>, out: &mut Output) {
    let keyspace = session.database().keyspace.clone();
    let chosen = on_thread(move || {
        let mut walked = keyspace.keys();
        let random = std::hash::RandomState::new();
        let mut chosen = None;
        for (passed, key) in walked.by_ref().enumerate() {
            // The n-th key takes the place of the chosen one in one of n cases.
            let number = std::hash::BuildHasher::hash_one(&random, passed);
            if number % (passed as u64 + 1) == 0 {
                chosen = Some(key);
            }
        }
        if_complete(&walked, chosen)
    });
    match chosen.await {
        Ok(Some(key)) => out.reply().bulk(&key),
        Ok(None) => out.reply().null(),
        Err(error) => out.reply().error(&error),
    }
}
