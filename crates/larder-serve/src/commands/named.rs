//! Runs data commands on a keyspace of the application ([`crate::session::named`]).
//!
//! A command runs on a thread for blocking work, because it may wait for the disk. It reads and removes
//! each key on its own, and not all keys at one moment, in one version of the keyspace.
//! [`removal`](super::removal) runs `DEL` and `UNLINK`, and [`keys`](super::keys) runs `FLUSHDB`.

use std::sync::Arc;

use larder::{Error, Remaining, Shortened, Timestamp, Ttl};
use tokio::task::spawn_blocking;

use super::stop::Stop;
use crate::protocol::arguments::Arguments;
use crate::protocol::reply::ReplyBuffer;
use crate::session::Session;
use crate::session::databases::Value;
use crate::session::entries::{DataCommand, Entries};
use crate::session::named::{NamedDatabase, NamedVersion};
use crate::session::output::Output;

const NO_SCRIPTS: &str = "ERR this database shows a keyspace of an application, and scripts do not run on it; read and remove its keys one by one";
const PANICKED: &str = "ERR the command has failed: the code of a value's type has panicked";
const NO_WRITES: &str = "the server does not know which bytes are a value of its type; write the value in the application, or remove it here and let the application load it";
const NO_LONGER_LIFE: &str = "the entry would live longer than the application lets it; give an earlier time";

pub(super) async fn run(
    session: &Session,
    named: &Arc<NamedDatabase>,
    args: Arguments<'_>,
    out: &mut Output,
    run: DataCommand,
) {
    if args.is(0, "eval") || args.is(0, "evalsha") {
        return out.reply().error(NO_SCRIPTS);
    }
    let (named, requested) = (named.clone(), args.to_owned());
    let (version, max) = (out.reply().version, session.served.output_limits.max);
    let ran = spawn_blocking(move || {
        let mut reply = ReplyBuffer::new(version, max);
        let version = named.pin()?;
        let mut entries = NamedEntries { version: &version, held: None };
        run(&mut entries, requested.as_arguments(), &mut reply)?;
        if reply.is_too_large() { Err(Stop::TooLarge) } else { Ok(reply.bytes) }
    });
    match ran.await {
        Ok(Ok(bytes)) => out.reply().append(bytes),
        Ok(Err(stop)) => out.reply().error(&stop.text(max)),
        Err(_) => out.reply().error(PANICKED),
    }
}

struct NamedEntries<'a> {
    version: &'a NamedVersion,
    /// The value that was read last.
    held: Option<Vec<u8>>,
}

impl NamedEntries<'_> {
    fn refused(&self, cause: &'static str) -> Error {
        Error::NeedsTypes { keyspace: self.version.texts.name().to_owned(), cause }
    }
}

impl Entries for NamedEntries<'_> {
    fn get(&mut self, key: &[u8]) -> Result<Option<&[u8]>, Error> {
        let key = self.version.texts.read(key)?;
        self.held = self.version.keyspace.get(&key)?;
        Ok(self.held.as_deref())
    }

    fn remaining(&mut self, key: &[u8]) -> Result<Option<Remaining>, Error> {
        let now = self.version.keyspace.now();
        let left = |expires_at: Timestamp| {
            if expires_at.is_never() { Remaining::Never } else { Remaining::For(expires_at.since(now)) }
        };
        Ok(self.expires_at(key)?.map(left))
    }

    fn expires_at(&mut self, key: &[u8]) -> Result<Option<Timestamp>, Error> {
        let key = self.version.texts.read(key)?;
        self.version.keyspace.expires_at(&key)
    }

    fn frequency(&mut self, key: &[u8]) -> u64 {
        let frequency =
            self.version.texts.read(key).and_then(|key| self.version.keyspace.use_frequency(&key));
        frequency.unwrap_or_default()
    }

    fn put(&mut self, _key: &[u8], _value: Value, _ttl: Ttl) -> Result<(), Error> {
        Err(self.refused(NO_WRITES))
    }

    fn touch(&mut self, key: &[u8], ttl: Ttl) -> Result<bool, Error> {
        let expires_at = match ttl {
            Ttl::For(ttl) => self.version.keyspace.now().after(ttl),
            Ttl::Until(until) => until,
            _ => return Err(self.refused(NO_LONGER_LIFE)),
        };
        let key = self.version.texts.read(key)?;
        match self.version.keyspace.shorten(&key, expires_at)? {
            Shortened::Done => Ok(true),
            Shortened::Missing => Ok(false),
            _ => Err(self.refused(NO_LONGER_LIFE)),
        }
    }

    fn remove(&mut self, key: &[u8]) -> Result<bool, Error> {
        let key = self.version.texts.read(key)?;
        self.version.keyspace.remove(&key)
    }
}
