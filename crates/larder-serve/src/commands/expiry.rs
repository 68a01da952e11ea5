//! Commands that read or change the expiry of an entry.
//!
//! The cache stores an expiry in milliseconds, at most ten years ahead, and shortens a later expiry to ten
//! years. An expiry in the past removes the entry. By default, the server then replies when the removal is
//! durable. Any other change of an expiry is a write, even if the change shortens the entry's life. By
//! default, a write is on disk within the flush interval.
//!
//! An absolute expiry is a Unix time, and the cache compares it with its own time, which never goes back.
//! So after the system's clock was set back, an absolute expiry may have passed although the clock has not
//! reached it yet. Such an expiry removes the entry too. Until the clock has caught up, `GT` and `LT`
//! compare an absolute expiry with the present one by the clock, and a transaction that sets such an expiry
//! finds the entry until the transaction ends. A relative expiry depends on the cache's time alone.

use std::time::Duration;

use larder::clock::{Clock, SystemClock};
use larder::{MAX_TTL, Remaining, Timestamp, Ttl};

use super::errors;
use super::family::family;
use crate::protocol::arguments::Arguments;
use crate::protocol::number::integer;
use crate::protocol::reply::ReplyBuffer;
use crate::session::Command;
use crate::session::entries::{Done, Entries};
use crate::session::flags::{FAST, READONLY, WRITE};

pub(super) static COMMANDS: &[Command] = family! { "generic";
    "expire" -3 (WRITE | FAST) FIRST [entry] expire, "Sets the expiration time of a key in seconds.";
    "expireat" -3 (WRITE | FAST) FIRST [entry] expire, "Sets the expiration time of a key to a Unix timestamp.";
    "expiretime" 2 (READONLY | FAST) FIRST [group] expiry_time, "Returns the expiration time of a key as a Unix timestamp.";
    "persist" 2 (WRITE | FAST) FIRST [entry] persist, "Removes the expiration time of a key.";
    "pexpire" -3 (WRITE | FAST) FIRST [entry] expire, "Sets the expiration time of a key in milliseconds.";
    "pexpireat" -3 (WRITE | FAST) FIRST [entry] expire, "Sets the expiration time of a key to a Unix milliseconds timestamp.";
    "pexpiretime" 2 (READONLY | FAST) FIRST [group] expiry_time, "Returns the expiration time of a key as a Unix milliseconds timestamp.";
    "pttl" 2 (READONLY | FAST) FIRST [entry] time_left, "Returns the expiration time in milliseconds of a key.";
    "ttl" 2 (READONLY | FAST) FIRST [entry] time_left, "Returns the expiration time in seconds of a key.";
};

/// Maximum distance of an absolute expiry from now, in milliseconds. It is a minute below the maximum of the
/// cache.
const MAX_AHEAD_MS: i64 = MAX_TTL.as_secs().cast_signed() * 1000 - 60_000;

/// The unit of an expiry, and whether it counts from now or from the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Millis,
    UnixSeconds,
    UnixMillis,
}

impl Unit {
    /// Converts a number of this unit to milliseconds. Returns `None` if the result overflows.
    fn millis(self, number: i64) -> Option<i64> {
        match self {
            Self::Seconds | Self::UnixSeconds => number.checked_mul(1000),
            Self::Millis | Self::UnixMillis => Some(number),
        }
    }

    const fn is_relative(self) -> bool {
        matches!(self, Self::Seconds | Self::Millis)
    }
}

/// An expiry in milliseconds, from now or from the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expiry {
    In(i64),
    At(i64),
}

impl Expiry {
    /// Returns the unit that the option `EX`, `PX`, `EXAT` or `PXAT` names.
    pub(super) fn unit(args: Arguments<'_>, at: usize) -> Option<Unit> {
        let units = [
            ("ex", Unit::Seconds),
            ("px", Unit::Millis),
            ("exat", Unit::UnixSeconds),
            ("pxat", Unit::UnixMillis),
        ];
        units.iter().find(|(name, _)| args.is(at, name)).map(|(_, unit)| *unit)
    }

    /// Returns the TTL for a write with this expiry. If the expiry is in the past, that write removes the
    /// entry.
    pub(super) fn ttl(self) -> Ttl {
        match self {
            Self::In(millis) => match u64::try_from(millis) {
                Ok(millis) if millis > 0 => Ttl::For(Duration::from_millis(millis).min(MAX_TTL)),
                _ => Ttl::Until(Timestamp::from_millis(0)),
            },
            Self::At(millis) => {
                let at = millis.min(now_ms().saturating_add(MAX_AHEAD_MS));
                Ttl::Until(Timestamp::from_millis(u64::try_from(at).unwrap_or(0)))
            }
        }
    }

    fn is_past(self) -> bool {
        match self {
            Self::In(millis) => millis <= 0,
            Self::At(millis) => millis <= now_ms(),
        }
    }

    fn ms_from_now(self) -> i64 {
        match self {
            Self::In(millis) => millis,
            Self::At(millis) => millis.saturating_sub(now_ms()),
        }
    }
}

/// Returns the current Unix time in milliseconds.
pub(super) fn now_ms() -> i64 {
    i64::try_from(SystemClock::new().wall().as_millis()).unwrap_or(i64::MAX)
}

/// Parses an expiry. Returns an error if the text is not an integer, and the error `invalid` if the number is
/// not positive or is too large.
pub(super) fn parse_expiry(unit: Unit, number: &[u8], invalid: &'static str) -> Result<Expiry, &'static str> {
    let number = integer(number).ok_or(errors::NOT_AN_INTEGER)?;
    let millis = unit.millis(number).filter(|millis| *millis > 0).ok_or(invalid)?;
    expiry(unit, millis).ok_or(invalid)
}

/// Returns an expiry, or `None` if its Unix time overflows.
fn expiry(unit: Unit, millis: i64) -> Option<Expiry> {
    if unit.is_relative() {
        millis.checked_add(now_ms()).map(|_| Expiry::In(millis))
    } else {
        Some(Expiry::At(millis))
    }
}

#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command")]
struct Conditions {
    if_none: bool,
    if_any: bool,
    if_later: bool,
    if_sooner: bool,
}

impl Conditions {
    fn parse(args: Arguments<'_>) -> Result<Self, String> {
        let mut conditions = Self::default();
        for at in 3..args.len() {
            if args.is(at, "nx") {
                conditions.if_none = true;
            } else if args.is(at, "xx") {
                conditions.if_any = true;
            } else if args.is(at, "gt") {
                conditions.if_later = true;
            } else if args.is(at, "lt") {
                conditions.if_sooner = true;
            } else {
                let option = errors::repeated(args.get(at), usize::MAX);
                return Err(format!("ERR Unsupported option {option}"));
            }
        }
        let Self { if_none, if_any, if_later, if_sooner } = conditions;
        if if_none && (if_any || if_later || if_sooner) {
            return Err("ERR NX and XX, GT or LT options at the same time are not compatible".to_owned());
        }
        if if_later && if_sooner {
            return Err("ERR GT and LT options at the same time are not compatible".to_owned());
        }
        Ok(conditions)
    }

    fn allow(&self, expiry: Expiry, present: Remaining) -> bool {
        let left = present.duration().map(|left| i64::try_from(left.as_millis()).unwrap_or(i64::MAX));
        let ms_from_now = expiry.ms_from_now();
        !((self.if_none && left.is_some())
            || (self.if_any && left.is_none())
            || (self.if_later && left.is_none_or(|left| ms_from_now <= left))
            || (self.if_sooner && left.is_some_and(|left| ms_from_now >= left)))
    }
}

/// Runs `EXPIRE`, `PEXPIRE`, `EXPIREAT` or `PEXPIREAT key number [NX | XX | GT | LT]`.
fn expire(entries: &mut dyn Entries, args: Arguments<'_>, reply: &mut ReplyBuffer) -> Done {
    let (unit, name) = if args.is(0, "expire") {
        (Unit::Seconds, "expire")
    } else if args.is(0, "pexpire") {
        (Unit::Millis, "pexpire")
    } else if args.is(0, "expireat") {
        (Unit::UnixSeconds, "expireat")
    } else {
        (Unit::UnixMillis, "pexpireat")
    };
    let conditions = match Conditions::parse(args) {
        Ok(conditions) => conditions,
        Err(error) => {
            reply.error(&error);
            return Ok(());
        }
    };
    let Some(number) = integer(args.get(2)) else {
        reply.error(errors::NOT_AN_INTEGER);
        return Ok(());
    };
    let Some(expiry) = unit.millis(number).and_then(|millis| expiry(unit, millis)) else {
        reply.error(&errors::invalid_expire(name));
        return Ok(());
    };
    let is_set = match entries.remaining(args.get(1))? {
        Some(present) if conditions.allow(expiry, present) => {
            if expiry.is_past() {
                entries.remove(args.get(1))?
            } else {
                entries.touch(args.get(1), expiry.ttl())?
            }
        }
        _ => false,
    };
    reply.integer(i64::from(is_set));
    Ok(())
}

/// `PERSIST key`
fn persist(entries: &mut dyn Entries, args: Arguments<'_>, reply: &mut ReplyBuffer) -> Done {
    let expires = matches!(entries.remaining(args.get(1))?, Some(Remaining::For(_)));
    if expires {
        entries.touch(args.get(1), Ttl::Never)?;
    }
    reply.integer(i64::from(expires));
    Ok(())
}

/// Runs `TTL` or `PTTL key`.
fn time_left(entries: &mut dyn Entries, args: Arguments<'_>, reply: &mut ReplyBuffer) -> Done {
    reply.integer(match entries.remaining(args.get(1))? {
        None => -2,
        Some(Remaining::Never) => -1,
        Some(Remaining::For(left)) => in_unit(left.as_millis(), args.is(0, "ttl")),
    });
    Ok(())
}

/// `EXPIRETIME` and `PEXPIRETIME key`
fn expiry_time(entries: &mut dyn Entries, args: Arguments<'_>, reply: &mut ReplyBuffer) -> Done {
    reply.integer(match entries.expires_at(args.get(1))? {
        None => -2,
        Some(Timestamp::NEVER) => -1,
        Some(expires_at) => in_unit(expires_at.as_millis().into(), args.is(0, "expiretime")),
    });
    Ok(())
}

/// Returns a time in milliseconds, or rounded to seconds if `is_in_seconds` is set.
fn in_unit(millis: u128, is_in_seconds: bool) -> i64 {
    let millis = i64::try_from(millis).unwrap_or(i64::MAX);
    if is_in_seconds { millis.saturating_add(500) / 1000 } else { millis }
}
