//! Requests of the tier: the keys of each script, and how its reply is handled.

use std::sync::Arc;
use std::time::Duration;

use larder::remote::{
    HardLimit, IdleLife, Life, RemoteKey, RemoteRecord, RemoteReply as Sender, SetCondition,
};

use super::answers::{self, accepted, remote_error};
use super::joined::{End, Joined};
use super::ranges::RangeKeys;
use super::replicas::ReplicasHandle;
use super::scripts;
use super::session::{Directory, TierState};
use crate::connection::ConnectionHandle;
use crate::connection::link::Connection;
use crate::connection::request::{Answered, Request, Script};
use crate::error::Error;
use crate::protocol::command::Command;
use crate::random;

/// Maximum number of cache keys per script. With per-key tracking, Redis 7.0 records all keys of a script at
/// each read within the script, so the time grows with the square of their number. One script with 512 keys
/// took half a second, but 128 scripts with four keys each took 4 ms.
pub(super) const MAX_KEYS: usize = 4;

/// A Redis or Valkey server as the remote tier of a cache.
///
/// Dropping this value closes the connection.
#[derive(Debug)]
pub struct RedisTier {
    pub(super) state: Arc<TierState>,
    pub(super) handle: ConnectionHandle,
    /// The waits for replicas, if the settings require replicas.
    pub(super) replicas: Option<ReplicasHandle>,
}

/// The keys on the server that belong to one key of the cache.
#[derive(Debug)]
pub(super) struct SlotKeys {
    keys: [Vec<u8>; 3],
    /// The keys of the range that the slot belongs to, if its keyspace has ranges.
    range: Option<RangeKeys>,
    pub(super) is_plain: bool,
}

impl SlotKeys {
    /// Begins the command of a script with the first `count` of these keys: the slot, the generation, and the
    /// fences.
    pub(super) fn keys(&self, count: usize) -> Command {
        self.keys.iter().take(count).fold(Command::tail().number(count), Command::arg)
    }

    /// Like [`keys`](Self::keys), for a script that returns a record. The signal of the range follows these
    /// keys.
    pub(super) fn keys_to_read(&self, count: usize) -> Command {
        let keys = self.keys.iter().take(count).chain(self.range.iter().map(|range| &range.signal));
        keys.fold(Command::tail().number(count + usize::from(self.range.is_some())), Command::arg)
    }

    /// Begins the command of a script with one pair of keys: the slot and its generation. For a plain slot,
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

    /// Adds the slot, the generation of its keyspace, and that of its range, which is empty without a range.
    pub(super) fn push_names(&self, command: &mut Command) {
        self.push_pair(command);
        command.push(self.range_generation());
    }

    /// Ends the command of a script with the generation of the range, if there is a range.
    pub(super) fn with_range(&self, command: Command) -> Command {
        match &self.range {
            Some(range) => command.arg(&range.generation),
            None => command,
        }
    }

    fn range_generation(&self) -> &[u8] {
        self.range.as_ref().map_or(&[], |range| &range.generation)
    }

    pub(super) const fn has_range(&self) -> bool {
        self.range.is_some()
    }

    /// Returns random bytes for the generations that are missing.
    pub(super) fn new_generation(&self) -> Vec<u8> {
        new_generation(self.has_range())
    }

    /// Returns the command that writes to a plain slot.
    pub(super) fn set_plain(&self, record: &[u8], life: Life, condition: &SetCondition) -> Command {
        let (name, expected) = self::condition(condition);
        self.keys_of_set(condition, 1).arg(record).arg(expiry(life)).arg(name).arg(expected)
    }

    /// Begins the command of a script that stores a record. The fences are among its keys only if the
    /// condition depends on them, because a server of version 7.0 records all keys of a script at each read.
    pub(super) fn keys_of_set(&self, condition: &SetCondition, others: usize) -> Command {
        self.keys(if matches!(condition, SetCondition::UnchangedUnfenced(_)) { 3 } else { others })
    }
}

/// Returns random bytes for the generation of a keyspace, and with `has_range`, also for that of a range.
pub(super) fn new_generation(has_range: bool) -> Vec<u8> {
    let mut bytes = random::bytes::<{ 2 * scripts::GENERATION_LEN }>().to_vec();
    if !has_range {
        bytes.truncate(scripts::GENERATION_LEN);
    }
    bytes
}

/// Returns whole milliseconds, at least one, because the server refuses zero.
pub(super) fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).clamp(1, i64::MAX as u64 / 4)
}

/// Returns a life in the form that the scripts expect.
pub(super) fn expiry(life: Life) -> String {
    match life {
        Life::For(time) => ms(time).to_string(),
        Life::WhileUsed(IdleLife { left, grace, .. }) => ms(left.saturating_add(grace)).to_string(),
        Life::Keep => "keep".to_owned(),
        _ => "0".to_owned(),
    }
}

/// Returns a limit in the form that the scripts expect.
pub(super) fn limit(limit: HardLimit) -> String {
    match limit {
        HardLimit::For(time) => ms(time).to_string(),
        HardLimit::Never => "0".to_owned(),
        _ => "keep".to_owned(),
    }
}

/// Returns a condition in the form that the scripts expect, and the expected record.
pub(super) fn condition(condition: &SetCondition) -> (&'static str, &[u8]) {
    match condition {
        SetCondition::Always => ("always", &[]),
        SetCondition::Absent => ("absent", &[]),
        SetCondition::Present => ("present", &[]),
        SetCondition::Unchanged(record) => ("unchanged", record),
        SetCondition::UnchangedUnfenced(record) => ("unfenced", record),
        // A condition that this version does not know must not be treated as no condition: the scripts then
        // store nothing.
        _ => ("unknown", &[]),
    }
}

impl TierState {
    /// Returns the server keys of a key.
    pub(super) fn place(&self, key: &[u8]) -> Result<SlotKeys, Error> {
        self.directory.read().place(key)
    }
}

impl Directory {
    pub(super) fn place(&self, key: &[u8]) -> Result<SlotKeys, Error> {
        self.place_in(self.world()?, key)
    }

    fn place_in(&self, world: &str, key: &[u8]) -> Result<SlotKeys, Error> {
        let (space, rest) = self.names.space(key).ok_or(Error::Garbled("the number of a keyspace"))?;
        let (slot, fences) = (self.names.slot(space, rest)?, self.names.fences(space, rest));
        let keys = [slot, self.names.generation(space, world), fences];
        let range = self.names.range_of(space, rest);
        if range.is_none() && space.ranges.is_some() {
            return Err(Error::InvalidKey("a key without the parts of its range".to_owned()));
        }
        Ok(SlotKeys { keys, range, is_plain: space.is_plain })
    }

    /// Returns the name of the data for a removal. If the current name is unknown, returns the last one. A
    /// removal removes slots of any data, and the name only decides which of them are counted.
    pub(super) fn world_to_remove(&self) -> Result<&str, Error> {
        self.world().or_else(|error| self.last_world().ok_or(error))
    }

    /// Returns the name of the data, or an error if it is unknown.
    pub(super) fn world(&self) -> Result<&str, Error> {
        let unknown = || Error::Unavailable {
            server: "the server of the remote tier".to_owned(),
            cause: "it is not connected, or has not said which data it has".to_owned(),
        };
        self.world.as_deref().ok_or_else(unknown)
    }
}

impl RedisTier {
    /// Returns the server keys of a key. If the key can't be sent, sends the error to `sender`.
    pub(super) fn place<T>(&self, key: &[u8], sender: Sender<T>) -> Option<(SlotKeys, Sender<T>)> {
        match self.state.place(key) {
            Ok(place) => Some((place, sender)),
            Err(error) => {
                sender.send(Err(remote_error(&error)));
                None
            }
        }
    }

    /// Sends a script. `decode` converts its reply.
    pub(super) fn send<T: Send + 'static>(
        &self,
        script: &'static Script,
        command: Command,
        sender: Sender<T>,
        decode: impl FnOnce(Answered) -> Result<T, Error> + Send + 'static,
    ) {
        self.handle.0.submit(Request::script(script, command, completion(sender, decode)));
    }

    /// Sends a script that removes entries if a condition holds, and returns whether it holds. With replicas,
    /// the result of a removal waits for them.
    pub(super) fn send_removal_if(&self, script: &'static Script, command: Command, sender: Sender<bool>) {
        let end = self.end_of_removal_if(sender);
        let complete = move |answer| {
            let is_made = accepted(answer).and_then(|answered| answers::is_done(&answered));
            end(is_made.map_err(|error| remote_error(&error)));
        };
        self.handle.0.submit(Request::script(script, command, complete));
    }

    /// Returns the callback for the result of a removal.
    pub(super) fn end_of_removal<T: Send + 'static>(&self, sender: Sender<T>) -> End<T> {
        self.end_of_change(sender, |_| true)
    }

    /// Returns the callback for the result of a removal that depends on a condition. If the condition does
    /// not hold, nothing was removed, and the result does not wait for replicas.
    pub(super) fn end_of_removal_if(&self, sender: Sender<bool>) -> End<bool> {
        self.end_of_change(sender, |is_made| *is_made)
    }

    /// Returns the callback for the result of a request. If it has removed entries, the result waits for
    /// replicas.
    fn end_of_change<T: Send + 'static>(&self, sender: Sender<T>, has_removed: fn(&T) -> bool) -> End<T> {
        let Some(replicas) = self.replicas.as_ref().map(|handle| handle.0.clone()) else {
            return Box::new(move |answer| sender.send(answer));
        };
        Box::new(move |answer| match answer {
            Err(error) => sender.send(Err(error)),
            Ok(answer) if !has_removed(&answer) => sender.send(Ok(answer)),
            Ok(answer) => replicas.wait(move |reached| {
                sender.send(reached.map(|()| answer).map_err(|error| remote_error(&error)));
            }),
        })
    }

    /// Looks up several keys, with as many scripts as necessary.
    pub(super) fn get_all(&self, keys: &[RemoteKey], sender: Sender<Vec<Option<RemoteRecord>>>) {
        let end = Box::new(move |answer| sender.send(answer));
        let joined = Joined::new(keys.len().div_ceil(MAX_KEYS), end, |parts: Vec<Vec<_>>| {
            parts.into_iter().flatten().collect()
        });
        for (part, keys) in keys.chunks(MAX_KEYS).enumerate() {
            match self.places(keys, Directory::world) {
                Err(error) => joined.complete(part, Err(error)),
                Ok(places) => {
                    let (connection, joined) = (self.handle.0.clone(), joined.clone());
                    let done = move |found| joined.complete(part, found);
                    Lookups { connection, places, found: Vec::new(), done }.next();
                }
            }
        }
    }

    /// Returns the server keys of several keys. `world` chooses the name of the data.
    pub(super) fn places(
        &self,
        keys: &[RemoteKey],
        world: impl FnOnce(&Directory) -> Result<&str, Error>,
    ) -> Result<Vec<SlotKeys>, Error> {
        let directory = self.state.directory.read();
        let world = world(&directory)?;
        keys.iter().map(|key| directory.place_in(world, key)).collect()
    }

    /// Returns the server keys of a key to remove. If the key can't be sent, sends the error to `sender`.
    pub(super) fn place_to_remove<T>(&self, key: &[u8], sender: Sender<T>) -> Option<(SlotKeys, Sender<T>)> {
        let directory = self.state.directory.read();
        match directory.world_to_remove().and_then(|world| directory.place_in(world, key)) {
            Ok(place) => Some((place, sender)),
            Err(error) => {
                drop(directory);
                sender.send(Err(remote_error(&error)));
                None
            }
        }
    }
}

/// Returns the command of a script with pairs of slots and generations. If one of the slots belongs to a
/// range, the arguments are the generations of the ranges.
pub(super) fn pairs(places: &[SlotKeys]) -> Command {
    let mut command = Command::tail().number(places.len() * 2);
    for place in places {
        place.push_pair(&mut command);
    }
    with_ranges(command, places)
}

/// Like [`pairs`], for a script that returns records. If one of the slots belongs to a range, each pair is
/// followed by the signal of its range, or by the slot once more.
fn to_read(places: &[SlotKeys]) -> Command {
    if !places.iter().any(SlotKeys::has_range) {
        return pairs(places);
    }
    let mut command = Command::tail().number(places.len() * 3);
    for place in places {
        place.push_pair(&mut command);
        let [slot, ..] = &place.keys;
        command.push(place.range.as_ref().map_or(slot, |range| &range.signal));
    }
    with_ranges(command, places)
}

fn with_ranges(command: Command, places: &[SlotKeys]) -> Command {
    if !places.iter().any(SlotKeys::has_range) {
        return command;
    }
    places.iter().map(SlotKeys::range_generation).fold(command, Command::arg)
}

/// A lookup of several keys. If a reply covers only a part of the keys, the client then requests the rest.
struct Lookups<F> {
    connection: Arc<Connection>,
    places: Vec<SlotKeys>,
    found: Vec<Option<RemoteRecord>>,
    done: F,
}

impl<F: FnOnce(Result<Vec<Option<RemoteRecord>>, Error>) + Send + 'static> Lookups<F> {
    fn next(mut self) {
        let rest = self.places.get(self.found.len()..).unwrap_or_default();
        if rest.is_empty() {
            return (self.done)(Ok(self.found));
        }
        let (command, connection) = (to_read(rest), self.connection.clone());
        let plain: Vec<_> = rest.iter().map(|place| place.is_plain).collect();
        connection.submit(Request::script(&scripts::GET_MANY, command, move |answer| {
            match accepted(answer).and_then(|answered| answers::lookups(answered, &plain)) {
                Err(error) => (self.done)(Err(error)),
                Ok(found) => {
                    self.found.extend(found);
                    self.next();
                }
            }
        }));
    }
}

fn completion<T: Send + 'static>(
    sender: Sender<T>,
    decode: impl FnOnce(Answered) -> Result<T, Error> + Send + 'static,
) -> impl FnOnce(Result<Answered, Error>) + Send + 'static {
    move |answer| sender.send(accepted(answer).and_then(decode).map_err(|error| remote_error(&error)))
}
