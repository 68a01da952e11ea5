//! Tests of values whose type changes while the keyspace keeps its version. A lookup finds a value with the
//! same meaning, or misses (contract 5).
//!
//! `any` tries pairs of types that are made from a seed. `by_hand` tries typical changes between releases,
//! on a real file. `golden` pins the fingerprints. These tests are a separate binary, because the generated
//! types take much longer to compile.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of it is a test")]

mod any;
mod by_hand;
mod change;
mod dynamic;
mod golden;
#[path = "../generator/random.rs"]
mod random;
