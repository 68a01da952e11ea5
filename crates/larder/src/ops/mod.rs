//! Parts for operators: inspection of a file, changes to a file without its cache, the control socket,
//! metrics.

pub mod admin;
#[cfg(all(unix, feature = "control"))]
pub mod control;
pub mod inspect;
#[cfg(feature = "metrics")]
pub mod metrics;
