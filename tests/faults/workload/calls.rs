//! The calls of a workload, and a generator of random calls.

use std::time::Duration;

use crate::support::Random;

pub(crate) type WorkloadKey = (u8, u8);

/// Number of keys per group.
const KEYS: u8 = 5;
const GROUPS: u8 = 3;

pub(crate) fn all_keys() -> impl Iterator<Item = WorkloadKey> {
    (0..GROUPS).flat_map(|group| (0..KEYS).map(move |number| (group, number)))
}

#[derive(Debug, Clone)]
pub(crate) enum Call {
    Insert(WorkloadKey, usize),
    InsertFor(WorkloadKey, Duration),
    InsertNow(WorkloadKey, usize),
    /// Inserts a value of this length for each of the keys, as a group.
    InsertMany(Vec<WorkloadKey>, usize),
    /// Inserts a value of this length for each of the keys, and removes another key, in one transaction.
    Transaction(Vec<WorkloadKey>, WorkloadKey, usize),
    Remove(WorkloadKey),
    RemoveMany(Vec<WorkloadKey>),
    RemoveGroup(u8),
    /// Removes the key with this number from every group.
    RemoveNumber(u8),
    /// Removes a key and the whole group with this number in one commit.
    RemoveTogether(WorkloadKey, u8),
    Clear,
    Update(WorkloadKey, usize),
    /// Opens the next version of the second keyspace, and inserts a value of this length.
    NextVersion(usize),
    Load(WorkloadKey),
    Get(WorkloadKey),
    Flush,
    Sweep,
    Advance(Duration),
    Reopen,
    /// Closes the cache, damages its file, and opens it again.
    Damage,
}

pub(crate) fn calls(seed: u64, count: usize) -> Vec<Call> {
    let mut random = Random::new(seed);
    (0..count).map(|_| call(&mut random)).collect()
}

fn call(random: &mut Random) -> Call {
    let key = |random: &mut Random| {
        let mut below = |end: u8| u8::try_from(random.below(u64::from(end))).unwrap();
        (below(GROUPS), below(KEYS))
    };
    let len = |random: &mut Random| [10, 300, 6_000, 20_000][usize::try_from(random.below(4)).unwrap()];
    match random.below(49) {
        0..=10 => Call::Insert(key(random), len(random)),
        11..=12 => Call::InsertFor(key(random), Duration::from_millis(1 + random.below(30_000))),
        13..=15 => Call::InsertNow(key(random), len(random)),
        16..=20 => Call::Remove(key(random)),
        21 => Call::RemoveMany(vec![key(random), key(random), key(random)]),
        22..=23 => Call::RemoveGroup(key(random).0),
        24 => Call::Clear,
        25 => Call::RemoveNumber(key(random).1),
        26 => Call::RemoveTogether(key(random), key(random).0),
        27..=28 => Call::Update(key(random), len(random)),
        29..=30 => Call::Load(key(random)),
        31 => Call::Get(key(random)),
        32..=34 => Call::Flush,
        35 => Call::Sweep,
        36 => Call::Advance(Duration::from_millis(random.below(20_000))),
        37..=38 => Call::Reopen,
        39..=40 => Call::NextVersion(len(random)),
        41..=44 => {
            let group = key(random).0;
            let keys = all_keys().filter(|key| key.0 == group).chain([key(random)]).collect();
            Call::InsertMany(keys, len(random).min(5_000))
        }
        45..=47 => {
            let removed = key(random);
            let keys = [key(random), key(random), key(random)].into_iter().filter(|key| *key != removed);
            Call::Transaction(keys.collect(), removed, len(random).min(5_000))
        }
        _ => Call::Damage,
    }
}
