//! Requests that a person types as a line of words. Words are separated by spaces, and may be quoted with
//! escapes.

use super::arguments::Span;

/// Splits a line into words. Returns false if a quote is not closed, or if a closing quote is followed by a
/// character other than a space.
pub(super) fn split(line: &[u8], unquoted: &mut Vec<u8>, spans: &mut Vec<Span>) -> bool {
    let mut rest = line;
    loop {
        rest = rest.trim_ascii_start();
        // C treats the vertical tab as a space, but Rust does not.
        while let [0x0B, tail @ ..] = rest {
            rest = tail.trim_ascii_start();
        }
        if rest.is_empty() {
            return true;
        }
        let start = unquoted.len();
        let Some(tail) = word(rest, unquoted) else { return false };
        spans.push(Span { start, end: unquoted.len() });
        rest = tail;
    }
}

/// Reads one word, without its quotes and escapes. Returns the rest of the line.
fn word<'a>(mut rest: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        match rest {
            [] => return Some(rest),
            // As in Redis, a vertical tab or a form feed does not end a word.
            [b' ' | b'\t' | b'\r' | b'\n' | 0, ..] => return Some(rest.get(1..).unwrap_or_default()),
            [b'"', tail @ ..] => return after_quote(double_quoted(tail, out)?),
            [b'\'', tail @ ..] => return after_quote(single_quoted(tail, out)?),
            [byte, tail @ ..] => {
                out.push(*byte);
                rest = tail;
            }
        }
    }
}

fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0B
}

/// Checks that a closing quote is followed by a space or by the end of the line.
fn after_quote(rest: &[u8]) -> Option<&[u8]> {
    match rest {
        [next, ..] if !is_space(*next) => None,
        _ => Some(rest),
    }
}

fn double_quoted<'a>(mut rest: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let (byte, tail) = match rest {
            [] => return None,
            [b'"', tail @ ..] => return Some(tail),
            [b'\\', b'x', high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (hex(*high) << 4 | hex(*low), tail)
            }
            [b'\\', escaped, tail @ ..] => {
                let byte = match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 0x08,
                    b'a' => 0x07,
                    other => *other,
                };
                (byte, tail)
            }
            [byte, tail @ ..] => (*byte, tail),
        };
        out.push(byte);
        rest = tail;
    }
}

fn single_quoted<'a>(mut rest: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let (byte, tail) = match rest {
            [] => return None,
            [b'\'', tail @ ..] => return Some(tail),
            [b'\\', b'\'', tail @ ..] => (b'\'', tail),
            [byte, tail @ ..] => (*byte, tail),
        };
        out.push(byte);
        rest = tail;
    }
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit.wrapping_sub(b'A').wrapping_add(10),
    }
}
