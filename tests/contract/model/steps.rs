//! The steps of the model test, and the probability of each step.

use proptest::prelude::*;

use super::cache::{IDLE, ModelKey};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    Insert(usize, ModelKey, u64),
    InsertFor(usize, ModelKey, u64, u64),
    InsertNow(usize, ModelKey, u64),
    InsertMany(usize, Vec<(ModelKey, u64)>),
    Transaction(Vec<TransactionStep>),
    Get(usize, ModelKey),
    GetMany(usize, Vec<ModelKey>),
    /// A load of several keys. The loader omits keys with an odd number.
    LoadMany(usize, Vec<ModelKey>, u64),
    Load(usize, ModelKey, u64),
    /// A load whose loader may find no value.
    LoadOptional(usize, ModelKey, Option<u64>),
    FailLoad(usize, ModelKey),
    /// Advances the clock until this many milliseconds after the expiry of an entry with a grace. Then loads
    /// its key with a loader that fails.
    GoStale(usize, u64),
    /// Looks up an entry with a time to idle after this percentage of its remaining life.
    Linger(usize, u64),
    Find(usize, ModelKey),
    /// A load whose loader inserts the key itself.
    LoadBeside(usize, ModelKey, u64),
    Touch(usize, ModelKey),
    Atomic(usize, ModelKey, AtomicStep),
    Remove(usize, ModelKey),
    RemoveMany(usize, Vec<ModelKey>),
    RemovePrefix(usize, String),
    /// Removes every key whose second part is this number.
    RemoveMatching(usize, u8),
    /// Removes a key of one keyspace and a prefix of another keyspace in one commit.
    RemoveTogether(ModelKey, String),
    Clear(usize),
    ClearAll,
    BeginUpdate(usize, ModelKey),
    FinishUpdate,
    Advance(u64),
    SetClock(i64),
    Flush,
    Sweep,
    /// Sweeps this many milliseconds before the expiry of an entry.
    SweepBefore(usize, u64),
    Walk(usize),
    Reopen,
    Crash,
}

/// One call in a transaction: the keyspace, the key, and the operation.
pub(super) type TransactionStep = (usize, ModelKey, TransactionCall);

#[derive(Debug, Clone, PartialEq)]
pub(super) enum TransactionCall {
    Get,
    Insert(u64),
    Remove,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum AtomicStep {
    InsertFor(u64, ModelTtl),
    TouchFor(ModelTtl),
    Modify(u64, ModelTtl),
    /// Calls `modify` with a closure that removes the entry.
    ModifyAway,
    Increment(u64),
    Decrement(u64),
    InsertIfAbsent(u64),
    Replace(u64),
    /// The expected value, and the new value.
    CompareAndInsert(u64, u64),
    Take,
    RemoveIfEven,
    Persist,
    Expire,
}

/// A kind of TTL, in milliseconds. `Until` counts from the start of the step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum ModelTtl {
    Default,
    For(u64),
    Until(u64),
    Never,
    Keep,
}

fn ttl() -> impl Strategy<Value = ModelTtl> {
    prop_oneof![
        Just(ModelTtl::Default),
        (1_u64..90_000).prop_map(ModelTtl::For),
        (0_u64..90_000).prop_map(ModelTtl::Until),
        Just(ModelTtl::Never),
        Just(ModelTtl::Keep),
    ]
}

fn atomic_step() -> impl Strategy<Value = AtomicStep> {
    prop_oneof![
        2 => (any::<u64>(), ttl()).prop_map(|(value, ttl)| AtomicStep::InsertFor(value, ttl)),
        2 => ttl().prop_map(AtomicStep::TouchFor),
        3 => (any::<u64>(), ttl()).prop_map(|(value, ttl)| AtomicStep::Modify(value, ttl)),
        1 => Just(AtomicStep::ModifyAway),
        4 => prop_oneof![4 => 0_u64..9, 1 => any::<u64>()].prop_map(AtomicStep::Increment),
        1 => (0_u64..9).prop_map(AtomicStep::Decrement),
        2 => any::<u64>().prop_map(AtomicStep::InsertIfAbsent),
        2 => any::<u64>().prop_map(AtomicStep::Replace),
        2 => (0_u64..9, 0_u64..9).prop_map(|(old, new)| AtomicStep::CompareAndInsert(old, new)),
        2 => Just(AtomicStep::Take),
        1 => Just(AtomicStep::RemoveIfEven),
        1 => Just(AtomicStep::Persist),
        2 => Just(AtomicStep::Expire),
    ]
}

impl Step {
    /// Returns the keyspace of the step, if it uses only one.
    pub(super) fn space(&self) -> Option<usize> {
        match self {
            Step::Insert(at, ..)
            | Step::InsertFor(at, ..)
            | Step::InsertNow(at, ..)
            | Step::InsertMany(at, _)
            | Step::Get(at, _)
            | Step::GetMany(at, _)
            | Step::LoadMany(at, ..)
            | Step::Load(at, ..)
            | Step::LoadOptional(at, ..)
            | Step::FailLoad(at, _)
            | Step::Find(at, _)
            | Step::LoadBeside(at, ..)
            | Step::Touch(at, _)
            | Step::Atomic(at, ..)
            | Step::Remove(at, _)
            | Step::RemoveMany(at, _)
            | Step::RemovePrefix(at, _)
            | Step::RemoveMatching(at, _)
            | Step::Clear(at)
            | Step::BeginUpdate(at, _)
            | Step::Walk(at) => Some(*at),
            _ => None,
        }
    }

    /// Returns the keys whose live entries this step uses.
    pub(super) fn uses(&self) -> Vec<(usize, ModelKey)> {
        match self {
            Step::Get(at, key)
            | Step::Load(at, key, _)
            | Step::LoadOptional(at, key, _)
            | Step::LoadBeside(at, key, _)
            | Step::FailLoad(at, key)
            | Step::Find(at, key) => vec![(*at, key.clone())],
            Step::GetMany(at, keys) | Step::LoadMany(at, keys, _) => {
                keys.iter().map(|key| (*at, key.clone())).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// Generates the calls of a transaction. They never use the keyspace with a time to idle, because the model
/// does not record uses in transactions.
fn transaction_steps() -> impl Strategy<Value = Vec<TransactionStep>> {
    let key = (proptest::sample::select(&TEXTS[..]).prop_map(str::to_owned), 0..NUMBERS);
    let call = prop_oneof![
        3 => Just(TransactionCall::Get),
        3 => any::<u64>().prop_map(TransactionCall::Insert),
        1 => Just(TransactionCall::Remove),
    ];
    proptest::collection::vec((0_usize..IDLE, key, call), 0..7)
}

const TEXTS: [&str; 4] = ["a", "ab", "a\0", ""];
const NUMBERS: u8 = 4;

pub(super) fn all_model_keys() -> impl Iterator<Item = ModelKey> {
    TEXTS.into_iter().flat_map(|text| (0..NUMBERS).map(move |number| (text.to_owned(), number)))
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let key = || (proptest::sample::select(&TEXTS[..]).prop_map(str::to_owned), 0..NUMBERS);
    let space = || 0_usize..5;
    prop_oneof![
        8 => (space(), key(), any::<u64>()).prop_map(|(space, key, value)| Step::Insert(space, key, value)),
        4 => (space(), key(), any::<u64>(), 1_u64..90_000).prop_map(|(space, key, value, ttl)| Step::InsertFor(space, key, value, ttl)),
        2 => (space(), key(), any::<u64>()).prop_map(|(space, key, value)| Step::InsertNow(space, key, value)),
        2 => (space(), proptest::collection::vec((key(), any::<u64>()), 0..5)).prop_map(|(space, entries)| Step::InsertMany(space, entries)),
        4 => transaction_steps().prop_map(Step::Transaction),
        8 => (space(), key()).prop_map(|(space, key)| Step::Get(space, key)),
        2 => (space(), proptest::collection::vec(key(), 0..6)).prop_map(|(space, keys)| Step::GetMany(space, keys)),
        2 => (space(), proptest::collection::vec(key(), 0..6), any::<u64>()).prop_map(|(space, keys, value)| Step::LoadMany(space, keys, value)),
        6 => (space(), key(), any::<u64>()).prop_map(|(space, key, value)| Step::Load(space, key, value)),
        6 => (space(), key(), proptest::option::of(any::<u64>())).prop_map(|(space, key, value)| Step::LoadOptional(space, key, value)),
        4 => (space(), key()).prop_map(|(space, key)| Step::FailLoad(space, key)),
        6 => (any::<usize>(), 0_u64..60_000).prop_map(|(entry, ms)| Step::GoStale(entry, ms)),
        6 => (any::<usize>(), 0_u64..120).prop_map(|(entry, percent)| Step::Linger(entry, percent)),
        4 => (space(), key()).prop_map(|(space, key)| Step::Find(space, key)),
        2 => (space(), key(), any::<u64>()).prop_map(|(space, key, value)| Step::LoadBeside(space, key, value)),
        2 => (space(), key()).prop_map(|(space, key)| Step::Touch(space, key)),
        10 => (space(), key(), atomic_step()).prop_map(|(space, key, step)| Step::Atomic(space, key, step)),
        4 => (space(), key()).prop_map(|(space, key)| Step::Remove(space, key)),
        2 => (space(), prop_oneof![Just("a"), Just("ab"), Just("")]).prop_map(|(space, prefix)| Step::RemovePrefix(space, prefix.to_owned())),
        2 => (space(), proptest::collection::vec(key(), 0..4)).prop_map(|(space, keys)| Step::RemoveMany(space, keys)),
        2 => (space(), 0_u8..4).prop_map(|(space, number)| Step::RemoveMatching(space, number)),
        2 => (key(), Just("a".to_owned())).prop_map(|(key, prefix)| Step::RemoveTogether(key, prefix)),
        1 => space().prop_map(Step::Clear),
        1 => Just(Step::ClearAll),
        2 => (space(), key()).prop_map(|(space, key)| Step::BeginUpdate(space, key)),
        2 => Just(Step::FinishUpdate),
        4 => (1_u64..40_000).prop_map(Step::Advance),
        1 => prop_oneof![-3_000_000_i64..3_000_000, -315_360_000_000_i64..315_360_000_000].prop_map(Step::SetClock),
        4 => Just(Step::Flush),
        2 => Just(Step::Sweep),
        // Sweeps up to 1.2 seconds before an expiry.
        2 => (any::<usize>(), 1_u64..1_200).prop_map(|(entry, ms)| Step::SweepBefore(entry, ms)),
        2 => space().prop_map(Step::Walk),
        2 => Just(Step::Reopen),
        1 => Just(Step::Crash),
    ]
}
