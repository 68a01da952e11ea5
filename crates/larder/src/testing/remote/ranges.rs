//! The ranges of the server's keyspaces, and their generations.
//!
//! The content of a slot has the generation that its range had when the content was stored. If the range has
//! another generation, or none, the slot counts as empty. Storing something gives a range without a
//! generation a new one, which no range has had before.

use std::collections::{BTreeMap, HashMap};

use super::stored::SlotName;
use crate::format::key::shape::KeyShape;
use crate::remote::tier::RemoteKeyspace;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};

/// How the keys of a keyspace belong to ranges: the shape of the keys, and the number of their common parts.
pub(super) type RangeShape = (KeyShape, usize);

#[derive(Debug, Default)]
pub(super) struct ServerRanges {
    shapes: HashMap<(String, u32), RangeShape>,
    generations: BTreeMap<SlotName, u64>,
}

/// Returns how the keys of a keyspace belong to ranges. Returns `None` if the keyspace has no ranges, or if
/// its shape cannot be parsed.
pub(super) fn range_shape(keyspace: &RemoteKeyspace) -> Option<RangeShape> {
    let shape = keyspace.shape.parse().ok()?;
    (keyspace.range_parts > 0).then_some((shape, keyspace.range_parts.into()))
}

/// Returns whether these bytes are the common part of the keys of one range.
pub(super) fn is_range((shape, parts): &RangeShape, encoded: &[u8]) -> bool {
    shape.first_parts(encoded, *parts) == Some(encoded)
}

impl ServerRanges {
    pub(super) fn register(&mut self, name: &str, version: u32, shape: RangeShape) {
        self.shapes.insert((name.to_owned(), version), shape);
    }

    fn shape(&self, name: &SlotName) -> Option<&RangeShape> {
        self.shapes.get(&(name.0.clone(), name.1))
    }

    /// Removes all generations.
    pub(super) fn evict(&mut self) {
        self.generations.clear();
    }

    pub(super) fn is_range(&self, name: &SlotName) -> bool {
        self.shape(name).is_some_and(|shape| is_range(shape, &name.2))
    }

    fn range_of(&self, name: &SlotName) -> Option<SlotName> {
        let (shape, parts) = self.shape(name)?;
        Some((name.0.clone(), name.1, shape.first_parts(&name.2, *parts)?.to_vec()))
    }

    /// Returns whether content with this generation counts as missing.
    pub(super) fn is_void(&self, name: &SlotName, generation: Option<u64>) -> bool {
        self.range_of(name).is_some_and(|range| self.generations.get(&range).copied() != generation)
    }

    /// Returns the generation for new content of a slot. `unique` is a number that was never used.
    pub(super) fn generation(&mut self, name: &SlotName, unique: u64) -> Option<u64> {
        let range = self.range_of(name)?;
        let new = if failpoint_is_set(Failpoint::RangeCounter) { 1 } else { unique };
        Some(*self.generations.entry(range).or_insert(new))
    }

    pub(super) fn end(&mut self, range: &SlotName) {
        if failpoint_is_set(Failpoint::RangeCounter) {
            *self.generations.entry(range.clone()).or_default() += 1;
        } else {
            self.generations.remove(range);
        }
    }
}
