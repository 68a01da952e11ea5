//! The error of a codec: a text with the cause.

use std::any::Any;
use std::fmt;

use crate::sys::user_code::drop_panic;

/// Why a value could not be encoded or decoded.
#[derive(Clone, PartialEq, Eq)]
pub struct CodecError(String);

/// Prints the text, followed by the name of the type.
impl fmt::Debug for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} (CodecError)")
    }
}

impl CodecError {
    pub(super) fn new(message: impl fmt::Display) -> Self {
        Self(message.to_string())
    }

    /// Creates the error for a value whose format this version does not know.
    pub(crate) fn of_unknown_format(code: u8) -> Self {
        Self::new(format_args!(
            "its format has the number {code}, which this version does not know; upgrade larder"
        ))
    }

    pub(super) fn of_panic(what: &str, panic: Box<dyn Any + Send>) -> Self {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        let error = Self(format!("its {what} panicked: {}", text.unwrap_or("without a message")));
        drop_panic(panic);
        error
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CodecError {}

impl serde::ser::Error for CodecError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message)
    }
}

impl serde::de::Error for CodecError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message)
    }
}
