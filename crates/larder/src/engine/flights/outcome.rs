//! The outcome of a flight.

use std::any::Any;

use crate::memory::entry::Value;
use crate::sys::sync::Arc;

/// An error of a loader. `get_or_load` downcasts the error to its type.
pub(crate) type AnyError = Arc<dyn Any + Send + Sync>;

/// The outcome of a flight.
#[derive(Debug, Clone)]
pub(crate) enum FlightOutcome {
    Value(Value),
    Error(AnyError),
    Panicked,
    /// The source has no value for the key.
    Absent,
    /// The loader says that the stale value is unchanged, but there was no stale value.
    NothingUnchanged,
    /// There is no answer. The waiters look the key up again.
    Abandoned,
}
