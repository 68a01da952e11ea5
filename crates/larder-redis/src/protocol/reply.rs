//! A reply, or a push, of a server.

/// A reply of a server in version 2 or 3 of the protocol.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// No value: the null of version 3, or a string or array of length -1.
    Null,
    /// A line of text that is not an error, such as `OK`.
    Status(Vec<u8>),
    /// A string of any bytes.
    Bytes(Vec<u8>),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Double(f64),
    /// A truth value.
    Boolean(bool),
    /// A list or a set.
    List(Vec<Reply>),
    /// A map: keys and values in turn.
    Map(Vec<Reply>),
    /// An error. The text begins with a code, such as `WRONGPASS`.
    Error(Vec<u8>),
    /// A message that is not a reply to a request.
    Push(Vec<Reply>),
}

impl Reply {
    /// Returns the bytes of a string or of a line of text.
    pub(crate) fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Status(bytes) | Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Returns the bytes of a string or of a line of text.
    pub(crate) fn into_bytes(self) -> Option<Vec<u8>> {
        match self {
            Self::Status(bytes) | Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Returns the number of an integer.
    pub(crate) fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// Returns the elements of a list.
    pub(crate) fn into_list(self) -> Option<Vec<Self>> {
        match self {
            Self::List(elements) => Some(elements),
            _ => None,
        }
    }

    /// Returns the value of a map under a key that is a string.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let Self::Map(pairs) = self else { return None };
        let found =
            pairs.chunks_exact(2).find(|pair| pair.first().and_then(Self::as_bytes) == Some(key.as_bytes()));
        found.and_then(|pair| pair.get(1))
    }
}
