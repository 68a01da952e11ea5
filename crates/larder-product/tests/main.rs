//! Tests of a shop's cache from the point of view of an application and its operators, in one binary.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed")]

mod database;
mod document;
mod guide;
mod load;
mod operations;
mod own_families;
mod shop;

/// Included, so that a test can run the example.
#[path = "../examples/airtime.rs"]
mod airtime;

#[test]
fn the_example_runs_and_is_short() {
    airtime::main().expect("the example runs");
    let lines = include_str!("../examples/airtime.rs").lines().count();
    assert!(lines < 60, "the example has {lines} lines");
}
