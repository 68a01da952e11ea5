//! The state of one key on the server.

use std::time::Duration;

use larder::Remaining;
use larder::inspect::{KeyShape, KeySpelling, KeyValue, Record};
use larder_product::ProductKeySpelling;

use super::ServerInspector;
use crate::error::Error;
use crate::protocol::command::Command;
use crate::tier::{END_OF_TEXT, HEADER_LEN, LEASE, MARK, RECORD, TIMED_RECORD, header_len, read_spelled};

/// One key on the server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Slot {
    /// The name of the keyspace, if the key belongs to one.
    pub keyspace: Option<String>,
    /// The version of the keyspace's values.
    pub version: Option<u32>,
    /// The content of the key.
    pub state: SlotState,
    /// The remaining time of the key. `None` if the key is missing.
    pub left: Option<Remaining>,
    /// The time for which a fence still keeps loads of the key from storing their values. `None` without a
    /// fence.
    pub fenced_for: Option<Duration>,
    /// The length of a string, in bytes.
    pub len: u64,
    /// The stored bytes, with the headers of a record. Empty if the key has no string, or a string that is
    /// [too long](SlotState::TooLong).
    pub bytes: Vec<u8>,
}

/// The content of a key on the server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SlotState {
    /// The server has no such key.
    Missing,
    /// A record of the cache. A lookup finds it, unless it is damaged.
    Record(Result<Record, &'static str>),
    /// A record that can't be checked, because the shape of the keyspace's keys is not known. A lookup finds
    /// it, unless it is damaged.
    Unchecked,
    /// A record, a lease or a watch mark from before a removal of all entries, or from before a restart or a
    /// failover of the server. A lookup is a miss.
    Ended,
    /// The lease of a load that is in progress. A lookup is a miss.
    Leased,
    /// The mark of a watch: the key had no value when it was watched, and was not changed since. A lookup
    /// is a miss.
    Watched,
    /// A value without a header: of a keyspace in [`Format::Raw`](larder::Format::Raw), or of another
    /// program.
    Plain,
    /// A string that is longer than any value of a cache. Contains its length in bytes. A lookup is a miss.
    TooLong(u64),
    /// A value that is not a string. Contains the name of its type. A lookup is a miss.
    OtherType(String),
}

const TOKEN_LEN: usize = 16;

/// A single script reads everything, so that all results are from the same moment. It reads no string above
/// 80 MiB, because a lookup of the cache does not read such a string either.
///
/// The generation of a keyspace with ranges has a ninth byte. The slot then has the generation of its range.
/// The server does not store how the keys are divided into parts. So the script looks for a range that has
/// the generation in the slot, among all beginnings of the key. Arguments: the beginning of the keys of
/// ranges, and the encoded key. No encoded key is longer than 4096 bytes.
const READ: &str = "local kind = redis.call('TYPE', KEYS[1]).ok
local len = kind == 'string' and redis.call('STRLEN', KEYS[1]) or 0
local v = kind == 'string' and len <= 83886080 and redis.call('GET', KEYS[1])
local t = redis.call('TIME')
local last = redis.call('ZRANGE', KEYS[3], -1, -1, 'WITHSCORES')
local fence = last[2] and math.floor(last[2] - t[1] * 1000 - t[2] / 1000) or 0
local g = redis.call('GET', KEYS[2])
if g and #g == 9 then
  local mark, whole, of = g:sub(9), g:sub(1, 8), v and v:sub(2, 9)
  g = whole
  for n = 1, v and math.min(#ARGV[2], 4096) or 0 do
    local r = redis.pcall('GET', ARGV[1] .. ARGV[2]:sub(1, n) .. mark)
    if type(r) == 'string' and r == whole .. of then g = of end
  end
end
return {kind, redis.call('PTTL', KEYS[1]), g, fence, len, v}";

struct SlotName {
    keyspace: String,
    version: u32,
    /// `VERSION:NAME`.
    label: Vec<u8>,
    encoded: EncodedKey,
}

/// The key of a slot, as far as the server key shows it.
enum EncodedKey {
    /// The shape and the encoded key of a key that a schema spells.
    Spelled(String, Vec<u8>),
    /// The text of a text key, or the encoded key of another shape.
    Unknown(Vec<u8>),
}

impl EncodedKey {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Spelled(_, key) | Self::Unknown(key) => key,
        }
    }

    /// Calls `read` for one possible shape of the key after another, until `read` returns a value. Returns
    /// that value.
    fn find<T>(&self, mut read: impl FnMut(&str, &[u8]) -> Option<T>) -> Option<T> {
        match self {
            Self::Spelled(shape, key) => read(shape, key),
            Self::Unknown(key) => read("string", &[key.as_slice(), &END_OF_TEXT].concat())
                .or_else(|| read("string", key))
                .or_else(|| read(&format!("[u8; {}]", key.len()), key))
                .or_else(|| SHAPES.iter().find_map(|shape| read(shape, key))),
        }
    }
}

/// The shapes that are tried for a key that no schema spells. The server does not store the shape of a
/// keyspace.
const SHAPES: [&str; 17] = [
    "bytes",
    "u8",
    "u16",
    "u32",
    "u64",
    "u128",
    "i8",
    "i16",
    "i32",
    "i64",
    "i128",
    "bool",
    "char",
    "uuid",
    "(string, string)",
    "(string, u64)",
    "(u64, string)",
];

impl SlotName {
    /// Parses the part of a key after the prefix and its colon.
    fn read(rest: &[u8]) -> Option<Self> {
        let colon = rest.iter().position(|byte| *byte == b':')?;
        let (version, text) = (std::str::from_utf8(rest.get(..colon)?).ok()?, rest.get(colon + 1..)?);
        let version: u32 = version.parse().ok()?;
        if let Some(end) = text.iter().position(|byte| *byte == b':') {
            let (name, key) = (std::str::from_utf8(text.get(..end)?).ok()?, text.get(end + 1..)?);
            let label = rest.get(..colon + 1 + end)?.to_vec();
            let keyspace = name.replace("%3A", ":").replace("%25", "%");
            let encoded = EncodedKey::Unknown(key.to_vec());
            return Some(Self { keyspace, version, label, encoded });
        }
        let (keyspace, key) = read_spelled(std::str::from_utf8(text).ok()?)?;
        let shape = shape(&key);
        let encoded = shape.encode(&key).ok()?;
        let label = format!("{version}:{keyspace}").into_bytes();
        let encoded = EncodedKey::Spelled(shape.to_string(), encoded);
        Some(Self { keyspace, version, label, encoded })
    }

    /// Returns the key of the fences, without the prefix and its colon.
    fn fences(&self) -> Vec<u8> {
        let key = match &self.encoded {
            EncodedKey::Spelled(_, encoded) => {
                encoded.strip_suffix(&END_OF_TEXT).filter(|text| !text.contains(&0)).unwrap_or(encoded)
            }
            EncodedKey::Unknown(key) => key,
        };
        [b":f:".as_slice(), &self.label, b":", key].concat()
    }
}

/// Returns the shape of a key of the product schema.
fn shape(key: &KeyValue) -> KeyShape {
    match key {
        KeyValue::Text(_) => KeyShape::Text,
        KeyValue::Unsigned(_) => KeyShape::Unsigned(64),
        KeyValue::Tuple(parts) => KeyShape::Tuple(parts.iter().map(shape).collect()),
        _ => KeyShape::Unit,
    }
}

impl ServerInspector {
    /// Returns the key on the server for a text that a person has typed. The text is either a key on the
    /// server, or a key of the product schema, such as `product_MTNVTU`. Only the second form uses `version`.
    /// Returns `None` for any other text.
    #[must_use]
    pub fn key_of_text(&self, text: &str, version: u32) -> Option<Vec<u8>> {
        let prefix = format!("{}:", self.prefix());
        if text
            .strip_prefix(&prefix)
            .is_some_and(|rest| rest.starts_with(|letter: char| letter.is_ascii_digit()))
        {
            return Some(text.as_bytes().to_vec());
        }
        ProductKeySpelling.read(text)?;
        Some(format!("{prefix}{version}:{}", crate::tier::without_colons(text.to_owned())).into_bytes())
    }

    /// Returns the name and the version of the keyspace of a key, or `None` if it is no key of a keyspace.
    #[must_use]
    pub fn keyspace_of(&self, key: &[u8]) -> Option<(String, u32)> {
        let name = SlotName::read(key.strip_prefix(self.key(b"").as_slice())?)?;
        Some((name.keyspace, name.version))
    }

    /// Returns the state of a key at one moment.
    ///
    /// # Errors
    /// Fails if the server does not answer, or refuses the request.
    pub fn slot(&mut self, key: &[u8]) -> Result<Slot, Error> {
        let prefix = self.key(b"");
        let name = key.strip_prefix(prefix.as_slice()).and_then(SlotName::read);
        let (generation, fences) = match (&name, &self.world) {
            (Some(name), Some(world)) => {
                let generation = [b":g:", world.as_bytes(), b":", &name.label].concat();
                (self.key(&generation), self.key(&name.fences()))
            }
            _ => (self.key(b":none"), self.key(b":none")),
        };
        let (ranges, encoded) = name.as_ref().map_or((b"".to_vec(), &[][..]), |name| {
            (self.key(&[b":r:", name.label.as_slice(), b":"].concat()), name.encoded.bytes())
        });
        let read = Command::new("EVAL").arg(READ).arg("3").arg(key).arg(generation).arg(fences);
        let read = read.arg(ranges).arg(encoded);
        let fields = self.require(&read)?.into_list().ok_or(Error::Garbled("a key"))?;
        let [kind, left, generation, fence, len, value] = &fields[..] else {
            return Err(Error::Garbled("a key"));
        };
        let kind = kind.as_bytes().ok_or(Error::Garbled("a key"))?;
        let len =
            len.as_integer().and_then(|len| u64::try_from(len).ok()).ok_or(Error::Garbled("a length"))?;
        let bytes = value.as_bytes().unwrap_or_default().to_vec();
        let state = match kind {
            b"none" => SlotState::Missing,
            b"string" if value.as_bytes().is_none() => SlotState::TooLong(len),
            b"string" => state(name.as_ref(), generation.as_bytes(), &bytes),
            other => SlotState::OtherType(String::from_utf8_lossy(other).into_owned()),
        };
        let left = left.as_integer().ok_or(Error::Garbled("a time"))?;
        let left = match u64::try_from(left) {
            Ok(left) => Some(Remaining::For(Duration::from_millis(left))),
            Err(_) => (left == -1).then_some(Remaining::Never),
        };
        let fence = fence.as_integer().and_then(|fence| u64::try_from(fence).ok()).filter(|fence| *fence > 0);
        Ok(Slot {
            keyspace: name.as_ref().map(|name| name.keyspace.clone()),
            version: name.map(|name| name.version),
            state,
            left,
            fenced_for: fence.map(Duration::from_millis),
            len,
            bytes,
        })
    }
}

/// Returns the state of a key with a string. Without a generation, a keyspace has no records: its values are
/// plain, or all of its records have ended.
fn state(name: Option<&SlotName>, generation: Option<&[u8]>, bytes: &[u8]) -> SlotState {
    let Some((name, header)) = name.zip(bytes.first_chunk::<HEADER_LEN>()) else { return SlotState::Plain };
    let is_present = generation == header.get(1..);
    match header.first() {
        Some(&LEASE) if is_present => SlotState::Leased,
        Some(&MARK) if is_present => SlotState::Watched,
        Some(&(RECORD | TIMED_RECORD)) => {
            let record = header_len(bytes).and_then(|len| bytes.get(len..)).unwrap_or_default();
            let read = |shape: &str, key: &[u8]| Record::of_remote(&name.keyspace, shape, key, record).ok();
            match (name.encoded.find(read), &name.encoded) {
                (None, _) if generation.is_none() => SlotState::Plain,
                _ if !is_present => SlotState::Ended,
                (Some(found), _) => SlotState::Record(Ok(found)),
                (None, EncodedKey::Spelled(..)) => {
                    SlotState::Record(Err("its checksum is not that of its bytes"))
                }
                (None, EncodedKey::Unknown(_)) => SlotState::Unchecked,
            }
        }
        Some(&(LEASE | MARK)) if generation.is_some() || bytes.len() == HEADER_LEN + TOKEN_LEN => {
            SlotState::Ended
        }
        _ => SlotState::Plain,
    }
}

#[cfg(test)]
mod tests {
    use super::SlotName;

    #[test]
    fn the_fences_of_a_key_have_its_bytes() {
        for key in [&b"1:n:\0\0\0\0\0\0\0\x07"[..], b"1:n:text", b"1:n:"] {
            let fences = SlotName::read(key).map(|name| name.fences());
            assert_eq!(fences.as_deref(), Some([b":f:", key].concat().as_slice()));
        }
    }
}
