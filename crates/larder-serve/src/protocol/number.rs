//! Integers in the only form that Redis accepts: decimal digits without a plus sign, leading zeros or spaces.
//! Every integer has only one such form, so stored integers can be compared as text.

pub(crate) fn integer(bytes: &[u8]) -> Option<i64> {
    let (is_negative, digits) = match bytes {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !is_negative => return Some(0),
        [b'1'..=b'9', ..] if digits.len() <= 19 => {}
        _ => return None,
    }
    // Builds the negative number, because the smallest number has no positive counterpart.
    let mut value: i64 = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value.checked_mul(10)?.checked_sub(i64::from(digit - b'0'))?;
    }
    if is_negative { Some(value) } else { value.checked_neg() }
}

/// Number of bytes of the longest integer, with its sign.
const MAX_LEN: usize = 20;

/// The text of an integer.
#[derive(Debug)]
pub(crate) struct IntegerText {
    bytes: [u8; MAX_LEN],
    start: usize,
}

impl IntegerText {
    pub(crate) fn of(value: i64) -> Self {
        let mut text = Self { bytes: [b'-'; MAX_LEN], start: MAX_LEN };
        let mut left = value.unsigned_abs();
        while let Some(start) = text.start.checked_sub(1)
            && let Some(slot) = text.bytes.get_mut(start)
        {
            *slot = b'0' + u8::try_from(left % 10).unwrap_or_default();
            text.start = start;
            left /= 10;
            if left == 0 {
                break;
            }
        }
        // The byte before the digits is a minus sign.
        text.start = text.start.saturating_sub(usize::from(value < 0));
        text
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }
}

pub(crate) fn write_integer(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(IntegerText::of(value).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integer_has_one_form_and_comes_back_from_it() {
        for value in [0, 1, -1, 9, 10, -10, 1_234_567_890, i64::MAX, i64::MIN, i64::MAX - 1, i64::MIN + 1] {
            let mut text = Vec::new();
            write_integer(&mut text, value);
            assert_eq!(text, value.to_string().as_bytes());
            assert_eq!(integer(&text), Some(value));
        }
        let wrong = ["", "-", "+1", "01", "-0", "-01", " 1", "1 ", "1.0", "0x1", "9223372036854775808"];
        for text in wrong.iter().chain(&["-9223372036854775809", "99999999999999999999", "1\n", "--1"]) {
            assert_eq!(integer(text.as_bytes()), None, "{text:?}");
        }
    }
}
