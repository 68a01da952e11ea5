//! Commands that read or change the expiry of an entry.
//!
//! The cache stores an expiry in milliseconds, at most ten years ahead, and shortens a later expiry to ten
//! years. An expiry in the past removes the entry. By default, the server then replies when the removal is
//! durable. Any other change of an expiry is a write, even if the change shortens the entry's life. By
//! default, a write is on disk within the flush interval.
//!
//! All expiries are compared with the cache's time, which never goes back ([`Entries::now`]). A command reads
//! this time once: a relative expiry counts from it, and an absolute expiry that it has reached is in the
//! past. `GT` and `LT` compare the times at which the entry would expire and expires. So after the system's
//! clock was set back, an absolute expiry may have passed although the clock has not reached it yet.

use std::time::Duration;

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

/// Maximum distance of an absolute expiry from the cache's time. It is a minute below the maximum of the
/// cache.
const MAX_AHEAD: Duration = MAX_TTL.saturating_sub(Duration::from_mins(1));

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

    /// Returns the TTL for a write at the cache's time `now` with this expiry. If the expiry is in the past,
    /// that write removes the entry.
    pub(super) fn ttl(self, now: Timestamp) -> Ttl {
        match self {
            Self::In(millis) => match u64::try_from(millis) {
                Ok(millis) if millis > 0 => Ttl::For(Duration::from_millis(millis).min(MAX_TTL)),
                _ => Ttl::Until(Timestamp::from_millis(0)),
            },
            Self::At(millis) => {
                let at = u64::try_from(millis).unwrap_or(0);
                Ttl::Until(Timestamp::from_millis(at).min(now.after(MAX_AHEAD)))
            }
        }
    }

    /// Returns the Unix time of this expiry in milliseconds, if it counts from the cache's time `now`.
    fn unix_ms(self, now: Timestamp) -> i64 {
        match self {
            Self::In(millis) => millis.saturating_add(unix_ms(now)),
            Self::At(millis) => millis,
        }
    }
}

/// Returns a time in milliseconds, as a signed number.
fn unix_ms(time: Timestamp) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// Parses an expiry that counts from the cache's time `now`. Returns an error if the text is not an integer,
/// and the error `invalid` if the number is not positive or is too large.
pub(super) fn parse_expiry(
    unit: Unit,
    number: &[u8],
    now: Timestamp,
    invalid: &'static str,
) -> Result<Expiry, &'static str> {
    let number = integer(number).ok_or(errors::NOT_AN_INTEGER)?;
    let millis = unit.millis(number).filter(|millis| *millis > 0).ok_or(invalid)?;
    expiry(unit, millis, now).ok_or(invalid)
}

/// Returns an expiry that counts from `now`, or `None` if its Unix time overflows.
fn expiry(unit: Unit, millis: i64, now: Timestamp) -> Option<Expiry> {
    if unit.is_relative() {
        millis.checked_add(unix_ms(now)).map(|_| Expiry::In(millis))
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
    fn parse(args: Arguments<'_>) -> Result<Self, Vec<u8>> {
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
                return Err(errors::repeating("ERR Unsupported option ", args.get(at), ""));
            }
        }
        let Self { if_none, if_any, if_later, if_sooner } = conditions;
        if if_none && (if_any || if_later || if_sooner) {
            return Err(b"ERR NX and XX, GT or LT options at the same time are not compatible".to_vec());
        }
        if if_later && if_sooner {
            return Err(b"ERR GT and LT options at the same time are not compatible".to_vec());
        }
        Ok(conditions)
    }

    /// Returns whether an entry that expires at `present` may expire at the Unix time `ms` instead.
    fn allow(&self, ms: i64, present: Timestamp) -> bool {
        let present = (!present.is_never()).then(|| unix_ms(present));
        !((self.if_none && present.is_some())
            || (self.if_any && present.is_none())
            || (self.if_later && present.is_none_or(|present| ms <= present))
            || (self.if_sooner && present.is_some_and(|present| ms >= present)))
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
    let now = entries.now();
    let Some(expiry) = unit.millis(number).and_then(|millis| expiry(unit, millis, now)) else {
        reply.error(&errors::invalid_expire(name));
        return Ok(());
    };
    let ms = expiry.unix_ms(now);
    let is_set = match entries.expires_at(args.get(1))? {
        Some(present) if conditions.allow(ms, present) => {
            if ms <= unix_ms(now) {
                entries.remove(args.get(1))?
            } else {
                entries.touch(args.get(1), expiry.ttl(now))?
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
