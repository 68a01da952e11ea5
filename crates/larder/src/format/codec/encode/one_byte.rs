//! Finds out whether a value is a byte, and which byte.

use std::fmt;

use serde::ser::{Error, Impossible, Serialize, Serializer};

/// A serializer that accepts only bytes. For a given type, the compiler reduces this serializer to a
/// constant error or to the byte.
pub(in crate::format::codec) struct OneByte;

#[derive(Debug)]
pub(in crate::format::codec) struct NotAByte;

impl fmt::Display for NotAByte {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is not a byte")
    }
}

impl std::error::Error for NotAByte {}

impl Error for NotAByte {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// The bytes at the beginning of a sequence.
pub(super) struct Leading<T> {
    pub(super) bytes: Vec<u8>,
    /// The element that was read after these bytes, if any.
    pub(super) other: Option<T>,
}

impl<T> Default for Leading<T> {
    fn default() -> Self {
        Self { bytes: Vec::new(), other: None }
    }
}

/// Reads the bytes at the beginning of a sequence of `len` elements, up to the first element that is not a
/// byte.
pub(super) fn leading<I: Iterator>(elements: &mut I, len: usize) -> Leading<I::Item>
where
    I::Item: Serialize,
{
    let Some(first) = elements.next() else { return Leading::default() };
    let Ok(byte) = first.serialize(OneByte) else {
        return Leading { bytes: Vec::new(), other: Some(first) };
    };
    // Allocated only after the first byte, because most sequences have other elements. The vector is filled
    // in place: if every element is a byte, the compiler turns this loop into a copy.
    let mut bytes = vec![0; len];
    let (mut filled, mut other) = (0, None);
    if let Some((head, tail)) = bytes.split_first_mut() {
        *head = byte;
        filled = 1;
        // The places come first in this zip. In the other order, the zip would read one element more than
        // there are places.
        for (place, element) in tail.iter_mut().zip(&mut *elements) {
            let Ok(byte) = element.serialize(OneByte) else {
                other = Some(element);
                break;
            };
            *place = byte;
            filled += 1;
        }
    }
    if other.is_none() {
        // The sequence may have more elements than it announced. If another element follows, the caller
        // checks the number of elements.
        other = elements.next();
    }
    bytes.truncate(filled);
    Leading { bytes, other }
}

type NotOneByte = Impossible<u8, NotAByte>;

macro_rules! no {
    ($($method:ident($($value:ty),*)),* $(,)?) => {$(
        #[inline]
        fn $method(self, $(_: $value),*) -> Result<u8, NotAByte> {
            Err(NotAByte)
        }
    )*};
    (compound $($method:ident($($value:ty),*)),* $(,)?) => {$(
        #[inline]
        fn $method(self, $(_: $value),*) -> Result<NotOneByte, NotAByte> {
            Err(NotAByte)
        }
    )*};
}

impl Serializer for OneByte {
    type Ok = u8;
    type Error = NotAByte;
    type SerializeSeq = NotOneByte;
    type SerializeTuple = NotOneByte;
    type SerializeTupleStruct = NotOneByte;
    type SerializeTupleVariant = NotOneByte;
    type SerializeMap = NotOneByte;
    type SerializeStruct = NotOneByte;
    type SerializeStructVariant = NotOneByte;

    #[inline]
    fn serialize_u8(self, byte: u8) -> Result<u8, NotAByte> {
        Ok(byte)
    }

    no!(
        serialize_bool(bool),
        serialize_i8(i8),
        serialize_i16(i16),
        serialize_i32(i32),
        serialize_i64(i64),
        serialize_i128(i128),
        serialize_u16(u16),
        serialize_u32(u32),
        serialize_u64(u64),
        serialize_u128(u128),
        serialize_f32(f32),
        serialize_f64(f64),
        serialize_char(char),
        serialize_str(&str),
        serialize_bytes(&[u8]),
        serialize_none(),
        serialize_unit(),
        serialize_unit_struct(&'static str),
        serialize_unit_variant(&'static str, u32, &'static str),
    );

    no!(compound
        serialize_seq(Option<usize>),
        serialize_tuple(usize),
        serialize_tuple_struct(&'static str, usize),
        serialize_tuple_variant(&'static str, u32, &'static str, usize),
        serialize_map(Option<usize>),
        serialize_struct(&'static str, usize),
        serialize_struct_variant(&'static str, u32, &'static str, usize),
    );

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<u8, NotAByte> {
        Err(NotAByte)
    }

    // A newtype is a level, but the fast path counts no levels.
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, _: &T) -> Result<u8, NotAByte> {
        Err(NotAByte)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<u8, NotAByte> {
        Err(NotAByte)
    }

    // Must return the same value as the serializers of the encodings that use `OneByte`.
    fn is_human_readable(&self) -> bool {
        false
    }

    // The value is not formatted, because formatting may take long for some types.
    fn collect_str<T: fmt::Display + ?Sized>(self, _: &T) -> Result<u8, NotAByte> {
        Err(NotAByte)
    }

    fn collect_seq<I>(self, _: I) -> Result<u8, NotAByte>
    where
        I: IntoIterator,
        I::Item: Serialize,
    {
        Err(NotAByte)
    }
}
