//! The keys of a schema, as the schema spells them: `product_MTNVTU`.
//!
//! The only such schema is that of [`larder_product`]. Its spelling is that of the Django application, and is
//! injective. On the server, a colon ends the name of a keyspace without a spelling. So in a key with a
//! colon, each colon is written `%3A`, and each percent sign `%25`. A key without a colon is also escaped if
//! its text could be the escaped text of another key. Every other key is unchanged, even if it has percent
//! signs.

use larder::inspect::{KeyShape, KeySpelling, KeyValue};
use larder::remote::RemoteKeyspace;
use larder_product::{ProductKeySpelling, SCHEMA};

use crate::error::Error;

#[derive(Debug, Clone)]
pub(super) struct SpelledKeys {
    keyspace: String,
    shape: KeyShape,
    /// The text that every spelled key begins with.
    pub(super) beginning: &'static str,
}

impl SpelledKeys {
    /// Returns the spelling of a keyspace, or `None` if its schema has none.
    pub(super) fn of(keyspace: &RemoteKeyspace) -> Option<Self> {
        keyspace.schema.as_deref().filter(|schema| *schema == SCHEMA)?;
        let beginning = ProductKeySpelling.beginning(&keyspace.name)?;
        Some(Self { keyspace: keyspace.name.clone(), shape: keyspace.shape.parse().ok()?, beginning })
    }

    pub(super) fn spell(&self, key: &[u8]) -> Result<String, Error> {
        let value = self.shape.decode(key).ok();
        let text = value.and_then(|value| ProductKeySpelling.spell(&self.keyspace, &value));
        let unknown = || {
            let (key, keyspace) = (self.shape.spell_key(key), &self.keyspace);
            Error::InvalidKey(format!("{key} in the keyspace {keyspace} of {SCHEMA}"))
        };
        text.map(without_colons).ok_or_else(unknown)
    }

    /// Returns the encoded key, or `None` if the key does not have the shape of the keyspace.
    pub(super) fn encode(&self, key: &KeyValue) -> Option<Vec<u8>> {
        self.shape.encode(key).ok()
    }
}

/// Reads the text of a key. Returns the name of the keyspace, and the key.
pub(crate) fn read(text: &str) -> Option<(String, KeyValue)> {
    match with_colons(text).filter(|other| is_escaped(other)) {
        Some(other) => ProductKeySpelling.read(&other),
        None if text.contains(':') => None,
        None => ProductKeySpelling.read(text),
    }
}

/// Writes the text of a key for the server.
pub(crate) fn without_colons(text: String) -> String {
    if is_escaped(&text) { text.replace('%', "%25").replace(':', "%3A") } else { text }
}

/// Returns whether a key with this text is escaped: the text has a colon, or has a colon after one or more
/// rounds of unescaping.
///
/// Each round of unescaping removes one `25` after each percent sign. So the percent signs with the fewest
/// `25` decide: after that many rounds, each of them must be followed by `3A`. One pass finds this. A loop
/// over the rounds could be slow, because another program may have written a key with very many of them.
fn is_escaped(text: &str) -> bool {
    let rounds = |part: &str| {
        let code = part.trim_start_matches("25");
        // In a tie, a part without `3A` is less than a part with it.
        (part.len() - code.len(), code.starts_with("3A"))
    };
    text.contains(':') || text.split('%').skip(1).map(rounds).min().is_some_and(|(_, is_colon)| is_colon)
}

/// Returns the text whose escaped form is `text`, or `None` if there is none.
fn with_colons(text: &str) -> Option<String> {
    if text.contains(':') || !text.contains('%') {
        return None;
    }
    let mut parts = text.split('%');
    let mut other = parts.next()?.to_owned();
    for part in parts {
        let (code, rest) = part.split_at_checked(2)?;
        other.push(match code {
            "25" => '%',
            "3A" => ':',
            _ => return None,
        });
        other.push_str(rest);
    }
    Some(other)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Codes with many characters that are escaped, and with many texts that look like an escape.
    const CODES: &str = "[a%:]{0,3}(25|3A|5F|%25|%3A|[A-Z_:]){0,5}";

    /// Decides by the definition of an escaped text, round by round.
    fn is_escaped_by_rounds(text: &str) -> bool {
        text.contains(':') || with_colons(text).is_some_and(|other| is_escaped_by_rounds(&other))
    }

    #[test]
    fn a_long_key_of_another_program_is_read_in_one_pass() {
        let rounds = "25".repeat(1 << 20);
        assert!(is_escaped(&format!("product_%{rounds}3A")));
        assert!(!is_escaped(&format!("product_%{rounds}3B%{rounds}3A")));
        assert!(read(&format!("product_%{rounds}3A")).is_none());
    }

    proptest! {
        #[test]
        fn one_pass_decides_as_the_rounds_do(text in "[a%]{0,2}(%|25|3A|a){0,10}") {
            prop_assert_eq!(is_escaped(&text), is_escaped_by_rounds(&text), "{}", text);
        }

        #[test]
        fn no_two_texts_are_written_alike_and_none_with_a_colon(code in CODES) {
            let text = format!("product_{code}");
            let written = without_colons(text.clone());
            prop_assert!(!written.contains(':'));
            let again = with_colons(&written).filter(|other| is_escaped(other)).unwrap_or(written.clone());
            prop_assert_eq!(&again, &text, "{}", written);
            if let Some((keyspace, key)) = ProductKeySpelling.read(&text) {
                prop_assert_eq!(read(&written), Some((keyspace, key)));
            }
        }
    }
}
