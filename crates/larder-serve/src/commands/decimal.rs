//! Decimal numbers for `INCRBYFLOAT`. They are added exactly, with 17 digits after the decimal point.
//!
//! Redis adds 80-bit floating-point numbers of an Intel processor, and prints 17 digits after the decimal
//! point. So the sum of `10.5` and `0.1` is `10.6` in Redis and here. A number that is too large, or has
//! too many digits, becomes a 64-bit floating-point number, which is printed without a fraction.

use std::fmt;

/// Number of digits after the decimal point.
const DIGITS: u32 = 17;

/// The number 1, as a [`Decimal::Exact`].
const ONE: i128 = 10_i128.pow(DIGITS);

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Decimal {
    /// A multiple of 10⁻¹⁷.
    Exact(i128),
    /// A number that is too large, or has too many digits, for [`Exact`](Self::Exact).
    Float(f64),
}

impl Decimal {
    pub(super) const ZERO: Self = Self::Exact(0);

    /// Parses digits, an optional decimal point, and an optional exponent.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        if text.starts_with(|first: char| first.is_ascii_whitespace()) {
            return None;
        }
        let float: f64 = text.parse().ok().filter(|float: &f64| !float.is_nan())?;
        Some(Self::exact(text).unwrap_or(Self::Float(float)))
    }

    /// Parses a number, and rounds it to 17 digits after the decimal point. Returns `None` if an `i128`
    /// can't hold its digits.
    fn exact(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (is_negative, mantissa) = match mantissa.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut value: i128 = 0;
        for digit in whole.chars().chain(fraction.chars()) {
            value = value.checked_mul(10)?.checked_add(i128::from(digit.to_digit(10)?))?;
        }
        let shift = exponent
            .checked_add(i32::try_from(DIGITS).ok()?)?
            .checked_sub(i32::try_from(fraction.len()).ok()?)?;
        let power = |by: u32| 10_i128.checked_pow(by);
        let scaled = if shift >= 0 {
            value.checked_mul(power(shift.unsigned_abs())?)?
        } else {
            match power(shift.unsigned_abs()) {
                Some(divisor) => value / divisor + i128::from(value % divisor >= divisor / 2 + divisor % 2),
                None => 0,
            }
        };
        Some(Self::Exact(if is_negative { -scaled } else { scaled }))
    }

    pub(super) fn add(self, other: Self) -> Option<Self> {
        if let (Self::Exact(left), Self::Exact(right)) = (self, other)
            && let Some(sum) = left.checked_add(right)
        {
            return Some(Self::Exact(sum));
        }
        let sum = self.as_float() + other.as_float();
        sum.is_finite().then_some(Self::Float(sum))
    }

    #[expect(clippy::cast_precision_loss, reason = "only for numbers beyond the range of the exact ones")]
    fn as_float(self) -> f64 {
        match self {
            Self::Exact(value) => value as f64 / ONE as f64,
            Self::Float(value) => value,
        }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Exact(value) => {
                let sign = if value < 0 { "-" } else { "" };
                let value = value.unsigned_abs();
                let one = ONE.unsigned_abs();
                write!(f, "{sign}{}", value / one)?;
                let fraction = format!("{:017}", value % one);
                let fraction = fraction.trim_end_matches('0');
                if fraction.is_empty() { Ok(()) } else { write!(f, ".{fraction}") }
            }
            // Printed without a fraction, because nearly all such numbers are very large.
            Self::Float(value) => write!(f, "{value:.0}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(left: &str, right: &str) -> String {
        let (left, right) =
            (Decimal::parse(left.as_bytes()).unwrap(), Decimal::parse(right.as_bytes()).unwrap());
        left.add(right).map_or("none".to_owned(), |sum| sum.to_string())
    }

    #[test]
    fn decimals_are_added_as_they_are_written() {
        assert_eq!(sum("10.50", "0.1"), "10.6");
        assert_eq!(sum("5.0e3", "2.0e2"), "5200");
        assert_eq!(sum("0.1", "0.2"), "0.3");
        assert_eq!(sum("3", "-3.25"), "-0.25");
        assert_eq!(sum("-0.5", "0.5"), "0");
        assert_eq!(sum("1e30", "1"), "1000000000000000019884624838656");
        assert_eq!(sum("1e308", "1e308"), "none");
        assert_eq!(sum("0.00000000000000001", "0"), "0.00000000000000001");
        assert_eq!(sum("inf", "1"), "none");
        for wrong in ["", "a", "1a", " 1", "1 ", "nan", "--1", "1e"] {
            assert_eq!(Decimal::parse(wrong.as_bytes()), None, "{wrong:?}");
        }
    }
}
