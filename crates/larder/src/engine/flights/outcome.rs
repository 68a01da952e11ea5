//! The outcome of a flight.

use std::any::Any;

use crate::memory::entry::Value;
use crate::sys::sync::Arc;

/// An error of a loader. Each caller downcasts it to its own error type.
pub(crate) type AnyError = Arc<dyn Any + Send + Sync>;

#[derive(Debug, Clone)]
pub(crate) enum FlightOutcome {
    Value(Value),
    Error(AnyError),
    Panicked,
    Absent,
    /// The loader reported that the stale value is unchanged, but there was no stale value.
    NothingUnchanged,
    /// Only the caller that began the load gets the value. Other waiters look the key up again, because
    /// they may have joined the flight after a change that voided the load at a remote tier.
    Unshared(Value),
    /// Like `Unshared`, for an absence.
    UnsharedAbsence,
    /// There is no result. The waiters look the key up again.
    Abandoned,
}

impl FlightOutcome {
    /// Returns the outcome for the caller that began the load. Its call began before the load, so it also
    /// gets an unshared value.
    pub(crate) fn for_its_leader(self) -> Self {
        match self {
            Self::Unshared(value) => Self::Value(value),
            Self::UnsharedAbsence => Self::Absent,
            other => other,
        }
    }
}
