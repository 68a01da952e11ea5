//! Escapes a text from a file or another process, so that a terminal can print it safely.
//!
//! Invariant: the result of [`escape_control`] has no character that controls a terminal, ends a line, or
//! hides or reverses the text around it.

use std::borrow::Cow;
use std::fmt::Write;

/// Replaces each character that controls a terminal, or hides or reverses the text around it, with its Rust
/// escape: `\n`, `\t`, `\u{1B}`.
///
/// A text from a cache file or a live process may contain any character: the name of a keyspace, the cause
/// of an error. A program must escape this text before printing it. Otherwise the text could move the
/// cursor, forge a line of output, or set the title of the window. The result is for people and cannot be
/// read back, because a backslash in the text is not escaped.
///
/// # Cost
/// Reads the text once. Allocates only if a character must be replaced.
///
/// # Examples
/// ```
/// # #[cfg(feature = "inspect")] {
/// use larder::inspect::escape_control;
///
/// assert_eq!(escape_control("product"), "product");
/// assert_eq!(escape_control("\u{1B}[2Jprod\nuct"), "\\u{1B}[2Jprod\\nuct");
/// # }
/// ```
#[must_use]
pub fn escape_control(text: &str) -> Cow<'_, str> {
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        if is_obeyed(letter) {
            // Writing to a string does not fail.
            let _ = write_escape(&mut escaped, letter);
        } else {
            escaped.push(letter);
        }
    }
    Cow::Owned(escaped)
}

/// Returns whether a terminal acts on a character instead of only showing it.
pub(super) fn is_obeyed(letter: char) -> bool {
    letter.is_control() || is_format(letter)
}

pub(super) fn write_escape(out: &mut impl Write, letter: char) -> std::fmt::Result {
    match letter {
        '\n' => out.write_str("\\n"),
        '\r' => out.write_str("\\r"),
        '\t' => out.write_str("\\t"),
        letter => write!(out, "\\u{{{:X}}}", u32::from(letter)),
    }
}

/// Returns whether a character is invisible and changes how other characters are shown.
fn is_format(letter: char) -> bool {
    matches!(letter, '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_escaped_and_all_else_is_left() {
        for (text, expected) in [
            ("", ""),
            ("naïve \\n 商品 🛒", "naïve \\n 商品 🛒"),
            ("a\nb\tc\rd", "a\\nb\\tc\\rd"),
            ("\u{1B}]0;title\u{7}", "\\u{1B}]0;title\\u{7}"),
            ("\u{7F}\u{9B}31m", "\\u{7F}\\u{9B}31m"),
            ("abc\u{202E}fed\u{200B}", "abc\\u{202E}fed\\u{200B}"),
        ] {
            assert_eq!(escape_control(text), expected);
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_that_a_terminal_obeys_is_left(text: String) {
            let escaped = escape_control(&text);
            proptest::prop_assert!(!escaped.contains(is_obeyed));
            proptest::prop_assert_eq!(escaped == text, !text.contains(is_obeyed));
        }
    }
}
