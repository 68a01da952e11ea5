//! The id of a user: a positive 64-bit number, the primary key in a database.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::CodeError;
use super::limit::MAX_CODE_LENGTH;

/// The id of a user: the user's number in the database, from 1 to `i64::MAX`.
///
/// # Examples
/// ```
/// use larder_product::UserId;
///
/// let user: UserId = "123".parse()?;
/// assert_eq!(user, UserId::new(123)?);
/// assert_eq!(user.to_string(), "123");
/// assert!("0123".parse::<UserId>().is_err()); // one user, one spelling
/// # Ok::<(), larder_product::CodeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, larder::Key)]
#[key(try_from)]
#[serde(try_from = "u64", into = "u64")]
pub struct UserId(u64);

impl UserId {
    /// Creates the id of a user from a number.
    ///
    /// # Errors
    /// Returns [`CodeError::UserId`] if `id` is 0 or above `i64::MAX`.
    pub fn new(id: u64) -> Result<Self, CodeError> {
        if id == 0 || i64::try_from(id).is_err() {
            return Err(CodeError::UserId { text: id.to_string() });
        }
        Ok(Self(id))
    }

    /// Returns the id as a number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for UserId {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, CodeError> {
        let refused = || CodeError::UserId { text: text.chars().take(MAX_CODE_LENGTH).collect() };
        let id = text.parse().map_err(|_| refused())?;
        let user = Self::new(id).map_err(|_| refused())?;
        // `+7` and `007` also parse as 7. They are refused, so that two texts never mean the same key.
        if text.starts_with(['+', '0']) { Err(refused()) } else { Ok(user) }
    }
}

impl TryFrom<u64> for UserId {
    type Error = CodeError;

    fn try_from(id: u64) -> Result<Self, CodeError> {
        Self::new(id)
    }
}

impl From<UserId> for u64 {
    fn from(user: UserId) -> Self {
        user.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_prints_and_parses_back() {
        for id in [1, 123, i64::MAX.cast_unsigned()] {
            let user = UserId::new(id).unwrap();
            assert_eq!(user.to_string().parse(), Ok(user));
        }
    }

    #[test]
    fn only_positive_signed_numbers_are_ids() {
        assert!(UserId::new(0).is_err());
        let error = UserId::new(i64::MAX.cast_unsigned() + 1).unwrap_err();
        assert_eq!(
            error.to_string(),
            "user id \"9223372036854775808\" is not a whole number from 1 to 9223372036854775807 \
             without sign or leading zeros"
        );
    }

    #[test]
    fn a_second_spelling_of_an_id_is_refused() {
        for text in ["", "0", "-1", "+7", "007", " 7", "7 ", "7.0", "seven", "99999999999999999999"] {
            let refused = CodeError::UserId { text: text.to_owned() };
            assert_eq!(text.parse::<UserId>(), Err(refused), "{text:?}");
        }
    }

    #[test]
    fn serde_writes_a_number_and_checks_what_it_reads() {
        assert_eq!(serde_json::to_string(&UserId::new(123).unwrap()).unwrap(), "123");
        assert!(serde_json::from_str::<UserId>("0").is_err());
    }
}
