//! Converts replies of the server to the types of the crate `larder`.

use std::time::Duration;

use larder::Remaining;
use larder::remote::{LeaseReply, LeaseToken, RecordTimes, RemoteRecord};
use larder::{RemoteError, RemoteErrorKind};

use super::scripts;
use crate::connection::request::Answered;
use crate::error::Error;
use crate::protocol::reply::Reply;

/// Converts an error to an error of the crate `larder`.
pub(super) fn remote_error(error: &Error) -> RemoteError {
    let kind = match error {
        Error::Server(text) if text.starts_with("WRONGTYPE") => RemoteErrorKind::Garbled,
        Error::Server(_) | Error::Full(_) | Error::NotReplicated(_) | Error::InvalidKey(_) => {
            RemoteErrorKind::Refused
        }
        Error::Refused { .. } | Error::Unsupported { .. } | Error::InvalidUrl { .. } => {
            RemoteErrorKind::Unsupported
        }
        Error::InvalidSetting { .. } => RemoteErrorKind::Unsupported,
        Error::Garbled(_) | Error::EndlessWalk { .. } | Error::Oversize => RemoteErrorKind::Garbled,
        Error::Unavailable { .. } | Error::TimedOut { .. } | Error::Closed => RemoteErrorKind::Unavailable,
    };
    let remote = RemoteError::new(kind, error.to_string());
    if error.may_be_applied() { remote.maybe_applied() } else { remote }
}

/// Returns the reply, or an error if the reply is an error or was too large.
pub(super) fn accepted(answer: Result<Answered, Error>) -> Result<Answered, Error> {
    match answer {
        Ok(Answered { reply: Reply::Error(text), .. }) => {
            Err(Error::Server(String::from_utf8_lossy(&text).into_owned()))
        }
        Ok(Answered { reply: Reply::Oversize, .. }) => Err(Error::Oversize),
        other => other,
    }
}

pub(super) fn number(answered: &Answered) -> Result<u64, Error> {
    let number = answered.reply.as_integer().and_then(|number| u64::try_from(number).ok());
    number.ok_or(Error::Garbled("a number"))
}

/// Returns whether the server has made the change.
pub(super) fn is_done(answered: &Answered) -> Result<bool, Error> {
    number(answered).map(|number| number != 0)
}

/// Returns the remaining time of a record, or `None` if the key has no record.
pub(super) fn ttl(answered: &Answered) -> Result<Option<Remaining>, Error> {
    let ttl = answered.reply.as_integer().ok_or(Error::Garbled("a time"))?;
    Ok(left(ttl))
}

/// Converts the reply to `PTTL`: -1 for a key without an expiry, -2 for a missing key.
fn left(ms: i64) -> Option<Remaining> {
    match ms {
        -1 => Some(Remaining::Never),
        ms => u64::try_from(ms).ok().map(|ms| Remaining::For(Duration::from_millis(ms))),
    }
}

/// Reads a record, its remaining time, and the time of the server if the record needs it. Returns `None` if
/// the slot has no record.
fn record(fields: &mut impl Iterator<Item = Reply>, is_plain: bool, generation: u64) -> Option<RemoteRecord> {
    let mut bytes = fields.next()?.into_bytes()?;
    let left = left(fields.next()?.as_integer()?)?;
    let now = fields.next().and_then(|now| u64::try_from(now.as_integer()?).ok());
    let header = if is_plain { 0 } else { scripts::header_len(&bytes)? };
    let times = now.and_then(|now| times(bytes.get(scripts::HEADER_LEN..header)?, now));
    bytes.drain(..header);
    Some(RemoteRecord { bytes, left, generation, is_tracked: true, times })
}

/// Reads the two times in the header of a record whose life its uses extend. `now` is the time of the server.
fn times(header: &[u8], now: u64) -> Option<RecordTimes> {
    let (stored_at, limit) = header.split_first_chunk::<8>()?;
    let (stored_at, limit) = (u64::from_be_bytes(*stored_at), u64::from_be_bytes(limit.try_into().ok()?));
    let between = |from: u64, to: u64| Duration::from_millis(to.saturating_sub(from));
    let limit = if limit == 0 { Remaining::Never } else { Remaining::For(between(now, limit)) };
    Some(RecordTimes { age: between(stored_at, now), limit })
}

pub(super) fn lookup(answered: Answered, is_plain: bool) -> Result<Option<RemoteRecord>, Error> {
    match answered.reply {
        // Each of these replies means that the script has returned `false`.
        Reply::Null | Reply::Boolean(false) => Ok(None),
        Reply::List(fields) => {
            let mut fields = fields.into_iter();
            Ok(record(&mut fields, is_plain, answered.generation))
        }
        _ => Err(Error::Garbled("a lookup")),
    }
}

/// Converts the reply to a lookup of several keys, which covers at least the first of them.
pub(super) fn lookups(answered: Answered, plain: &[bool]) -> Result<Vec<Option<RemoteRecord>>, Error> {
    let generation = answered.generation;
    let elements = answered.reply.into_list().ok_or(Error::Garbled("lookups"))?;
    if elements.is_empty() || elements.len() > plain.len() {
        return Err(Error::Garbled("lookups"));
    }
    let pairs = elements.into_iter().zip(plain);
    pairs.map(|(reply, is_plain)| lookup(Answered { reply, generation }, *is_plain)).collect()
}

/// Converts the reply to a lookup that takes a lease on a miss. `token` is the token that the client offered.
pub(super) fn lease(answered: Answered, token: &[u8]) -> Result<LeaseReply, Error> {
    let garbled = || Error::Garbled("a lease");
    let generation = answered.generation;
    let mut fields = answered.reply.into_list().ok_or_else(garbled)?.into_iter();
    match fields.next().as_ref().and_then(Reply::as_integer) {
        Some(1) => record(&mut fields, false, generation).map(LeaseReply::Hit).ok_or_else(garbled),
        Some(2) => {
            let ms = fields.next().as_ref().and_then(Reply::as_integer).ok_or_else(garbled)?;
            Ok(LeaseReply::Busy(Duration::from_millis(u64::try_from(ms).unwrap_or_default())))
        }
        Some(3) => Ok(LeaseReply::Fenced),
        Some(4) => {
            let of = fields.next().and_then(Reply::into_bytes);
            let of = of.filter(|of| of.len() == scripts::GENERATION_LEN).ok_or_else(garbled)?;
            Ok(LeaseReply::Leased(LeaseToken([&[scripts::LEASE], of.as_slice(), token].concat().into())))
        }
        _ => Err(garbled()),
    }
}
