//! The content of a value, read without its type.

use crate::disk::reader::keyspace_info::KeyspaceInfo;
use crate::format::codec::document::Document;
use crate::format::codec::error::CodecError;
use crate::format::codec::format::Format;

/// The content of a value, as far as it can be read without the value's type.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Content<'a> {
    /// A self-describing value. To get JSON, serialize the document with serde.
    Document(Document<'a>),
    /// UTF-8 text.
    Text(&'a str),
    /// Bytes that only the value's type can decode.
    Bytes,
    /// Bytes that are not a value of their keyspace's format. A lookup of such a value is a miss for every
    /// type.
    Unreadable(CodecError),
}

impl KeyspaceInfo {
    /// Returns the content of a value of this keyspace. `payload` is the record's
    /// [`payload`](super::finding::Record::payload).
    ///
    /// # Cost
    /// Reads the bytes once. Allocates only for an error, and for the nesting of a MessagePack value.
    #[must_use]
    pub fn content<'a>(&self, payload: &'a [u8]) -> Content<'a> {
        Content::of(self.value_format, payload)
    }
}

impl<'a> Content<'a> {
    /// Returns the content of a value, given the number of its format: 0 bincode, 1 MessagePack, 2 raw
    /// bytes.
    ///
    /// ```
    /// use larder::inspect::Content;
    ///
    /// assert!(matches!(Content::of(2, b"MTN airtime"), Content::Text("MTN airtime")));
    /// assert!(matches!(Content::of(9, b""), Content::Unreadable(_)));
    /// ```
    ///
    /// # Cost
    /// Reads the bytes once. Allocates only for an error, and for the nesting of a MessagePack value.
    #[must_use]
    pub fn of(value_format: u8, payload: &'a [u8]) -> Self {
        match Format::of_code(value_format) {
            Some(Format::MessagePack) => {
                Document::read(payload).map_or_else(Self::Unreadable, Self::Document)
            }
            Some(Format::Raw) => std::str::from_utf8(payload).map_or(Self::Bytes, Self::Text),
            Some(Format::Bincode) => Self::Bytes,
            None => Self::Unreadable(CodecError::of_unknown_format(value_format)),
        }
    }
}
