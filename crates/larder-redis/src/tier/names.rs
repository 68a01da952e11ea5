//! The keys on the server.
//!
//! | key | holds |
//! |---|---|
//! | `PREFIX:VERSION:SPELLED` | the slot of a key that its schema [spells](super::spelled): `product_MTNVTU` |
//! | `PREFIX:VERSION:NAME:KEY` | the slot of another key: `KEY` is the text of a text key, or the encoded key |
//! | `PREFIX::g:WORLD:VERSION:NAME` | the generation of a keyspace |
//! | `PREFIX::r:VERSION:NAME:RANGE` | the generation of a [range](super::ranges): `RANGE` is the encoded beginning of its keys, and the number of their common parts |
//! | `PREFIX::v:VERSION:NAME:RANGE` | the signal of a range |
//! | `PREFIX::f:VERSION:NAME:KEY` | the fences of a key |
//! | `PREFIX::mark` | the mark, which a replica has only if it has all earlier writes |
//! | `PREFIX::world` | the name of the data, which is the `WORLD` in the keys above |
//!
//! `PREFIX:VERSION:` has the form that Django's cache uses. A prefix contains no colon, a version contains
//! only digits, and in a name, a colon is written `%3A` and a percent sign `%25`. A spelled key contains no
//! colon, and `NAME:KEY` contains one. So no two keys of the cache have the same key on the server, and none
//! of them equals a key of another kind.
//!
//! An encoded text ends with two zero bytes. These bytes are omitted if the text has no other zero byte, so
//! that other programs can write the key. A text with another zero byte keeps these bytes, so that no two
//! texts have the same key.

use std::collections::HashMap;

use larder::Format;
use larder::remote::RemoteKeyspace;

use super::ranges::{RangeKeys, RangeShape};
use super::spelled::{self, SpelledKeys};
use crate::error::Error;

/// Length of the keyspace number in front of each key, in bytes.
const NUMBER_LEN: usize = 4;

pub(crate) const END_OF_TEXT: [u8; 2] = [0, 0];

#[derive(Debug, Clone)]
pub(super) struct Space {
    /// `VERSION:NAME`.
    label: Vec<u8>,
    /// `VERSION:`.
    version: Vec<u8>,
    /// The spelling of the keys, if the schema of the keyspace has one.
    spelled: Option<SpelledKeys>,
    is_text: bool,
    /// The ranges of the keyspace, if it has some.
    pub(super) ranges: Option<RangeShape>,
    /// Whether other programs can read the slots, which then have no header, lease or generation.
    pub(super) is_plain: bool,
}

/// What a changed key on the server means for the cache.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Changed {
    Key(Vec<u8>),
    /// All keys that begin with these bytes may have changed: those of a keyspace or of a range.
    Range(Vec<u8>),
    /// The name of the data has changed.
    World,
    /// Nothing in memory is affected.
    Nothing,
}

/// The prefix, and the keyspaces by number and by label.
#[derive(Debug)]
pub(super) struct Names {
    prefix: Vec<u8>,
    by_number: HashMap<u32, Space>,
    by_label: HashMap<Vec<u8>, u32>,
}

impl Names {
    pub(super) fn new(prefix: &str) -> Self {
        let prefix = prefix.as_bytes().to_vec();
        Self { prefix, by_number: HashMap::new(), by_label: HashMap::new() }
    }

    /// Registers a keyspace. If its name and version are already registered, the new number replaces the old
    /// one.
    pub(super) fn register(&mut self, keyspace: &RemoteKeyspace) {
        let name = keyspace.name.replace('%', "%25").replace(':', "%3A");
        let label = format!("{}:{name}", keyspace.version).into_bytes();
        let is_plain = keyspace.format == Format::Raw;
        let space = Space {
            label: label.clone(),
            version: format!("{}:", keyspace.version).into_bytes(),
            spelled: SpelledKeys::of(keyspace),
            is_text: keyspace.shape == "string",
            ranges: RangeShape::of(keyspace, is_plain),
            is_plain,
        };
        self.by_number.insert(keyspace.number, space);
        self.by_label.insert(label, keyspace.number);
    }

    /// Returns the keyspace of a key, and the key within it.
    pub(super) fn space<'a>(&self, key: &'a [u8]) -> Option<(&Space, &'a [u8])> {
        let (number, rest) = key.split_first_chunk::<NUMBER_LEN>()?;
        Some((self.by_number.get(&u32::from_be_bytes(*number))?, rest))
    }

    /// Returns the server key of a slot.
    pub(super) fn slot(&self, space: &Space, key: &[u8]) -> Result<Vec<u8>, Error> {
        let Some(spelled) = &space.spelled else {
            return Ok(self.slot_of_text(space, space.text(key)));
        };
        let text = spelled.spell(key)?;
        Ok([&self.prefix, b":".as_slice(), &space.version, text.as_bytes()].concat())
    }

    /// Returns the server key of a slot whose key no schema spells.
    fn slot_of_text(&self, space: &Space, text: &[u8]) -> Vec<u8> {
        [&self.prefix, b":".as_slice(), &space.label, b":", text].concat()
    }

    /// Returns the server key of a key's fences.
    pub(super) fn fences(&self, space: &Space, key: &[u8]) -> Vec<u8> {
        [&self.prefix, b"::f:".as_slice(), &space.label, b":", space.text(key)].concat()
    }

    /// Returns the server key of a keyspace's generation.
    pub(super) fn generation(&self, space: &Space, world: &str) -> Vec<u8> {
        [&self.prefix, b"::g:".as_slice(), world.as_bytes(), b":", &space.label].concat()
    }

    /// Returns the server keys of the range that a key belongs to. Returns `None` if it belongs to none.
    pub(super) fn range_of(&self, space: &Space, key: &[u8]) -> Option<RangeKeys> {
        let ranges = space.ranges.as_ref()?;
        let range = ranges.range_of(key)?;
        Some(RangeKeys {
            generation: self.key_of_range(b"::r:", space, range, ranges.mark()),
            signal: self.key_of_range(b"::v:", space, range, ranges.mark()),
        })
    }

    /// Like [`range_of`](Self::range_of), for a prefix that all keys of one range begin with, and no others.
    pub(super) fn range(&self, space: &Space, prefix: &[u8]) -> Option<RangeKeys> {
        let is_range = space.ranges.as_ref()?.range_of(prefix)? == prefix;
        if is_range { self.range_of(space, prefix) } else { None }
    }

    /// Returns the server key of a range. `mark` is the number of its parts.
    fn key_of_range(&self, kind: &[u8], space: &Space, range: &[u8], mark: u8) -> Vec<u8> {
        [&self.prefix, kind, &space.label, b":", range, &[mark]].concat()
    }

    /// Returns the server key that holds the name of the data.
    pub(super) fn world(&self) -> Vec<u8> {
        [&self.prefix, b"::world".as_slice()].concat()
    }

    pub(super) fn mark(&self) -> Vec<u8> {
        [&self.prefix, b"::mark".as_slice()].concat()
    }

    /// Returns a pattern for all slots whose key begins with `key`. The zero bytes at the end of a text are
    /// omitted. So for the whole key of a text, the pattern also matches the texts that begin with this
    /// text. If a schema spells the keys, it matches all slots of the keyspace, and possibly slots of other
    /// keyspaces.
    pub(super) fn pattern(&self, space: &Space, key: &[u8]) -> Vec<u8> {
        let beginning = match &space.spelled {
            Some(spelled) => {
                [&self.prefix, b":".as_slice(), &space.version, spelled.beginning.as_bytes()].concat()
            }
            None if space.is_text => self.slot_of_text(space, without_zeros(key)),
            None => self.slot_of_text(space, key),
        };
        let mut pattern = escape(&beginning);
        pattern.push(b'*');
        pattern
    }

    /// Returns patterns for all generations and for all slots.
    pub(super) fn patterns_of_all(&self) -> [Vec<u8>; 2] {
        let prefix = escape(&self.prefix);
        [[&prefix, b"::[gr]:*".as_slice()].concat(), [&prefix, b":[0-9]*".as_slice()].concat()]
    }

    /// Returns the cache key of a slot, or `None` if the server key is not a slot of a registered keyspace.
    pub(super) fn key_of_slot(&self, slot: &[u8]) -> Option<Vec<u8>> {
        let rest = slot.strip_prefix(self.prefix.as_slice())?.strip_prefix(b":")?;
        let mut colons = rest.iter().enumerate().filter(|(_, byte)| **byte == b':').map(|(at, _)| at);
        let end_of_version = colons.next()?;
        let Some(end) = colons.next() else {
            return self.key_of_spelled(rest.split_at_checked(end_of_version + 1)?);
        };
        let number = self.by_label.get(rest.get(..end)?)?;
        let key = rest.get(end + 1..)?;
        let space = self.by_number.get(number).filter(|space| space.spelled.is_none())?;
        let end: &[u8] = if space.is_text && !key.contains(&0) { &END_OF_TEXT } else { &[] };
        Some([&number.to_be_bytes(), key, end].concat())
    }

    /// Returns the key of the cache that has this version, with its colon, and this spelling.
    fn key_of_spelled(&self, (version, text): (&[u8], &[u8])) -> Option<Vec<u8>> {
        let (name, key) = spelled::read(std::str::from_utf8(text).ok()?)?;
        let number = self.by_label.get(&[version, name.as_bytes()].concat())?;
        let key = self.by_number.get(number)?.spelled.as_ref()?.encode(&key)?;
        Some([number.to_be_bytes().as_slice(), &key].concat())
    }

    /// Returns what a changed server key means for the cache.
    pub(super) fn changed(&self, key: &[u8], world: &str) -> Changed {
        let Some(rest) = key.strip_prefix(self.prefix.as_slice()).and_then(|rest| rest.strip_prefix(b":"))
        else {
            return Changed::Nothing;
        };
        let Some(own) = rest.strip_prefix(b":") else {
            return self.key_of_slot(key).map_or(Changed::Nothing, Changed::Key);
        };
        if own == b"world" {
            return Changed::World;
        }
        if let Some(rest) = own.strip_prefix(b"v:") {
            return self.changed_range(rest).map_or(Changed::Nothing, Changed::Range);
        }
        let label = own.strip_prefix(b"g:").and_then(|rest| rest.strip_prefix(world.as_bytes()));
        let label = label.and_then(|rest| rest.strip_prefix(b":"));
        let number = label.and_then(|label| self.by_label.get(label));
        number.map_or(Changed::Nothing, |number| Changed::Range(number.to_be_bytes().to_vec()))
    }

    /// Returns what all keys of the cache in a range begin with. `rest` is the key of its signal, after `v:`.
    fn changed_range(&self, rest: &[u8]) -> Option<Vec<u8>> {
        let (_mark, rest) = rest.split_last()?;
        let mut colons = rest.iter().enumerate().filter(|(_, byte)| **byte == b':').map(|(at, _)| at);
        let end = colons.nth(1)?;
        let number = self.by_label.get(rest.get(..end)?)?;
        Some([&number.to_be_bytes(), rest.get(end + 1..)?].concat())
    }
}

impl Space {
    /// Returns whether a schema spells the keys. A pattern may then match slots of other keyspaces.
    pub(super) const fn is_spelled(&self) -> bool {
        self.spelled.is_some()
    }

    /// Returns a key that no schema spells, in the form that it has on the server.
    fn text<'a>(&self, key: &'a [u8]) -> &'a [u8] {
        match key.strip_suffix(&END_OF_TEXT) {
            Some(text) if self.is_text && !text.contains(&0) => text,
            _ => key,
        }
    }
}

/// Escapes the characters that have a special meaning in a pattern of the server.
pub(crate) fn escape(text: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(text.len() + 8);
    for byte in text {
        if matches!(byte, b'*' | b'?' | b'[' | b']' | b'^' | b'-' | b'\\') {
            escaped.push(b'\\');
        }
        escaped.push(*byte);
    }
    escaped
}

/// Returns a key without trailing zero bytes.
fn without_zeros(key: &[u8]) -> &[u8] {
    let len = key.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    key.get(..len).unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let mut names = Names::new("shop");
        let mut register = |number, name: &str, shape: &str| {
            let (name, shape) = (name.to_owned(), shape.to_owned());
            let (version, format) = (3, Format::Bincode);
            let schema = (number > 3).then(|| larder_product::SCHEMA.to_owned());
            let range_parts = u8::from(number == 2);
            names.register(&RemoteKeyspace { number, name, version, schema, shape, format, range_parts });
        };
        register(1, "a", "string");
        register(2, "a:b%", "(string, u64)");
        register(3, "b", "bytes");
        register(4, "product", "string");
        register(5, "data_package", "(string, string)");
        names
    }

    fn slot_of(names: &Names, number: u32, key: &[u8]) -> Vec<u8> {
        let key = [&number.to_be_bytes(), key].concat();
        let (space, rest) = names.space(&key).unwrap();
        let slot = names.slot(space, rest).unwrap();
        assert_eq!(names.key_of_slot(&slot), Some(key.clone()), "{}", String::from_utf8_lossy(&slot));
        assert_eq!(names.changed(&slot, "w"), Changed::Key(key));
        slot
    }

    #[test]
    fn a_slot_is_named_by_one_key_alone() {
        let names = names();
        assert_eq!(slot_of(&names, 1, b"MTNVTU\0\0"), b"shop:3:a:MTNVTU");
        assert_eq!(
            slot_of(&names, 2, b"x\0\0\0\0\0\0\0\0\0\x03"),
            b"shop:3:a%3Ab%25:x\0\0\0\0\0\0\0\0\0\x03"
        );
        let mut slots = std::collections::BTreeSet::new();
        let keys = [b"".as_slice(), b"\0\0", b"x\0\0", b"x:y\0\0", b"x\0\xffy\0\0", b"x\0\xff\0\0"];
        for key in keys {
            for number in [1, 2, 3] {
                // An encoded text is never empty, because it ends with two zero bytes.
                if number != 1 || !key.is_empty() {
                    assert!(slots.insert(slot_of(&names, number, key)), "{number} {key:?}");
                }
            }
        }
    }

    #[test]
    fn a_key_of_the_shop_is_spelled_as_the_original_spells_it() {
        let names = names();
        for (number, key, slot) in [
            (4, b"MTNVTU\0\0".as_slice(), "shop:3:product_MTNVTU"),
            (4, b"categories_active\0\0", "shop:3:product_categories%5Factive"),
            (4, b"a:b\0\0", "shop:3:product_a%3Ab"),
            (4, b"a%3Ab\0\0", "shop:3:product_a%253Ab"),
            (4, b"100%\0\0", "shop:3:product_100%"),
            (5, b"MTNDATA\0\0DATA_1GB\0\0", "shop:3:data_package_MTNDATA_DATA_1GB"),
        ] {
            assert_eq!(String::from_utf8(slot_of(&names, number, key)).unwrap(), slot);
        }
        let product = names.space(&[0, 0, 0, 4]).unwrap().0;
        assert!(names.slot(product, b"two words\0\0").is_err());
        assert_eq!(names.pattern(product, b"MTN"), b"shop:3:product_*");
        // Only a keyspace `product` without the schema would have the first slot. The keyspace of the second
        // slot is not registered.
        assert_eq!(names.key_of_slot(b"shop:3:product:MTNVTU"), None);
        assert_eq!(names.key_of_slot(b"shop:3:merchant_auth_M1"), None);
    }

    #[test]
    fn a_changed_key_is_told_from_the_keys_of_the_cache_itself() {
        let names = names();
        let space = names.space(&[0, 0, 0, 2]).unwrap().0;
        let generation = names.generation(space, "w");
        assert_eq!(generation, b"shop::g:w:3:a%3Ab%25");
        assert_eq!(names.changed(&generation, "w"), Changed::Range(vec![0, 0, 0, 2]));
        let range = names.range_of(space, b"x:\0\0\0\0\0\0\0\0\0\x03").unwrap();
        assert_eq!(range.generation, b"shop::r:3:a%3Ab%25:x:\0\x001");
        assert_eq!(range.signal, b"shop::v:3:a%3Ab%25:x:\0\x001");
        assert_eq!(names.changed(&range.signal, "w"), Changed::Range(b"\0\0\0\x02x:\0\0".to_vec()));
        assert_eq!(names.changed(&range.generation, "w"), Changed::Nothing, "it says nothing about copies");
        assert_eq!(names.changed(&generation, "other"), Changed::Nothing);
        assert_eq!(names.changed(&names.world(), "w"), Changed::World);
        assert_eq!(names.changed(&names.fences(space, b"x"), "w"), Changed::Nothing);
        for foreign in ["other:3:a:x", "shop", "shop:", "shop:3", "shop:3:a", "shop:4:a:x", "shopping:3:a:x"]
        {
            assert_eq!(names.changed(foreign.as_bytes(), "w"), Changed::Nothing, "{foreign}");
        }
    }

    #[test]
    fn a_pattern_finds_what_begins_so_and_no_sign_of_a_key_is_one_of_a_pattern() {
        let names = names();
        let pattern = |number: u32, key: &[u8]| {
            let key = [&number.to_be_bytes(), key].concat();
            let (space, rest) = names.space(&key).unwrap();
            names.pattern(space, rest)
        };
        assert_eq!(pattern(1, b"MTN\0\0"), b"shop:3:a:MTN*");
        assert_eq!(pattern(3, b"a*?[]^-\\\0"), b"shop:3:b:a\\*\\?\\[\\]\\^\\-\\\\\0*");
    }
}
