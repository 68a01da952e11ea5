//! Decimal numbers for `INCRBYFLOAT`. A sum is exact, and is then rounded to 17 digits after the decimal
//! point.
//!
//! Redis adds 80-bit floating-point numbers of an Intel processor, and prints 17 digits after the decimal
//! point. So the sum of `10.5` and `0.1` is `10.6` in Redis and here. An 80-bit number has 64 significant
//! bits, which are 19 decimal digits. Redis rounds each term and each sum to such a number. Here, no digit
//! before the decimal point is lost: the sum of `1e30` and `1` ends with `1`. The range is about that of
//! Redis, up to 4,933 digits before the decimal point. Redis also reads hexadecimal numbers, and they are an
//! error here.

use std::cmp::Ordering;
use std::fmt;

/// Number of digits of a sum after the decimal point.
const FRACTION: usize = 17;

/// Maximum number of digits before the decimal point. The largest number of Redis is 1.19 · 10⁴⁹³².
const MAX_WHOLE: i64 = 4933;

/// Maximum number of zeros between the decimal point and the first other digit. The smallest number of Redis
/// is 3.6 · 10⁻⁴⁹⁵¹.
const MAX_ZEROS: i64 = 4950;

/// Maximum length of the text of a number, in bytes, as in Redis. The text of each sum is shorter.
const MAX_TEXT: usize = 5119;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Decimal {
    Finite(Number),
    Infinite,
}

/// A number: its digits, read as a whole number and divided by 10 to the power of `scale`. The digits do not
/// begin with a zero, and zero has no digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Number {
    is_negative: bool,
    /// The values of the digits, from 0 to 9.
    digits: Vec<u8>,
    scale: usize,
}

impl Decimal {
    pub(super) const ZERO: Self = Self::Finite(Number { is_negative: false, digits: Vec::new(), scale: 0 });

    /// Parses an optional sign, digits, an optional decimal point, and an optional exponent. Also parses
    /// `inf` and `infinity`.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        if text.len() > MAX_TEXT {
            return None;
        }
        let (is_negative, number) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            _ => (false, text),
        };
        if number.eq_ignore_ascii_case(b"inf") || number.eq_ignore_ascii_case(b"infinity") {
            return Some(Self::Infinite);
        }
        Number::parse(is_negative, number).map(Self::Finite)
    }

    /// Returns the sum, rounded to 17 digits after the decimal point. Returns `None` if it is too large, or
    /// if a term is infinite.
    pub(super) fn add(&self, other: &Self) -> Option<Self> {
        let (Self::Finite(left), Self::Finite(right)) = (self, other) else { return None };
        let sum = left.add(right).round();
        (sum.whole() <= MAX_WHOLE).then_some(Self::Finite(sum))
    }
}

impl Number {
    /// Parses a number without a sign. Returns `None` if the text is not a number, or if the number is too
    /// large or too close to zero.
    fn parse(is_negative: bool, text: &[u8]) -> Option<Self> {
        let (mantissa, exponent) = match text.iter().position(|byte| matches!(byte, b'e' | b'E')) {
            Some(at) => (text.get(..at)?, exponent(text.get(at + 1..)?)?),
            None => (text, 0),
        };
        let (whole, fraction) = match mantissa.iter().position(|byte| *byte == b'.') {
            Some(at) => (mantissa.get(..at)?, mantissa.get(at + 1..)?),
            None => (mantissa, &[][..]),
        };
        let all = || whole.iter().chain(fraction);
        if all().next().is_none() || !all().all(u8::is_ascii_digit) {
            return None;
        }
        let mut digits: Vec<u8> = all().map(|digit| digit - b'0').skip_while(|digit| *digit == 0).collect();
        if digits.is_empty() {
            return Some(Self { is_negative, digits, scale: 0 });
        }
        let mut scale = i64::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
        let first = i64::try_from(digits.len()).ok()?.checked_sub(scale)?;
        if !(-MAX_ZEROS..=MAX_WHOLE).contains(&first) {
            return None;
        }
        if scale < 0 {
            digits.resize(digits.len() + usize::try_from(scale.unsigned_abs()).ok()?, 0);
            scale = 0;
        }
        Some(Self { is_negative, digits, scale: usize::try_from(scale).ok()? })
    }

    /// Returns the number of digits before the decimal point. It is negative if zeros are between the
    /// decimal point and the first digit.
    fn whole(&self) -> i64 {
        let signed = |len: usize| i64::try_from(len).unwrap_or(i64::MAX);
        signed(self.digits.len()) - signed(self.scale)
    }

    /// Returns the digits with `scale` digits after the decimal point, and with zeros before them up to `len`
    /// digits in total. `scale` must not be less than the scale of this number, and the digits must fit into
    /// `len`.
    fn padded(&self, scale: usize, len: usize) -> Vec<u8> {
        let behind = scale.saturating_sub(self.scale);
        let mut digits = vec![0; len.saturating_sub(self.digits.len() + behind)];
        digits.extend_from_slice(&self.digits);
        digits.resize(len, 0);
        digits
    }

    fn add(&self, other: &Self) -> Self {
        let scale = self.scale.max(other.scale);
        let len_of = |number: &Self| number.digits.len() + scale - number.scale;
        // The carry needs one more digit.
        let len = len_of(self).max(len_of(other)) + 1;
        let (mut left, mut right) = (self.padded(scale, len), other.padded(scale, len));
        let mut is_negative = self.is_negative;
        if self.is_negative == other.is_negative {
            add_to(&mut left, &right);
        } else {
            if left.cmp(&right) == Ordering::Less {
                (left, right, is_negative) = (right, left, other.is_negative);
            }
            subtract_from(&mut left, &right);
        }
        Self { is_negative, digits: left, scale }.without_leading_zeros()
    }

    /// Rounds to 17 digits after the decimal point. Half of the last digit is rounded away from zero.
    fn round(mut self) -> Self {
        let Some(dropped) = self.scale.checked_sub(FRACTION).filter(|dropped| *dropped > 0) else {
            return self;
        };
        // Adds at least one leading zero, for the carry. If all digits are dropped, one zero remains.
        let zeros = (dropped + 1).saturating_sub(self.digits.len()).max(1);
        self.digits.splice(0..0, std::iter::repeat_n(0, zeros));
        let rest = self.digits.split_off(self.digits.len() - dropped);
        if rest.first().is_some_and(|digit| *digit >= 5) {
            add_to(&mut self.digits, &[1]);
        }
        self.scale = FRACTION;
        self.without_leading_zeros()
    }

    fn without_leading_zeros(mut self) -> Self {
        let zeros = self.digits.iter().take_while(|digit| **digit == 0).count();
        self.digits.drain(..zeros);
        self
    }
}

/// Parses an exponent. An exponent that is too large for an `i64` saturates.
fn exponent(text: &[u8]) -> Option<i64> {
    let (is_negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let exponent = digits
        .iter()
        .fold(0_i64, |exponent, digit| exponent.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    Some(if is_negative { -exponent } else { exponent })
}

/// Adds the digits of a number to the digits of another number, which must have room for the sum.
fn add_to(digits: &mut [u8], other: &[u8]) {
    let mut carry = 0;
    for (digit, other) in digits.iter_mut().rev().zip(other.iter().rev().chain(std::iter::repeat(&0))) {
        *digit += other + carry;
        carry = u8::from(*digit > 9);
        *digit -= 10 * carry;
    }
}

/// Subtracts the digits of a number from a number that is not smaller.
fn subtract_from(digits: &mut [u8], other: &[u8]) {
    let mut borrow = 0;
    for (digit, other) in digits.iter_mut().rev().zip(other.iter().rev().chain(std::iter::repeat(&0))) {
        let subtrahend = other + borrow;
        borrow = u8::from(*digit < subtrahend);
        *digit = *digit + 10 * borrow - subtrahend;
    }
}

/// Prints the number without an exponent.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Finite(Number { is_negative, digits, scale }) = self else { return f.write_str("inf") };
        let zeros = (scale + 1).saturating_sub(digits.len());
        let digits = std::iter::repeat_n(&0, zeros).chain(digits).map(|digit| char::from(b'0' + digit));
        let mut text: String = digits.collect();
        let fraction = text.split_off(text.len() - scale);
        let fraction = fraction.trim_end_matches('0');
        if *is_negative && (text != "0" || !fraction.is_empty()) {
            f.write_str("-")?;
        }
        f.write_str(&text)?;
        if fraction.is_empty() { Ok(()) } else { write!(f, ".{fraction}") }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sum(left: &str, right: &str) -> String {
        let (left, right) =
            (Decimal::parse(left.as_bytes()).unwrap(), Decimal::parse(right.as_bytes()).unwrap());
        left.add(&right).map_or("none".to_owned(), |sum| sum.to_string())
    }

    #[test]
    fn decimals_are_added_as_they_are_written() {
        assert_eq!(sum("10.50", "0.1"), "10.6");
        assert_eq!(sum("5.0e3", "2.0e2"), "5200");
        assert_eq!(sum("0.1", "0.2"), "0.3");
        assert_eq!(sum("3", "-3.25"), "-0.25");
        assert_eq!(sum("-0.5", "0.5"), "0");
        assert_eq!(sum("-1e3", "1"), "-999");
        assert_eq!(sum("1e30", "1"), "1000000000000000000000000000001");
        assert_eq!(sum("1e308", "1e308"), format!("2{}", "0".repeat(308)));
        assert_eq!(sum("0.00000000000000001", "0"), "0.00000000000000001");
        assert_eq!(sum(".5", "5."), "5.5");
        assert_eq!(sum("0e99999999999999999999", "+1"), "1");
        for wrong in
            ["", ".", "a", "1a", " 1", "1 ", "nan", "--1", "+-1", "1e", "e1", "1e+", "1.1.1", "0x10", "1\0"]
        {
            assert_eq!(Decimal::parse(wrong.as_bytes()), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_number_with_many_digits_loses_none_of_the_17_after_the_point() {
        assert_eq!(sum("0.1234567890123456789012345678901234567890", "0"), "0.12345678901234568");
        assert_eq!(sum("-0.1234567890123456789012345678901234567890", "0"), "-0.12345678901234568");
        let whole = "123456789".repeat(50);
        assert_eq!(sum(&format!("{whole}.5"), "0.25"), format!("{whole}.75"));
        assert_eq!(sum(&format!("0.{}1", "0".repeat(4900)), "1"), "1");
    }

    #[test]
    fn a_sum_is_rounded_once() {
        assert_eq!(sum("4e-18", "4e-18"), "0.00000000000000001");
        assert_eq!(sum("4e-18", "0"), "0");
        assert_eq!(sum("-4e-18", "0"), "0");
        assert_eq!(sum("0.999999999999999995", "0"), "1");
        assert_eq!(sum("5e-18", "-5e-19"), "0");
        assert_eq!(sum("4e-4951", "0"), "0");
    }

    #[test]
    fn the_range_is_that_of_redis() {
        let largest = format!("1{}", "0".repeat(4932));
        assert_eq!(sum("1e4932", "0"), largest);
        assert_eq!(sum("9e4932", "9e4932"), "none");
        assert_eq!(sum("inf", "-Infinity"), "none");
        assert_eq!(sum("inf", "1"), "none");
        for wrong in ["1e4933", "1e-4952", "1e99999999999999999999", "1e-99999999999999999999"] {
            assert_eq!(Decimal::parse(wrong.as_bytes()), None, "{wrong:?}");
        }
        // A sum is a number that can be read again.
        let long = format!("-{}.{}", "9".repeat(4933), "9".repeat(17));
        assert_eq!(sum(&long, "0"), long);
        assert_eq!(sum(&long, "-1e-17"), "none");
        assert_eq!(Decimal::parse("1".repeat(MAX_TEXT + 1).as_bytes()), None);
    }

    /// Multiples of 10⁻¹⁷, as whole numbers, and their text with an exponent.
    fn multiple() -> impl Strategy<Value = (i128, String)> {
        let number =
            (-10_i128.pow(36)..10_i128.pow(36), 0..120_u32).prop_map(|(number, bits)| number >> bits);
        (number, -30..30_i32).prop_map(|(number, exponent)| {
            let sign = if number < 0 { "-" } else { "" };
            let digits = format!("{:060}", number.unsigned_abs());
            let (whole, fraction) = digits.split_at(usize::try_from(43 - exponent).unwrap().min(60));
            let lead = "0".repeat(usize::try_from(-exponent - 17).unwrap_or(0));
            (number, format!("{sign}{whole}{lead}.{fraction}e{exponent}"))
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_sum_is_that_of_whole_numbers(left in multiple(), right in multiple()) {
            let sum_of_whole = left.0 + right.0;
            let text = format!("{:018}", sum_of_whole.unsigned_abs());
            let (whole, fraction) = text.split_at(text.len() - 17);
            let sign = if sum_of_whole < 0 { "-" } else { "" };
            let expected = format!("{sign}{whole}.{fraction}");
            let expected = expected.trim_end_matches('0').trim_end_matches('.');
            prop_assert_eq!(sum(&left.1, &right.1), expected, "{} and {}", &left.1, &right.1);
        }

        #[test]
        fn what_was_added_can_be_subtracted(
            value in "-?[1-9][0-9]{0,200}(\\.[0-9]{0,16}[1-9])?",
            by in "[0-9]{1,200}\\.[0-9]{1,17}",
        ) {
            prop_assert_eq!(sum(&sum(&value, &by), &format!("-{by}")), value);
        }
    }
}
