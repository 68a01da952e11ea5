//! The cache of a model run, with large or small capacities.

use std::time::Duration;

use larder::{ByteSize, Cache, EntryInfo, Keyspace, KeyspaceDefinition, Ttl};

use crate::support::Place;

pub(super) type ModelKey = (String, u8);

pub(super) const SPACE: KeyspaceDefinition<ModelKey, u64> =
    KeyspaceDefinition::new("space").ttl(Duration::from_mins(1)).absent_ttl(Duration::from_secs(20));
pub(super) const OTHER: KeyspaceDefinition<ModelKey, u64> =
    KeyspaceDefinition::new("other").ttl(Duration::from_secs(30)).absent_ttl(Duration::from_secs(45));
pub(super) const MEMORY: KeyspaceDefinition<ModelKey, u64> = KeyspaceDefinition::new("memory").memory_only();
/// A keyspace with a grace. Its cool-downs outlast the test, because a cool-down ends by real time.
const GRACEFUL: KeyspaceDefinition<ModelKey, u64> = KeyspaceDefinition::new("graceful")
    .ttl(Duration::from_secs(30))
    .absent_ttl(Duration::from_secs(20))
    .grace(GRACE)
    .cool_down(Duration::from_hours(1));
const IDLING: KeyspaceDefinition<ModelKey, u64> =
    KeyspaceDefinition::new("idling").ttl(Duration::from_mins(1)).time_to_idle(TIME_TO_IDLE);

const DEFINITIONS: [KeyspaceDefinition<ModelKey, u64>; 5] = [SPACE, OTHER, MEMORY, GRACEFUL, IDLING];
/// Index of the keyspace with a grace.
pub(super) const STALE: usize = 3;
/// Index of the keyspace with a time to idle.
pub(super) const IDLE: usize = 4;

pub(super) const GRACE: Duration = Duration::from_secs(50);
pub(super) const TIME_TO_IDLE: Duration = Duration::from_secs(16);

/// Returns the default TTL of the keyspace at this index.
pub(super) fn ttl_of(at: usize) -> Duration {
    match DEFINITIONS[at].default_ttl() {
        Ttl::For(ttl) => ttl,
        other => unreachable!("{other:?}"),
    }
}

/// Returns how long the keyspace at this index caches an absence.
pub(super) fn absent_ttl_of(at: usize) -> Option<Duration> {
    DEFINITIONS[at].default_absent_ttl()
}

/// Capacity of memory, and size of the write buffer, in a tight run.
pub(super) const TIGHT: ByteSize = ByteSize::kib(64);
/// Weight of most entries in a tight run. Memory has room for five such entries.
pub(super) const TIGHT_WEIGHT: u64 = 12 << 10;

fn weigh(weighed: &EntryInfo<'_>) -> u64 {
    match weighed.value.and_then(|value| value.downcast_ref::<u64>()) {
        // This value and its encoding together are larger than the write buffer.
        Some(value) if value.is_multiple_of(4) => TIGHT.as_u64(),
        _ => TIGHT_WEIGHT,
    }
}

/// Opens the cache and its keyspaces.
///
/// In a `tight` run, memory and the write buffer have room for a few entries only, so many lookups need the
/// disk. Some values are larger than the write buffer, and weigh as much as memory can hold. A tight run does
/// not use the memory-only keyspace, because its entries may be evicted.
pub(super) fn open(place: &Place, tight: bool) -> (Cache, Vec<Keyspace<ModelKey, u64>>) {
    // A removal of more than `range_rows` entries deletes them later.
    let builder = place.builder().shards(2).range_rows(if tight { 1 } else { 3 });
    let builder =
        if tight { builder.memory_capacity(TIGHT).write_buffer(TIGHT).weigher(weigh) } else { builder };
    let cache = builder.open().unwrap();
    let spaces = DEFINITIONS.map(|definition| cache.keyspace(definition).unwrap());
    (cache, spaces.into())
}
