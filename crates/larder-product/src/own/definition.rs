//! The definition of one of the application's own families: its keyspace and its dependencies.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use larder::{Cache, Error, KeyspaceDefinition, Ttl};

use crate::cascade::{Edge, Node, Row};
use crate::family::{Family, OwnFamilyId};
use crate::own::key::FamilyKey;
use crate::own::open::{OpenFamily, OpenOwnFamily};
use crate::part::Part;
use crate::value::Value;

/// A dependency of a family's entries on rows of the database, or on entries of another family. If these
/// change, the dependent entries become stale.
///
/// By default, a change makes only those entries stale whose keys contain the codes and ids of the changed
/// row. If the keys of the family contain none of these codes and ids, every entry becomes stale. A part is
/// ignored if the key has another part of the same kind, such as a second product.
///
/// # Examples
/// See [`OwnFamily`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dependency {
    from: Node,
    is_on_removal: bool,
    is_on_every_entry: bool,
    why: &'static str,
}

impl Dependency {
    /// Returns a dependency on rows of the database.
    #[must_use]
    pub const fn on_row(row: Row) -> Self {
        Self::on(Node::Row(row))
    }

    /// Returns a dependency on the entries of another family. The entries of that family are removed first,
    /// so an entry that is built from an old one during the invalidation is removed too.
    #[must_use]
    pub const fn on_entries(family: Family) -> Self {
        Self::on(Node::Entries(family))
    }

    const fn on(from: Node) -> Self {
        Self { from, is_on_removal: false, is_on_every_entry: false, why: "depends on" }
    }

    /// Restricts the dependency to changes that may be removals. The restriction excludes only
    /// [`Change::Product`](crate::Change::Product), which says that products were added or changed. All
    /// other changes may be removals.
    #[must_use]
    pub const fn when_removed(mut self) -> Self {
        self.is_on_removal = true;
        self
    }

    /// Makes every entry stale, whatever its key. For example, a list may show a product whose code is not in
    /// the key of the list.
    #[must_use]
    pub const fn every_entry(mut self) -> Self {
        self.is_on_every_entry = true;
        self
    }

    /// Sets the relation to the changed rows or entries, as a verb for the text of a [`Plan`](crate::Plan),
    /// such as *shows* or *is the price of*.
    #[must_use]
    pub const fn because(mut self, verb: &'static str) -> Self {
        self.why = verb;
        self
    }

    pub(crate) const fn from(&self) -> Node {
        self.from
    }

    fn edge(self, to: Family) -> Edge {
        let carries: &[Part] = if self.is_on_every_entry { &[] } else { &Part::ALL };
        let edge = Edge::new(self.from, Node::Entries(to), carries, self.why);
        if self.is_on_removal { edge.when_removed() } else { edge }
    }
}

/// A family that an application adds to those of the shop: its keyspace, and the dependencies of its entries.
///
/// Register it with [`Families::with_own`](crate::Families::with_own), and get its keyspace from
/// [`ProductCache::family`](crate::ProductCache::family). Every invalidation of the shop then also removes
/// the family's stale entries, in the same commit. [`ProductCache::plan`](crate::ProductCache::plan) lists
/// them, and `LARDER_FAMILIES` can set the family's TTL. If each key begins with the code that makes its
/// entry stale, such as the product code, and has further parts, declare
/// [`range_parts(1)`](larder::KeyspaceDefinition::range_parts) for a cache over Redis. Otherwise each
/// invalidation of such a code walks over all keys of the database.
///
/// # Examples
/// Price tags in several languages. A tag is stale when its product changes:
/// ```
/// use std::time::Duration;
/// use larder::{Cache, KeyspaceDefinition};
/// # use larder_product::doc::AirtimeShop;
/// use larder_product::{Dependency, Families, Family, OwnFamily, ProductCache, ProductCode};
///
/// const PRICE_TAGS: OwnFamily<(ProductCode, String), String> = OwnFamily::new(
///     KeyspaceDefinition::new("price_tag").ttl(Duration::from_mins(10)),
///     &[Dependency::on_entries(Family::Products).because("shows")],
/// );
///
/// let families = Families::<AirtimeShop>::guide().with_own(&[&PRICE_TAGS])?.with_env()?;
/// let shop = ProductCache::open_with(&Cache::builder().open()?, families)?;
/// let tags = shop.family(&PRICE_TAGS)?;
///
/// let airtime: ProductCode = "MTNVTU".parse()?;
/// tags.insert(&(&airtime, "en"), "MTN airtime: 100".to_owned())?;
/// tags.insert(&(&airtime, "fr"), "Crédit MTN : 100".to_owned())?;
/// assert_eq!(shop.invalidate_product_cache(&airtime)?, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct OwnFamily<K, V> {
    keyspace: KeyspaceDefinition<K, V>,
    dependencies: &'static [Dependency],
}

impl<K: FamilyKey, V: Value> OwnFamily<K, V> {
    /// Returns the definition of a family with this keyspace and these dependencies.
    #[must_use]
    pub const fn new(keyspace: KeyspaceDefinition<K, V>, dependencies: &'static [Dependency]) -> Self {
        Self { keyspace, dependencies }
    }

    /// Returns the family, for the dependencies of other families, and to recognise it in a plan.
    #[must_use]
    pub const fn family(&self) -> Family {
        Family::Own(OwnFamilyId::new(self.keyspace.name(), K::PARTS))
    }
}

impl<K, V> fmt::Debug for OwnFamily<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnFamily")
            .field("keyspace", &self.keyspace)
            .field("dependencies", &self.dependencies)
            .finish()
    }
}

/// An [`OwnFamily`], whatever its types, for [`Families::with_own`](crate::Families::with_own). Only
/// `OwnFamily` implements this trait.
pub trait AnyOwnFamily: fmt::Debug + Send + Sync + sealed::Sealed {
    #[doc(hidden)]
    fn id(&self) -> OwnFamilyId;

    #[doc(hidden)]
    fn default_ttl(&self) -> Ttl;

    #[doc(hidden)]
    fn dependencies(&self) -> &'static [Dependency];

    /// Opens the family's keyspace. `ttl`, if given, replaces the TTL in the definition.
    #[doc(hidden)]
    fn open(&self, cache: &Cache, ttl: Option<Duration>) -> Result<Arc<dyn OpenFamily>, Error>;
}

impl<K: FamilyKey, V: Value> AnyOwnFamily for OwnFamily<K, V> {
    fn id(&self) -> OwnFamilyId {
        OwnFamilyId::new(self.keyspace.name(), K::PARTS)
    }

    fn default_ttl(&self) -> Ttl {
        self.keyspace.default_ttl()
    }

    fn dependencies(&self) -> &'static [Dependency] {
        self.dependencies
    }

    fn open(&self, cache: &Cache, ttl: Option<Duration>) -> Result<Arc<dyn OpenFamily>, Error> {
        let definition = ttl.map_or(self.keyspace, |ttl| self.keyspace.ttl(ttl));
        Ok(Arc::new(OpenOwnFamily { id: self.id(), keyspace: cache.keyspace(definition)? }))
    }
}

mod sealed {
    pub trait Sealed {}

    impl<K, V> Sealed for super::OwnFamily<K, V> {}
}

/// Returns the edges that lead to a family.
pub(crate) fn edges(family: &dyn AnyOwnFamily) -> impl Iterator<Item = Edge> {
    let to = Family::Own(family.id());
    family.dependencies().iter().map(move |dependency| dependency.edge(to))
}
