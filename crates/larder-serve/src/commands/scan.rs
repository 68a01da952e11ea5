//! Commands that walk over all keys of a database.
//!
//! A walk visits the keys in order, so inserts and removals during the walk do not change its position.
//! [`crate::session::cursors`] describes the positions of `SCAN`. A walk runs on a thread for blocking work,
//! because it may wait for the disk. If the file can't be read, the walk would miss keys and end too early,
//! so the command returns an error instead.

use super::family::family;
use super::glob::Pattern;
use super::key_source::{KeySource, SourceKeys};
use super::walk::WalkEnd;
use super::{errors, walk};
use crate::failpoint::{Failpoint, failpoint_is_set};
use crate::protocol::arguments::Arguments;
use crate::protocol::number::integer;
use crate::protocol::reply::{ReplyBuffer, Version};
use crate::session::cursors::{KeysAhead, MAX_AHEAD, Place, key_size};
use crate::session::flags::{FAST, NO_MULTI, READONLY};
use crate::session::output::Output;
use crate::session::{Command, Session};

pub(super) static COMMANDS: &[Command] = family! { "generic";
    "keys" 2 (READONLY | NO_MULTI) NONE keys, "Returns all key names that match a pattern.";
    "randomkey" 1 (READONLY | NO_MULTI) NONE random_key, "Returns a random key name from the database.";
    "scan" -2 (READONLY | NO_MULTI) NONE scan, "Iterates over the key names in the database.";
};

/// `DBSIZE` belongs to another group of commands.
pub(super) static SIZE: &[Command] = family! { "server";
    "dbsize" 1 (READONLY | FAST | NO_MULTI) NONE count, "Returns the number of keys in the database.";
};

/// Number of keys that a `SCAN` reads ahead, unless its `COUNT` is larger. A larger number would make the
/// keys more outdated, and a smaller one would start more walks. [`MAX_AHEAD`] bounds their memory.
const READ_AHEAD: usize = 8192;

const FAILED_WALK: &str = "ERR the walk over the keys has failed";
const INCOMPLETE: &str = "ERR the file of the cache can't be read now, so keys would be left out";
const WRONG_CURSOR: &str = "ERR invalid cursor";
const FORGOTTEN_CURSOR: &str = "ERR invalid cursor: the server has forgotten it; begin again with SCAN 0";

#[derive(Debug)]
struct ScanOptions {
    /// Maximum number of keys that the call visits. As in Redis, it may visit fewer.
    count: usize,
    pattern: Option<Vec<u8>>,
    /// Whether entries of the requested type can exist. All values are strings.
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

    fn wanted(&self) -> WantedKeys {
        match &self.pattern {
            _ if !self.has_type => WantedKeys::None,
            None => WantedKeys::All,
            Some(pattern) => Pattern::read(pattern).map_or(WantedKeys::None, WantedKeys::Matching),
        }
    }
}

enum WantedKeys {
    All,
    Matching(Pattern),
    None,
}

impl WantedKeys {
    fn has(&self, key: &[u8]) -> bool {
        match self {
            Self::All => true,
            Self::Matching(pattern) => pattern.matches(key),
            Self::None => false,
        }
    }
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Runs `SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]`.
async fn scan(session: &mut Session, args: Arguments<'_>, out: &mut Output) {
    let cursor = match args.get(1) {
        [] => Some(0),
        // As in C, a cursor may have a sign.
        [b'-', digits @ ..] if digits.first().is_some_and(u8::is_ascii_digit) => {
            number(digits).map(u64::wrapping_neg)
        }
        text => number(text),
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
    let place = place.map(|mut place| {
        place.ahead.next += usize::from(cursor > 0 && failpoint_is_set(Failpoint::SkipAtCursor));
        place
    });
    let Some(mut place) = place else { return out.reply().error(FORGOTTEN_CURSOR) };
    let source = match KeySource::at(session.database(), place.pinned.take()) {
        Ok(source) => source,
        Err(error) => return out.reply().error(&error),
    };
    place.pinned = source.pinned();
    let max_found = session.served.output_limits.max.min(MAX_AHEAD);
    let walked = walk::run(session, out, move |end| walk(&source, place, &options, max_found, end)).await;
    let (found, place) = match walked {
        Some(Ok(walked)) => walked,
        Some(Err(error)) => return out.reply().error(&error),
        None => return out.reply().error(FAILED_WALK),
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

/// Returns `answer` if the walk has left out no key, and an error otherwise.
fn if_complete<R>(source: &KeySource, walked: &SourceKeys, answer: R) -> Result<R, String> {
    source.check()?;
    if walked.is_complete() { Ok(answer) } else { Err(INCOMPLETE.to_owned()) }
}

/// Visits keys from a place on. Returns the matching keys, and the next place, or `None` at the end of the
/// walk.
///
/// A client chooses `COUNT` freely, so the call ends early if its keys take much memory: when it has read
/// keys ahead once, and before the matching keys take more than `max_found` bytes.
fn walk(
    source: &KeySource,
    mut place: Place,
    options: &ScanOptions,
    max_found: usize,
    end: &WalkEnd,
) -> Result<(Vec<Vec<u8>>, Option<Place>), String> {
    let wanted = options.wanted();
    let (mut found, mut found_size) = (Vec::new(), 0);
    let mut left = options.count;
    let mut is_fresh = false;
    while left > 0 && !end.has_come() {
        let Some(key) = place.ahead.keys.get(place.ahead.next) else {
            if place.ahead.is_end {
                return Ok((found, None));
            }
            if is_fresh {
                break;
            }
            place.ahead = read_ahead(source, place.passed.as_deref(), left, end)?;
            is_fresh = true;
            continue;
        };
        let shown = source.shown(key);
        if wanted.has(&shown) {
            // If an earlier call has read this key ahead, the entry of the key may have been removed since
            // that call. But a lookup also misses an entry on disk while the writer makes room. So the keys
            // are read again, which waits for the writer.
            if !is_fresh && !source.has(key) {
                place.ahead = KeysAhead::default();
                continue;
            }
            found_size += key_size(&shown);
            // The first key is always returned. Otherwise the walk would never pass it.
            if found_size > max_found && !found.is_empty() {
                break;
            }
            found.push(shown.into_owned());
        }
        place.passed = Some(key.clone());
        place.ahead.next += 1;
        left -= 1;
    }
    let is_passed = place.ahead.next == place.ahead.keys.len();
    let is_end = place.ahead.is_end && is_passed;
    if is_passed {
        place.ahead = KeysAhead::default();
    }
    Ok((found, (!is_end).then_some(place)))
}

fn read_ahead(
    source: &KeySource,
    after: Option<&[u8]>,
    wanted: usize,
    end: &WalkEnd,
) -> Result<KeysAhead, String> {
    let mut walked = source.keys_after(after)?;
    let ahead = take_ahead(walked.by_ref(), READ_AHEAD.max(wanted), || end.has_come());
    if_complete(source, &walked, ahead)
}

/// Takes up to `max` keys, and at least one, that take no more than [`MAX_AHEAD`] bytes. A key that finds no
/// room is read again later.
fn take_ahead(
    mut walked: impl Iterator<Item = Vec<u8>>,
    max: usize,
    is_over: impl Fn() -> bool,
) -> KeysAhead {
    let (mut keys, mut size) = (Vec::new(), 0);
    while keys.len() < max && !is_over() {
        let Some(key) = walked.next() else { return KeysAhead::new(keys, true) };
        size += key_size(&key);
        if size > MAX_AHEAD && !keys.is_empty() {
            break;
        }
        keys.push(key);
    }
    KeysAhead::new(keys, false)
}

/// `KEYS pattern`
async fn keys(session: &mut Session, args: Arguments<'_>, out: &mut Output) {
    let (source, pattern) = (KeySource::of(session.database()), args.get(1).to_vec());
    let (version, max) = (out.reply().version, session.served.output_limits.max);
    let found = walk::run(session, out, move |end| {
        let nothing = || array_of(std::iter::empty::<&[u8]>(), version, max);
        let Some(pattern) = Pattern::read(&pattern) else { return Ok(nothing()) };
        let source = source?;
        let mut walked = source.keys_after(None)?;
        let shown = walked.by_ref().take_while(|_| !end.has_come()).filter_map(|key| {
            let shown = source.shown(&key);
            pattern.matches(&shown).then(|| shown.into_owned())
        });
        let reply = array_of(shown, version, max);
        if_complete(&source, &walked, reply)
    });
    match found.await {
        Some(Ok(found)) => out.reply().append_all(found),
        Some(Err(error)) => out.reply().error(&error),
        None => out.reply().error(FAILED_WALK),
    }
}

/// Returns the array of these keys, as it is sent. A small key takes several times as much memory as a value
/// of its own. Ends early when the reply is too large.
fn array_of(keys: impl Iterator<Item = impl AsRef<[u8]>>, version: Version, max: usize) -> ReplyBuffer {
    let (mut items, mut count) = (ReplyBuffer::new(version, max), 0);
    for key in keys {
        items.bulk(key.as_ref());
        if items.is_too_large() {
            return items;
        }
        count += 1;
    }
    let mut array = items.empty_copy();
    array.array(count);
    array.append_all(items);
    array
}

/// Runs `DBSIZE`. This command counts live entries, so its time grows with their number.
async fn count(session: &mut Session, _args: Arguments<'_>, out: &mut Output) {
    let source = KeySource::of(session.database());
    let counted = walk::run(session, out, move |end| {
        let source = source?;
        let mut walked = source.keys_after(None)?;
        let count = walked.by_ref().take_while(|_| !end.has_come()).count();
        if_complete(&source, &walked, count as u64)
    });
    match counted.await {
        Some(Ok(counted)) => out.reply().count(counted),
        Some(Err(error)) => out.reply().error(&error),
        None => out.reply().error(FAILED_WALK),
    }
}

/// Runs `RANDOMKEY`, which chooses each key with the same probability. Its time grows with the number of
/// keys.
async fn random_key(session: &mut Session, _args: Arguments<'_>, out: &mut Output) {
    let source = KeySource::of(session.database());
    let chosen = walk::run(session, out, move |end| {
        let source = source?;
        let mut walked = source.keys_after(None)?;
        let random = std::hash::RandomState::new();
        let mut chosen = None;
        for (passed, key) in walked.by_ref().take_while(|_| !end.has_come()).enumerate() {
            // The n-th key replaces the chosen key with a probability of 1/n.
            let number = std::hash::BuildHasher::hash_one(&random, passed);
            if number % (passed as u64 + 1) == 0 {
                chosen = Some(key);
            }
        }
        if_complete(&source, &walked, chosen.map(|key| source.shown(&key).into_owned()))
    });
    match chosen.await {
        Some(Ok(Some(key))) => out.reply().bulk(&key),
        Some(Ok(None)) => out.reply().null(),
        Some(Err(error)) => out.reply().error(&error),
        None => out.reply().error(FAILED_WALK),
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_AHEAD, READ_AHEAD, array_of, key_size, take_ahead};
    use crate::protocol::reply::Version;

    #[test]
    fn the_keys_ahead_take_no_more_memory_than_they_may() {
        let long = |len: usize| std::iter::repeat_with(move || vec![b'k'; len]);
        let room = MAX_AHEAD / key_size(&[0; 2_100]);
        assert!(room < READ_AHEAD);
        let ahead = take_ahead(long(2_100), READ_AHEAD, || false);
        assert_eq!((ahead.keys.len(), ahead.is_end), (room, false));
        let ahead = take_ahead(long(MAX_AHEAD), READ_AHEAD, || false);
        assert_eq!((ahead.keys.len(), ahead.is_end), (1, false), "a walk always goes on");
        let ahead = take_ahead(long(1).take(10), READ_AHEAD, || false);
        assert_eq!((ahead.keys.len(), ahead.is_end), (10, true));
    }

    #[test]
    fn the_reply_of_keys_takes_no_more_memory_than_its_bytes() {
        let reply = array_of(["a", "", "bc"].iter(), Version::Resp3, 100);
        assert!(!reply.is_too_large());
        assert_eq!(reply.bytes, b"*3\r\n$1\r\na\r\n$0\r\n\r\n$2\r\nbc\r\n");
        // The keys have no end.
        let reply = array_of(std::iter::repeat("a"), Version::Resp2, 1000);
        assert!(reply.is_too_large() && reply.bytes.len() <= 1000);
    }
}
