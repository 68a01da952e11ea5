//! The parts of keys that belong to rows of the shop's database: codes and ids.

use crate::code::{CategoryCode, DataCode, MerchantCode, ProductCode, UserId};

/// The kinds of key parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Part {
    /// A category's code.
    Category,
    /// A product's code.
    Product,
    /// A data code.
    Data,
    /// A user's id.
    User,
    /// A merchant's code.
    Merchant,
}

impl Part {
    pub(crate) const ALL: [Self; 5] = [Self::Category, Self::Product, Self::Data, Self::User, Self::Merchant];
}

/// The known parts of a key or of a row. An unknown part may have any value.
///
/// Public only because hidden methods of [`FamilyKey`](crate::FamilyKey) use it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    pub(crate) category: Option<CategoryCode>,
    pub(crate) product: Option<ProductCode>,
    pub(crate) data: Option<DataCode>,
    pub(crate) user: Option<UserId>,
    pub(crate) merchant: Option<MerchantCode>,
}

impl Parts {
    /// Returns only the parts of these kinds, which an edge carries from its start to its end.
    pub(crate) fn carried(&self, kinds: &[Part]) -> Self {
        let has = |kind| kinds.contains(&kind);
        Self {
            category: self.category.clone().filter(|_| has(Part::Category)),
            product: self.product.clone().filter(|_| has(Part::Product)),
            data: self.data.clone().filter(|_| has(Part::Data)),
            user: self.user.filter(|_| has(Part::User)),
            merchant: self.merchant.clone().filter(|_| has(Part::Merchant)),
        }
    }

    /// Returns the text of the part of this kind, if it is known.
    pub(crate) fn text(&self, kind: Part) -> Option<String> {
        match kind {
            Part::Category => self.category.as_ref().map(ToString::to_string),
            Part::Product => self.product.as_ref().map(ToString::to_string),
            Part::Data => self.data.as_ref().map(ToString::to_string),
            Part::User => self.user.as_ref().map(ToString::to_string),
            Part::Merchant => self.merchant.as_ref().map(ToString::to_string),
        }
    }

    /// Returns whether every key with the parts of `other` also has the parts of `self`.
    pub(crate) fn cover(&self, other: &Self) -> bool {
        fn covers<T: PartialEq>(ours: Option<&T>, theirs: Option<&T>) -> bool {
            ours.is_none() || ours == theirs
        }
        covers(self.category.as_ref(), other.category.as_ref())
            && covers(self.product.as_ref(), other.product.as_ref())
            && covers(self.data.as_ref(), other.data.as_ref())
            && covers(self.user.as_ref(), other.user.as_ref())
            && covers(self.merchant.as_ref(), other.merchant.as_ref())
    }
}
