//! The requests of transactions and watches.

use std::time::Duration;

use larder::remote::{
    CommitChange, CommitCondition, IdleLife, Life, RemoteKey, RemoteReply as Sender, WatchToken,
};
use larder::{RemoteError, RemoteErrorKind};

use super::answers::{self, accepted, remote_error};
use super::requests;
use super::requests::{RedisTier, SlotKeys, expiry, ms};
use super::scripts::commits::COMPARED_LEN;
use super::scripts::{COMMIT, WATCH};
use super::session::Directory;
use crate::connection::request::{Answered, Request};
use crate::error::Error;
use crate::protocol::command::Command;
use crate::random;

/// Separates the parts of a watch token, which are the parts of the reply to [`WATCH`].
const SEPARATOR: u8 = b' ';

/// The first words of the errors that a server returns only before the first write of a script.
const REFUSALS: [&str; 6] = ["NOSCRIPT ", "BUSY ", "OOM ", "READONLY ", "MISCONF ", "NOREPLICAS "];

impl RedisTier {
    pub(super) fn send_commit(
        &self,
        conditions: &[(RemoteKey, CommitCondition)],
        changes: &[(RemoteKey, CommitChange)],
        sender: Sender<bool>,
    ) {
        let of_conditions = conditions.iter().map(|(key, _)| key);
        let keys: Vec<_> = of_conditions.chain(changes.iter().map(|(key, _)| key)).cloned().collect();
        let places = match self.places(&keys, Directory::world) {
            Ok(places) => places,
            Err(error) => return sender.send(Err(remote_error(&error))),
        };
        let new = requests::new_generation(places.iter().any(SlotKeys::has_range));
        let mut places = places.iter();
        let mut command = Command::tail().arg("0").arg(new).number(conditions.len());
        for ((_, condition), place) in conditions.iter().zip(&mut places) {
            push_condition(&mut command, place, condition);
        }
        for ((_, change), place) in changes.iter().zip(places) {
            push_change(&mut command, place, change);
        }
        let removes = changes.iter().any(|(_, change)| matches!(change, CommitChange::Remove));
        let end =
            if removes { self.end_of_removal_if(sender) } else { Box::new(move |made| sender.send(made)) };
        let complete = move |answer| {
            let made = accepted(answer).and_then(|answered| answers::is_done(&answered));
            end(made.map_err(|error| commit_error(&error)));
        };
        self.handle.0.submit(Request::script(&COMMIT, command, complete));
    }

    pub(super) fn send_watch(&self, key: &[u8], length: Duration, sender: Sender<WatchToken>) {
        let Some((place, sender)) = self.place(key, sender) else { return };
        if place.is_plain {
            let why = "a slot of a keyspace in the format raw has no watch marks";
            return sender.send(Err(RemoteError::new(RemoteErrorKind::Unsupported, why)));
        }
        let token: [u8; 16] = random::bytes();
        let command = place.keys(2).arg(place.new_generation()).arg(token).number(ms(length));
        self.send(&WATCH, place.with_range(command), sender, watched);
    }
}

/// Converts the error of a transaction. The server may have run a part of the script before an error that is
/// not in [`REFUSALS`].
fn commit_error(error: &Error) -> RemoteError {
    let remote = remote_error(error);
    match error {
        Error::Server(text) if !REFUSALS.iter().any(|refusal| text.starts_with(refusal)) => {
            remote.maybe_applied()
        }
        _ => remote,
    }
}

fn push_condition(command: &mut Command, place: &SlotKeys, condition: &CommitCondition) {
    place.push_names(command);
    let (kind, record): (&str, &[u8]) = match condition {
        CommitCondition::Absent => ("absent", &[]),
        CommitCondition::Unchanged(record) => ("same", record),
        CommitCondition::Live(record) => ("live", record),
        CommitCondition::Watched(WatchToken(token)) => {
            let mut parts = token.splitn(3, |byte| *byte == SEPARATOR);
            for _ in 0..3 {
                command.push(parts.next().unwrap_or_default());
            }
            return;
        }
        // A condition that this version does not know must not be treated as no condition.
        _ => ("unknown", &[]),
    };
    command.push(kind);
    if place.is_plain {
        command.push("0");
        command.push(record);
    } else {
        command.push(record.len().to_string());
        command.push(record.get(..COMPARED_LEN).unwrap_or(record));
    }
}

fn push_change(command: &mut Command, place: &SlotKeys, change: &CommitChange) {
    place.push_names(command);
    let (life, record): (_, &[u8]) = match change {
        CommitChange::Set(record, life) => (expiry(*life), record),
        CommitChange::Remove => ("remove".to_owned(), &[]),
    };
    command.push(life);
    command.push(record);
    let times = match change {
        CommitChange::Set(_, Life::WhileUsed(IdleLife { limit, grace, .. })) => {
            (requests::limit(*limit), grace.as_millis().to_string())
        }
        _ => (String::new(), String::new()),
    };
    command.push(times.0);
    command.push(times.1);
}

fn watched(answered: Answered) -> Result<WatchToken, Error> {
    let garbled = || Error::Garbled("a watch");
    let fields = answered.reply.into_list().ok_or_else(garbled)?;
    let [kind, len, bytes] = &fields[..] else { return Err(garbled()) };
    let len = len.as_integer().ok_or_else(garbled)?.to_string();
    let parts = [kind.as_bytes(), Some(len.as_bytes()), bytes.as_bytes()];
    let [Some(kind), Some(len), Some(bytes)] = parts else { return Err(garbled()) };
    Ok(WatchToken([kind, len, bytes].join(&SEPARATOR).into()))
}
