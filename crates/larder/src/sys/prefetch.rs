//! Asks the processor to load data that is needed soon.
//!
//! A read of data that is not in the processor's cache delays the code after it, even if that code does not
//! use the data: only a few hundred instructions can wait behind the read, and an atomic operation waits for
//! all earlier reads. A prefetch delays nothing. The prefetches of the standard library are `unsafe`, so the
//! crate prefetch-index makes them.

use std::slice;

/// Begins to load the CPU cache line in which a value begins.
#[inline]
pub(crate) fn prefetch<T>(value: &T) {
    prefetch_index::prefetch_index(slice::from_ref(value), 0);
}
