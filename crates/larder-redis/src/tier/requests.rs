//! Requests of the tier: the keys of a script, and the handling of its answer.

use std::sync::Arc;
use std::time::Duration;

use larder::remote::{Life, RemoteKey, RemoteRecord, RemoteReply as Sender, SetCondition};

use super::answers::{self, accepted, remote_error};
use super::joined::Joined;
use super::scripts;
use super::session::{Directory, TierState};
use crate::connection::ConnectionHandle;
use crate::connection::request::{Answered, Request, Script};
use crate::error::Error;
use crate::protocol::command::Command;

/// Maximum number of the cache's keys in one script. With tracking per key, Redis 7.0 records all keys of a
/// script at each read in the script. So the time of a script grows with the square of the number of its
/// keys. One script with 512 keys took half a second. 128 scripts with four keys each take 4 ms.
pub(super) const MAX_KEYS: usize = 4;

/// A server of Redis or Valkey as the remote tier of a cache.
///
/// Dropping it ends the connection.
#[derive(Debug)]
pub struct RedisTier {
    pub(super) state: Arc<TierState>,
    pub(super) handle: ConnectionHandle,
}

/// The keys at the server that belong to a key of the cache.
#[derive(Debug)]
pub(super) struct SlotKeys {
    keys: [Vec<u8>; 3],
    pub(super) is_plain: bool,
}

impl SlotKeys {
    /// Returns the slot.
    pub(super) fn slot(&self) -> &[u8] {
        let [slot, _, _] = &self.keys;
        slot
    }

    /// Begins the arguments of a script with the first keys: the slot, the generation, the fences.
    pub(super) fn keys(&self, count: usize) -> Command {
        self.keys.iter().take(count).fold(Command::tail().number(count), Command::arg)
    }

    /// Begins the arguments of a script with one pair of keys: the slot and its generation. For a plain slot,
    /// both are the slot.
    pub(super) fn pair(&self) -> Command {
        let mut command = Command::tail().arg("2");
        self.push_pair(&mut command);
        command
    }

    fn push_pair(&self, command: &mut Command) {
        let [slot, generation, _] = &self.keys;
        command.push(slot);
        command.push(if self.is_plain { slot } else { generation });
    }

    /// Returns the arguments of a write to a plain slot.
    pub(super) fn set_plain(&self, record: &[u8], life: Life, condition: &SetCondition) -> Command {
        let (name, expected) = self::condition(condition);
        self.keys(1).arg(record).arg(expiry(life)).arg(name).arg(expected)
    }
}

/// Returns whole milliseconds. The number is at least one, because the server refuses zero.
pub(super) fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).clamp(1, i64::MAX as u64 / 4)
}

/// Returns a life in the form that the scripts read.
pub(super) fn expiry(life: Life) -> String {
    match life {
        Life::For(time) => ms(time).to_string(),
        Life::Keep => "keep".to_owned(),
        _ => "0".to_owned(),
    }
}

/// Returns a condition in the form that the scripts read, and the expected record.
pub(super) fn condition(condition: &SetCondition) -> (&'static str, &[u8]) {
    match condition {
        SetCondition::Always => ("always", &[]),
        SetCondition::Absent => ("absent", &[]),
        SetCondition::Present => ("present", &[]),
        SetCondition::Unchanged(record) => ("unchanged", record),
        // An unknown condition of a later core must not count as no condition.
        _ => ("unknown", &[]),
    }
}

impl TierState {
    /// Returns the place of a key.
    pub(super) fn place(&self, key: &[u8]) -> Result<SlotKeys, Error> {
        self.directory.read().place(key)
    }
}

impl Directory {
    pub(super) fn place(&self, key: &[u8]) -> Result<SlotKeys, Error> {
        let world = self.world()?;
        let (space, rest) = self.names.space(key).ok_or(Error::Garbled("the number of a keyspace"))?;
        let (slot, fences) = (self.names.slot(space, rest), self.names.fences(space, rest));
        let keys = [slot, self.names.generation(space, world), fences];
        Ok(SlotKeys { keys, is_plain: space.is_plain })
    }

    /// Returns the name of the data.
    pub(super) fn world(&self) -> Result<&str, Error> {
        let unknown = || Error::Unavailable {
            server: "the server of the remote tier".to_owned(),
            cause: "it is not connected, or has not said which data it has".to_owned(),
        };
        self.world.as_deref().ok_or_else(unknown)
    }
}

impl RedisTier {
    /// Returns the place of a key at the server. Sends the error if the key can't be sent.
    pub(super) fn place<T>(&self, key: &[u8], sender: Sender<T>) -> Option<(SlotKeys, Sender<T>)> {
        match self.state.place(key) {
            Ok(place) => Some((place, sender)),
            Err(error) => {
                sender.send(Err(remote_error(&error)));
                None
            }
        }
    }

    /// Sends a script. `decode` reads its answer.
    pub(super) fn send<T: Send + 'static>(
        &self,
        script: &'static Script,
        command: Command,
        sender: Sender<T>,
        decode: impl FnOnce(Answered) -> Result<T, Error> + Send + 'static,
    ) {
        self.handle.0.submit(Request::script(script, command, completion(sender, decode)));
    }

    /// Sends a command. `decode` reads its answer.
    pub(super) fn send_command<T: Send + 'static>(
        &self,
        command: Command,
        sender: Sender<T>,
        decode: impl FnOnce(Answered) -> Result<T, Error> + Send + 'static,
    ) {
        self.handle.0.submit(Request::new(command, completion(sender, decode)));
    }

    /// Looks up several keys, with as many scripts as necessary.
    pub(super) fn get_all(&self, keys: &[RemoteKey], sender: Sender<Vec<Option<RemoteRecord>>>) {
        let joined = Joined::new(keys.len().div_ceil(MAX_KEYS), sender, |parts: Vec<Vec<_>>| {
            parts.into_iter().flatten().collect()
        });
        for (part, keys) in keys.chunks(MAX_KEYS).enumerate() {
            let mut plain = Vec::with_capacity(keys.len());
            match self.pairs(keys, &mut plain) {
                Err(error) => joined.complete(part, Err(error)),
                Ok(command) => {
                    let joined = joined.clone();
                    let complete = move |answer: Result<Answered, Error>| {
                        let found = accepted(answer).and_then(|found| answers::lookups(found, &plain));
                        joined.complete(part, found);
                    };
                    self.handle.0.submit(Request::script(&scripts::GET_MANY, command, complete));
                }
            }
        }
    }

    /// Begins the arguments of a script with pairs of keys: a slot and its generation.
    pub(super) fn pairs(&self, keys: &[RemoteKey], plain: &mut Vec<bool>) -> Result<Command, Error> {
        let directory = self.state.directory.read();
        let mut command = Command::tail().number(keys.len() * 2);
        for key in keys {
            let place = directory.place(key)?;
            place.push_pair(&mut command);
            plain.push(place.is_plain);
        }
        Ok(command)
    }
}

/// Returns the callback for an answer.
fn completion<T: Send + 'static>(
    sender: Sender<T>,
    decode: impl FnOnce(Answered) -> Result<T, Error> + Send + 'static,
) -> impl FnOnce(Result<Answered, Error>) + Send + 'static {
    move |answer| sender.send(accepted(answer).and_then(decode).map_err(|error| remote_error(&error)))
}
