//! A scope: the keys that a range removal covers. It has a prefix, and may have more parts after the prefix.
//! Some of these parts may have any content.
//!
//! A scope is data and not a function of the user, because it is tested under the locks of the shards and
//! during a commit.

use super::bytes::KeyWriter;
use super::{EncodeKey, Key};
use crate::sys::sync::Arc;

/// A placeholder for a part of a tuple key that may have any value. It is used in a pattern for
/// [`remove_matching`](crate::Keyspace::remove_matching).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Any;

/// A set of whole keys, of one keyspace or of all keyspaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    prefix: Arc<[u8]>,
    rest: Arc<[ScopePart]>,
}

/// A part after the prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ScopePart {
    /// A part of this width, with any content.
    Any(Width),
    /// Exactly these bytes.
    Exact(Box<[u8]>),
}

/// The length of the encoding of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    Fixed(usize),
    /// Up to the end mark of a text or of bytes.
    Terminated,
}

impl Scope {
    /// Makes the scope of every key that starts with these bytes.
    pub(crate) fn prefix(prefix: impl Into<Arc<[u8]>>) -> Self {
        Self { prefix: prefix.into(), rest: Arc::from([]) }
    }

    /// Returns the bytes with which every key of the scope begins.
    pub(crate) fn start(&self) -> &Arc<[u8]> {
        &self.prefix
    }

    /// Encodes the scope, with integers in big endian. The prefix's length in 4 bytes and the prefix come
    /// first. Each part follows as its kind in one byte and its fields. Kind 0 is exact bytes: their length
    /// in 4 bytes, then the bytes. Kind 1 is any content of a fixed width: the width in 4 bytes. Kind 2 is
    /// any content up to an end mark, and has no fields.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let len = |len: usize| u32::try_from(len).expect("a key has no more than 4096 bytes").to_be_bytes();
        let mut bytes = [&len(self.prefix.len())[..], &self.prefix].concat();
        for part in &*self.rest {
            match part {
                ScopePart::Exact(exact) => bytes.extend([&[EXACT], &len(exact.len())[..], exact].concat()),
                ScopePart::Any(Width::Fixed(width)) => bytes.extend([&[FIXED], &len(*width)[..]].concat()),
                ScopePart::Any(Width::Terminated) => bytes.push(TERMINATED),
            }
        }
        bytes
    }

    /// Decodes a scope. Returns `None` if the bytes are not a scope.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let mut left = bytes;
        let prefix = counted(&mut left)?.into();
        let mut rest = Vec::new();
        while let Some(&kind) = left.split_off_first() {
            rest.push(match kind {
                EXACT => ScopePart::Exact(counted(&mut left)?.into()),
                FIXED => ScopePart::Any(Width::Fixed(length(&mut left)?)),
                TERMINATED => ScopePart::Any(Width::Terminated),
                _ => return None,
            });
        }
        Some(Self { prefix, rest: rest.into() })
    }

    /// Returns whether this scope certainly contains every key of another scope. `false` may be wrong,
    /// because only equality and the prefixes are tested.
    pub(crate) fn contains(&self, other: &Self) -> bool {
        self == other || (self.rest.is_empty() && other.prefix.starts_with(&self.prefix))
    }

    /// Returns whether a key is in the scope.
    pub(crate) fn covers(&self, key: &[u8]) -> bool {
        let Some(mut left) = key.strip_prefix(&*self.prefix) else {
            return false;
        };
        for part in &*self.rest {
            let after = match part {
                ScopePart::Exact(bytes) => left.strip_prefix(&**bytes),
                ScopePart::Any(Width::Fixed(width)) => left.get(*width..),
                ScopePart::Any(Width::Terminated) => after_end_mark(left),
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
    fn exact(&mut self, bytes: &[u8]) {
        self.parts.push(ScopePart::Exact(bytes.into()));
    }

    fn any<K: Key>(&mut self) {
        match widths(&K::shape()) {
            Ok(widths) => self.parts.extend(widths.into_iter().map(ScopePart::Any)),
            Err(shape) => self.unknown = Some(shape),
        }
    }

    /// Returns the scope of the pattern in a keyspace. If the width of an open part is unknown, returns the
    /// shape of that part.
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

/// Returns the widths of the parts of a shape, such as `(string, u64)`.
fn widths(shape: &str) -> Result<Vec<Width>, String> {
    let parts = shape.split(['(', ')', ',', ' ']).filter(|part| !part.is_empty());
    parts
        .map(|part| {
            Ok(match part {
                "string" | "bytes" => Width::Terminated,
                "u8" | "i8" => Width::Fixed(1),
                "u16" | "i16" => Width::Fixed(2),
                "u32" | "i32" => Width::Fixed(4),
                "u64" | "i64" => Width::Fixed(8),
                "u128" | "i128" => Width::Fixed(16),
                unknown => return Err(unknown.to_owned()),
            })
        })
        .collect()
}

/// A part of a pattern, in the place of a `K`. It is a reference to a form of the `K`, or [`Any`].
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
        let mut bytes = KeyWriter::starting_with(&[]);
        self.encode(&mut bytes);
        out.exact(bytes.as_slice());
    }
}

/// A pattern for the keys of a tuple type `K`. Each part is a reference to a form of that part, or [`Any`].
pub trait KeyPattern<K> {
    /// Writes the parts.
    fn write_pattern(&self, out: &mut PatternWriter);
}

macro_rules! tuple_patterns {
    ($($part:ident $form:ident $at:tt),+) => {
        impl<$($part: Key, $form: PatternPart<$part>),+> KeyPattern<($($part,)+)> for ($($form,)+) {
            fn write_pattern(&self, out: &mut PatternWriter) {
                $(self.$at.write(out);)+
            }
        }
    };
}

tuple_patterns!(A FA 0, B FB 1);
tuple_patterns!(A FA 0, B FB 1, C FC 2);
tuple_patterns!(A FA 0, B FB 1, C FC 2, D FD 3);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scope<K, P: KeyPattern<K>>(pattern: &P) -> Scope {
        let mut out = PatternWriter::default();
        pattern.write_pattern(&mut out);
        out.into_scope(&[0, 0, 0, 7]).unwrap()
    }

    fn whole<K: Key>(key: &K) -> Vec<u8> {
        let mut out = KeyWriter::starting_with(&[0, 0, 0, 7]);
        key.encode(&mut out);
        out.as_slice().to_vec()
    }

    type Parts = (String, u32, Vec<u8>);

    fn parts() -> impl Strategy<Value = Parts> {
        let text = prop_oneof![Just(String::new()), Just("a".into()), Just("a\0".into()), Just("ab".into())];
        let bytes = prop_oneof![Just(vec![]), Just(vec![0]), Just(vec![0, 0]), Just(vec![0xFF, 0])];
        (text, 0_u32..3, bytes)
    }

    proptest! {
        #[test]
        fn a_pattern_covers_exactly_the_keys_that_have_its_parts(key in parts(), wanted in parts()) {
            let (text, number, bytes) = &wanted;
            let encoded = whole(&key);
            let same = (key.0 == wanted.0, key.1 == wanted.1, key.2 == wanted.2);
            prop_assert_eq!(scope::<Parts, _>(&(Any, Any, bytes)).covers(&encoded), same.2);
            prop_assert_eq!(scope::<Parts, _>(&(Any, number, Any)).covers(&encoded), same.1);
            prop_assert_eq!(scope::<Parts, _>(&(text, Any, bytes)).covers(&encoded), same.0 && same.2);
            prop_assert_eq!(scope::<Parts, _>(&(text, number, bytes)).covers(&encoded), key == wanted);
            prop_assert!(scope::<Parts, _>(&(Any, Any, Any)).covers(&encoded));
            for scope in [scope::<Parts, _>(&(Any, Any, bytes)), scope::<Parts, _>(&(text, Any, bytes))] {
                prop_assert_eq!(Scope::read(&scope.to_bytes()), Some(scope));
            }
        }

        #[test]
        fn any_bytes_are_a_scope_or_none(bytes in proptest::collection::vec(0_u8..5, 0..30)) {
            if let Some(scope) = Scope::read(&bytes) {
                prop_assert_eq!(scope.to_bytes(), bytes);
            }
        }
    }

    #[test]
    fn the_bytes_of_a_scope_are_pinned() {
        let bytes = [&[0, 0, 0, 5, 0, 0, 0, 7, 3][..], &[1, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 9]].concat();
        let read = Scope::read(&bytes).unwrap();
        assert_eq!(read, scope::<(u8, u16, String, u8), _>(&(&3_u8, Any, Any, &9_u8)));
        assert_eq!(read.to_bytes(), bytes);
        for ill_formed in [&[][..], &[0, 0, 0, 1], &[0, 0, 0, 0, 3], &[0, 0, 0, 0, 1, 0, 0, 0]] {
            assert_eq!(Scope::read(ill_formed), None, "{ill_formed:?}");
        }
        assert!((1..bytes.len() - 1).all(|len| Scope::read(&bytes[..len]).is_none_or(|cut| cut != read)));
    }

    #[test]
    fn another_keyspace_is_not_covered_and_what_is_exact_at_the_start_is_a_prefix() {
        let narrow = scope::<(u8, u16), _>(&(&3_u8, Any));
        assert_eq!(&**narrow.start(), [0, 0, 0, 7, 3]);
        assert!(!narrow.covers(&[0, 0, 0, 8, 3, 0, 0]) && narrow.covers(&[0, 0, 0, 7, 3, 0, 0]));
        assert!(!narrow.covers(&[0, 0, 0, 7, 3, 0]), "cut short");
    }

    #[test]
    fn a_part_of_unknown_width_cannot_be_left_open() {
        assert_eq!(
            widths("(string, (u8, i128))"),
            Ok(vec![Width::Terminated, Width::Fixed(1), Width::Fixed(16)])
        );
        assert_eq!(widths("(string, uuid)"), Err("uuid".to_owned()));
        assert_eq!(widths("()"), Ok(vec![]));
    }
}
