//! What operators use: inspection, changes from outside, the control socket, metrics.

pub mod admin;
#[cfg(all(unix, feature = "control"))]
pub mod control;
pub mod inspect;
#[cfg(feature = "metrics")]
pub mod metrics;
