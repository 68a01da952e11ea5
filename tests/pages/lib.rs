//! The Rust code in the Markdown pages, compiled and run as documentation tests.
//!
//! This is a separate package, because the published packages do not contain these pages.

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}

#[cfg(doctest)]
#[doc = include_str!("../../docs/guide.md")]
mod guide {}
