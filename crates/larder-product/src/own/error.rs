//! The errors of the application's own families.

use std::fmt;

/// The error for one of the application's own families that was refused.
///
/// # Examples
/// ```
/// use larder::KeyspaceDefinition;
/// # use larder_product::doc::AirtimeShop;
/// use larder_product::{Families, OwnFamily, ProductCode};
///
/// const PRODUCT: OwnFamily<ProductCode, u32> = OwnFamily::new(KeyspaceDefinition::new("product"), &[]);
/// let error = Families::<AirtimeShop>::guide().with_own(&[&PRODUCT]).unwrap_err();
/// assert_eq!(error.to_string(), "another family has the name \"product\"; give this family another name");
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OwnFamilyError {
    /// Two families have the same name.
    #[error("another family has the name {name:?}; give this family another name")]
    NameTaken {
        /// The name.
        name: &'static str,
    },
    /// The family depends on a family that is not registered before it.
    #[error("the family {name:?} depends on {on:?}; register {on:?} too, before {name:?}")]
    UnknownDependency {
        /// The name of the family.
        name: &'static str,
        /// The name of the family that it depends on.
        on: &'static str,
    },
    /// There are too many families.
    #[error("{number} families are registered; the most is {most}")]
    TooMany {
        /// The number of registered families.
        number: usize,
        /// The maximum number of families.
        most: usize,
    },
    /// The product cache was opened without the family, or with another family of the same name.
    #[error("the family {name:?} is not registered with these types; pass it to `Families::with_own`")]
    NotRegistered {
        /// The name of the family.
        name: &'static str,
    },
}

/// Writes the text of the error and the name of the variant, so that `unwrap` shows the remedy.
impl fmt::Debug for OwnFamilyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variant = match self {
            Self::NameTaken { .. } => "NameTaken",
            Self::UnknownDependency { .. } => "UnknownDependency",
            Self::TooMany { .. } => "TooMany",
            Self::NotRegistered { .. } => "NotRegistered",
        };
        write!(f, "{self} ({variant})")
    }
}
