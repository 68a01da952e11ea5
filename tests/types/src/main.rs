//! Tests of several hundred types that use the features of serde. Each value is tried in each format. With
//! its checks, larder refuses a value, or reads it back unchanged, except for the parts that its type loses
//! by itself (contract 5).
//!
//! `generator` writes the types in `generated` from a seed, and `judge` tries their values.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of it is a test")]

mod collections;
mod content;
mod generator;
#[rustfmt::skip]
#[expect(
    clippy::box_collection,
    clippy::large_enum_variant,
    clippy::linkedlist,
    clippy::option_option,
    clippy::redundant_allocation,
    clippy::vec_box,
    reason = "what people should not write, serde should get right all the same"
)]
mod generated;
mod judge;
mod modules;
mod prelude;
mod real;
mod standard;
mod support;
mod table;
mod tests;
