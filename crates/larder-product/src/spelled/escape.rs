//! Escapes displaced product codes: `%5F` for `_`, `%25` for `%`.
//!
//! An escaped code has no underscore, and decodes to exactly one code.

/// Escapes the underscores and percent signs of a code.
pub(crate) fn escape(code: &str) -> String {
    code.replace('%', "%25").replace('_', "%5F")
}

/// Decodes an escaped code. Returns `None` if `text` is not an escaped code, or if nothing in it is escaped.
pub(crate) fn unescape(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut code = parts.next()?.to_owned();
    for part in parts {
        let (character, rest) = match part.split_at_checked(2)? {
            ("5F", rest) => ('_', rest),
            ("25", rest) => ('%', rest),
            _ => return None,
        };
        code.push(character);
        code.push_str(rest);
    }
    (code != text && !text.contains('_')).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_escaped_codes_are_read_back() {
        for code in ["_", "%", "A_B", "50%", "%5F", "%255F", "_%_"] {
            assert_eq!(unescape(&escape(code)).as_deref(), Some(code));
        }
        for text in ["", "A", "A_B", "%", "%5", "%5f", "%2A", "A%5FB_C", "é%é", "%5"] {
            assert_eq!(unescape(text), None, "{text:?}");
        }
    }
}
