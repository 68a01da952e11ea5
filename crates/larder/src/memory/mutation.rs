//! The changes of dirty keys, in the form in which the writer commits them.

use super::entry::Unsaved;
use super::grace::Grace;
use super::group::Group;
use super::policy::slot_id::SlotId;
use crate::format::stored_key::StoredKey;
use crate::sys::sync::Arc;
use crate::units::Timestamp;

#[derive(Debug, Clone)]
pub(crate) struct Mutation {
    pub(crate) key: StoredKey,
    pub(crate) sequence: u64,
    pub(crate) change: SlotChange,
    /// Whether this change also makes durable an earlier removal that is not committed yet.
    pub(crate) hides_removal: bool,
    /// The number of the unit that the change belongs to, set by the writer. Zero if there is none.
    pub(crate) unit: u32,
}

#[derive(Debug, Clone)]
pub(crate) enum SlotChange {
    Put {
        unsaved: Arc<Unsaved>,
        expires_at: Timestamp,
        grace: Grace,
        /// The shard and the slot of the drained value, so that no search is needed to mark it clean. The
        /// slot may have another content or another key by then.
        shard: u16,
        slot: SlotId,
    },
    Delete,
    /// A deletion that is committed in the same transaction as the other changes of its group.
    DeleteInGroup(Arc<Group>),
}

impl Mutation {
    pub(crate) fn is_put(&self) -> bool {
        matches!(self.change, SlotChange::Put { .. })
    }

    pub(crate) fn group(&self) -> Option<&Arc<Group>> {
        match &self.change {
            SlotChange::Put { unsaved, .. } => unsaved.group.as_ref(),
            SlotChange::DeleteInGroup(group) => Some(group),
            SlotChange::Delete => None,
        }
    }

    /// Returns a number of 48 bits that orders puts by their shards and slots. Removals come first.
    fn place(&self) -> u64 {
        match &self.change {
            SlotChange::Put { shard, slot, .. } => u64::from(*shard) << SlotId::BITS | u64::from(*slot),
            SlotChange::Delete | SlotChange::DeleteInGroup(_) => 0,
        }
    }

    /// Returns the weight of the value that becomes clean when this mutation is committed.
    pub(crate) fn weight(&self) -> u64 {
        match &self.change {
            SlotChange::Put { unsaved, .. } => unsaved.weight.bytes(),
            SlotChange::Delete | SlotChange::DeleteInGroup(_) => 0,
        }
    }

    /// Returns whether this mutation may make a removal durable that a caller waits for.
    pub(crate) fn removes(&self) -> bool {
        self.hides_removal || !self.is_put()
    }
}

/// The number of bytes that [`by_place`] takes for a mutation.
#[cfg(test)]
pub(super) const SORTED_LEN: usize = size_of::<u64>();

/// Maximum number of mutations that [`by_place`] sorts at a time. So the position of a mutation has 16
/// bits, and fits into one number with the place.
const SORTED: usize = 1 << 16;

/// Returns the mutations in the order of their shards and slots. Removals come first. More than 65,536
/// mutations are sorted in parts.
pub(crate) fn by_place(mutations: &[Mutation]) -> impl Iterator<Item = &Mutation> {
    mutations.chunks(SORTED).flat_map(|part| {
        let mut places: Vec<u64> =
            (0_u64..).zip(part).map(|(position, mutation)| mutation.place() << 16 | position).collect();
        places.sort_unstable();
        places.into_iter().filter_map(move |place| {
            let [low, high, ..] = place.to_le_bytes();
            part.get(usize::from(u16::from_le_bytes([low, high])))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::buffer::WriteBuffer;
    use crate::memory::weight::Weight;

    #[test]
    fn mutations_are_sorted_by_shard_and_slot_and_each_comes_once() {
        let room = WriteBuffer::new(1).reserve(1, || ()).unwrap();
        let unsaved = Arc::new(Unsaved::uncompressed(vec![], Weight::ZERO, Timestamp::ZERO, room));
        let mutation = |number: u32| {
            // Scattered places, and a removal in every eighth.
            let (shard, slot) = (u16::try_from(number % 7).unwrap(), number.wrapping_mul(0x9E37_79B1));
            let put = SlotChange::Put {
                unsaved: unsaved.clone(),
                expires_at: Timestamp::ZERO,
                grace: Grace::NONE,
                shard,
                slot,
            };
            let change = if number.is_multiple_of(8) { SlotChange::Delete } else { put };
            let key = StoredKey::from(&number.to_be_bytes()[..]);
            Mutation { key, sequence: u64::from(number), change, hides_removal: false, unit: 0 }
        };
        let mutations: Vec<_> = (0..70_000).map(mutation).collect();
        let sorted: Vec<_> =
            by_place(&mutations).map(|mutation| (mutation.place(), mutation.sequence)).collect();
        assert!(sorted[..SORTED].is_sorted() && sorted[SORTED..].is_sorted());
        assert_eq!(sorted[0], (0, 0));
        let mut sequences: Vec<_> = sorted.iter().map(|(_, sequence)| *sequence).collect();
        sequences.sort_unstable();
        assert!(sequences.into_iter().eq(0..70_000));
    }
}
