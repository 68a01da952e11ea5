//! What depends on what, as data: the table from which every invalidation of the shop is made.
//!
//! Rows stand in the database, entries in the cache; an edge says that a change of the one makes the other
//! stale, and which of the key's parts carry over. Drawn (`┄▶` holds when the row is removed, and only then):
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
//! The invariant: an edge leads from an earlier [`Node`] to a later one, in the order of the type. So there is
//! no cycle, one pass over the nodes finds all that is stale, and it is found in the order in which it must
//! be removed: sources before what is derived from them. An edge against the order does not compile.

use std::fmt;

use crate::family::Family;
use crate::selection::Part;

/// A kind of row in the shop's database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Row {
    /// A category of products.
    Category,
    /// A product.
    Product,
    /// A data package of a product.
    DataPackage,
    /// What a user pays less for a product.
    Discount,
    /// A merchant.
    Merchant,
}

/// Where edges begin and end. The order is that of removal: a node comes after all that it depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Node {
    /// Rows of the database.
    Row(Row),
    /// Entries of the cache.
    Entries(Family),
}

impl Node {
    /// The place in the order, for the compiler, which can't compare values of a type yet.
    const fn rank(self) -> u16 {
        match self {
            Self::Row(row) => row as u16,
            Self::Entries(family) => 0x100 + family as u16,
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

/// When an edge holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// With every change: an insertion, an update, a removal.
    Changed,
    /// With a removal alone.
    Removed,
}

/// One dependency: a change of `from` makes `to` stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Edge {
    /// What has changed.
    pub from: Node,
    /// What is stale then.
    pub to: Node,
    /// Which changes count.
    pub when: When,
    /// The parts of the key that both have in common. Those it does not name may be anything in `to`.
    pub carries: &'static [Part],
    /// What `to` is to `from`, as a verb with `from` for its object.
    pub why: &'static str,
}

impl Edge {
    const fn new(from: Node, to: Node, carries: &'static [Part], why: &'static str) -> Self {
        Self { from, to, when: When::Changed, carries, why }
    }

    const fn when_removed(mut self) -> Self {
        self.when = When::Removed;
        self
    }

    /// Whether the edge holds, for a removal of `from` or another change of it.
    pub(crate) fn holds(&self, is_removal: bool) -> bool {
        self.when == When::Changed || is_removal
    }
}

/// Every dependency of the shop.
///
/// # Examples
/// ```
/// use larder_product::cascade::{EDGES, Node};
/// use larder_product::Family;
///
/// let lists = Node::Entries(Family::ProductLists);
/// let sources: Vec<_> = EDGES.iter().filter(|edge| edge.to == lists).map(|edge| edge.from.to_string()).collect();
/// assert_eq!(sources, ["category", "product"]); // the row, and the entries of products
/// ```
pub const EDGES: [Edge; 10] = {
    use Node::{Entries, Row as Rows};
    use Part::{Category, Data, Merchant, Product, User};
    [
        Edge::new(Rows(Row::Category), Entries(Family::Categories), &[], "lists"),
        Edge::new(Rows(Row::Category), Entries(Family::ProductLists), &[Category], "is the list of"),
        Edge::new(Rows(Row::Product), Entries(Family::Products), &[Product], "is the entry of"),
        // Which lists a product stood in before it changed, nobody remembers: all of them.
        Edge::new(Entries(Family::Products), Entries(Family::ProductLists), &[], "may show"),
        Edge::new(Rows(Row::Product), Rows(Row::DataPackage), &[Product], "goes with").when_removed(),
        Edge::new(Rows(Row::Product), Rows(Row::Discount), &[Product], "goes with").when_removed(),
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

// No edge leads back, so there is no cycle: a table that could have one does not compile.
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

    #[test]
    fn every_family_is_reached_from_some_row() {
        for family in Family::ALL {
            assert!(EDGES.iter().any(|edge| edge.to == Node::Entries(family)), "{family} never goes stale");
        }
    }
}
