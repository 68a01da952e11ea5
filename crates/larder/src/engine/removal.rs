//! Removing: first from what this process sees, in the order that is asked for; then from the disk, with one
//! commit for all.
//!
//! A key gets a tombstone under its shard's lock, with its leases revoked; a scope is purged from the shards,
//! which disbelieve the disk in it from then on. So a removal is visible at once, and nothing in flight can
//! undo it. The commit makes it durable. Of several removals those that come later are of what is derived
//! from the earlier: what is built in between from an old source is removed as well.
//!
//! What a scope has on disk is counted in between, when memory is clean, by the thread that removes
//! ([`Tiers::count_on_disk`](super::tiers::Tiers::count_on_disk)). A scope that looks small there is counted
//! by its
//! commit, exactly.

use super::shared::Shared;
use super::writer::command::Acknowledge;
use crate::disk::store::batch::range_removal::RangeRemoval;
use crate::error::Error;
use crate::format::key::scope::Scope;
use crate::format::keyspace_id::KeyspaceId;
use crate::memory::evicted_values::EvictedValues;
use crate::memory::lookup::PreviousState;
use crate::memory::purged::Purged;
use crate::stats::count::Count;
use crate::stats::counters::Counters;

/// One removal of several.
#[derive(Debug)]
pub(crate) enum Removal<'a> {
    /// A whole key, counted by its keyspace.
    Key { counters: &'a Counters, full: &'a [u8] },
    /// Every key in a scope, which is all of one keyspace's, counted by it.
    Scope { counters: &'a Counters, scope: Scope },
    /// Every key there is.
    Everything,
}

/// What the removals have done so far, and what is left to do.
#[derive(Default)]
struct PendingRemovals {
    live: u64,
    ranges: Vec<RangeRemoval>,
    /// Whether the entries of one are to be deleted behind the answer.
    is_large: bool,
    /// Whether the disk may have something of a removed key.
    has_tombstones: bool,
    /// What the shards let go of. Dropped last: what a user's `Drop` does, a panic included, leaves no
    /// removal half made.
    evicted_values: EvictedValues,
}

impl Shared {
    /// Makes removals, with one commit. How many live entries went.
    pub(crate) fn invalidate<'a>(
        &self,
        removals: impl IntoIterator<Item = Removal<'a>>,
    ) -> Result<u64, Error> {
        self.refuse_if_unusable()?;
        let mut pending = PendingRemovals::default();
        for removal in removals {
            match removal {
                Removal::Key { counters, full } => self.insert_tombstone(counters, full, &mut pending)?,
                Removal::Scope { counters, scope } => {
                    self.count_prefix(counters, scope.start());
                    let is_memory_only = KeyspaceId::of(scope.start()).is_memory_only();
                    self.purge(scope, self.tiers.has_disk() && !is_memory_only, &mut pending);
                }
                Removal::Everything => self.purge(Scope::prefix([]), self.tiers.has_disk(), &mut pending),
            }
        }
        let PendingRemovals { live, ranges, is_large, has_tombstones, evicted_values: _remains } = pending;
        if !ranges.is_empty() {
            if is_large {
                self.tiers.wait_for_few_ranges()?;
            }
            return Ok(live + self.tiers.remove_ranges(ranges)?);
        }
        if has_tombstones {
            self.tiers.commit(Acknowledge::Invalidation)?;
        }
        Ok(live)
    }

    fn insert_tombstone(
        &self,
        counters: &Counters,
        full: &[u8],
        pending: &mut PendingRemovals,
    ) -> Result<(), Error> {
        let tiers = &self.tiers;
        let key = tiers.memory.key(full);
        let now = tiers.time.now();
        self.count(counters, Count::Invalidations, full);
        if KeyspaceId::of(full).is_memory_only() {
            pending.live +=
                u64::from(tiers.memory.forget(key, now, &mut pending.evicted_values) == PreviousState::Live);
        } else if let Some(was_live) = tiers.insert_tombstone(key, now, &mut pending.evicted_values)? {
            pending.live += u64::from(was_live);
            pending.has_tombstones = true;
        }
        Ok(())
    }

    fn purge(&self, scope: Scope, is_on_disk: bool, pending: &mut PendingRemovals) {
        let now = self.tiers.time.now();
        let tiers = &self.tiers;
        let evicted_values = &mut pending.evicted_values;
        let (range, purged) = tiers.memory.purge(scope, is_on_disk, now, tiers.range_rows, evicted_values);
        let Purged { memory_only, memory_keys, unlisted, earlier } = purged;
        pending.live += memory_only;
        if is_on_disk {
            let mut removal = RangeRemoval { range, memory_keys, unlisted, on_disk: 0 };
            let (on_disk, is_large) = tiers.count_on_disk(&removal, &earlier, now);
            removal.on_disk = on_disk;
            pending.is_large |= is_large;
            pending.ranges.push(removal);
        }
    }
}
