//! The keys at the server.
//!
//! | key | holds |
//! |---|---|
//! | `PREFIX:VERSION:NAME:KEY` | the slot of a key: `KEY` is the encoded key, of any bytes |
//! | `PREFIX::g:WORLD:VERSION:NAME` | the generation of a keyspace |
//! | `PREFIX::f:VERSION:NAME:KEY` | the fences of a key |
//! | `PREFIX::world` | which data this is: its name is the `WORLD` of the keys above |
//!
//! `PREFIX:VERSION:` is as Django's cache spells it. A prefix has no colon, a version has digits alone, and a
//! colon or a percent sign of a name is written `%3A` or `%25`. So no two keys of the cache have the same key
//! at the server, and no key of the cache is one of the other kinds.

use std::collections::HashMap;

use larder::Format;
use larder::remote::RemoteKeyspace;

/// Length of the number before each key.
const NUMBER_LEN: usize = 4;

/// A keyspace at the server.
#[derive(Debug, Clone)]
pub(super) struct Space {
    /// `VERSION:NAME`.
    label: Vec<u8>,
    /// Whether its slots are read by other programs: without header, lease and generation.
    pub(super) is_plain: bool,
}

/// What a changed key at the server is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Changed {
    /// The slot of a key of the cache.
    Key(Vec<u8>),
    /// All keys of a keyspace, by its number.
    Keyspace([u8; NUMBER_LEN]),
    /// The name of the data.
    World,
    /// Nothing that is kept in memory.
    Nothing,
}

/// The keyspaces by number and by label, and the prefix.
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

    /// Makes a keyspace known. A later call with the same name and version has the number that counts.
    pub(super) fn register(&mut self, keyspace: &RemoteKeyspace) {
        let name = keyspace.name.replace('%', "%25").replace(':', "%3A");
        let label = format!("{}:{name}", keyspace.version).into_bytes();
        let is_plain = keyspace.format == Format::Raw;
        let space = Space { label: label.clone(), is_plain };
        self.by_number.insert(keyspace.number, space);
        self.by_label.insert(label, keyspace.number);
    }

    /// Returns the keyspace of a key, and the key within it.
    pub(super) fn space<'a>(&self, key: &'a [u8]) -> Option<(&Space, &'a [u8])> {
        let (number, rest) = key.split_first_chunk::<NUMBER_LEN>()?;
        Some((self.by_number.get(&u32::from_be_bytes(*number))?, rest))
    }

    /// Returns the slot of a key.
    pub(super) fn slot(&self, space: &Space, key: &[u8]) -> Vec<u8> {
        [&self.prefix, b":".as_slice(), &space.label, b":", key].concat()
    }

    /// Returns the fences of a key.
    pub(super) fn fences(&self, space: &Space, key: &[u8]) -> Vec<u8> {
        [&self.prefix, b"::f:".as_slice(), &space.label, b":", key].concat()
    }

    /// Returns the generation of a keyspace.
    pub(super) fn generation(&self, space: &Space, world: &str) -> Vec<u8> {
        [&self.prefix, b"::g:".as_slice(), world.as_bytes(), b":", &space.label].concat()
    }

    /// Returns the key with the name of the data.
    pub(super) fn world(&self) -> Vec<u8> {
        [&self.prefix, b"::world".as_slice()].concat()
    }

    /// Returns the pattern of all slots that begin with a key.
    pub(super) fn pattern(&self, space: &Space, key: &[u8]) -> Vec<u8> {
        let mut pattern = escape(&self.slot(space, key));
        pattern.push(b'*');
        pattern
    }

    /// Returns the patterns of all generations, and of all slots.
    pub(super) fn patterns_of_all(&self) -> [Vec<u8>; 2] {
        let prefix = escape(&self.prefix);
        [[&prefix, b"::g:*".as_slice()].concat(), [&prefix, b":[0-9]*".as_slice()].concat()]
    }

    /// Returns the key of the cache whose slot this is, or `None` if it is no slot of this keyspace.
    pub(super) fn key_of_slot(&self, slot: &[u8]) -> Option<Vec<u8>> {
        let rest = slot.strip_prefix(self.prefix.as_slice())?.strip_prefix(b":")?;
        let mut colons = rest.iter().enumerate().filter(|(_, byte)| **byte == b':').map(|(at, _)| at);
        let end = colons.nth(1)?;
        let number = self.by_label.get(rest.get(..end)?)?;
        Some([&number.to_be_bytes(), rest.get(end + 1..)?].concat())
    }

    /// Returns what a changed key at the server is.
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
        let label = own.strip_prefix(b"g:").and_then(|rest| rest.strip_prefix(world.as_bytes()));
        let label = label.and_then(|rest| rest.strip_prefix(b":"));
        let number = label.and_then(|label| self.by_label.get(label));
        number.map_or(Changed::Nothing, |number| Changed::Keyspace(number.to_be_bytes()))
    }
}

/// Puts a backslash before each sign that a pattern of the server gives a meaning.
fn escape(text: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(text.len() + 8);
    for byte in text {
        if matches!(byte, b'*' | b'?' | b'[' | b']' | b'^' | b'-' | b'\\') {
            escaped.push(b'\\');
        }
        escaped.push(*byte);
    }
    escaped
}
