//! A plan: what a change makes stale, in the order in which it is removed, and why.
//!
//! It is found by one pass over the nodes of [`cascade`](crate::cascade), sources first. What the cache then
//! removes is the plan, so a plan that is only looked at is a dry run of the same code.

use std::collections::BTreeMap;
use std::fmt;

use crate::cascade::{EDGES, Node};
use crate::change::{Change, Named};
use crate::selection::{Parts, Selection};

/// What a change makes stale, in the order of removal, and why. [`Change::plan`] makes one.
///
/// # Examples
/// The removal of a product:
/// ```
/// use larder_product::Change;
///
/// let plan = Change::ProductRemoved("MTNDATA".parse()?).plan();
/// # assert_eq!(plan.to_string(), "\
/// # product MTNDATA was removed: this goes, in this order, with one commit
/// #   product_MTNDATA              is the entry of product MTNDATA
/// #   products_category_*          may show product_MTNDATA, which is the entry of product MTNDATA
/// #   data_package_MTNDATA_*       is the entry of every data package of product MTNDATA, which goes with product MTNDATA
/// #   data_bundles_MTNDATA         lists data_package_MTNDATA_*, which is the entry of every data package of product MTNDATA, which goes with product MTNDATA
/// #   merchant_discount_*_MTNDATA  is the entry of every discount on product MTNDATA, which goes with product MTNDATA
/// # ");
/// println!("{plan}");
/// # Ok::<(), larder_product::CodeError>(())
/// ```
/// ```text
/// product MTNDATA was removed: this goes, in this order, with one commit
///   product_MTNDATA              is the entry of product MTNDATA
///   products_category_*          may show product_MTNDATA, which is the entry of product MTNDATA
///   data_package_MTNDATA_*       is the entry of every data package of product MTNDATA, which goes with product MTNDATA
///   data_bundles_MTNDATA         lists data_package_MTNDATA_*, which is the entry of every data package of product MTNDATA, which goes with product MTNDATA
///   merchant_discount_*_MTNDATA  is the entry of every discount on product MTNDATA, which goes with product MTNDATA
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    change: Change,
    steps: Vec<Step>,
}

/// One removal of a [`Plan`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    drops: Selection,
    why: String,
}

/// Rows or entries that are stale, and why.
struct Stale {
    parts: Parts,
    why: String,
}

impl Plan {
    pub(crate) fn of(change: Change) -> Self {
        let (root, parts, is_removal) = change.root();
        let mut waiting = BTreeMap::from([(root, vec![Stale { parts, why: String::new() }])]);
        let mut steps = Vec::new();
        // In the order of nodes; edges lead to later ones, so that a node is taken when all of it is known.
        while let Some((node, stale)) = waiting.pop_first() {
            for Stale { parts, why } in stale {
                for edge in EDGES.iter().filter(|edge| edge.from == node && edge.holds(is_removal)) {
                    let source = Named(node, &parts);
                    let because = if why.is_empty() { String::new() } else { format!(", which {why}") };
                    let found = Stale {
                        parts: parts.carried(edge.carries),
                        why: format!("{} {source}{because}", edge.why),
                    };
                    add(waiting.entry(edge.to).or_default(), found);
                }
                if let Node::Entries(family) = node {
                    steps.push(Step { drops: Selection::new(family, parts), why });
                }
            }
        }
        Self { change, steps }
    }

    /// The change that it is for.
    #[must_use]
    pub const fn change(&self) -> &Change {
        &self.change
    }

    /// The removals, sources before what is derived from them.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
}

/// Adds what is stale to the rest of its node, unless that takes it already.
fn add(known: &mut Vec<Stale>, found: Stale) {
    if !known.iter().any(|other| other.parts.cover(&found.parts)) {
        known.retain(|other| !found.parts.cover(&other.parts));
        known.push(found);
    }
}

impl Step {
    /// The entries that go.
    #[must_use]
    pub const fn drops(&self) -> &Selection {
        &self.drops
    }

    /// Why they are stale, such as `may show product_MTNVTU, which is the entry of product MTNVTU`.
    #[must_use]
    pub fn why(&self) -> &str {
        &self.why
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: this goes, in this order, with one commit", self.change)?;
        let width = self.steps.iter().map(|step| step.drops.to_string().chars().count()).max().unwrap_or(0);
        for Step { drops, why } in &self.steps {
            writeln!(f, "  {drops:width$}  {why}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
