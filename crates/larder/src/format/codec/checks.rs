//! Checks that the values of a keyspace come back as they were stored. Some values are tried when they are
//! written. A value that is read is checked against its fingerprint, if it has one.
//!
//! The effect of a type's serde attributes cannot be read from the type. Only a trial shows that a value
//! *comes back*: that decoding its bytes gives an equal value. A trial decodes a value from its bytes
//! before the value is stored, and compares the two ([`digest`]). The first values of a keyspace are tried.
//! A later value is tried if it has a kind or a name at a place where no earlier value had it, as far as a
//! small Bloom filter can tell. In debug builds, and with
//! [`check_every_value`](crate::CacheBuilder::check_every_value), every value is tried. After
//! [`MAX_TRIALS`] trials, a new kind or name alone causes no trial. Then only the fingerprint protects the
//! values that are read. Byte vectors, boxed byte slices and strings in [`Format::Raw`] are never tried,
//! because their bytes are the value.
//!
//! An encoding that describes itself has no fingerprint. With such an encoding, a type that asks for any kind
//! (an untagged enum, a flattened map) gets the kind that the bytes look like. So one value may come back,
//! and another value of the same shape may not. The same holds for a type that does not ask for the parts
//! that were written. For example, the type skips a field (`skip_deserializing`, a name that only one side
//! has), or reads a number as a different type. After the first value with one of these two problems, every
//! value of the keyspace is tried. Every value that contains a map of unknown length is tried too, because an
//! omitted field looks like a missing key of the map.

use std::any::type_name;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::bounded::Session;
use super::compression::inflate;
use super::format::Format;
use super::limits::Elements;
use super::shape::{EDGE_WORDS, Edges, halves};
use super::{Encoded, decode, decoding, digest, raw, shape_of};
use crate::format::codec::error::CodecError;
use crate::format::record;
use crate::format::record::Extension;
use crate::sys::sync::{Ordering, StatisticU64};
use crate::sys::user_code::HeldValue;

/// Number of values of a keyspace that are always tried: its first values.
const FIRST_VALUES: u64 = 16;
/// Number of trials after which a new shape alone causes no trial. Otherwise a type whose values all differ
/// in shape would have every value tried.
const MAX_TRIALS: u64 = 1_024;
/// Maximum number of remembered sets of names. A set is remembered by its hash.
const REMEMBERED: usize = 64;

/// The history of the values of one keyspace, which decides which values are tried.
#[derive(Debug)]
pub(crate) struct ValueChecks {
    /// Whether every value is tried.
    is_thorough: bool,
    trials: StatisticU64,
    /// 1 after a value has asked for any kind, or has not asked for the parts that were written. 0 before.
    asks_for_any: StatisticU64,
    /// The edges of all tried values that have come back.
    edges: [StatisticU64; EDGE_WORDS],
    /// The hashes of the sets of names that were tried or read without an error. The number `hash + 2^32` is
    /// stored at the index `hash % REMEMBERED`. So 0 means that the place is empty.
    names: [StatisticU64; REMEMBERED],
}

impl ValueChecks {
    /// Creates checks without a history.
    pub(crate) fn new(is_thorough: bool) -> Self {
        Self {
            is_thorough,
            trials: StatisticU64::new(0),
            asks_for_any: StatisticU64::new(0),
            edges: [const { StatisticU64::new(0) }; EDGE_WORDS],
            names: [const { StatisticU64::new(0) }; REMEMBERED],
        }
    }

    /// Creates the checks that a release build uses by default. A debug build can also create them.
    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn of_a_release() -> Self {
        Self { is_thorough: false, ..Self::new(false) }
    }

    /// If this value must be tried, decodes its encoding and compares the result with the original.
    ///
    /// # Errors
    /// Returns an error if the value does not come back.
    pub(crate) fn check<V>(&self, format: Format, value: &V, encoded: &Encoded) -> Result<(), CodecError>
    where
        V: Serialize + DeserializeOwned + 'static,
    {
        if !self.wants(encoded) || (format == Format::Raw && raw::is_known(value)) {
            return Ok(());
        }
        let Some(_trial) = Trial::begin() else { return Ok(()) };
        let session = Session::trying(Elements::of(encoded.payload.len()));
        // Decoding and comparing both run under `catch_unwind`, because `Serialize` of the decoded value may
        // also panic.
        let comes_back = catch_unwind(AssertUnwindSafe(|| comes_back(format, value, encoded, &session)));
        self.note(&session);
        if format == Format::MessagePack && session.shape.finish().kinds != encoded.shape.kinds {
            self.asks_for_any.store(1, Ordering::Relaxed);
        }
        comes_back.unwrap_or_else(|panic| Err(CodecError::of_panic("Serialize", panic)))?;
        self.trials.fetch_add(1, Ordering::Relaxed);
        for (known, new) in self.edges.iter().zip(encoded.shape.edges) {
            known.fetch_or(new, Ordering::Relaxed);
        }
        self.remember(encoded.shape.names);
        Ok(())
    }

    fn wants(&self, encoded: &Encoded) -> bool {
        if self.is_thorough || encoded.has_open_map || self.asks_for_any.load(Ordering::Relaxed) != 0 {
            return true;
        }
        let trials = self.trials.load(Ordering::Relaxed);
        trials < FIRST_VALUES || (trials < MAX_TRIALS && self.is_new(&encoded.shape.edges))
    }

    fn note(&self, session: &Session) {
        if session.asked_for_any.get() {
            self.asks_for_any.store(1, Ordering::Relaxed);
        }
    }

    fn is_new(&self, edges: &Edges) -> bool {
        self.edges.iter().zip(edges).any(|(known, new)| new & !known.load(Ordering::Relaxed) != 0)
    }

    fn remember(&self, names: u32) {
        if let Some(place) = self.names.get(names as usize % REMEMBERED) {
            place.store(1 << 32 | u64::from(names), Ordering::Relaxed);
        }
    }

    fn remembers(&self, names: u32) -> bool {
        let place = self.names.get(names as usize % REMEMBERED);
        names == 0 || place.is_some_and(|place| place.load(Ordering::Relaxed) == 1 << 32 | u64::from(names))
    }

    /// Decodes the value of a record. Returns the value and the length of the uncompressed payload. A panic
    /// of the type's `Deserialize` or `Serialize` becomes an error.
    ///
    /// # Errors
    /// Returns an error if the bytes are not a value of the type, or were written as a value of another
    /// type.
    pub(crate) fn read<V>(
        &self,
        format: Format,
        compression: record::PayloadCompression,
        extension: &Extension,
        payload: &[u8],
    ) -> Result<(V, usize), CodecError>
    where
        V: Serialize + DeserializeOwned + 'static,
    {
        let inflated = match compression {
            record::PayloadCompression::None => None,
            how => Some(inflate(how, payload, extension.inflated_len)?),
        };
        let payload = inflated.as_deref().unwrap_or(payload);
        let session = decoding(payload);
        let value = catch_unwind(AssertUnwindSafe(|| decode::<V>(format, payload, &session)))
            .unwrap_or_else(|panic| Err(CodecError::of_panic("Deserialize", panic)))?;
        self.note(&session);
        let kinds = session.shape.finish().kinds;
        if format != Format::Bincode {
            return Ok((value, payload.len()));
        }
        let value = HeldValue::new(value);
        let compare = || self.compare(&*value, kinds, payload, extension.fingerprint);
        catch_unwind(AssertUnwindSafe(compare))
            .unwrap_or_else(|panic| Err(CodecError::of_panic("Serialize", panic)))?;
        Ok((value.into_inner(), payload.len()))
    }

    /// Returns an error if the value was not written with the shape that its type has now.
    fn compare<V>(
        &self,
        value: &V,
        kinds: u32,
        payload: &[u8],
        fingerprint: Option<u64>,
    ) -> Result<(), CodecError>
    where
        V: Serialize + DeserializeOwned + 'static,
    {
        let Some(fingerprint) = fingerprint else {
            return unmarked(value, payload);
        };
        let (written, names) = halves(fingerprint);
        if kinds != written {
            return Err(CodecError::new(OTHER_KINDS));
        }
        if !self.remembers(names) {
            if shape_of(value)?.names != names {
                return Err(CodecError::new(OTHER_NAMES));
            }
            self.remember(names);
        }
        Ok(())
    }
}

const OTHER_KINDS: &str = "the type reads other parts than were written: its fields have changed, or it leaves some out; raise the keyspace's version, or declare Format::MessagePack if the type has not changed";
const OTHER_NAMES: &str =
    "the fields or variants were written under other names or in another order; raise the keyspace's version";
const OTHER_ENCODING: &str = "the record is of an earlier version of larder, and the value is not encoded as it was read; insert it again";

/// Returns whether the reason for a failed decoding is one of the three texts above. These texts quote
/// nothing of the value. A text from a user's type may quote the value.
#[cfg(all(unix, feature = "control"))]
pub(crate) fn quotes_nothing(reason: &str) -> bool {
    [OTHER_KINDS, OTHER_NAMES, OTHER_ENCODING].contains(&reason)
}

/// Accepts a value that was decoded without a fingerprint, from a record of the first format. The value must
/// encode to the same bytes again, except for the order of unordered parts. The order of a hash map differs
/// in each process.
fn unmarked<V>(value: &V, payload: &[u8]) -> Result<(), CodecError>
where
    V: Serialize + DeserializeOwned + 'static,
{
    let again = super::encode(Format::Bincode, value)?;
    let is_same_in_any_order = || {
        let session = decoding(&again.payload);
        counted(&again.payload) == counted(payload)
            && comes_back(Format::Bincode, value, &again, &session).is_ok()
    };
    if again.payload == payload || is_same_in_any_order() {
        return Ok(());
    }
    Err(CodecError::new(OTHER_ENCODING))
}

/// Maximum number of nested trials on one thread. A trial drops the value that it decoded. The value's
/// `Drop` may store another value, which begins a nested trial. At this depth, values are stored without a
/// trial.
const MAX_TRIALS_AT_ONCE: u32 = 4;

std::thread_local! {
    static TRIALS: Cell<u32> = const { Cell::new(0) };
}

/// A running trial, which ends when this value is dropped.
struct Trial;

impl Trial {
    fn begin() -> Option<Self> {
        TRIALS.with(|trials| {
            let begun = trials.get() + 1;
            (begun <= MAX_TRIALS_AT_ONCE).then(|| {
                trials.set(begun);
                Self
            })
        })
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        TRIALS.with(|trials| trials.set(trials.get().saturating_sub(1)));
    }
}

/// Returns how often each byte value occurs.
fn counted(bytes: &[u8]) -> [u32; 256] {
    let mut counts = [0; 256];
    for byte in bytes {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    counts
}

/// Returns advice for the author of a type whose value does not come back.
fn advice(format: Format, session: &Session) -> &'static str {
    match format {
        Format::Bincode => "; declare the keyspace with Format::MessagePack, or change the type",
        // `Format::Bincode` would also refuse a type that asks for any kind.
        Format::MessagePack if session.asked_for_any.get() => {
            "; Format::Bincode does not take it either: tag the variants of an untagged enum, give a flattened map keys that are no fields' names, and store 128-bit integers as text"
        }
        Format::MessagePack => "; declare the keyspace with Format::Bincode, or change the type",
        Format::Raw => "; declare the keyspace with Format::Bincode or Format::MessagePack",
    }
}

/// Decodes a value that was just encoded, and compares it with the original.
fn comes_back<V>(format: Format, value: &V, encoded: &Encoded, session: &Session) -> Result<(), CodecError>
where
    V: Serialize + DeserializeOwned + 'static,
{
    let refused = |why: &dyn std::fmt::Display| {
        let (name, why) = (type_name::<V>(), why.to_string());
        // Some errors already contain advice.
        let advice = if why.contains("Format::") { "" } else { advice(format, session) };
        Err(CodecError::new(format_args!(
            "a value of type {name} does not come back from {format}: {why}{advice}"
        )))
    };
    let decoded = catch_unwind(AssertUnwindSafe(|| decode::<V>(format, &encoded.payload, session)));
    // A panic of the `Drop` of this value does not affect the stored value.
    let held = match decoded.unwrap_or_else(|panic| Err(CodecError::of_panic("Deserialize", panic))) {
        Ok(decoded) => HeldValue::new(decoded),
        Err(error) => return refused(&error),
    };
    let decoded: &V = &held;
    if format == Format::Bincode && session.shape.finish().kinds != encoded.shape.kinds {
        return refused(&"it reads other parts than it writes");
    }
    let is_human_readable = format == Format::MessagePack;
    let digest = |value: &V| digest::of(value, is_human_readable);
    let (before, after) = (digest(value)?, digest(decoded)?);
    // If two serializations of the same value differ, the values cannot be compared.
    if before.agrees(after) || !before.agrees(digest(value)?) {
        return Ok(());
    }
    let fields = |value: &V| digest::fields(value, is_human_readable);
    let changed = fields(value)
        .into_iter()
        .zip(fields(decoded))
        .find(|(one, other)| one.0 != other.0 || !one.1.agrees(other.1));
    match changed {
        Some(((field, _), _)) => refused(&format_args!("the field {field:?} is another one afterwards")),
        None => refused(&"it is another value afterwards"),
    }
}

#[cfg(test)]
mod tests;
