//! The replies and pushes of a server.

/// A reply or a push of a server, in version 2 or 3 of the protocol.
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
    /// A floating-point number.
    Double(f64),
    /// A boolean.
    Boolean(bool),
    /// A list or a set.
    List(Vec<Reply>),
    /// A map, as alternating keys and values.
    Map(Vec<Reply>),
    /// An error, whose text begins with a code, such as `WRONGPASS`.
    Error(Vec<u8>),
    /// A message that does not belong to a request.
    Push(Vec<Reply>),
    /// A reply that exceeded the limits. Its bytes were dropped.
    Oversize,
}

impl Reply {
    /// Returns the bytes of a string or of a line of text.
    pub(crate) fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Status(bytes) | Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub(crate) fn into_bytes(self) -> Option<Vec<u8>> {
        match self {
            Self::Status(bytes) | Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub(crate) fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    pub(crate) fn into_list(self) -> Option<Vec<Self>> {
        match self {
            Self::List(elements) => Some(elements),
            _ => None,
        }
    }

    /// Returns the value of a string key in a map.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let Self::Map(pairs) = self else { return None };
        let found =
            pairs.chunks_exact(2).find(|pair| pair.first().and_then(Self::as_bytes) == Some(key.as_bytes()));
        found.and_then(|pair| pair.get(1))
    }
}
