//! The replies and pushes of a server.

/// Maximum number of bytes of a reply in the text of an error.
const MAX_BRIEF: usize = 100;

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

    /// Returns a short text for an error. A reply may have any size, and only its first bytes are printed.
    pub(crate) fn brief(&self) -> String {
        let text = |bytes: &[u8]| {
            let first = bytes.get(..MAX_BRIEF).unwrap_or(bytes);
            format!("{:?} ({} bytes)", String::from_utf8_lossy(first), bytes.len())
        };
        match self {
            Self::Status(bytes) | Self::Bytes(bytes) => text(bytes),
            Self::Error(bytes) => format!("the error {}", text(bytes)),
            Self::List(elements) => format!("a list of {} elements", elements.len()),
            Self::Map(elements) | Self::Push(elements) => {
                format!("a map or push of {} elements", elements.len())
            }
            Self::Null | Self::Integer(_) | Self::Double(_) | Self::Boolean(_) | Self::Oversize => {
                format!("{self:?}")
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_reply_of_any_size_is_short() {
        let bytes = vec![b'x'; 1_000_000];
        for reply in [Reply::Status(bytes.clone()), Reply::Bytes(bytes.clone()), Reply::Error(bytes)] {
            let brief = reply.brief();
            assert!(brief.len() < 200 && brief.contains("xxx\" (1000000 bytes)"), "{} bytes", brief.len());
        }
        let elements = vec![Reply::Integer(1); 1000];
        assert_eq!(Reply::List(elements).brief(), "a list of 1000 elements");
        assert_eq!(Reply::Null.brief(), "Null");
    }
}
