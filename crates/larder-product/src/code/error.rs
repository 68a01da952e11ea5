//! The error for an invalid code.

use std::fmt;

use super::limit::MAX_CODE_LENGTH;

/// An invalid code. The text of the error names the kind of code, the problem, and the allowed form.
///
/// # Examples
/// ```
/// use larder_product::ProductCode;
///
/// let error = ProductCode::new("MTN VTU").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     r#"product code "MTN VTU" has ' ' at byte 3; a code holds no whitespace and no control characters"#,
/// );
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodeError {
    /// The text is empty.
    #[error("{kind} code is empty; a code has 1 to {MAX_CODE_LENGTH} bytes")]
    Empty {
        /// The kind of code: `product`, `category`, `data` or `merchant`.
        kind: &'static str,
    },
    /// The text has more than [`MAX_CODE_LENGTH`] bytes.
    #[error("{kind} code has {length} bytes; a code has 1 to {MAX_CODE_LENGTH} bytes")]
    TooLong {
        /// The kind of code.
        kind: &'static str,
        /// The length of the text in bytes.
        length: usize,
    },
    /// The text has whitespace or a control character.
    #[error(
        "{kind} code {text:?} has {character:?} at byte {at}; \
         a code holds no whitespace and no control characters"
    )]
    Forbidden {
        /// The kind of code.
        kind: &'static str,
        /// The refused text.
        text: String,
        /// The first character that is not allowed.
        character: char,
        /// The byte offset of that character.
        at: usize,
    },
    /// The id of a user is out of range, or is not written as a plain number.
    #[error("user id {text:?} is not a whole number from 1 to {} without sign or leading zeros", i64::MAX)]
    UserId {
        /// The refused text, cut off after [`MAX_CODE_LENGTH`] characters.
        text: String,
    },
}

/// Writes the text of the error and the name of the variant, so that `unwrap` shows the remedy.
impl fmt::Debug for CodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variant = match self {
            Self::Empty { .. } => "Empty",
            Self::TooLong { .. } => "TooLong",
            Self::Forbidden { .. } => "Forbidden",
            Self::UserId { .. } => "UserId",
        };
        write!(f, "{self} ({variant})")
    }
}
