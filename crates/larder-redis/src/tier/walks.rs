//! Requests for more keys than one step on the server may use: removals of many keys and of ranges, and
//! walks.
//!
//! A walk requests one page after another (`SCAN`), and returns only keys with the cache's prefix.
//!
//! **A range** is removed by a walk that removes the slots, including slots with a lease, unless it is a
//! range with its own generation ([`super::ranges`]). Such a walk is enough for contract 3. A load that began
//! before the removal has its lease in a slot. The walk finds every slot that exists during the whole walk,
//! whether or not the load has filled it. A load that takes its lease after the walk has passed that slot
//! began after the removal was requested.
//!
//! **The keys of a schema** may begin like keys of other keyspaces. A walk over such keys lists the slots,
//! and removes the slots of the range in a second step. A walk in a keyspace with ranges does the same,
//! because the second step needs the key of each slot's range.
//!
//! **All entries of a keyspace** are removed in one step, which removes the keyspace's generation. A later
//! walk frees the memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use larder::remote::{RemoteKey, RemoteReply as Sender, ScanCursor, ScanPage};
use parking_lot::Mutex;

use super::answers::{accepted, number, remote_error};
use super::joined::{End, Joined};
use super::names::Names;
use super::ranges::RangeKeys;
use super::requests::{MAX_KEYS, RedisTier, pairs};
use super::scripts;
use super::session::{Directory, TierState};
use crate::connection::link::Connection;
use crate::connection::request::{Answered, Request};
use crate::error::Error;
use crate::protocol::command::Command;
use crate::protocol::reply::Reply;
use crate::walk_cursor::WalkCursor;

/// A walk that removes keys, page after page.
struct Removal {
    connection: Arc<Connection>,
    generation_key: Option<Vec<u8>>,
    /// The generation whose records are counted.
    ended: Vec<u8>,
    /// If `Some`, lists the keys, and removes those with this prefix in a second step.
    only: Option<(Arc<TierState>, RemoteKey)>,
    /// The remaining actions with their key patterns. The last one is the next.
    patterns: Mutex<Vec<(&'static str, Vec<u8>)>>,
    removed: AtomicU64,
    /// Whether a part of the removal may have been applied.
    has_begun: AtomicBool,
    end: Mutex<Option<End<u64>>>,
}

/// The action that returns all keys of a page.
const LIST_ANY: &str = "plain";

/// The action that returns the keys with records.
const LIST: &str = "list";

/// The cursor of a page whose keys are given.
const THESE: &str = "these";

/// The cursor of a page whose keys are given, each with the generation of its range.
const RANGED: &str = "ranged";

fn page(generation_key: Option<&[u8]>, cursor: &str, pattern: &[u8], verb: &str, ended: &[u8]) -> Command {
    let command = match generation_key {
        Some(key) => Command::tail().arg("1").arg(key),
        None => Command::tail().arg("0"),
    };
    command.arg(cursor).arg(pattern).arg(verb).arg(ended)
}

/// Reads a page: the next cursor, the number of removed records, and the keys.
fn read_page(answered: Answered) -> Result<(String, u64, Vec<Reply>), Error> {
    let garbled = || Error::Garbled("a page of a walk");
    let mut fields = answered.reply.into_list().ok_or_else(garbled)?.into_iter();
    let cursor = fields.next().and_then(Reply::into_bytes).and_then(|bytes| String::from_utf8(bytes).ok());
    let count =
        fields.next().as_ref().and_then(Reply::as_integer).and_then(|count| u64::try_from(count).ok());
    let keys = fields.next().and_then(Reply::into_list);
    Ok((cursor.ok_or_else(garbled)?, count.ok_or_else(garbled)?, keys.ok_or_else(garbled)?))
}

impl Removal {
    /// Begins the walk for the next pattern. After the last pattern, sends the result.
    fn next_pattern(self: Arc<Self>) {
        let pattern = self.patterns.lock().last().cloned();
        match pattern {
            Some((verb, pattern)) => self.next_page(WalkCursor::default(), verb, &pattern),
            None => self.end(Ok(())),
        }
    }

    fn next_page(self: Arc<Self>, cursor: WalkCursor, verb: &'static str, pattern: &[u8]) {
        let listed = if self.only.is_some() { LIST_ANY } else { verb };
        let command = page(self.generation_key.as_deref(), cursor.as_str(), pattern, listed, &self.ended);
        let (connection, pattern) = (self.connection.clone(), pattern.to_vec());
        connection.submit(Request::script(&scripts::WALK, command, move |answer| {
            match accepted(answer).and_then(read_page) {
                Err(error) => self.end(Err(error)),
                Ok((next, count, keys)) => self.after_page((cursor, next), count, &keys, verb, pattern),
            }
        }));
    }

    /// Counts what the page at a cursor has removed. Removes the listed keys of the range, then continues at
    /// the cursor that the page has named.
    fn after_page(
        self: Arc<Self>,
        (cursor, next): (WalkCursor, String),
        count: u64,
        keys: &[Reply],
        verb: &'static str,
        pattern: Vec<u8>,
    ) {
        let (cursor_of_slots, slots) = self.slots_of_range(keys);
        if !slots.is_empty() {
            let key = self.generation_key.as_deref();
            let these = page(key, cursor_of_slots, &pattern, verb, &self.ended);
            let command = slots.into_iter().fold(these, Command::arg);
            let connection = self.connection.clone();
            return connection.submit(Request::script(
                &scripts::WALK,
                command,
                move |answer| match accepted(answer).and_then(read_page) {
                    Err(error) => self.end(Err(error)),
                    Ok((_, count, _)) => self.after_page((cursor, next), count, &[], verb, pattern),
                },
            ));
        }
        // One page after another adds its count, so no addition is lost.
        let removed = self.removed.load(Ordering::Relaxed).saturating_add(count);
        self.removed.store(removed, Ordering::Relaxed);
        self.has_begun.store(true, Ordering::Relaxed);
        let (now, limit) = (self.connection.clock.now(), self.connection.settings.timing.request);
        match cursor.after_page(next, now, limit) {
            Err(error) => self.end(Err(error)),
            Ok(Some(next)) => self.next_page(next, verb, &pattern),
            Ok(None) => {
                self.patterns.lock().pop();
                self.next_pattern();
            }
        }
    }

    /// Returns the cursor and the arguments of a page with those of the listed slots that have the prefix.
    fn slots_of_range(&self, keys: &[Reply]) -> (&'static str, Vec<Vec<u8>>) {
        let Some((state, prefix)) = &self.only else { return (THESE, Vec::new()) };
        given_slots(&state.directory.read().names, keys, prefix)
    }

    fn end(&self, result: Result<(), Error>) {
        let end = self.end.lock().take();
        if let Some(end) = end {
            let removed = self.removed.load(Ordering::Relaxed);
            // Relaxed, because pages are requested one after another, each in the callback of the previous
            // one.
            let has_begun = self.has_begun.load(Ordering::Relaxed);
            end(result.map(|()| removed).map_err(|error| {
                let error = remote_error(&error);
                if has_begun { error.maybe_applied() } else { error }
            }));
        }
    }
}

/// Returns the cursor and the arguments of a page with those of the listed slots that have the prefix.
fn given_slots(names: &Names, keys: &[Reply], prefix: &[u8]) -> (&'static str, Vec<Vec<u8>>) {
    let has_ranges = names.space(prefix).is_some_and(|(space, _)| space.ranges.is_some());
    let mut arguments = Vec::new();
    for slot in keys.iter().filter_map(Reply::as_bytes) {
        let Some(key) = names.key_of_slot(slot).filter(|key| key.starts_with(prefix)) else { continue };
        let range = names.space(&key).and_then(|(space, rest)| names.range_of(space, rest));
        if has_ranges {
            // A slot without a range has no valid record.
            arguments.extend([slot.to_vec(), range.map(|range| range.generation).unwrap_or_default()]);
        } else {
            arguments.push(slot.to_vec());
        }
    }
    (if has_ranges { RANGED } else { THESE }, arguments)
}

impl RedisTier {
    fn removal(&self, patterns: Vec<(&'static str, Vec<u8>)>, sender: Sender<u64>) -> Removal {
        Removal {
            connection: self.handle.0.clone(),
            generation_key: None,
            ended: Vec::new(),
            only: None,
            patterns: Mutex::new(patterns),
            removed: AtomicU64::new(0),
            has_begun: AtomicBool::new(false),
            end: Mutex::new(Some(self.end_of_removal(sender))),
        }
    }

    /// Removes keys, with as many scripts as necessary.
    pub(super) fn remove_all_of(&self, keys: &[RemoteKey], sender: Sender<u64>) {
        let (parts, end) = (keys.len().div_ceil(MAX_KEYS), self.end_of_removal(sender));
        let joined =
            Joined::new(parts, end, |counts: Vec<u64>| counts.into_iter().fold(0, u64::saturating_add));
        for (part, keys) in keys.chunks(MAX_KEYS).enumerate() {
            match self.places(keys, Directory::world_to_remove) {
                Err(error) => joined.complete(part, Err(error)),
                Ok(places) => {
                    let (joined, command) = (joined.clone(), pairs(&places));
                    let complete = move |answer: Result<Answered, Error>| {
                        joined.complete(part, accepted(answer).and_then(|answered| number(&answered)));
                    };
                    self.handle.0.submit(Request::script(&scripts::REMOVE, command, complete));
                }
            }
        }
    }

    /// Removes the range that consists of all keys with a prefix, as in step 5 of [`ranges`](super::ranges).
    /// If the data has another name than this client knows, a walk removes the keys after that.
    ///
    /// If there is no such range, or if no name of the data is known, returns the sender. A walk then removes
    /// the keys.
    pub(super) fn end_range(&self, prefix: &[u8], sender: Sender<u64>) -> Result<(), Sender<u64>> {
        let directory = self.state.directory.read();
        let Some(RangeToEnd { generation_key, command, pattern }) = range_to_end(&directory, prefix) else {
            return Err(sender);
        };
        drop(directory);
        let only = Some((self.state.clone(), RemoteKey::from(prefix)));
        let walk = self.removal(vec![("remove", pattern)], sender);
        let walk = Arc::new(Removal { generation_key: Some(generation_key), only, ..walk });
        self.handle.0.submit(Request::script(&scripts::END_RANGE, command, move |answer| {
            match accepted(answer).and_then(|answered| number(&answered)) {
                Err(error) => walk.end(Err(error)),
                Ok(0) => walk.end(Ok(())),
                Ok(_) => {
                    walk.has_begun.store(true, Ordering::Relaxed);
                    walk.next_pattern();
                }
            }
        }));
        Ok(())
    }

    /// Removes all keys with a prefix.
    pub(super) fn walk_away(&self, prefix: &[u8], sender: Sender<u64>) {
        let directory = self.state.directory.read();
        let found = directory.world_to_remove().and_then(|world| {
            let (space, rest) =
                directory.names.space(prefix).ok_or(Error::Garbled("the number of a keyspace"))?;
            let pattern = directory.names.pattern(space, rest);
            let generation_key = directory.names.generation(space, world);
            let is_listed = space.is_spelled() || space.ranges.is_some();
            let only = is_listed.then(|| (self.state.clone(), RemoteKey::from(prefix)));
            Ok((pattern, generation_key, space.is_plain, rest.is_empty(), only))
        });
        drop(directory);
        let (pattern, generation_key, is_plain, is_whole, only) = match found {
            Ok(found) => found,
            Err(error) => return sender.send(Err(remote_error(&error))),
        };
        let verb = match (is_plain, is_whole) {
            (true, _) => "remove-plain",
            (false, true) => "ended",
            (false, false) => "remove",
        };
        let removal = Removal { only, ..self.removal(vec![(verb, pattern)], sender) };
        if verb != "ended" {
            let generation_key = (!is_plain).then_some(generation_key);
            return Arc::new(Removal { generation_key, ..removal }).next_pattern();
        }
        let command = Command::tail().arg("1").arg(&generation_key);
        self.handle.0.submit(Request::script(&scripts::END_GENERATION, command, move |answer| {
            match accepted(answer) {
                Err(error) => removal.end(Err(error)),
                Ok(answered) => {
                    // Without a generation, there are no records. The walk still frees memory.
                    removal.has_begun.store(true, Ordering::Relaxed);
                    let ended = answered.reply.into_bytes().unwrap_or_default();
                    let generation_key = Some(generation_key);
                    Arc::new(Removal { generation_key, ended, ..removal }).next_pattern();
                }
            }
        }));
    }

    /// Removes the keys of all keyspaces. The generations come first, so that all records and leases are
    /// void.
    pub(super) fn walk_all_away(&self, sender: Sender<u64>) {
        let directory = self.state.directory.read();
        let patterns = directory.world_to_remove().map(|_| directory.names.patterns_of_all());
        drop(directory);
        match patterns {
            Err(error) => sender.send(Err(remote_error(&error))),
            Ok([generations, slots]) => {
                let patterns = vec![("any", slots), ("forget", generations)];
                Arc::new(self.removal(patterns, sender)).next_pattern();
            }
        }
    }

    /// Returns one page of the keys with a prefix.
    pub(super) fn walk_page(&self, prefix: &[u8], cursor: &ScanCursor, sender: Sender<ScanPage>) {
        let directory = self.state.directory.read();
        let command = directory.world().and_then(|world| {
            let (space, rest) =
                directory.names.space(prefix).ok_or(Error::Garbled("the number of a keyspace"))?;
            let generation = (!space.is_plain).then(|| directory.names.generation(space, world));
            let pattern = directory.names.pattern(space, rest);
            let verb = if space.is_plain || space.ranges.is_some() { LIST_ANY } else { LIST };
            let command = page(generation.as_deref(), &cursor.0.to_string(), &pattern, verb, &[]);
            Ok((command, generation.filter(|_| space.ranges.is_some())))
        });
        drop(directory);
        let (state, prefix) = (self.state.clone(), prefix.to_vec());
        match command {
            Err(error) => sender.send(Err(remote_error(&error))),
            Ok((command, None)) => self.send(&scripts::WALK, command, sender, move |answered| {
                keys_of_page(answered, &state, &prefix)
            }),
            Ok((command, Some(generation_key))) => {
                let connection = self.handle.0.clone();
                self.handle.0.submit(Request::script(&scripts::WALK, command, move |answer| match accepted(
                    answer,
                )
                .and_then(read_page)
                {
                    Err(error) => sender.send(Err(remote_error(&error))),
                    Ok((next, _, keys)) => {
                        let (cursor, slots) = given_slots(&state.directory.read().names, &keys, &prefix);
                        let these = page(Some(&generation_key), cursor, &[], LIST, &[]);
                        let command = slots.into_iter().fold(these, Command::arg);
                        let complete = move |answer| {
                            let page = accepted(answer)
                                .and_then(|answered| keys_of_ranged_page(answered, &next, &state, &prefix));
                            sender.send(page.map_err(|error| remote_error(&error)));
                        };
                        connection.submit(Request::script(&scripts::WALK, command, complete));
                    }
                }));
            }
        }
    }
}

/// A range that one request removes.
struct RangeToEnd {
    generation_key: Vec<u8>,
    command: Command,
    /// The pattern of the slots, for a walk.
    pattern: Vec<u8>,
}

/// Returns `None` if the prefix is not that of a range, or if no name of the data is known. Without the name,
/// the generation of the keyspace is not known.
fn range_to_end(directory: &Directory, prefix: &[u8]) -> Option<RangeToEnd> {
    let (world, names) = (directory.world().ok()?, &directory.names);
    let (space, rest) = names.space(prefix)?;
    let RangeKeys { generation, signal } = names.range(space, rest)?;
    let generation_key = names.generation(space, world);
    let command = Command::tail().arg("4").arg(&generation_key).arg(generation).arg(signal);
    let command = command.arg(names.world()).arg(world);
    Some(RangeToEnd { generation_key, command, pattern: names.pattern(space, rest) })
}

fn keys_of_page(answered: Answered, state: &TierState, prefix: &[u8]) -> Result<ScanPage, Error> {
    let (cursor, _, keys) = read_page(answered)?;
    scan_page(&cursor, &keys, state, prefix)
}

/// Like [`keys_of_page`], for the second request for a page, which knows the cursor of the first one.
fn keys_of_ranged_page(
    answered: Answered,
    cursor: &str,
    state: &TierState,
    prefix: &[u8],
) -> Result<ScanPage, Error> {
    let (_, _, keys) = read_page(answered)?;
    scan_page(cursor, &keys, state, prefix)
}

fn scan_page(cursor: &str, keys: &[Reply], state: &TierState, prefix: &[u8]) -> Result<ScanPage, Error> {
    let directory = state.directory.read();
    let keys = keys.iter().filter_map(Reply::as_bytes);
    let keys = keys.filter_map(|slot| directory.names.key_of_slot(slot));
    let keys = keys.filter(|key| key.starts_with(prefix)).map(RemoteKey::from).collect();
    let next: u64 = cursor.parse().map_err(|_| Error::Garbled("a cursor"))?;
    Ok(ScanPage { keys, next: (next != 0).then_some(ScanCursor(next)) })
}
