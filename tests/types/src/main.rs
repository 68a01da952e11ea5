//! Tests of several hundred types with all of serde's features. Each value is tried in each format. A value
//! comes back, or it is refused, or its own type says which parts are lost. A value never comes back as
//! another value (contract 5).
//!
//! `generator` writes the types of `generated` from a seed. `judge` tries their values.

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
