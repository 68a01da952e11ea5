//! A plan: the entries that a change makes stale, in the order of removal, with the reasons.
//!
//! One pass over the nodes of [`cascade`](crate::cascade), sources first, finds the entries of a plan. An
//! invalidation removes the entries of its plan. It removes other entries of a family only if no pattern
//! can select the stale entries. So printing the plan is a dry run.

use std::collections::BTreeMap;
use std::fmt;

use crate::cascade::Node;
use crate::change::{Change, Named};
use crate::own::registered::OwnFamilies;
use crate::part::Parts;
use crate::selection::Selection;

/// The entries that a change makes stale, in the order of removal, with the reasons. [`Change::plan`] returns
/// a plan.
///
/// # Examples
/// ```
/// use larder_product::Change;
///
/// let plan = Change::Category(Some("DATA".parse()?)).plan();
/// # assert_eq!(plan.to_string(), "\
/// # category DATA changed: these entries are removed, in this order, with one commit
/// #   product_categories_active  lists category DATA
/// #   products_category_DATA     is the list of category DATA
/// # ");
/// println!("{plan}");
/// # Ok::<(), larder_product::CodeError>(())
/// ```
/// ```text
/// category DATA changed: these entries are removed, in this order, with one commit
///   product_categories_active  lists category DATA
///   products_category_DATA     is the list of category DATA
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    change: Change,
    steps: Vec<Step>,
}

/// One step of a [`Plan`]: a removal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    drops: Selection,
    why: String,
}

/// Stale rows or entries, and the reason.
struct Stale {
    parts: Parts,
    why: String,
}

impl Change {
    /// Returns the entries of the shop's families that the change makes stale, with the reasons. Removes
    /// nothing, and needs no cache. [`ProductCache::plan`](crate::ProductCache::plan) also includes the
    /// application's own families.
    ///
    /// # Examples
    /// ```
    /// use larder_product::Change;
    ///
    /// let plan = Change::Product(Some("MTNVTU".parse()?)).plan();
    /// assert_eq!(plan.to_string(), "\
    /// product MTNVTU changed: these entries are removed, in this order, with one commit
    ///   product_MTNVTU       is the entry of product MTNVTU
    ///   products_category_*  may show product_MTNVTU, which is the entry of product MTNVTU
    /// ");
    /// # Ok::<(), larder_product::CodeError>(())
    /// ```
    #[must_use]
    pub fn plan(&self) -> Plan {
        Plan::of(self.clone(), &OwnFamilies::NONE)
    }
}

impl Plan {
    pub(crate) fn of(change: Change, own: &OwnFamilies) -> Self {
        let (root, parts) = change.root();
        let may_be_removal = change.may_be_removal();
        let edges = own.edges();
        let mut waiting =
            BTreeMap::from([(own.rank(root), (root, vec![Stale { parts, why: String::new() }]))]);
        let mut steps = Vec::new();
        // Nodes are processed in order, and edges lead only to later nodes. So all reasons why a node is
        // stale are known when it is processed.
        while let Some((_, (node, stale))) = waiting.pop_first() {
            for Stale { parts, why } in stale {
                for edge in edges.iter().filter(|edge| edge.from == node && edge.holds(may_be_removal)) {
                    let source = Named(node, &parts);
                    let because = if why.is_empty() { String::new() } else { format!(", which {why}") };
                    let found =
                        Stale { parts: edge.carried(&parts), why: format!("{} {source}{because}", edge.why) };
                    let known = waiting.entry(own.rank(edge.to)).or_insert_with(|| (edge.to, Vec::new()));
                    add(&mut known.1, found);
                }
                if let Node::Entries(family) = node {
                    steps.push(Step { drops: Selection::new(family, parts), why });
                }
            }
        }
        Self { change, steps }
    }

    /// Returns the change.
    #[must_use]
    pub const fn change(&self) -> &Change {
        &self.change
    }

    /// Returns the removals, in the order of removal.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
}

/// Adds an item to the known stale items of its node, unless a known item already covers it. Removes known
/// items that the new item covers.
fn add(known: &mut Vec<Stale>, found: Stale) {
    if !known.iter().any(|other| other.parts.cover(&found.parts)) {
        known.retain(|other| !found.parts.cover(&other.parts));
        known.push(found);
    }
}

impl Step {
    /// Returns the entries that this step removes.
    #[must_use]
    pub const fn drops(&self) -> &Selection {
        &self.drops
    }

    /// Returns why the entries are stale, such as `may show product_MTNVTU, which is the entry of product
    /// MTNVTU`.
    #[must_use]
    pub fn why(&self) -> &str {
        &self.why
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: these entries are removed, in this order, with one commit", self.change)?;
        let width = self.steps.iter().map(|step| step.drops.to_string().chars().count()).max().unwrap_or(0);
        for Step { drops, why } in &self.steps {
            writeln!(f, "  {drops:width$}  {why}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
