//! Why a code was refused: the kind of code, the part that is wrong, and what is allowed.

use std::fmt;

use crate::code::MAX_CODE_LENGTH;

/// A code that breaks its rules. The text names the kind of code, the fault and what is allowed.
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
        /// What the code would have named: `product`, `category`, `data` or `merchant`.
        kind: &'static str,
    },
    /// The text is longer than [`MAX_CODE_LENGTH`].
    #[error("{kind} code has {length} bytes; a code has 1 to {MAX_CODE_LENGTH} bytes")]
    TooLong {
        /// What the code would have named.
        kind: &'static str,
        /// The text's length in bytes.
        length: usize,
    },
    /// The text holds whitespace or a control character.
    #[error(
        "{kind} code {text:?} has {character:?} at byte {at}; \
         a code holds no whitespace and no control characters"
    )]
    Forbidden {
        /// What the code would have named.
        kind: &'static str,
        /// The refused text.
        text: String,
        /// The first character that is not allowed.
        character: char,
        /// Where that character begins.
        at: usize,
    },
    /// A user's id is not a number as a database prints it, or out of range.
    #[error("user id {text:?} is not a whole number from 1 to {} without sign or leading zeros", i64::MAX)]
    UserId {
        /// The refused text, cut after [`MAX_CODE_LENGTH`] bytes.
        text: String,
    },
}

/// The text, with the name of the variant behind it: what `unwrap` shows has the remedy.
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
