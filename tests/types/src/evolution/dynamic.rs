//! Types that exist only at run time. A shape describes the calls of a derived `Deserialize`, and a value
//! makes the calls of a derived `Serialize`. A test can therefore try thousands of pairs of types without
//! compiling them.

use std::cell::RefCell;
use std::fmt;

use serde::de::{
    DeserializeSeed, EnumAccess, Error, MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor,
};
use serde::ser::{
    SerializeMap, SerializeStruct, SerializeStructVariant, SerializeTuple, SerializeTupleVariant,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Names for fields and variants.
pub(crate) const NAMES: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];

/// A kind of value without parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Bool,
    U8,
    U32,
    U64,
    I32,
    F64,
    Char,
    Text,
    Bytes,
    Unit,
}

/// A type, described by the calls of its derived `Deserialize`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shape {
    Leaf(Kind),
    Option(Box<Shape>),
    Seq(Box<Shape>),
    Map(Box<Shape>),
    Newtype(Box<Shape>),
    Tuple(Vec<Shape>),
    Struct(Vec<(&'static str, Shape)>),
    Enum(Vec<(&'static str, Body)>),
}

/// The content of a variant.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Body {
    Unit,
    Newtype(Shape),
    Tuple(Vec<Shape>),
    Struct(Vec<(&'static str, Shape)>),
}

/// A value, described by the calls of its derived `Serialize`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tree {
    /// A leaf: its kind, and its bits as a number.
    Number(Kind, u64),
    Text(Kind, String),
    None,
    Some(Box<Tree>),
    Seq(Vec<Tree>),
    Map(Vec<(String, Tree)>),
    Newtype(Box<Tree>),
    Tuple(Vec<Tree>),
    Struct(Vec<(&'static str, Tree)>),
    /// A variant: its index, its name, and its content (a unit, a newtype, a tuple or a struct).
    Variant(u32, &'static str, Box<Tree>),
}

thread_local! {
    /// The shape that this thread reads values as.
    static READ_AS: RefCell<Shape> = const { RefCell::new(Shape::Leaf(Kind::Unit)) };
}

/// A value that is read as the shape of this thread.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Dynamic(pub(crate) Tree);

impl Dynamic {
    /// Runs a function that reads values of this shape.
    pub(crate) fn read_as<T>(shape: &Shape, run: impl FnOnce() -> T) -> T {
        READ_AS.set(shape.clone());
        run()
    }
}

impl Serialize for Dynamic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Dynamic {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let shape = READ_AS.with_borrow(Clone::clone);
        As(&shape).deserialize(deserializer).map(Self)
    }
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(kind, bits) => number(*kind, *bits, serializer),
            Self::Text(Kind::Bytes, text) => serializer.serialize_bytes(text.as_bytes()),
            Self::Text(_, text) => serializer.serialize_str(text),
            Self::None => serializer.serialize_none(),
            Self::Some(held) => serializer.serialize_some(held),
            Self::Seq(all) => serializer.collect_seq(all),
            Self::Map(all) => {
                let mut map = serializer.serialize_map(Some(all.len()))?;
                all.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
                map.end()
            }
            Self::Newtype(held) => serializer.serialize_newtype_struct("Newtype", held),
            Self::Tuple(all) => {
                let mut tuple = serializer.serialize_tuple(all.len())?;
                all.iter().try_for_each(|part| tuple.serialize_element(part))?;
                tuple.end()
            }
            Self::Struct(all) => {
                let mut fields = serializer.serialize_struct("Struct", all.len())?;
                all.iter().try_for_each(|(name, part)| fields.serialize_field(name, part))?;
                fields.end()
            }
            Self::Variant(index, name, body) => variant(*index, name, body, serializer),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a leaf keeps as many bits as its kind has")]
#[expect(clippy::cast_possible_wrap, reason = "and a signed one has a sign")]
fn number<S: Serializer>(kind: Kind, bits: u64, serializer: S) -> Result<S::Ok, S::Error> {
    match kind {
        Kind::Bool => serializer.serialize_bool(bits != 0),
        Kind::U8 => serializer.serialize_u8(bits as u8),
        Kind::U32 => serializer.serialize_u32(bits as u32),
        Kind::U64 => serializer.serialize_u64(bits),
        Kind::I32 => serializer.serialize_i32(bits as u32 as i32),
        Kind::F64 => serializer.serialize_f64(f64::from_bits(bits)),
        Kind::Char => serializer.serialize_char(char::from(bits as u8)),
        Kind::Text | Kind::Bytes | Kind::Unit => serializer.serialize_unit(),
    }
}

fn variant<S: Serializer>(
    index: u32,
    name: &'static str,
    body: &Tree,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match body {
        Tree::Number(Kind::Unit, _) => serializer.serialize_unit_variant("Enum", index, name),
        Tree::Tuple(all) => {
            let mut tuple = serializer.serialize_tuple_variant("Enum", index, name, all.len())?;
            all.iter().try_for_each(|part| tuple.serialize_field(part))?;
            tuple.end()
        }
        Tree::Struct(all) => {
            let mut fields = serializer.serialize_struct_variant("Enum", index, name, all.len())?;
            all.iter().try_for_each(|(name, part)| fields.serialize_field(name, part))?;
            fields.end()
        }
        Tree::Newtype(held) => serializer.serialize_newtype_variant("Enum", index, name, held),
        held => Err(serde::ser::Error::custom(format!("{held:?} is the body of no variant"))),
    }
}

/// Reads a value of this shape.
#[derive(Clone, Copy)]
struct As<'a>(&'a Shape);

impl<'de> DeserializeSeed<'de> for As<'_> {
    type Value = Tree;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        match self.0 {
            Shape::Leaf(Kind::Bool) => deserializer.deserialize_bool(self),
            Shape::Leaf(Kind::U8) => deserializer.deserialize_u8(self),
            Shape::Leaf(Kind::U32) => deserializer.deserialize_u32(self),
            Shape::Leaf(Kind::U64) => deserializer.deserialize_u64(self),
            Shape::Leaf(Kind::I32) => deserializer.deserialize_i32(self),
            Shape::Leaf(Kind::F64) => deserializer.deserialize_f64(self),
            Shape::Leaf(Kind::Char) => deserializer.deserialize_char(self),
            Shape::Leaf(Kind::Text) => deserializer.deserialize_string(self),
            Shape::Leaf(Kind::Bytes) => deserializer.deserialize_byte_buf(self),
            Shape::Leaf(Kind::Unit) => deserializer.deserialize_unit(self),
            Shape::Option(_) => deserializer.deserialize_option(self),
            Shape::Seq(_) => deserializer.deserialize_seq(self),
            Shape::Map(_) => deserializer.deserialize_map(self),
            Shape::Newtype(_) => deserializer.deserialize_newtype_struct("Newtype", self),
            Shape::Tuple(all) => deserializer.deserialize_tuple(all.len(), self),
            Shape::Struct(all) => deserializer.deserialize_struct("Struct", &NAMES[..all.len()], self),
            Shape::Enum(all) => deserializer.deserialize_enum("Enum", &NAMES[..all.len()], self),
        }
    }
}

/// Defines visitor methods, each of which reads a leaf of one kind.
macro_rules! leaves {
    ($($method:ident($type:ty) $kind:ident |$value:ident| $bits:expr;)*) => {$(
        fn $method<E: Error>(self, $value: $type) -> Result<Tree, E> {
            Ok(Tree::Number(Kind::$kind, $bits))
        }
    )*};
}

impl<'de> Visitor<'de> for As<'_> {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }

    leaves! {
        visit_bool(bool) Bool |value| u64::from(value);
        visit_u8(u8) U8 |value| u64::from(value);
        visit_u32(u32) U32 |value| u64::from(value);
        visit_u64(u64) U64 |value| value;
        visit_i32(i32) I32 |value| u64::from(value.cast_unsigned());
        visit_f64(f64) F64 |value| value.to_bits();
        visit_char(char) Char |value| u64::from(u32::from(value));
    }

    fn visit_unit<E: Error>(self) -> Result<Tree, E> {
        Ok(Tree::Number(Kind::Unit, 0))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Text(Kind::Text, text.to_owned()))
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Tree, E> {
        let text =
            std::str::from_utf8(bytes).map_err(|_| E::invalid_value(Unexpected::Bytes(bytes), &self))?;
        Ok(Tree::Text(Kind::Bytes, text.to_owned()))
    }

    fn visit_none<E: Error>(self) -> Result<Tree, E> {
        Ok(Tree::None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        let Shape::Option(held) = self.0 else { return Err(D::Error::custom("no option")) };
        Ok(Tree::Some(Box::new(As(held).deserialize(deserializer)?)))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        let Shape::Newtype(held) = self.0 else { return Err(D::Error::custom("no newtype")) };
        Ok(Tree::Newtype(Box::new(As(held).deserialize(deserializer)?)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
        let mut next = |shape| seq.next_element_seed(As(shape));
        match self.0 {
            Shape::Seq(held) => {
                let mut all = Vec::new();
                while let Some(part) = next(held)? {
                    all.push(part);
                }
                Ok(Tree::Seq(all))
            }
            Shape::Tuple(shapes) => {
                let all =
                    shapes.iter().map(|shape| next(shape)?.ok_or_else(|| A::Error::invalid_length(0, &self)));
                Ok(Tree::Tuple(all.collect::<Result<_, A::Error>>()?))
            }
            Shape::Struct(shapes) => {
                let all = shapes.iter().map(|(name, shape)| {
                    Ok((*name, next(shape)?.ok_or_else(|| A::Error::invalid_length(0, &self))?))
                });
                Ok(Tree::Struct(all.collect::<Result<_, A::Error>>()?))
            }
            _ => Err(A::Error::invalid_type(Unexpected::Seq, &self)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let Shape::Map(held) = self.0 else { return Err(A::Error::invalid_type(Unexpected::Map, &self)) };
        let mut all = Vec::new();
        while let Some(key) = map.next_key()? {
            all.push((key, map.next_value_seed(As(held))?));
        }
        Ok(Tree::Map(all))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<Tree, A::Error> {
        let Shape::Enum(variants) = self.0 else {
            return Err(A::Error::invalid_type(Unexpected::Enum, &self));
        };
        let (index, access) = access.variant_seed(Index)?;
        let at = usize::try_from(index).ok().and_then(|at| variants.get(at));
        let Some((name, body)) = at else {
            return Err(A::Error::invalid_value(Unexpected::Unsigned(index), &self));
        };
        let held = match body {
            Body::Unit => {
                access.unit_variant()?;
                Tree::Number(Kind::Unit, 0)
            }
            Body::Newtype(shape) => Tree::Newtype(Box::new(access.newtype_variant_seed(As(shape))?)),
            Body::Tuple(all) => access.tuple_variant(all.len(), As(&Shape::Tuple(all.clone())))?,
            Body::Struct(all) => {
                access.struct_variant(&NAMES[..all.len()], As(&Shape::Struct(all.clone())))?
            }
        };
        Ok(Tree::Variant(u32::try_from(index).unwrap_or(0), name, Box::new(held)))
    }
}

/// Reads the index of a variant, as a derived `Deserialize` does.
struct Index;

impl<'de> DeserializeSeed<'de> for Index {
    type Value = u64;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u64, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Index {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an index")
    }

    fn visit_u64<E: Error>(self, index: u64) -> Result<u64, E> {
        Ok(index)
    }
}
