//! A scope: the keys that a range removal covers. A scope has a prefix, and possibly further parts, some
//! with any content.
//!
//! A scope is data and not a user's function, because it is tested under the locks of the shards and during
//! a commit.

use super::buffer::KeyBuffer;
use super::shape::{self, KeyShape};
use super::{EncodeKey, Key};
use crate::sys::sync::Arc;

/// A placeholder for a part of a tuple key that may have any value, in a pattern for
/// [`remove_matching`](crate::Keyspace::remove_matching).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Any;

/// A set of full keys, of one keyspace or of several keyspaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    prefix: Arc<[u8]>,
    rest: Arc<[ScopePart]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum ScopePart {
    Any(Width),
    Exact(Box<[u8]>),
}

/// The length of a part's encoding.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Width {
    Fixed(usize),
    /// Up to the end mark of a text or byte part.
    Terminated,
    /// One byte for the option. If the byte is not 0, parts of these widths follow.
    Optional(Box<[Width]>),
}

impl Width {
    /// Returns the bytes that follow a part of this width, or `None` if the bytes end before the part does.
    fn skip<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        match self {
            Self::Fixed(width) => bytes.get(*width..),
            Self::Terminated => after_end_mark(bytes),
            Self::Optional(widths) => match bytes.split_first()? {
                (&NONE, after) => Some(after),
                (_, after) => widths.iter().try_fold(after, |left, width| width.skip(left)),
            },
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Fixed(width) => out.extend([&[FIXED], &length_bytes(*width)[..]].concat()),
            Self::Terminated => out.push(TERMINATED),
            Self::Optional(widths) => {
                out.extend([&[OPTIONAL], &length_bytes(widths.len())[..]].concat());
                widths.iter().for_each(|width| width.write(out));
            }
        }
    }

    /// Reads the fields of a width of this kind from the front of `left`.
    fn read(kind: u8, left: &mut &[u8], depth: usize) -> Option<Self> {
        Some(match kind {
            FIXED => Self::Fixed(length(left)?),
            TERMINATED => Self::Terminated,
            OPTIONAL if depth < MAX_DEPTH => {
                let count = length(left)?;
                // Each width takes at least one byte. The bound keeps a damaged count from allocating
                // memory.
                if count > left.len() {
                    return None;
                }
                let widths = (0..count).map(|_| Self::read(*left.split_off_first()?, left, depth + 1));
                Self::Optional(widths.collect::<Option<_>>()?)
            }
            _ => return None,
        })
    }
}

impl Scope {
    /// Creates the scope of every key that starts with these bytes.
    pub(crate) fn prefix(prefix: impl Into<Arc<[u8]>>) -> Self {
        Self { prefix: prefix.into(), rest: Arc::from([]) }
    }

    pub(crate) fn start(&self) -> &Arc<[u8]> {
        &self.prefix
    }

    /// Encodes the scope, with integers in big endian. The prefix's length in 4 bytes and the prefix come
    /// first. Each part follows as its kind in one byte and its fields. Kind 0 is exact bytes: their length
    /// in 4 bytes, then the bytes. Kind 1 is any content of a fixed width: the width in 4 bytes. Kind 2 is
    /// any content up to an end mark, and has no fields. Kind 3 is any content of an option: the number of
    /// the parts of its key in 4 bytes, then these parts, each of kind 1, 2 or 3.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = [&length_bytes(self.prefix.len())[..], &self.prefix].concat();
        for part in &*self.rest {
            match part {
                ScopePart::Exact(exact) => {
                    bytes.extend([&[EXACT], &length_bytes(exact.len())[..], exact].concat());
                }
                ScopePart::Any(width) => width.write(&mut bytes),
            }
        }
        bytes
    }

    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let mut left = bytes;
        let prefix = counted(&mut left)?.into();
        let mut rest = Vec::new();
        while let Some(&kind) = left.split_off_first() {
            rest.push(match kind {
                EXACT => ScopePart::Exact(counted(&mut left)?.into()),
                kind => ScopePart::Any(Width::read(kind, &mut left, 0)?),
            });
        }
        Some(Self { prefix, rest: rest.into() })
    }

    /// Returns whether this scope certainly contains every key of another scope. May return `false` for a
    /// scope that it contains, because only equality and the prefixes are tested.
    pub(crate) fn contains(&self, other: &Self) -> bool {
        self == other || (self.rest.is_empty() && other.prefix.starts_with(&self.prefix))
    }

    pub(crate) fn covers(&self, key: &[u8]) -> bool {
        let Some(mut left) = key.strip_prefix(&*self.prefix) else {
            return false;
        };
        for part in &*self.rest {
            let after = match part {
                ScopePart::Exact(bytes) => left.strip_prefix(&**bytes),
                ScopePart::Any(width) => width.skip(left),
            };
            let Some(after) = after else { return false };
            left = after;
        }
        true
    }
}

const EXACT: u8 = 0;
const FIXED: u8 = 1;
const TERMINATED: u8 = 2;
const OPTIONAL: u8 = 3;
/// The first byte of an option that is `None`.
const NONE: u8 = 0;

/// Maximum depth of nested options. No shape is deeper.
const MAX_DEPTH: usize = shape::MAX_DEPTH;

fn length_bytes(len: usize) -> [u8; 4] {
    u32::try_from(len).expect("a key has no more than 4096 bytes").to_be_bytes()
}

/// Removes a length from the front of `left`, and returns it.
fn length(left: &mut &[u8]) -> Option<usize> {
    let (len, rest) = left.split_first_chunk()?;
    *left = rest;
    usize::try_from(u32::from_be_bytes(*len)).ok()
}

/// Removes a length and that many bytes from the front of `left`. Returns the bytes.
fn counted<'a>(left: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = length(left)?;
    left.split_off(..len)
}

/// Returns the bytes that follow a text part or a byte part.
fn after_end_mark(bytes: &[u8]) -> Option<&[u8]> {
    let mut left = bytes;
    loop {
        let at = left.iter().position(|&byte| byte == 0)?;
        match left.get(at..)? {
            [_, 0, after @ ..] => return Some(after),
            [_, _, after @ ..] => left = after,
            _ => return None,
        }
    }
}

/// Collects the parts of a pattern.
#[derive(Debug, Default)]
pub struct PatternWriter {
    parts: Vec<ScopePart>,
    unknown: Option<String>,
}

impl PatternWriter {
    /// Adds a part that is equal to a key.
    pub fn exact<K>(&mut self, key: &(impl EncodeKey<K> + ?Sized)) {
        let mut bytes = KeyBuffer::default();
        key.encode(&mut bytes.writer());
        self.parts.push(ScopePart::Exact(bytes.as_slice().into()));
    }

    fn any<K: Key>(&mut self) {
        match widths(K::shape()) {
            Ok(widths) => self.parts.extend(widths.into_iter().map(ScopePart::Any)),
            Err(shape) => self.unknown = Some(shape),
        }
    }

    /// Returns the scope of the pattern in a keyspace. If the pattern has an [`Any`] for a part of unknown
    /// width, returns the shape of that part as the error.
    pub(crate) fn into_scope(self, keyspace: &[u8]) -> Result<Scope, String> {
        if let Some(shape) = self.unknown {
            return Err(shape);
        }
        // Exact parts at the start are moved into the prefix, because a longer prefix means that fewer rows
        // are visited.
        let mut parts = self.parts.into_iter().peekable();
        let mut prefix = keyspace.to_vec();
        while let Some(ScopePart::Exact(bytes)) = parts.next_if(|part| matches!(part, ScopePart::Exact(_))) {
            prefix.extend_from_slice(&bytes);
        }
        Ok(Scope { prefix: prefix.into(), rest: parts.collect() })
    }
}

/// Returns the widths of the parts of a shape, such as `(string, u64)`. If the shape does not consist of
/// larder's own parts, returns the shape as the error.
fn widths(shape: String) -> Result<Vec<Width>, String> {
    shape.parse().map(|shape| widths_of(&shape)).map_err(|_| shape)
}

fn widths_of(shape: &KeyShape) -> Vec<Width> {
    vec![match shape {
        KeyShape::Unit => return Vec::new(),
        KeyShape::Tuple(parts) => return parts.iter().flat_map(widths_of).collect(),
        KeyShape::Text | KeyShape::Bytes => Width::Terminated,
        KeyShape::Bool => Width::Fixed(1),
        KeyShape::Char => Width::Fixed(4),
        KeyShape::Unsigned(bits) | KeyShape::Signed(bits) => Width::Fixed(*bits as usize / 8),
        KeyShape::Array(len) => Width::Fixed(*len),
        KeyShape::Uuid => Width::Fixed(16),
        KeyShape::Option(key) => Width::Optional(widths_of(key).into()),
    }]
}

/// A part of a pattern, in place of a `K`: [`Any`], or a form of the `K`, by value or by reference.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not stand for a part of type `{K}` in a pattern",
    note = "a part of a pattern is `Any`, or a form that looks up a key of this part, such as `&str` for \
            `String`"
)]
pub trait PatternPart<K> {
    /// Writes the part.
    fn write(&self, out: &mut PatternWriter);
}

impl<K: Key> PatternPart<K> for Any {
    fn write(&self, out: &mut PatternWriter) {
        out.any::<K>();
    }
}

impl<K: Key, Q: EncodeKey<K> + ?Sized> PatternPart<K> for &Q {
    fn write(&self, out: &mut PatternWriter) {
        out.exact::<K>(*self);
    }
}

/// A pattern for the keys of a tuple type `K`. Each part is a form of that part of the key, or [`Any`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a pattern for keys of type `{K}`",
    note = "a pattern is a tuple with as many parts as the key, such as `(Any, \"1GB\")` for `(String, String)`"
)]
pub trait KeyPattern<K> {
    /// Writes the parts of the pattern.
    fn write_pattern(&self, out: &mut PatternWriter);
}

impl<K, T: KeyPattern<K> + ?Sized> KeyPattern<K> for &T {
    fn write_pattern(&self, out: &mut PatternWriter) {
        T::write_pattern(self, out);
    }
}

#[cfg(test)]
mod tests;
