//! Tries values in each format, and collects the outcomes.
//!
//! Each value is tried with all checks of a debug build, with the checks of a release build, and without
//! checks. A release build checks only a part of the values. With all checks, an accepted value must be read
//! back, except for parts that its type loses. With the checks of a release build, the read may also fail.
//! Without checks, another value may also be read in the rows of `LOOK_ALIKES`.

use std::collections::BTreeMap;
use std::fmt::Write;

use larder::Format;
use larder::testing::bytes::{self, ReleaseChecks};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::content::{Content, Maker};

pub(crate) const FORMATS: [Format; 3] = [Format::Bincode, Format::MessagePack, Format::Raw];

/// Number of values that are tried per type.
pub(crate) const VALUES: u64 = 24;

/// Number of values with each outcome, for one row and one format, with all checks.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) equal: usize,
    pub(crate) refused: usize,
    pub(crate) lost: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Read {
    Equal,
    Lost,
    Other,
    Missing,
}

/// The outcomes of all values.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    /// The outcomes per row, in the order in which the rows were tried.
    pub(crate) rows: Vec<(&'static str, [Counts; 3])>,
    /// Values that were accepted, but were read back changed or not at all.
    pub(crate) wrong: Vec<String>,
    /// The number of values that were read back changed, without checks, by row and format.
    pub(crate) wrong_past_the_door: BTreeMap<(&'static str, String), usize>,
    /// The number of values that were read back changed, with the checks of a release build, by row and
    /// format.
    pub(crate) wrong_in_a_release: BTreeMap<(&'static str, String), usize>,
    /// Refusals that do not name a remedy.
    pub(crate) mute: Vec<String>,
    /// For each row, the number of values that no format accepts, and one of these values with its refusals.
    pub(crate) homeless: BTreeMap<&'static str, (usize, String)>,
}

impl Judge {
    /// Tries [`VALUES`] values of a type.
    pub(crate) fn values_of<T>(&mut self, name: &str, row: &'static str)
    where
        T: Content + Serialize + DeserializeOwned + std::fmt::Debug + 'static,
    {
        let values: Vec<T> = (0..VALUES).map(|at| nth(name, at)).collect();
        let mut takers = vec![0; values.len()];
        for (at, format) in FORMATS.into_iter().enumerate() {
            let released = ReleaseChecks::default();
            for (value, takers) in values.iter().zip(&mut takers) {
                let counted = self.one(format, value, name, row);
                *takers += counted.equal + counted.lost;
                let counts = &mut self.row(row)[at];
                counts.equal += counted.equal;
                counts.refused += counted.refused;
                counts.lost += counted.lost;
                self.past_the_door(format, value, row);
                self.in_a_release(&released, format, value, row);
            }
        }
        for (value, _) in values.iter().zip(takers).filter(|(_, takers)| *takers == 0) {
            let refusals = FORMATS.map(|format| {
                bytes::encode_checked(format, value).map_or_else(|error| error.to_string(), |_| String::new())
            });
            let entry = self.homeless.entry(row).or_insert_with(|| (0, format!("{value:?}: {refusals:#?}")));
            entry.0 += 1;
        }
    }

    pub(crate) fn row(&mut self, row: &'static str) -> &mut [Counts; 3] {
        let at = self.rows.iter().position(|known| known.0 == row).unwrap_or_else(|| {
            self.rows.push((row, [Counts::default(); 3]));
            self.rows.len() - 1
        });
        &mut self.rows[at].1
    }

    /// Tries one value with all checks.
    fn one<T>(&mut self, format: Format, value: &T, name: &str, row: &'static str) -> Counts
    where
        T: Content + Serialize + DeserializeOwned + std::fmt::Debug + 'static,
    {
        let mut counts = Counts::default();
        let (payload, fingerprint) = match bytes::encode_checked(format, value) {
            Ok(encoded) => encoded,
            Err(error) => {
                counts.refused = 1;
                self.hears(&error.to_string(), format, row);
                return counts;
            }
        };
        match read(value, bytes::decode_marked::<T>(format, &payload, fingerprint)) {
            Read::Equal => counts.equal = 1,
            Read::Lost => counts.lost = 1,
            found @ (Read::Other | Read::Missing) => {
                self.wrong.push(format!("{name} ({row}) in {format}: {found:?} after {value:?}"));
            }
        }
        counts
    }

    /// Records a refusal that names no remedy. If the type itself refuses to be serialized, no remedy
    /// exists.
    fn hears(&mut self, refusal: &str, format: Format, row: &str) {
        let is_of_the_type = refusal.contains("cannot be serialized");
        if !refusal.contains("Format::") && !is_of_the_type {
            self.mute.push(format!("{row} in {format}: {refusal}"));
        }
    }

    fn past_the_door<T>(&mut self, format: Format, value: &T, row: &'static str)
    where
        T: Content + Serialize + DeserializeOwned + 'static,
    {
        let Ok((payload, fingerprint)) = bytes::encode(format, value) else { return };
        if read(value, bytes::decode_marked::<T>(format, &payload, fingerprint)) == Read::Other {
            *self.wrong_past_the_door.entry((row, format.to_string())).or_default() += 1;
        }
    }

    fn in_a_release<T>(&mut self, released: &ReleaseChecks, format: Format, value: &T, row: &'static str)
    where
        T: Content + Serialize + DeserializeOwned + 'static,
    {
        let Ok((payload, fingerprint)) = released.encode(format, value) else { return };
        if read(value, released.decode::<T>(format, &payload, fingerprint)) == Read::Other {
            *self.wrong_in_a_release.entry((row, format.to_string())).or_default() += 1;
        }
    }

    /// Returns the outcomes as text.
    pub(crate) fn report(&self) -> String {
        let mut out = String::from("equal/refused/lost in bincode, MessagePack, raw\n");
        for (row, formats) in &self.rows {
            let cells =
                formats.map(|Counts { equal, refused, lost }| format!("{equal:>4}/{refused:>4}/{lost:>3}"));
            writeln!(out, "{}  {row}", cells.join("  ")).unwrap();
        }
        writeln!(out, "another value past the door: {:#?}", self.wrong_past_the_door).unwrap();
        writeln!(out, "another value in a release: {:#?}", self.wrong_in_a_release).unwrap();
        writeln!(out, "refused by every format:").unwrap();
        for (row, (number, example)) in &self.homeless {
            writeln!(out, "  {number} of {row}: {example:.600}").unwrap();
        }
        out
    }
}

/// Returns the value with this index. The value is the same in each run.
pub(crate) fn nth<T: Content>(name: &str, at: u64) -> T {
    let seed = name.bytes().fold(at + 1, |seed, byte| seed.wrapping_mul(0x0100_0000_01B3) ^ u64::from(byte));
    T::make(&mut Maker::new(seed))
}

fn read<T: Content>(value: &T, read: Result<T, larder::CodecError>) -> Read {
    match read {
        Ok(read) if value.same(&read, false) => Read::Equal,
        Ok(read) if value.same(&read, true) => Read::Lost,
        Ok(_) => Read::Other,
        Err(_) => Read::Missing,
    }
}

/// Defines an enum of all types whose values threads can share, so that one keyspace can contain values of
/// all these types.
macro_rules! any {
    ($($name:ident)*) => {
        #[derive(Debug, Serialize, Deserialize)]
        pub(crate) enum Any {
            $($name(Box<$name>),)*
        }

        impl Any {
            /// For each type, a function that makes the value with a given index.
            pub(crate) const MAKERS: &[fn(u64) -> Self] =
                &[$(|at| Self::$name(Box::new(crate::judge::nth(stringify!($name), at)))),*];

            /// Returns whether `read` equals `self`, except for the parts that the type itself loses.
            pub(crate) fn same(&self, read: &Self) -> bool {
                match (self, read) {
                    $((Self::$name(one), Self::$name(other)) => one.same(other, true),)*
                    _ => false,
                }
            }
        }
    };
}
pub(crate) use any;
