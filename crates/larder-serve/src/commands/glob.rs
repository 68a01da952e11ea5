//! Patterns of keys, as `KEYS`, `SCAN` and `CONFIG GET` take them: `*`, `?`, `[a-z]`, `[^a]` and `\`.

/// Returns whether a pattern matches the whole text.
///
/// Takes at most the product of both lengths in steps: only the last `*` is ever tried again.
pub(super) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut seen) = (0, 0);
    // After the last `*`: the rest of the pattern, and where in the text the next attempt begins.
    let mut retry = None;
    while seen < text.len() {
        if pattern.get(at) == Some(&b'*') {
            at += 1;
            retry = Some((at, seen));
            continue;
        }
        match one(pattern, at, text.get(seen).copied().unwrap_or_default()) {
            Some(next) => (at, seen) = (next, seen + 1),
            None => match &mut retry {
                Some((rest, begin)) => {
                    *begin += 1;
                    (at, seen) = (*rest, *begin);
                }
                None => return false,
            },
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|byte| *byte == b'*')
}

/// Returns the place behind one item of the pattern, if the item matches a byte.
fn one(pattern: &[u8], at: usize, byte: u8) -> Option<usize> {
    match *pattern.get(at)? {
        b'?' => Some(at + 1),
        b'[' => class(pattern, at + 1, byte),
        b'\\' if at + 1 < pattern.len() => (pattern.get(at + 1) == Some(&byte)).then_some(at + 2),
        literal => (literal == byte).then_some(at + 1),
    }
}

/// Returns the place behind a class, if the class has a byte. A class without an end goes to the end of the
/// pattern, as in Redis.
fn class(pattern: &[u8], mut at: usize, byte: u8) -> Option<usize> {
    let is_negated = pattern.get(at) == Some(&b'^');
    at += usize::from(is_negated);
    let mut has = false;
    loop {
        match pattern.get(at..).unwrap_or_default() {
            [] => break,
            [b']', ..] => {
                at += 1;
                break;
            }
            [b'\\', literal, ..] => {
                has |= *literal == byte;
                at += 2;
            }
            [low, b'-', high, ..] => {
                has |= (*low.min(high)..=*low.max(high)).contains(&byte);
                at += 3;
            }
            [literal, ..] => {
                has |= *literal == byte;
                at += 1;
            }
        }
    }
    (has != is_negated).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_as_in_redis() {
        let yes = [
            ("", ""),
            ("*", ""),
            ("*", "abc"),
            ("a*", "abc"),
            ("*c", "abc"),
            ("a*c", "abbbc"),
            ("a?c", "abc"),
            ("[abc]", "b"),
            ("[a-c]", "b"),
            ("[c-a]", "b"),
            ("[^a]", "b"),
            (r"\*", "*"),
            (r"[\]]", "]"),
            ("[a", "a"),
            ("*a*b*c", "xxaxxbxxc"),
            ("h[^e]llo", "hallo"),
            (r"a\", r"a\"),
            ("**", "x"),
            ("a**c", "abc"),
            ("[a-]]", "^"),
        ];
        for (pattern, text) in yes {
            assert!(matches(pattern.as_bytes(), text.as_bytes()), "{pattern} {text}");
        }
        let no = [
            ("", "a"),
            ("?", ""),
            ("a", "ab"),
            ("a?c", "ac"),
            ("[^a]", "a"),
            ("[]", "a"),
            ("*b", "abc"),
            (r"\*", "a"),
            ("*a*b*c", "xxaxxcxxb"),
            ("h[^e]llo", "hello"),
            ("[a-c]", "d"),
        ];
        for (pattern, text) in no {
            assert!(!matches(pattern.as_bytes(), text.as_bytes()), "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        let pattern = "a*".repeat(50) + "b";
        assert!(!matches(pattern.as_bytes(), "a".repeat(10_000).as_bytes()));
    }
}
