//! Tools for operators: inspecting a file, changing a file offline, the control socket, and metrics.

#[cfg(any(test, feature = "admin"))]
pub mod admin;
#[cfg(all(unix, feature = "control"))]
pub mod control;
#[cfg(any(test, feature = "inspect"))]
pub mod inspect;
#[cfg(feature = "metrics")]
pub mod metrics;
