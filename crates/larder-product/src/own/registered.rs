//! The application's own registered families, with the TTLs that the deployment has set.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use larder::{Cache, Error, Ttl};

use crate::cascade::{EDGES, Edge, Node};
use crate::family::{Family, OwnFamilyId};
use crate::own::definition::{AnyOwnFamily, edges};
use crate::own::error::OwnFamilyError;
use crate::own::open::OpenFamily;
use crate::ttl_text::TtlText;

/// Maximum number of families that an application can add.
pub const MAX_OWN_FAMILIES: usize = 16;

/// The registered families, in the order of removal.
#[derive(Clone, Copy)]
pub(crate) struct OwnFamilies {
    families: &'static [&'static dyn AnyOwnFamily],
    /// The TTLs that the deployment has set, for the families at the same positions.
    ttls: [Option<Duration>; MAX_OWN_FAMILIES],
}

impl OwnFamilies {
    pub(crate) const NONE: Self = Self { families: &[], ttls: [None; MAX_OWN_FAMILIES] };

    pub(crate) fn register(families: &'static [&'static dyn AnyOwnFamily]) -> Result<Self, OwnFamilyError> {
        if families.len() > MAX_OWN_FAMILIES {
            return Err(OwnFamilyError::TooMany { number: families.len(), most: MAX_OWN_FAMILIES });
        }
        let mut known: Vec<Family> = Family::ALL.to_vec();
        for family in families {
            let name = family.id().name();
            if known.iter().any(|other| other.keyspace() == name) {
                return Err(OwnFamilyError::NameTaken { name });
            }
            // A family may depend only on earlier families, so there is no cycle.
            for dependency in family.dependencies() {
                if let Node::Entries(on) = dependency.from()
                    && !known.contains(&on)
                {
                    return Err(OwnFamilyError::UnknownDependency { name, on: on.keyspace() });
                }
            }
            known.push(Family::Own(family.id()));
        }
        Ok(Self { families, ..Self::NONE })
    }

    /// Returns the ids of the families, in the order of removal.
    pub(crate) fn ids(&self) -> impl Iterator<Item = OwnFamilyId> {
        self.families.iter().map(|family| family.id())
    }

    /// Returns every dependency of the shop and of the registered families.
    pub(crate) fn edges(&self) -> Vec<Edge> {
        EDGES.into_iter().chain(self.families.iter().flat_map(|family| edges(*family))).collect()
    }

    /// Returns the position of a node in the order of removal. Every edge leads from a lower to a higher
    /// position.
    pub(crate) fn rank(&self, node: Node) -> (u16, usize) {
        let own = match node {
            Node::Entries(Family::Own(own)) => {
                self.ids().position(|id| id == own).unwrap_or(self.families.len())
            }
            _ => 0,
        };
        (node.rank(), own)
    }

    pub(crate) fn set_ttl(&mut self, family: OwnFamilyId, ttl: Duration) {
        let at = self.ids().position(|id| id == family);
        if let Some(slot) = at.and_then(|at| self.ttls.get_mut(at)) {
            *slot = Some(ttl);
        }
    }

    /// Returns the names of the families, with their TTLs.
    pub(crate) fn ttls(&self) -> impl Iterator<Item = (&'static str, TtlText)> {
        let families = self.families.iter().zip(self.ttls);
        families.map(|(family, ttl)| {
            (family.id().name(), TtlText(ttl.map_or_else(|| family.default_ttl(), Ttl::For)))
        })
    }

    pub(crate) fn open(&self, cache: &Cache) -> Result<Arc<[Arc<dyn OpenFamily>]>, Error> {
        self.families.iter().zip(self.ttls).map(|(family, ttl)| family.open(cache, ttl)).collect()
    }
}

impl fmt::Debug for OwnFamilies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.ttls()).finish()
    }
}
