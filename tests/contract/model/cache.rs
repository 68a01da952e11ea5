//! The cache of a model run, with ample or tight capacities.

use std::time::Duration;

use larder::{ByteSize, Cache, EntryInfo, Keyspace, KeyspaceDefinition, Ttl};

use crate::support::Place;

pub(super) type ModelKey = (String, u8);

pub(super) const SPACE: KeyspaceDefinition<ModelKey, u64> =
    KeyspaceDefinition::new("space").ttl(Duration::from_mins(1)).absent_ttl(Duration::from_secs(20));
pub(super) const OTHER: KeyspaceDefinition<ModelKey, u64> =
    KeyspaceDefinition::new("other").ttl(Duration::from_secs(30)).absent_ttl(Duration::from_secs(45));
pub(super) const MEMORY: KeyspaceDefinition<ModelKey, u64> = KeyspaceDefinition::new("memory").memory_only();
/// A keyspace whose cool-downs last for the whole test, because they end by real time.
const GRACEFUL: KeyspaceDefinition<ModelKey, u64> = KeyspaceDefinition::new("graceful")
    .ttl(Duration::from_secs(30))
    .absent_ttl(Duration::from_secs(20))
    .grace(GRACE)
    .cool_down(Duration::from_hours(1));
const IDLING: KeyspaceDefinition<ModelKey, u64> =
    KeyspaceDefinition::new("idling").ttl(Duration::from_mins(1)).time_to_idle(TIME_TO_IDLE);

const DEFINITIONS: [KeyspaceDefinition<ModelKey, u64>; 5] = [SPACE, OTHER, MEMORY, GRACEFUL, IDLING];
/// The index of the keyspace with a grace.
pub(super) const STALE: usize = 3;
/// The index of the keyspace with a time to idle.
pub(super) const IDLE: usize = 4;

pub(super) const GRACE: Duration = Duration::from_secs(50);
pub(super) const TIME_TO_IDLE: Duration = Duration::from_secs(16);

/// Returns the TTL of a keyspace.
pub(super) fn ttl_of(at: usize) -> Duration {
    match DEFINITIONS[at].default_ttl() {
        Ttl::For(ttl) => ttl,
        other => unreachable!("{other:?}"),
    }
}

/// Returns how long a keyspace caches an absence.
pub(super) fn absent_ttl_of(at: usize) -> Option<Duration> {
    DEFINITIONS[at].default_absent_ttl()
}

/// Memory's capacity and the size of the write buffer in a tight run.
pub(super) const TIGHT: ByteSize = ByteSize::kib(64);
/// The weight of most entries in a tight run. Memory has room for five such entries.
pub(super) const TIGHT_WEIGHT: u64 = 12 << 10;

fn weigh(weighed: &EntryInfo<'_>) -> u64 {
    match weighed.value.and_then(|value| value.downcast_ref::<u64>()) {
        // Together with its encoding, this value is larger than the write buffer.
        Some(value) if value.is_multiple_of(4) => TIGHT.as_u64(),
        _ => TIGHT_WEIGHT,
    }
}

/// Opens the cache and its keyspaces.
///
/// In a `tight` run, memory has room for a few entries only, so the disk must answer too. Entries of a
/// keyspace in memory only may be evicted, so a tight run does not use such a keyspace. The write buffer also
/// has room for a few entries only. Some values are larger than the buffer, and weigh as much as memory may
/// hold.
pub(super) fn open(place: &Place, tight: bool) -> (Cache, Vec<Keyspace<ModelKey, u64>>) {
    // A removal of more entries than `range_rows` deletes them later.
    let builder = place.builder().shards(2).range_rows(if tight { 1 } else { 3 });
    let builder =
        if tight { builder.memory_capacity(TIGHT).write_buffer(TIGHT).weigher(weigh) } else { builder };
    let cache = builder.open().unwrap();
    let spaces = DEFINITIONS.map(|definition| cache.keyspace(definition).unwrap());
    (cache, spaces.into())
}
