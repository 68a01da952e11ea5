//! The error of a key's decoder: a text.

use std::fmt;

/// Why bytes are not a key.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyError(String);

/// Prints the text, followed by the name of the type.
impl fmt::Debug for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} (KeyError)")
    }
}

impl KeyError {
    /// Creates an error with this text.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for KeyError {}
