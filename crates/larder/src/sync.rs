//! Locks, atomics, threads and the channel: the only place they come from.
//!
//! Every other module imports them from here, so that a model checker can take their place and drive
//! the real protocol instead of a copy of it.

pub(crate) use crossbeam_channel as channel;
pub(crate) use parking_lot::{Condvar, Mutex, RwLock};
pub(crate) use std::sync::Arc;
pub(crate) use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, AtomicUsize, Ordering};
pub(crate) use std::thread;
