//! Sizes and points in time: numbers with their unit.

use std::fmt;
use std::time::Duration;

/// A number of bytes.
///
/// Settings take `impl Into<ByteSize>`, so a plain `u64` works wherever a size is expected.
///
/// ```
/// use larder::ByteSize;
/// assert_eq!(ByteSize::mib(64), ByteSize::from(64 << 20));
/// assert_eq!(ByteSize::kib(1536).to_string(), "1.5 MiB");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ByteSize(u64);

impl ByteSize {
    /// Makes a size of so many bytes.
    #[must_use]
    pub const fn bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// Makes a size of so many KiB (1,024 bytes), saturating.
    #[must_use]
    pub const fn kib(kib: u64) -> Self {
        Self(kib.saturating_mul(1 << 10))
    }

    /// Makes a size of so many MiB (1,048,576 bytes), saturating.
    #[must_use]
    pub const fn mib(mib: u64) -> Self {
        Self(mib.saturating_mul(1 << 20))
    }

    /// Makes a size of so many GiB (1,073,741,824 bytes), saturating.
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

/// Uses the largest unit whose number is at least one, with at most one decimal: `1.5 MiB`.
impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 4] =
            [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
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
    /// The beginning of the scale, before every entry.
    pub const ZERO: Self = Self(0);

    /// Makes a timestamp of so many milliseconds since 1970.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Returns the milliseconds since 1970.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Returns this point plus a duration, rounded down to the millisecond, saturating.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }

    /// Returns how much later this point is than `earlier`. Zero if it is not later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// Returns the whole milliseconds of a duration, saturating.
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
