//! Runs data commands outside of a transaction.
//!
//! - [`value`]: a command that only reads the value of one key.
//! - [`entry`]: a command that reads and may change the entry of one key, in an atomic change of the cache.
//! - [`values`]: a command that only reads the values of several keys, in one lookup if nothing has to wait.
//! - [`group`]: any other data command, in a transaction of the cache.
//! - [`mod@removal`]: `DEL` and `UNLINK`. Their removals can share a commit with the next removals of the
//!   connection.

use std::collections::HashSet;
use std::mem;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use larder::{
    Change, CurrentEntry, Durability, Error, InsertOptions, Keyspace, Modified, ModifyCommit, Remaining,
    Timestamp, Transaction, Ttl,
};
use tokio::time::Instant;

use super::one_entry::{OneEntry, remaining};
use super::{errors, named, removal};
use crate::protocol::arguments::Arguments;
use crate::protocol::reply::{MAX_HEADER, ReplyBuffer, Version};
use crate::session::Session;
use crate::session::databases::{Database, Selected, Value, WriteMode};
use crate::session::entries::{DataCommand, Entries, Stop};
use crate::session::output::Output;

/// Maximum length of a request and of the value of its entry, in bytes together, for which a command that
/// need not wait is not measured. The copy of a longer value takes much longer than the two readings of the
/// clock.
const MAX_UNMEASURED: usize = 64 << 10;

/// Runs a command that only reads the value of the key in its first argument.
pub(super) async fn value(session: &Session, args: Arguments<'_>, out: &mut Output, run: DataCommand) {
    let database = match session.database() {
        Selected::Raw(database) => database,
        Selected::Named(named) => return Box::pin(named::run(session, named, args, out, run)).await,
    };
    let found = out.wait(pin!(database.keyspace.get_async(args.get(1)))).await;
    // Such a command reads no expiry.
    let (ends_at, now) = (found.as_ref().map(|_| Timestamp::NEVER), Timestamp::NEVER);
    let value = found.as_deref().map(|value| &**value);
    let mut entries = OneEntry { value, ends_at, now, change: Change::Keep };
    let ran = run(&mut entries, args, out.reply());
    debug_assert!(ran.is_ok() && matches!(entries.change, Change::Keep), "the command only reads");
}

/// Runs a command that reads and may change the entry of the key in its first argument, if the command need
/// not wait. Otherwise changes nothing, writes nothing, and returns false. Needs no copy of the request,
/// and no allocation except for the value. If the request or the value is large, sets `since` to the time
/// when the command began.
pub(super) fn entry_at_once(
    session: &Session,
    run: Option<DataCommand>,
    args: Arguments<'_>,
    out: &mut Output,
    since: &mut Option<Instant>,
) -> bool {
    let (Some(run), Selected::Raw(database)) = (run, session.database()) else { return false };
    if database.writes == WriteMode::Durable {
        return false;
    }
    let reply = out.reply();
    let begin = reply.mark();
    let made = database.keyspace.try_modify_entry(args.get(1), |found| {
        reply.rewind(begin);
        if args.words_len() + found.value.map_or(0, |value| value.len()) > MAX_UNMEASURED {
            since.get_or_insert_with(Instant::now);
        }
        OneEntry::of(&found).run(run, args, reply)
    });
    match made {
        Ok(Some((modified, commit))) => {
            if waits_for_commit(database, &modified, &commit) {
                let bytes = reply.take_since(begin);
                removal::reply_when_durable(&session.served, commit.wait(), bytes, out);
            }
            true
        }
        Ok(None) => {
            reply.rewind(begin);
            false
        }
        Err(failed) => {
            reply.rewind(begin);
            refuse_entry(session, args, out, run, &failed.error);
            true
        }
    }
}

/// Runs a command that reads and may change the entry of the key in its first argument.
pub(super) async fn entry(session: &Session, args: Arguments<'_>, out: &mut Output, run: DataCommand) {
    let database = match session.database() {
        Selected::Raw(database) => database,
        Selected::Named(named) => return Box::pin(named::run(session, named, args, out, run)).await,
    };
    let version = out.reply().version;
    let replied = Arc::new(Mutex::new(Vec::new()));
    let (requested, reply_of_round) = (args.to_owned(), replied.clone());
    let change = move |found: CurrentEntry<'_, Value>| {
        let mut reply = ReplyBuffer::new(version, usize::MAX);
        let change = OneEntry::of(&found).run(run, requested.as_arguments(), &mut reply);
        *reply_of_round.lock().unwrap_or_else(PoisonError::into_inner) = reply.bytes;
        change
    };
    let begun = database.keyspace.begin_modify_entry_async(args.get(1), durability(database), change);
    match out.wait(pin!(begun)).await {
        Ok((modified, commit)) => {
            let bytes = mem::take(&mut *replied.lock().unwrap_or_else(PoisonError::into_inner));
            if waits_for_commit(database, &modified, &commit) {
                removal::reply_when_durable(&session.served, commit.wait(), bytes, out);
            } else {
                out.reply().append(bytes);
            }
        }
        Err(failed) => refuse_entry(session, args, out, run, &failed.error),
    }
}

/// Returns whether the reply to a change is sent only when the change is durable.
fn waits_for_commit(database: &Database, modified: &Modified<Value>, commit: &ModifyCommit) -> bool {
    let is_early = matches!(modified, Modified::Removed(_)) && database.answers_removals_early();
    commit.is_needed() && !is_early
}

/// Replies with the error of a change. A key that is too long has no entry, so a command on it fails only if
/// it stores an entry.
fn refuse_entry(session: &Session, args: Arguments<'_>, out: &mut Output, run: DataCommand, error: &Error) {
    if let Error::KeyTooLarge { .. } = error {
        let reply = out.reply();
        let begin = reply.mark();
        let now = session.served.cache.now();
        let mut none = OneEntry { value: None, ends_at: None, now, change: Change::Keep };
        if run(&mut none, args, reply).is_ok() && !matches!(none.change, Change::Insert(..)) {
            return;
        }
        reply.rewind(begin);
    }
    out.reply().error(&errors::of(error));
}

/// Runs `MGET`. First tries one lookup of all keys, which needs no lease and no copy of the request. If the
/// lookup would have to wait, or if the reply would be too long, a transaction reads the keys.
pub(super) async fn values(session: &Session, args: Arguments<'_>, out: &mut Output, run: DataCommand) {
    let fits = |values: &Vec<Option<Arc<Value>>>| {
        let lens = values.iter().map(|value| MAX_HEADER + value.as_ref().map_or(0, |value| value.len()));
        out.len() + MAX_HEADER + lens.sum::<usize>() <= session.served.output_limits.max
    };
    let database = match session.database() {
        Selected::Raw(database) => database,
        Selected::Named(named) => return Box::pin(named::run(session, named, args, out, run)).await,
    };
    let Some(values) = database.keyspace.try_get_group(args.from(1)).filter(fits) else {
        // The future of the transaction is boxed, so that the future of this function stays small.
        return Box::pin(group(session, args, out, run)).await;
    };
    let reply = out.reply();
    reply.array(values.len());
    for value in values {
        match value {
            Some(value) => reply.bulk(&value),
            None => reply.null(),
        }
    }
}

/// Runs a command in a transaction, which reads and changes all of its entries at one moment.
pub(super) async fn group(session: &Session, args: Arguments<'_>, out: &mut Output, run: DataCommand) {
    let database = match session.database() {
        Selected::Raw(database) => database.clone(),
        Selected::Named(named) => return Box::pin(named::run(session, named, args, out, run)).await,
    };
    let version = out.reply().version;
    let requested = args.to_owned();
    let (max, unsent) = (session.served.output_limits.max, out.len());
    let is_early = database.answers_groups_early();
    let begun = session.served.cache.begin_transaction_async(move |transaction| {
        GroupRun::new(transaction.now(), version, max, unsent).run(
            transaction,
            &database,
            run,
            requested.as_arguments(),
        )
    });
    match out.wait(pin!(begun)).await {
        Ok((bytes, commit)) if commit.is_needed() && !is_early => {
            removal::reply_when_durable(&session.served, commit.wait(), bytes, out);
        }
        Ok((bytes, _)) => out.reply().append(bytes),
        Err(stop) => out.reply().error(&stop.text(max)),
    }
}

/// One run of the commands of a transaction, within a memory limit. Until its end, the transaction keeps
/// each value that it has read.
#[derive(Debug)]
pub(super) struct GroupRun {
    version: Version,
    /// Number of bytes that further replies may have.
    left: usize,
    read: ReadValues,
    /// The time of the cache when the run began. All expiries are compared with it.
    now: Timestamp,
}

impl GroupRun {
    /// Begins a run at the time `now` of the cache. The replies may have up to `max` bytes, of which `taken`
    /// bytes are already taken. The values that the transaction reads may have up to `max` bytes, too.
    pub(super) fn new(now: Timestamp, version: Version, max: usize, taken: usize) -> Self {
        Self { version, left: max.saturating_sub(taken), read: ReadValues::new(max), now }
    }

    pub(super) fn run(
        &mut self,
        transaction: &mut Transaction<'_>,
        database: &Database,
        run: DataCommand,
        args: Arguments<'_>,
    ) -> Result<Vec<u8>, Stop> {
        let mut reply = ReplyBuffer::new(self.version, self.left);
        let durability = durability(database);
        let keyspace = &database.keyspace;
        let (now, read) = (self.now, &mut self.read);
        let mut entries = GroupEntries { transaction, keyspace, durability, now, held: None, read };
        run(&mut entries, args, &mut reply)?;
        if reply.is_too_large() || self.read.left.is_none() {
            return Err(Stop::TooLarge);
        }
        // The reply fits, because otherwise the buffer would be too large.
        self.left -= reply.bytes.len();
        Ok(reply.bytes)
    }
}

/// The values that a transaction has read, with their memory limit.
#[derive(Debug)]
struct ReadValues {
    /// Number of bytes that further values may have. `None` if the limit is exceeded.
    left: Option<usize>,
    /// The addresses of the large values that were read. A value lives as long as the transaction, so its
    /// address is unique.
    seen: HashSet<usize>,
    /// The keyspaces and keys of large values that the transaction has written. These values are not counted
    /// here, because the cache limits the changes of a transaction.
    own: HashSet<(String, Vec<u8>)>,
}

impl ReadValues {
    /// Values up to this length are not counted, because a transaction reads at most 8,192 keys.
    const SMALL: usize = 4096;

    fn new(max: usize) -> Self {
        Self { left: Some(max), seen: HashSet::new(), own: HashSet::new() }
    }

    fn note_put(&mut self, keyspace: &str, key: &[u8], value: &Value) {
        if value.len() > Self::SMALL {
            self.own.insert((keyspace.to_owned(), key.to_vec()));
        }
    }

    fn note_read(&mut self, keyspace: &str, key: &[u8], value: &Arc<Value>) {
        if value.len() <= Self::SMALL || self.own.contains(&(keyspace.to_owned(), key.to_vec())) {
            return;
        }
        if self.seen.insert(Arc::as_ptr(value).addr()) {
            self.left = self.left.and_then(|left| left.checked_sub(value.len()));
        }
    }
}

pub(super) async fn removal(
    session: &Session,
    args: Arguments<'_>,
    out: &mut Output,
    _in_group: DataCommand,
) {
    removal::run(session, args, out).await;
}

pub(super) const fn durability(database: &Database) -> Durability {
    match database.writes {
        WriteMode::Buffered => Durability::Buffered,
        WriteMode::Durable => Durability::Immediate,
    }
}

struct GroupEntries<'a, 'tx> {
    transaction: &'a mut Transaction<'tx>,
    keyspace: &'a Keyspace<Vec<u8>, Value>,
    durability: Durability,
    now: Timestamp,
    /// The value that was read last.
    held: Option<Arc<Value>>,
    read: &'a mut ReadValues,
}

/// Returns the default for a key that is too long, because such a key has no entry.
fn none_if_too_long<T: Default>(read: Result<T, Error>) -> Result<T, Error> {
    match read {
        Err(Error::KeyTooLarge { .. }) => Ok(T::default()),
        read => read,
    }
}

impl Entries for GroupEntries<'_, '_> {
    fn now(&self) -> Timestamp {
        self.now
    }

    fn get(&mut self, key: &[u8]) -> Result<Option<&[u8]>, Stop> {
        if self.read.left.is_none() {
            // The transaction has failed, so further reads can be skipped.
            return Ok(None);
        }
        self.held = none_if_too_long(self.transaction.get(self.keyspace, key))?;
        if let Some(value) = &self.held {
            self.read.note_read(self.keyspace.name(), key, value);
        }
        Ok(self.held.as_deref().map(|value| &**value))
    }

    fn remaining(&mut self, key: &[u8]) -> Result<Option<Remaining>, Stop> {
        let now = self.now;
        Ok(self.expires_at(key)?.map(|expires_at| remaining(expires_at, now)))
    }

    fn expires_at(&mut self, key: &[u8]) -> Result<Option<Timestamp>, Stop> {
        Ok(none_if_too_long(self.transaction.expires_at(self.keyspace, key))?)
    }

    fn frequency(&mut self, key: &[u8]) -> u64 {
        self.keyspace.use_frequency(key)
    }

    fn put(&mut self, key: &[u8], value: Value, ttl: Ttl) -> Result<(), Stop> {
        self.read.note_put(self.keyspace.name(), key, &value);
        let options = InsertOptions::new().ttl(ttl).durability(self.durability);
        Ok(self.transaction.insert_with(self.keyspace, key, value, options)?)
    }

    fn touch(&mut self, key: &[u8], ttl: Ttl) -> Result<bool, Stop> {
        Ok(none_if_too_long(self.transaction.touch_with(self.keyspace, key, ttl))?)
    }

    fn remove(&mut self, key: &[u8]) -> Result<bool, Stop> {
        Ok(none_if_too_long(self.transaction.remove(self.keyspace, key))?)
    }
}
