//! Sizes in bytes and points in time, as types with a unit.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A number of bytes.
///
/// Settings accept `impl Into<ByteSize>`, so a plain `u64` works as a number of bytes.
///
/// ```
/// use larder::ByteSize;
/// assert_eq!(ByteSize::mib(64), ByteSize::from(64 << 20));
/// assert_eq!(ByteSize::kib(1536).to_string(), "1.5 MiB");
/// assert_eq!("64MiB".parse(), Ok(ByteSize::mib(64)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ByteSize(u64);

impl ByteSize {
    /// Makes a size of this number of bytes.
    #[must_use]
    pub const fn bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// Makes a size of this number of KiB (1,024 bytes). Saturates at `u64::MAX` bytes.
    #[must_use]
    pub const fn kib(kib: u64) -> Self {
        Self(kib.saturating_mul(1 << 10))
    }

    /// Makes a size of this number of MiB (1,048,576 bytes). Saturates at `u64::MAX` bytes.
    #[must_use]
    pub const fn mib(mib: u64) -> Self {
        Self(mib.saturating_mul(1 << 20))
    }

    /// Makes a size of this number of GiB (1,073,741,824 bytes). Saturates at `u64::MAX` bytes.
    #[must_use]
    pub const fn gib(gib: u64) -> Self {
        Self(gib.saturating_mul(1 << 30))
    }

    /// Returns the number of bytes.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

impl From<u64> for ByteSize {
    fn from(bytes: u64) -> Self {
        Self(bytes)
    }
}

/// Units of more than one byte, the largest first.
const UNITS: [(u64, &str); 4] = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];

/// The form in which a size is read, for error texts.
pub(crate) const SIZE_FORM: &str =
    "a size is a number with B, KiB, MiB, GiB or TiB, such as 64MiB or 1.5 GiB";

/// The error for a text that is not a size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a size: {SIZE_FORM}")]
pub struct ParseByteSizeError {
    text: String,
}

/// Reads a size: a whole number and a unit, as in `64MiB`. Also reads what [`Display`](fmt::Display) prints:
/// one decimal, and one space before the unit, as in `1.5 GiB`.
impl FromStr for ByteSize {
    type Err = ParseByteSizeError;

    fn from_str(text: &str) -> Result<Self, ParseByteSizeError> {
        parse_size(text).map(Self).ok_or_else(|| ParseByteSizeError { text: text.to_owned() })
    }
}

fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at(text.find(|letter: char| letter.is_ascii_alphabetic())?);
    let number = number.strip_suffix(' ').unwrap_or(number);
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, tenths) = number.split_once('.').unwrap_or((number, "0"));
    if !is_number(whole) || !is_number(tenths) || tenths.len() > 1 {
        return None;
    }
    if unit == "B" {
        return number.parse().ok();
    }
    let (size, _) = UNITS.into_iter().find(|(_, name)| *name == unit)?;
    let tenths: u64 = tenths.parse().ok()?;
    // Rounded up, because `Display` rounds down. So a size prints in the form in which it was read.
    whole.parse::<u64>().ok()?.checked_mul(size)?.checked_add((tenths * size).div_ceil(10))
}

/// Uses the largest unit in which the size is at least 1, with at most one decimal: `1.5 MiB`.
impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (size, unit) in UNITS {
            if self.0 >= size {
                let (whole, tenths) = (self.0 / size, (self.0 % size) * 10 / size);
                return match tenths {
                    0 => f.pad(&format!("{whole} {unit}")),
                    _ => f.pad(&format!("{whole}.{tenths} {unit}")),
                };
            }
        }
        f.pad(&format!("{} B", self.0))
    }
}

impl fmt::Debug for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A point in time: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The earliest timestamp, before every entry.
    pub const ZERO: Self = Self(0);

    /// Makes a timestamp of this number of milliseconds since 1970.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Returns the number of milliseconds since 1970.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Returns this point plus a duration. The duration is rounded down to the millisecond, and the result
    /// saturates.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }

    /// Returns the time from `earlier` to this point. Returns zero if this point is not later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// Returns the whole milliseconds of a duration. Saturates at `u64::MAX`.
pub(crate) fn millis(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1000).saturating_add(u64::from(duration.subsec_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_prints_in_its_largest_unit() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (1 << 30, "1 GiB"),
            ((1 << 30) + (1 << 29), "1.5 GiB"),
        ] {
            assert_eq!(ByteSize::bytes(bytes).to_string(), text);
        }
        assert_eq!(format!("{:>8}", ByteSize::bytes(3)), "     3 B");
    }

    #[test]
    fn a_size_is_read_as_it_is_written_in_a_url_and_as_it_prints() {
        for (text, bytes) in [
            ("0B", 0),
            ("7 B", 7),
            ("65536B", 1 << 16),
            ("1024KiB", 1 << 20),
            ("64MiB", 64 << 20),
            ("1.5 GiB", 3 << 29),
            ("2TiB", 2 << 40),
        ] {
            assert_eq!(text.parse(), Ok(ByteSize::bytes(bytes)), "{text}");
        }
        for text in [
            "",
            " ",
            "64",
            "MiB",
            "64MB",
            "64mib",
            "-1MiB",
            "+64MiB",
            " 64MiB",
            "64MiB ",
            "64  MiB",
            "1.MiB",
            ".5MiB",
            "1.55MiB",
            "1.5B",
            "1_000KiB",
            "64MiB;",
            "99999999999TiB",
            "ßMiB",
        ] {
            let error = text.parse::<ByteSize>().unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("{text:?} is not a size: a size is a number with B, KiB")),
                "{error}"
            );
        }
    }

    #[test]
    fn a_size_that_was_printed_is_read_back_as_one_that_prints_alike() {
        let near = |bytes: u64| [bytes.saturating_sub(1), bytes, bytes.saturating_add(1)];
        for bytes in
            (0..64).flat_map(|bits| near(1 << bits)).chain([0, 999, 1_234_567, 9_876_543_210, u64::MAX >> 9])
        {
            let printed = ByteSize::bytes(bytes).to_string();
            assert_eq!(printed.parse::<ByteSize>().unwrap().to_string(), printed);
        }
    }

    #[test]
    fn time_arithmetic_saturates() {
        let late = Timestamp::from_millis(u64::MAX);
        assert_eq!(late.after(Duration::MAX), late);
        assert_eq!(Timestamp::ZERO.since(late), Duration::ZERO);
        let longest = Duration::from_millis(u64::MAX);
        assert_eq!(
            [longest, Duration::MAX, longest.saturating_sub(Duration::from_nanos(1))].map(millis),
            [u64::MAX, u64::MAX, u64::MAX - 1]
        );
    }
}
