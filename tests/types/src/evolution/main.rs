//! What becomes of records when their type changes and the keyspace keeps its version: the same in meaning,
//! or a miss (contract 5).
//!
//! `any` tries pairs of types from a seed; `by_hand` those that a release makes, on a real file; `golden`
//! pins the fingerprints that tell. A binary of its own: the generated types beside it take a hundred times
//! as long to compile.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of it is a test")]

mod any;
mod by_hand;
mod change;
mod dynamic;
mod golden;
#[path = "../generator/random.rs"]
mod random;
