//! The table of dependencies between rows and entries, from which every invalidation is computed.
//!
//! Rows are in the database, entries in the cache. An edge says that a change of its start makes its end
//! stale, and which parts of the key both ends have in common. In the drawing, `┄▶` applies only if the
//! product is removed:
//!
//! ```text
//! category ─────┬──▶ product_categories_active
//!               └──▶ products_category_{category} ◀── every list, ──┐
//!                                                                   │
//! product ──────┬──▶ product_{product} ─────────────────────────────┘
//!               ┊
//!               ├┄▶ data package ──▶ data_package_{product}_{data} ──▶ data_bundles_{product}
//!               └┄▶ discount ──────▶ merchant_discount_{user}_{product}
//!
//! merchant ────────▶ merchant_auth_{merchant}
//! ```
//!
//! Invariant: every edge leads from an earlier [`Node`] to a later one, in the order of the type. So there
//! are no cycles, and one pass over the nodes finds every stale entry in the order of removal: sources before
//! the entries derived from them. An edge against this order does not compile.

use std::fmt;

use crate::family::Family;
use crate::part::{Part, Parts};

/// A kind of row in the shop's database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Row {
    /// A category of products.
    Category,
    /// A product.
    Product,
    /// A data package of a product.
    DataPackage,
    /// A user's discount on a product.
    Discount,
    /// A merchant.
    Merchant,
}

/// The start or the end of an edge. Nodes are in the order of removal: each node comes after the nodes that
/// it depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Node {
    /// Rows of the database.
    Row(Row),
    /// Entries of the cache.
    Entries(Family),
}

impl Node {
    /// Returns the position in the order of nodes. This function is needed because a `const` assertion
    /// cannot call `Ord`.
    pub(crate) const fn rank(self) -> u16 {
        match self {
            Self::Row(row) => row as u16,
            Self::Entries(family) => 0x100 + family.rank(),
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Row(Row::Category) => "category",
            Self::Row(Row::Product) => "product",
            Self::Row(Row::DataPackage) => "data package",
            Self::Row(Row::Discount) => "discount",
            Self::Row(Row::Merchant) => "merchant",
            Self::Entries(family) => family.keyspace(),
        })
    }
}

/// The changes to which an edge applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum When {
    /// Every change: an insertion, an update or a removal.
    Changed,
    /// Only changes that may be a removal. For products, only
    /// [`ProductRemoved`](crate::Change::ProductRemoved) is such a change.
    Removed,
}

/// One dependency: a change of `from` makes `to` stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Edge {
    /// The changed rows or entries.
    pub from: Node,
    /// The rows or entries that become stale.
    pub to: Node,
    /// The changes to which the edge applies.
    pub when: When,
    /// The parts of the key that `from` and `to` have in common. The other parts of `to` may have any value.
    pub carries: &'static [Part],
    /// The relation of `to` to `from`, as a verb, such as *may show*.
    pub why: &'static str,
}

impl Edge {
    pub(crate) const fn new(from: Node, to: Node, carries: &'static [Part], why: &'static str) -> Self {
        Self { from, to, when: When::Changed, carries, why }
    }

    pub(crate) const fn when_removed(mut self) -> Self {
        self.when = When::Removed;
        self
    }

    /// Returns the known parts of `to`, given the known parts of `from`.
    pub(crate) fn carried(&self, parts: &Parts) -> Parts {
        let parts = parts.carried(self.carries);
        match self.to {
            Node::Entries(Family::Own(own)) => parts.carried(&own.selecting_parts()),
            _ => parts,
        }
    }

    /// Returns whether the edge applies to a change. `may_be_removal` says whether the change may be a
    /// removal.
    pub(crate) fn holds(&self, may_be_removal: bool) -> bool {
        self.when == When::Changed || may_be_removal
    }
}

/// Every dependency of the shop. The application's own families declare their dependencies in their
/// definitions ([`Dependency`](crate::Dependency)).
///
/// # Examples
/// ```
/// use larder_product::cascade::{EDGES, Node};
/// use larder_product::Family;
///
/// let lists = Node::Entries(Family::ProductLists);
/// let edges = EDGES.iter().filter(|edge| edge.to == lists);
/// let sources: Vec<_> = edges.map(|edge| edge.from.to_string()).collect();
/// assert_eq!(sources, ["category", "product"]); // the row, and the entries of products
/// ```
pub const EDGES: [Edge; 10] = {
    use Node::{Entries, Row as Rows};
    use Part::{Category, Data, Merchant, Product, User};
    [
        Edge::new(Rows(Row::Category), Entries(Family::Categories), &[], "lists"),
        Edge::new(Rows(Row::Category), Entries(Family::ProductLists), &[Category], "is the list of"),
        Edge::new(Rows(Row::Product), Entries(Family::Products), &[Product], "is the entry of"),
        // This edge reaches all lists, because nothing records which lists had the product before the
        // change.
        Edge::new(Entries(Family::Products), Entries(Family::ProductLists), &[], "may show"),
        Edge::new(Rows(Row::Product), Rows(Row::DataPackage), &[Product], "is removed with").when_removed(),
        Edge::new(Rows(Row::Product), Rows(Row::Discount), &[Product], "is removed with").when_removed(),
        Edge::new(Rows(Row::DataPackage), Entries(Family::DataPackages), &[Product, Data], "is the entry of"),
        Edge::new(Entries(Family::DataPackages), Entries(Family::DataBundles), &[Product], "lists"),
        Edge::new(
            Rows(Row::Discount),
            Entries(Family::MerchantDiscounts),
            &[User, Product],
            "is the entry of",
        ),
        Edge::new(Rows(Row::Merchant), Entries(Family::MerchantAuth), &[Merchant], "is the login of"),
    ]
};

// Does not compile if an edge leads to an earlier node. So the table has no cycle.
const _: () = {
    let mut edges = EDGES.as_slice();
    while let [edge, rest @ ..] = edges {
        assert!(edge.from.rank() < edge.to.rank(), "an edge leads against the order of removal");
        edges = rest;
    }
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_that_is_compiled_in_is_that_of_the_type() {
        let mut nodes: Vec<_> = [Row::Category, Row::Product, Row::DataPackage, Row::Discount, Row::Merchant]
            .map(Node::Row)
            .into_iter()
            .chain(Family::ALL.map(Node::Entries))
            .collect();
        let by_rank = {
            let mut nodes = nodes.clone();
            nodes.sort_by_key(|node| node.rank());
            nodes
        };
        nodes.sort_unstable();
        assert_eq!(nodes, by_rank);
    }

    /// Checks that only products have edges for removals. Every change of another row may be a removal, so
    /// an edge for its removals would always apply.
    #[test]
    fn only_a_removed_product_removes_other_rows() {
        for edge in EDGES.iter().filter(|edge| edge.when == When::Removed) {
            assert_eq!(edge.from, Node::Row(Row::Product), "{edge:?}");
        }
    }

    #[test]
    fn every_family_is_reached_from_some_row() {
        for family in Family::ALL {
            assert!(EDGES.iter().any(|edge| edge.to == Node::Entries(family)), "{family} never goes stale");
        }
    }
}
