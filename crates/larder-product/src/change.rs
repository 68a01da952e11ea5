//! A change of the shop's database, with which every invalidation begins.

use std::fmt;

use crate::cascade::{Node, Row};
use crate::code::{CategoryCode, DataCode, MerchantCode, ProductCode, UserId};
use crate::part::Parts;
use crate::selection::Selection;

/// A change of the shop's database. `None` instead of a code or an id stands for every code or id.
///
/// [`plan`](Change::plan) returns the entries that the change makes stale.
/// [`ProductCache::invalidate`](crate::ProductCache::invalidate) removes these entries.
///
/// # Examples
/// ```
/// use larder_product::{Change, UserId};
///
/// let every_discount_of_a_user = Change::Discount(Some(UserId::new(123)?), None);
/// assert_eq!(every_discount_of_a_user.to_string(), "every discount of user 123 changed");
/// # Ok::<(), larder_product::CodeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// A category was added, changed or removed.
    Category(Option<CategoryCode>),
    /// A product was added or changed. Never counts as a removal, not even with `None`: each removed product
    /// needs [`ProductRemoved`](Self::ProductRemoved).
    Product(Option<ProductCode>),
    /// A product was removed, together with its data packages and the discounts on it.
    ProductRemoved(ProductCode),
    /// A data package was added, changed or removed.
    DataPackage(Option<ProductCode>, Option<DataCode>),
    /// A user's discount on a product was added, changed or removed.
    Discount(Option<UserId>, Option<ProductCode>),
    /// A merchant was added, changed or removed.
    Merchant(Option<MerchantCode>),
}

impl Change {
    /// Returns the rows that have changed.
    pub(crate) fn root(&self) -> (Node, Parts) {
        let none = Parts::default();
        let (row, parts) = match self.clone() {
            Self::Category(category) => (Row::Category, Parts { category, ..none }),
            Self::Product(product) => (Row::Product, Parts { product, ..none }),
            Self::ProductRemoved(product) => (Row::Product, Parts { product: Some(product), ..none }),
            Self::DataPackage(product, data) => (Row::DataPackage, Parts { product, data, ..none }),
            Self::Discount(user, product) => (Row::Discount, Parts { product, user, ..none }),
            Self::Merchant(merchant) => (Row::Merchant, Parts { merchant, ..none }),
        };
        (Node::Row(row), parts)
    }

    /// Returns whether rows may have been removed. Only products have a separate change for removals; the
    /// changes of other rows include them.
    pub(crate) const fn may_be_removal(&self) -> bool {
        !matches!(self, Self::Product(_))
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (node, parts) = self.root();
        let verb = if matches!(self, Self::ProductRemoved(_)) { "was removed" } else { "changed" };
        write!(f, "{} {verb}", Named(node, &parts))
    }
}

/// Displays rows or entries in words.
pub(crate) struct Named<'a>(pub(crate) Node, pub(crate) &'a Parts);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(node, parts) = self;
        let row = match node {
            Node::Entries(family) => {
                return Selection::new(*family, (*parts).clone()).fmt(f);
            }
            Node::Row(row) => row,
        };
        let code: Option<&dyn fmt::Display> = match row {
            Row::Category => parts.category.as_ref().map(|code| code as _),
            Row::Product => parts.product.as_ref().map(|code| code as _),
            Row::DataPackage => parts.data.as_ref().map(|code| code as _),
            Row::Merchant => parts.merchant.as_ref().map(|code| code as _),
            // A discount has no code. Its user and its product identify it.
            Row::Discount => None,
        };
        match (code, row) {
            (Some(code), _) => write!(f, "{node} {code}")?,
            (None, Row::Discount) if parts.user.is_some() && parts.product.is_some() => {
                write!(f, "the {node}")?;
            }
            (None, _) => write!(f, "every {node}")?,
        }
        if let (Row::Discount, Some(user)) = (row, parts.user) {
            write!(f, " of user {user}")?;
        }
        match (row, &parts.product) {
            (Row::Discount, Some(product)) => write!(f, " on product {product}"),
            (Row::DataPackage, Some(product)) => write!(f, " of product {product}"),
            _ => Ok(()),
        }
    }
}
