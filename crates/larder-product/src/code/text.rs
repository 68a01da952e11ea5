//! The codes that are text: the codes of products, categories, data packages and merchants.
//!
//! A code has a maximum length, and no whitespace or control characters, so that any cache server accepts the
//! key string. All other characters, of any script, are allowed. Codes are compared byte by byte: `mtnvtu`
//! and `MTNVTU` are two products.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::error::CodeError;
use super::limit::MAX_CODE_LENGTH;

/// Checks the length and the characters of a text code.
fn check(kind: &'static str, text: &str) -> Result<(), CodeError> {
    if text.is_empty() {
        return Err(CodeError::Empty { kind });
    }
    if text.len() > MAX_CODE_LENGTH {
        return Err(CodeError::TooLong { kind, length: text.len() });
    }
    match text.char_indices().find(|(_, character)| character.is_whitespace() || character.is_control()) {
        Some((at, character)) => Err(CodeError::Forbidden { kind, text: text.to_owned(), character, at }),
        None => Ok(()),
    }
}

/// Declares the type of a text code. The four types differ only in their names and documentation.
macro_rules! text_code {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        ///
        /// A text of 1 to [`MAX_CODE_LENGTH`] bytes, without whitespace or control characters.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, larder::Key)]
        // Encoded like a string, so that tools without these types can read the keys.
        #[key(try_from = String)]
        pub struct $name(Box<str>);

        impl $name {
            /// Creates a code from a text.
            ///
            /// # Errors
            /// Returns [`CodeError`] if `code` is empty, is longer than [`MAX_CODE_LENGTH`] bytes, or has
            /// whitespace or a control character.
            pub fn new(code: impl Into<String>) -> Result<Self, CodeError> {
                let code = code.into();
                check($kind, &code)?;
                Ok(Self(code.into_boxed_str()))
            }

            /// Returns the code as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), &*self.0)
            }
        }

        impl FromStr for $name {
            type Err = CodeError;

            fn from_str(code: &str) -> Result<Self, CodeError> {
                Self::new(code)
            }
        }

        impl TryFrom<String> for $name {
            type Error = CodeError;

            fn try_from(code: String) -> Result<Self, CodeError> {
                Self::new(code)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(String::deserialize(deserializer)?).map_err(de::Error::custom)
            }
        }
    };
}

text_code! {
    /// The code of a product, such as `MTNVTU`.
    ProductCode, "product"
}

text_code! {
    /// The code of a category of products, such as `AIRTIME`.
    CategoryCode, "category"
}

text_code! {
    /// The code of a data package among the packages of one product, such as `DATA_1GB`.
    DataCode, "data"
}

text_code! {
    /// The code of a merchant, such as `ACME_STORES`.
    MerchantCode, "merchant"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_prints_and_parses_back() {
        for text in ["MTNVTU", "DATA_1GB", "categories_active", "mtn-10mb:100", "Ünïcödé", "套餐", "%5F"]
        {
            let code: ProductCode = text.parse().unwrap();
            assert_eq!(code.to_string(), text);
            assert_eq!(code.to_string().parse(), Ok(code));
        }
    }

    #[test]
    fn the_longest_code_is_accepted_and_one_byte_more_is_refused() {
        assert!(CategoryCode::new("x".repeat(MAX_CODE_LENGTH)).is_ok());
        assert_eq!(
            CategoryCode::new("x".repeat(MAX_CODE_LENGTH + 1)),
            Err(CodeError::TooLong { kind: "category", length: 101 })
        );
    }

    #[test]
    fn an_empty_code_is_refused() {
        let error = MerchantCode::new("").unwrap_err();
        assert_eq!(error.to_string(), "merchant code is empty; a code has 1 to 100 bytes");
    }

    #[test]
    fn whitespace_and_control_characters_are_refused_where_they_stand() {
        for (text, character, at) in [
            (" A", ' ', 0),
            ("A\n", '\n', 1),
            ("Ü\u{7f}", '\u{7f}', 2),
            ("A\0B", '\0', 1),
            ("A\u{a0}", '\u{a0}', 1),
        ] {
            let refused = CodeError::Forbidden { kind: "data", text: text.to_owned(), character, at };
            assert_eq!(DataCode::new(text), Err(refused), "{text:?}");
        }
    }

    #[test]
    fn serde_writes_plain_text_and_checks_what_it_reads() {
        let code = ProductCode::new("MTNVTU").unwrap();
        assert_eq!(serde_json::to_string(&code).unwrap(), r#""MTNVTU""#);
        assert_eq!(serde_json::from_str::<ProductCode>(r#""MTNVTU""#).unwrap(), code);
        let error = serde_json::from_str::<ProductCode>(r#""""#).unwrap_err();
        assert!(error.to_string().contains("product code is empty"), "{error}");
    }

    #[test]
    fn debug_names_the_kind_of_code() {
        assert_eq!(format!("{:?}", DataCode::new("DATA_1GB").unwrap()), r#"DataCode("DATA_1GB")"#);
    }
}
