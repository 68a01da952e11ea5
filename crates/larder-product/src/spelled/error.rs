//! The error for a text that is not a key.

use std::fmt;

use crate::code::CodeError;

/// The error for a text that is not a key. It says what is wrong with the text.
///
/// # Examples
/// ```
/// use larder_product::SpelledKey;
///
/// let error = "merchant_discount_0123_MTNVTU".parse::<SpelledKey>().unwrap_err();
/// assert!(error.to_string().contains(r#"user id "0123" is not a whole number"#));
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpelledKeyError {
    /// The text does not begin like the keys of any family.
    #[error(
        "{text:?} is not a key; a key is product_categories_active, or begins with product_, \
         products_category_, data_package_, data_bundles_, merchant_discount_ or merchant_auth_"
    )]
    Family {
        /// The refused text.
        text: String,
    },
    /// A key of this family has two parts, and the text lacks one of them.
    #[error(
        "{text:?} is not a key; two parts are needed, as in data_package_PRODUCT_DATA and \
         merchant_discount_USER_PRODUCT, without whitespace and of at most 100 bytes each"
    )]
    Parts {
        /// The refused text.
        text: String,
    },
    /// A code in the text is invalid.
    #[error("{text:?} is not a key: {cause}")]
    Code {
        /// The refused text.
        text: String,
        /// What is wrong with the code.
        cause: CodeError,
    },
    /// The text is longer than that of any key.
    #[error("a text of {length} bytes is not a key; the longest has {most}")]
    TooLong {
        /// The length of the text in bytes.
        length: usize,
        /// The maximum length of a key's text in bytes.
        most: usize,
    },
}

/// Writes the text of the error and the name of the variant, so that `unwrap` shows the remedy.
impl fmt::Debug for SpelledKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variant = match self {
            Self::Family { .. } => "Family",
            Self::Parts { .. } => "Parts",
            Self::Code { .. } => "Code",
            Self::TooLong { .. } => "TooLong",
        };
        write!(f, "{self} ({variant})")
    }
}

impl SpelledKeyError {
    pub(super) fn family(text: &str) -> Self {
        Self::Family { text: text.to_owned() }
    }

    pub(super) fn parts(text: &str) -> Self {
        Self::Parts { text: text.to_owned() }
    }

    pub(super) fn code(text: &str, cause: CodeError) -> Self {
        Self::Code { text: text.to_owned(), cause }
    }
}

#[cfg(test)]
mod tests {
    use crate::{ProductCode, SpelledKey, UserId};

    #[test]
    fn every_error_is_debugged_as_its_text_with_the_name_of_its_variant() {
        let long = "x".repeat(101);
        for (error, variant) in [
            (ProductCode::new("").unwrap_err(), "Empty"),
            (ProductCode::new(&long).unwrap_err(), "TooLong"),
            (ProductCode::new("a b").unwrap_err(), "Forbidden"),
            ("0".parse::<UserId>().unwrap_err(), "UserId"),
        ] {
            assert_eq!(format!("{error:?}"), format!("{error} ({variant})"));
        }
        let long = format!("product_{}", "x".repeat(10_000));
        for (text, variant) in
            [("letters", "Family"), ("data_package_X", "Parts"), ("product_a b", "Code"), (&*long, "TooLong")]
        {
            let error = text.parse::<SpelledKey>().unwrap_err();
            assert_eq!(format!("{error:?}"), format!("{error} ({variant})"));
        }
    }
}
