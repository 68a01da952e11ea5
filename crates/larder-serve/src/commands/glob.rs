//! Patterns for `KEYS`, `SCAN` and `CONFIG GET`: `*`, `?`, `[a-z]`, `[^a]` and `\`.
//!
//! A pattern is parsed once, and then matched against many keys. A pattern may be as long as a request, but
//! the time of a match is bounded:
//!
//! - A run of `*` is one `*`, and a class is a set of bytes.
//! - Each `*` ends a part. The parts are found one after another, each at the first place after the previous
//!   part. A later place would not match more texts, so no part is searched again.
//! - A short part is compared at each place. A long part is searched with one bit for each item, so that one
//!   step advances 64 possible places. So a match takes at most 64 steps for each byte of the text. Only a
//!   part of more than 4,096 items takes more: one step for each byte and each 64 items.

/// Maximum number of items of a pattern, not counting `*`. A pattern with more items matches no key of raw
/// bytes, because such a key has up to 4,096 bytes. The literal form of an application's key has less than
/// 64 KiB. A schema may spell a key with a longer text, which such a pattern does not find.
const MAX_ITEMS: usize = 64 << 10;

/// Maximum number of items of a part that is compared at each place of the text.
const MAX_COMPARED: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    /// `?`
    One,
    Literal(u8),
    Class(ByteSet),
}

/// Items of a pattern that have no `*` between them.
#[derive(Debug, Clone, Default)]
struct Part {
    items: Vec<Item>,
    /// For each byte, the items that match it, as a row of bits. Empty if the part is short, or is not
    /// searched.
    masks: Vec<u64>,
}

/// A pattern that was parsed.
#[derive(Debug, Clone, Default)]
pub(super) struct Pattern {
    /// The items before the first `*`, or all items without a `*`. A matching text begins with them.
    first: Part,
    /// The parts between the first `*` and the last one, without empty parts.
    middle: Vec<Part>,
    /// The items after the last `*`. A matching text ends with them. `None` without a `*`.
    last: Option<Part>,
    /// Number of items, not counting `*`. A matching text has at least this length.
    min_len: usize,
    /// Whether the pattern matches the empty text. As in Redis, no pattern does so except the empty one and a
    /// single `*`.
    matches_empty: bool,
}

impl Pattern {
    /// Parses a pattern. Returns `None` if it has more than [`MAX_ITEMS`] items.
    pub(super) fn read(mut pattern: &[u8]) -> Option<Self> {
        let mut read = Self { matches_empty: matches!(pattern, b"" | b"*"), ..Self::default() };
        let mut part = Vec::new();
        let mut has_any = false;
        while !pattern.is_empty() {
            if let [b'*', rest @ ..] = pattern {
                pattern = rest;
                read.end_part(std::mem::take(&mut part), has_any);
                has_any = true;
                continue;
            }
            let (item, rest) = item(pattern);
            pattern = rest;
            read.min_len += 1;
            if read.min_len > MAX_ITEMS {
                return None;
            }
            part.push(item);
        }
        if has_any {
            read.last = Some(Part { items: part, masks: Vec::new() });
        } else {
            read.end_part(part, has_any);
        }
        Some(read)
    }

    /// Adds the items before a `*`, or all items of a pattern without a `*`.
    fn end_part(&mut self, items: Vec<Item>, has_any: bool) {
        if !has_any {
            self.first = Part { items, masks: Vec::new() };
        } else if !items.is_empty() {
            self.middle.push(Part::searched(items));
        }
    }

    /// Returns whether the pattern matches the whole text.
    pub(super) fn matches(&self, text: &[u8]) -> bool {
        self.matches_counting(text, &mut 0)
    }

    /// Like [`matches`](Self::matches). Adds the number of steps to `steps`.
    fn matches_counting(&self, text: &[u8], steps: &mut usize) -> bool {
        if text.is_empty() {
            return self.matches_empty;
        }
        let Some(last) = &self.last else {
            return text.len() == self.min_len && self.first.begins(text, steps);
        };
        if text.len() < self.min_len {
            return false;
        }
        let (rest, end) = text.split_at(text.len() - last.items.len());
        if !self.first.begins(text, steps) || !last.begins(end, steps) {
            return false;
        }
        let mut rest = rest.get(self.first.items.len()..).unwrap_or_default();
        for part in &self.middle {
            let Some(end) = part.find(rest, steps) else { return false };
            rest = rest.get(end..).unwrap_or_default();
        }
        true
    }
}

impl Part {
    /// Returns a part that [`find`](Self::find) searches.
    fn searched(items: Vec<Item>) -> Self {
        if items.len() <= MAX_COMPARED {
            return Self { items, masks: Vec::new() };
        }
        let row = items.len().div_ceil(64);
        let mut masks = vec![0; 256 * row];
        for (byte, mask) in (0..=u8::MAX).zip(masks.chunks_exact_mut(row)) {
            for (word, items) in mask.iter_mut().zip(items.chunks(64)) {
                let bits = items.iter().enumerate().map(|(bit, item)| u64::from(item.has(byte)) << bit);
                *word = bits.fold(0, |word, bit| word | bit);
            }
        }
        Self { items, masks }
    }

    /// Returns whether the text begins with this part.
    fn begins(&self, text: &[u8], steps: &mut usize) -> bool {
        let Some(text) = text.get(..self.items.len()) else { return false };
        let equal = self.items.iter().zip(text).take_while(|(item, byte)| item.has(**byte)).count();
        *steps += equal + 1;
        equal == self.items.len()
    }

    /// Returns the end of the first place of this part in a text.
    fn find(&self, text: &[u8], steps: &mut usize) -> Option<usize> {
        let len = self.items.len();
        if self.masks.is_empty() {
            let mut places = 0..=text.len().checked_sub(len)?;
            return places
                .find(|at| self.begins(text.get(*at..).unwrap_or_default(), steps))
                .map(|at| at + len);
        }
        let row = len.div_ceil(64);
        let last = 1_u64 << ((len - 1) % 64);
        // Bit `n` is set if the items up to `n` match the bytes that end with the current byte.
        let mut states = vec![0_u64; row];
        for (at, byte) in text.iter().enumerate() {
            let mask = self.masks.chunks_exact(row).nth(usize::from(*byte)).unwrap_or_default();
            let mut carry = 1;
            for (state, mask) in states.iter_mut().zip(mask) {
                let next = (*state << 1 | carry) & mask;
                carry = *state >> 63;
                *state = next;
            }
            *steps += row;
            if states.last().is_some_and(|state| state & last != 0) {
                return Some(at + 1);
            }
        }
        None
    }
}

impl Item {
    fn has(&self, byte: u8) -> bool {
        match self {
            Self::One => true,
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

/// Parses the first item of a pattern, which must not begin with `*` or be empty. Also returns the rest.
fn item(pattern: &[u8]) -> (Item, &[u8]) {
    match pattern {
        [b'?', rest @ ..] => (Item::One, rest),
        [b'[', rest @ ..] => class(rest),
        [b'\\', literal, rest @ ..] | [literal, rest @ ..] => (Item::Literal(*literal), rest),
        [] => (Item::One, pattern),
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
    use proptest::prelude::*;

    use super::{MAX_ITEMS, Pattern, item};

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
            ("**", ""),
            ("*a*b*c", "xxaxxcxxb"),
            ("h[^e]llo", "hello"),
            ("[a-c]", "d"),
        ];
        for (pattern, text) in no {
            assert!(!matches(pattern.as_bytes(), text.as_bytes()), "{pattern} {text}");
        }
    }

    /// Returns the number of steps of a match.
    fn steps(pattern: &str, text: &str) -> usize {
        let mut steps = 0;
        let pattern = Pattern::read(pattern.as_bytes()).unwrap();
        assert!(!pattern.matches_counting(text.as_bytes(), &mut steps));
        steps
    }

    #[test]
    fn a_match_takes_no_more_than_64_steps_for_each_byte() {
        let text = "a".repeat(16_000);
        for (stars, len) in [(50, 1), (1, 64), (1, 65), (1, 4094), (7, 500), (100, 64), (4096, 1), (7_000, 2)]
        {
            let part = format!("*{}", "a".repeat(len));
            for pattern in
                [part.repeat(stars) + "b", part.repeat(stars) + "b*", format!("a{}b?*", part.repeat(stars))]
            {
                let steps = steps(&pattern, &text);
                assert!(steps <= 64 * (text.len() + stars), "{stars} parts of {len}: {steps}");
            }
        }
        assert!(steps(&format!("*{}b*", "a".repeat(12_000)), &text) <= (text.len() + 1) * (12_000 / 64 + 1));
    }

    #[test]
    fn a_pattern_may_be_as_long_as_the_text_of_an_applications_key() {
        let text = "\\u{1}".repeat(4094);
        let escaped = text.replace('\\', r"\\");
        for pattern in [escaped.clone(), format!("{escaped}*"), format!("*{escaped}"), format!("*{escaped}*")]
        {
            assert!(matches(pattern.as_bytes(), text.as_bytes()));
            assert!(!matches(pattern.as_bytes(), format!("{}2}}", &text[..text.len() - 2]).as_bytes()));
        }
    }

    #[test]
    fn a_long_pattern_takes_no_more_memory_than_its_items() {
        let stars = Pattern::read("*".repeat(1 << 20).as_bytes()).unwrap();
        assert!(stars.middle.is_empty() && stars.matches(b"q"));
        let class = Pattern::read(format!("[{}]", "a-z".repeat(1 << 20)).as_bytes()).unwrap();
        assert_eq!(class.first.items.len(), 1);
        assert!(class.matches(b"q"));
        assert!(Pattern::read("?*".repeat(MAX_ITEMS).as_bytes()).is_some());
        assert!(Pattern::read("?*".repeat(MAX_ITEMS + 1).as_bytes()).is_none());
    }

    /// Matches by the definition of a pattern. Notes for each prefix of the text whether the items so far
    /// match it.
    fn matches_by_definition(mut pattern: &[u8], text: &[u8]) -> bool {
        if text.is_empty() {
            return matches!(pattern, b"" | b"*");
        }
        let mut prefixes: Vec<bool> = (0..=text.len()).map(|len| len == 0).collect();
        while !pattern.is_empty() {
            if let [b'*', rest @ ..] = pattern {
                pattern = rest;
                let shortest = prefixes.iter().position(|matches| *matches).unwrap_or(prefixes.len());
                prefixes[shortest..].fill(true);
                continue;
            }
            let (item, rest) = item(pattern);
            pattern = rest;
            for len in (1..=text.len()).rev() {
                prefixes[len] = prefixes[len - 1] && item.has(text[len - 1]);
            }
            prefixes[0] = false;
        }
        prefixes[text.len()]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_pattern_matches_what_its_definition_says(
            // Many parts with few items, few parts with many items, and repetitions.
            pattern in prop_oneof![
                "([ab]|\\?|\\*|\\[ab\\]|\\[\\^a\\]){0,12}",
                "\\*(a|\\?){60,200}\\*?(b|\\?|\\*){0,100}",
                "(\\*[ab]{1,3}){0,6}\\*?",
                "a?\\*(ab){30,70}\\*(\\?\\?|ab){0,70}",
            ],
            text in prop_oneof!["[ab]{0,12}", "a{0,150}b?a{0,150}", "[ab]{0,30}", "(ab){20,140}a?(ab){0,80}"],
        ) {
            let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
            prop_assert_eq!(matches(pattern, text), matches_by_definition(pattern, text));
        }
    }
}
