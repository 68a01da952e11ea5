//! Parts for operators: inspection of a file, changes to a file without its cache, the control socket,
//! metrics.

#[cfg(any(test, feature = "admin"))]
pub mod admin;
#[cfg(all(unix, feature = "control"))]
pub mod control;
#[cfg(any(test, feature = "inspect"))]
pub mod inspect;
#[cfg(feature = "metrics")]
pub mod metrics;
