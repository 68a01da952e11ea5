//! Key patterns for `KEYS`, `SCAN` and `CONFIG GET`: `*`, `?`, `[a-z]`, `[^a]` and `\`.
//!
//! A pattern is parsed once, and then matched against many keys. A pattern may be as long as a request, but
//! the time of a match is bounded. A run of `*` is one `*`, and a class is a set of bytes. If a pattern has
//! more items, not counting `*`, than the longest key has bytes, the pattern matches no key.

/// Maximum number of items of a pattern, not counting `*`. A pattern with more items matches no key of raw
/// bytes, because such a key has up to 4,096 bytes. The text of an application's key may be longer, but
/// such a pattern does not find it either.
const MAX_ITEMS: usize = 4096;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    /// `*`
    Any,
    /// `?`
    One,
    Literal(u8),
    Class(ByteSet),
}

#[derive(Debug, Clone, Default)]
pub(super) struct Pattern {
    items: Vec<Item>,
    /// Number of items, not counting `*`. A matching text has at least this length.
    min_len: usize,
}

impl Pattern {
    /// Parses a pattern. Returns `None` if it has more than [`MAX_ITEMS`] items, and so matches no key.
    pub(super) fn read(mut pattern: &[u8]) -> Option<Self> {
        let mut read = Self::default();
        while !pattern.is_empty() {
            let (item, rest) = item(pattern);
            pattern = rest;
            if item == Item::Any {
                if read.items.last() != Some(&Item::Any) {
                    read.items.push(item);
                }
                continue;
            }
            read.min_len += 1;
            if read.min_len > MAX_ITEMS {
                return None;
            }
            read.items.push(item);
        }
        Some(read)
    }

    /// Returns whether the pattern matches the whole text.
    ///
    /// The number of steps is at most the product of both lengths, because a mismatch only retries the last
    /// `*`.
    pub(super) fn matches(&self, text: &[u8]) -> bool {
        if text.len() < self.min_len {
            return false;
        }
        let (mut at, mut seen) = (0, 0);
        // The position in the pattern after the last `*`, and the position in the text where its last
        // attempt began.
        let mut retry = None;
        while let Some(byte) = text.get(seen) {
            match self.items.get(at) {
                Some(Item::Any) => {
                    at += 1;
                    retry = Some((at, seen));
                }
                Some(item) if item.has(*byte) => (at, seen) = (at + 1, seen + 1),
                _ => match &mut retry {
                    Some((rest, begin)) => {
                        *begin += 1;
                        (at, seen) = (*rest, *begin);
                    }
                    None => return false,
                },
            }
        }
        self.items.get(at..).unwrap_or_default().iter().all(|item| *item == Item::Any)
    }
}

impl Item {
    fn has(&self, byte: u8) -> bool {
        match self {
            Self::Any | Self::One => true,
            Self::Literal(literal) => *literal == byte,
            Self::Class(class) => class.has(byte),
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct ByteSet([u64; 4]);

impl ByteSet {
    fn add(&mut self, byte: u8) {
        if let Some(word) = self.0.get_mut(usize::from(byte / 64)) {
            *word |= 1 << (byte % 64);
        }
    }

    fn has(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte / 64)).is_some_and(|word| word & 1 << (byte % 64) != 0)
    }
}

/// Parses the first item of a pattern. The pattern must not be empty. Also returns the rest.
fn item(pattern: &[u8]) -> (Item, &[u8]) {
    match pattern {
        [b'*', rest @ ..] => (Item::Any, rest),
        [b'?', rest @ ..] => (Item::One, rest),
        [b'[', rest @ ..] => class(rest),
        [b'\\', literal, rest @ ..] | [literal, rest @ ..] => (Item::Literal(*literal), rest),
        [] => (Item::Any, pattern),
    }
}

/// Parses a class after its opening bracket. Without a closing bracket, the class extends to the end of the
/// pattern, as in Redis.
fn class(mut pattern: &[u8]) -> (Item, &[u8]) {
    let is_negated = pattern.first() == Some(&b'^');
    if is_negated {
        pattern = pattern.get(1..).unwrap_or_default();
    }
    let mut class = ByteSet::default();
    loop {
        match pattern {
            [] => break,
            [b']', rest @ ..] => {
                pattern = rest;
                break;
            }
            [b'\\', literal, rest @ ..] => {
                class.add(*literal);
                pattern = rest;
            }
            [low, b'-', high, rest @ ..] => {
                (*low.min(high)..=*low.max(high)).for_each(|byte| class.add(byte));
                pattern = rest;
            }
            [literal, rest @ ..] => {
                class.add(*literal);
                pattern = rest;
            }
        }
    }
    if is_negated {
        class.0 = class.0.map(|word| !word);
    }
    (Item::Class(class), pattern)
}

#[cfg(test)]
mod tests {
    use super::{MAX_ITEMS, Pattern};

    fn matches(pattern: &[u8], text: &[u8]) -> bool {
        Pattern::read(pattern).is_some_and(|pattern| pattern.matches(text))
    }

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

    #[test]
    fn a_long_pattern_takes_no_more_time_for_each_key() {
        let stars = Pattern::read("*".repeat(1 << 20).as_bytes()).unwrap();
        assert_eq!(stars.items.len(), 1);
        let class = Pattern::read(format!("[{}]", "a-z".repeat(1 << 20)).as_bytes()).unwrap();
        assert_eq!(class.items.len(), 1);
        assert!(class.matches(b"q"));
        assert!(Pattern::read("?*".repeat(MAX_ITEMS).as_bytes()).is_some());
        assert!(Pattern::read("?*".repeat(MAX_ITEMS + 1).as_bytes()).is_none());
    }
}
