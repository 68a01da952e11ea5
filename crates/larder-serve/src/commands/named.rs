//! Runs data commands on a keyspace of the application ([`crate::session::named`]).
//!
//! A command runs in stages ([`Stage`]), until one of them has the reply:
//!
//! 1. On the event loop. Memory alone must have the answer, and the values must be small, because the event
//!    loop encodes them.
//! 2. On a thread, also from memory alone, if (1) would take long.
//! 3. On a thread that may read the disk.
//! 4. On a thread that may also change entries.
//!
//! Each of (2), (3) and (4) has places of its own ([`crate::session::threads`]). So commands that wait for
//! a disk that hangs delay only other commands that need the disk. A stage that does not have the reply has
//! changed nothing, so the next stage runs the whole command again.
//!
//! A removal begins in (4), and its reply is sent when it is durable. Meanwhile the connection executes its
//! next requests, and no thread waits for the commit.
//!
//! A command reads and removes each key on its own, and not all keys at one moment. It uses one version of
//! the keyspace. [`removal`](super::removal) runs `DEL` and `UNLINK`, and [`keys`](super::keys) runs
//! `FLUSHDB`. Their removals begin on a thread of (4), too.

use std::pin::pin;
use std::sync::Arc;

use larder::{Error, InvalidationCommit, MemoryLookup, Remaining, Shortened, Timestamp, Ttl};

use super::one_entry::remaining;
use super::{errors, removal};
use crate::protocol::arguments::Arguments;
use crate::protocol::reply::{ReplyBuffer, Version};
use crate::session::Session;
use crate::session::databases::Value;
use crate::session::entries::{DataCommand, Entries, Stage, Stop};
use crate::session::named::{NamedDatabase, NamedVersion};
use crate::session::output::Output;
use crate::session::threads::{Work, run_inline};

const NO_SCRIPTS: &str = "ERR this database shows a keyspace of an application, and scripts do not run on it; read and remove its keys one by one";
const NO_WRITES: &str = "the server does not know which bytes are a value of its type; write the value in the application, or remove it here and let the application load it";
const NO_LONGER_LIFE: &str = "the entry would live longer than the application lets it; give an earlier time";

/// Maximum number of bytes of keys and values that a command handles on the event loop. Encoding them takes
/// about as long as a turn of a connection.
const MAX_INLINE: usize = 64 << 10;

/// Number of bytes that each lookup counts, in addition to its key and its value.
const LOOKUP_COST: usize = 256;

/// A command without its arguments. Each stage runs it.
#[derive(Clone)]
struct NamedRun {
    version: Arc<NamedVersion>,
    run: DataCommand,
    protocol: Version,
    /// Number of bytes that the reply may have.
    left: usize,
}

/// The reply of a command, and the commits that it waits for.
struct Answer {
    reply: Vec<u8>,
    commits: Vec<InvalidationCommit>,
}

pub(super) async fn run(
    session: &Session,
    named: &NamedDatabase,
    args: Arguments<'_>,
    out: &mut Output,
    run: DataCommand,
) {
    if args.is(0, "eval") || args.is(0, "evalsha") {
        return out.reply().error(NO_SCRIPTS);
    }
    let (protocol, max) = (out.reply().version, session.served.output_limits.max);
    let answered = match named.pin() {
        Ok(version) => {
            let left = max.saturating_sub(out.len());
            let run = NamedRun { version: Arc::new(version), run, protocol, left };
            out.wait(pin!(in_stages(session, &run, args))).await
        }
        Err(error) => Some(Err(error.into())),
    };
    match answered {
        Some(Ok(Answer { reply, commits })) if commits.is_empty() => out.reply().append(reply),
        Some(Ok(Answer { reply, commits })) => {
            let committed = async move {
                for commit in commits {
                    commit.wait().await?;
                }
                Ok(())
            };
            removal::reply_when_durable(&session.served, committed, reply, out);
        }
        Some(Err(stop)) => out.reply().error(&stop.text(max)),
        None => out.reply().error(errors::PANICKED),
    }
}

/// Runs a command in stages. Returns `None` if the code of a value's type has panicked.
async fn in_stages(session: &Session, run: &NamedRun, args: Arguments<'_>) -> Option<Result<Answer, Stop>> {
    let mut stage = Stage::Inline;
    loop {
        let ran = match work_of(stage) {
            None => run_inline(|| run.in_stage(stage, args))?,
            Some(work) => {
                // Copies the request only when the job has a place.
                let job = || {
                    let (run, requested) = (run.clone(), args.to_owned());
                    move || run.in_stage(stage, requested.as_arguments())
                };
                session.threads.run_built(work, job).await?
            }
        };
        match ran {
            Err(Stop::Continue(next)) => {
                debug_assert!(next > stage, "{stage:?} continues in {next:?}");
                stage = next;
            }
            ran => return Some(ran),
        }
    }
}

const fn work_of(stage: Stage) -> Option<Work> {
    match stage {
        Stage::Inline => None,
        Stage::Encode => Some(Work::Encode),
        Stage::Read => Some(Work::Read),
        Stage::Change => Some(Work::Change),
    }
}

impl NamedRun {
    fn in_stage(&self, stage: Stage, args: Arguments<'_>) -> Result<Answer, Stop> {
        let mut reply = ReplyBuffer::new(self.protocol, self.left);
        let left = if stage == Stage::Inline { MAX_INLINE } else { usize::MAX };
        let (version, now) = (&self.version, self.version.keyspace.now());
        let mut entries = NamedEntries { version, now, stage, left, held: None, commits: Vec::new() };
        (self.run)(&mut entries, args, &mut reply)?;
        if reply.is_too_large() {
            return Err(Stop::TooLarge);
        }
        Ok(Answer { reply: reply.bytes, commits: entries.commits })
    }
}

struct NamedEntries<'a> {
    version: &'a NamedVersion,
    /// The time of the cache when the stage began.
    now: Timestamp,
    stage: Stage,
    /// Number of bytes that this stage may still handle.
    left: usize,
    /// The value that was read last.
    held: Option<Vec<u8>>,
    /// The removals that were begun.
    commits: Vec<InvalidationCommit>,
}

impl NamedEntries<'_> {
    fn refused(&self, cause: &'static str) -> Stop {
        Error::NeedsTypes { keyspace: self.version.texts.name().to_owned(), cause }.into()
    }

    /// Returns the encoded key of a text.
    fn key(&mut self, text: &[u8]) -> Result<Vec<u8>, Stop> {
        self.spend(text.len().saturating_add(LOOKUP_COST))?;
        Ok(self.version.texts.read(text)?)
    }

    /// Counts bytes that this stage handles.
    fn spend(&mut self, bytes: usize) -> Result<(), Stop> {
        self.left = self.left.checked_sub(bytes).ok_or(Stop::Continue(Stage::Encode))?;
        Ok(())
    }

    /// Returns whether this stage reads memory alone.
    fn is_in_memory(&self) -> bool {
        self.stage < Stage::Read
    }

    /// Returns an error unless this stage may change entries.
    fn begin_change(&self) -> Result<(), Stop> {
        if self.stage < Stage::Change { Err(Stop::Continue(Stage::Change)) } else { Ok(()) }
    }
}

/// Returns the answer from memory, or the stage that must continue.
fn known<T>(looked_up: MemoryLookup<T>) -> Result<Option<T>, Stop> {
    match looked_up {
        MemoryLookup::Found(found) => Ok(Some(found)),
        MemoryLookup::Absent => Ok(None),
        MemoryLookup::TooLong => Err(Stop::Continue(Stage::Encode)),
        _ => Err(Stop::Continue(Stage::Read)),
    }
}

impl Entries for NamedEntries<'_> {
    fn now(&self) -> Timestamp {
        self.now
    }

    fn get(&mut self, key: &[u8]) -> Result<Option<&[u8]>, Stop> {
        let (key, keyspace) = (self.key(key)?, &self.version.keyspace);
        self.held = if self.is_in_memory() {
            let value = known(keyspace.try_get(&key, self.left)?)?;
            self.spend(value.as_ref().map_or(0, Vec::len))?;
            value
        } else {
            keyspace.get(&key)?
        };
        Ok(self.held.as_deref())
    }

    fn remaining(&mut self, key: &[u8]) -> Result<Option<Remaining>, Stop> {
        let now = self.now;
        Ok(self.expires_at(key)?.map(|expires_at| remaining(expires_at, now)))
    }

    fn expires_at(&mut self, key: &[u8]) -> Result<Option<Timestamp>, Stop> {
        let (key, keyspace) = (self.key(key)?, &self.version.keyspace);
        if self.is_in_memory() {
            known(keyspace.try_expires_at(&key)?)
        } else {
            Ok(keyspace.expires_at(&key)?)
        }
    }

    fn frequency(&mut self, key: &[u8]) -> u64 {
        let key = self.version.texts.read(key);
        key.and_then(|key| self.version.keyspace.use_frequency(&key)).unwrap_or_default()
    }

    fn put(&mut self, _key: &[u8], _value: Value, _ttl: Ttl) -> Result<(), Stop> {
        Err(self.refused(NO_WRITES))
    }

    fn touch(&mut self, key: &[u8], ttl: Ttl) -> Result<bool, Stop> {
        let expires_at = match ttl {
            Ttl::For(ttl) => self.now.after(ttl),
            Ttl::Until(until) => until,
            _ => return Err(self.refused(NO_LONGER_LIFE)),
        };
        self.begin_change()?;
        let key = self.key(key)?;
        match self.version.keyspace.shorten(&key, expires_at)? {
            Shortened::Done => Ok(true),
            Shortened::Missing => Ok(false),
            _ => Err(self.refused(NO_LONGER_LIFE)),
        }
    }

    fn remove(&mut self, key: &[u8]) -> Result<bool, Stop> {
        self.begin_change()?;
        let key = self.key(key)?;
        let commit = self.version.keyspace.begin_remove(&key)?;
        let is_removed = commit.removed() > 0;
        self.commits.push(commit);
        Ok(is_removed)
    }
}
