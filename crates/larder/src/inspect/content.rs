//! What can be told of a value without its type.

use super::KeyspaceFacts;
use crate::codec::{CodecError, Document, Format};

/// A value, as far as it can be read without its type.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Content<'a> {
    /// It describes itself: to be written as JSON, by way of serde.
    Document(Document<'a>),
    /// Text, byte for byte.
    Text(&'a str),
    /// Bytes that only its type makes sense of.
    Bytes,
    /// Bytes that are no value of their keyspace's format: no lookup finds them, whatever the type.
    Unreadable(CodecError),
}

impl KeyspaceFacts {
    /// What can be told of a value of this keyspace, given by its [`payload`](super::Record::payload).
    ///
    /// # Cost
    /// The bytes are looked through once; memory is taken for an error alone.
    #[must_use]
    pub fn content<'a>(&self, payload: &'a [u8]) -> Content<'a> {
        match Format::of_code(self.value_format) {
            Some(Format::MessagePack) => {
                Document::read(payload).map_or_else(Content::Unreadable, Content::Document)
            }
            Some(Format::Raw) => std::str::from_utf8(payload).map_or(Content::Bytes, Content::Text),
            Some(Format::Bincode) => Content::Bytes,
            None => Content::Unreadable(CodecError::of_unknown_format(self.value_format)),
        }
    }
}
