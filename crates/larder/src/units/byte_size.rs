//! Sizes in bytes, as a type with a unit.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A number of bytes.
///
/// Settings accept `impl Into<ByteSize>`, so a plain `u64` works as a number of bytes. Sums saturate at
/// `u64::MAX` bytes. Serde writes and reads the plain number of bytes.
///
/// ```
/// use larder::ByteSize;
/// assert_eq!(ByteSize::mib(64), ByteSize::from(64 << 20));
/// assert_eq!(ByteSize::kib(1536).to_string(), "1.5 MiB");
/// assert_eq!("64MiB".parse(), Ok(ByteSize::mib(64)));
///
/// let files = [ByteSize::mib(3), ByteSize::kib(512)];
/// assert_eq!(files.iter().sum::<ByteSize>().to_string(), "3.5 MiB");
/// assert_eq!(ByteSize::mib(3).saturating_sub(ByteSize::mib(4)), ByteSize::ZERO);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ByteSize(u64);

impl ByteSize {
    /// No bytes.
    pub const ZERO: Self = Self(0);

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

    /// Returns whether the size is zero bytes.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Returns the sum of two sizes. Saturates at `u64::MAX` bytes. The operator `+` does the same.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Returns this size minus another size. Returns zero if the other size is larger.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl From<u64> for ByteSize {
    fn from(bytes: u64) -> Self {
        Self(bytes)
    }
}

impl From<ByteSize> for u64 {
    fn from(size: ByteSize) -> Self {
        size.0
    }
}

impl Add for ByteSize {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.saturating_add(other)
    }
}

impl AddAssign for ByteSize {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for ByteSize {
    fn sum<I: Iterator<Item = Self>>(sizes: I) -> Self {
        sizes.fold(Self::ZERO, Self::saturating_add)
    }
}

impl<'a> Sum<&'a Self> for ByteSize {
    fn sum<I: Iterator<Item = &'a Self>>(sizes: I) -> Self {
        sizes.copied().sum()
    }
}

/// Units of more than one byte, the largest first.
const UNITS: [(u64, &str); 4] = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];

/// The form in which a size is read, for error texts.
pub(crate) const SIZE_FORM: &str =
    "a size is a number with B, KiB, MiB, GiB or TiB, such as 64MiB or 1.5 GiB";

/// The error for a text that is not a size.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a size: {SIZE_FORM}")]
pub struct ParseByteSizeError {
    text: String,
}

/// Prints the text, followed by the name of the type.
impl fmt::Debug for ParseByteSizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} (ParseByteSizeError)")
    }
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
    // Rounded up, because `Display` rounds down. Otherwise `1.1 GiB` would be printed as `1 GiB`.
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
            let error = text.parse::<ByteSize>().unwrap_err();
            assert_eq!(format!("{error:?}"), format!("{error} (ParseByteSizeError)"));
            let error = error.to_string();
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
    fn sums_and_differences_saturate() {
        let most = ByteSize::bytes(u64::MAX);
        let mut size = ByteSize::kib(1) + ByteSize::bytes(24);
        assert_eq!(u64::from(size), 1048);
        size += most;
        assert_eq!(size, most);
        assert_eq!([most, ByteSize::kib(1)].iter().sum::<ByteSize>(), most);
        assert_eq!([ByteSize::kib(1); 3].into_iter().sum::<ByteSize>(), ByteSize::kib(3));
        assert_eq!(ByteSize::kib(3).saturating_sub(ByteSize::kib(1)), ByteSize::kib(2));
        assert!(ByteSize::kib(1).saturating_sub(most).is_zero());
        assert!(!ByteSize::bytes(1).is_zero());
    }

    #[test]
    fn serde_writes_and_reads_the_number_of_bytes() {
        let size = Some(ByteSize::kib(2));
        assert_eq!(serde_json::to_string(&size).unwrap(), "2048");
        assert_eq!(serde_json::from_str::<Option<ByteSize>>("2048").unwrap(), size);
    }
}
