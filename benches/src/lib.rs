//! The shared parts of the benches: requests, contests, and the report.
//!
//! A bench program sets up larder and its peers as contestants of a [`Contest`]. The contestants take
//! turns. Each contest saves an [`Outcome`] as JSON. The `report` program turns all outcomes into
//! `docs/benchmarks.md`.

#![forbid(unsafe_code)]

pub mod child;
#[cfg(unix)]
pub mod clients;
pub mod contest;
pub mod disk;
#[cfg(unix)]
pub mod echo;
pub mod eviction;
pub mod machine;
pub mod memory;
#[cfg(unix)]
pub mod nodes;
#[cfg(unix)]
pub mod open_loop;
pub mod outcome;
pub mod pace;
pub mod peers;
pub mod plan;
#[cfg(unix)]
pub mod redis_info;
pub mod report;
#[cfg(unix)]
pub mod served;
pub mod stopwatch;
pub mod summary;
pub mod traces;
pub mod unit;
pub mod workload;

pub use contest::{Contest, Measured};
pub use outcome::{Against, Outcome};
pub use pace::Pace;
pub use stopwatch::{in_threads, time};
pub use summary::Summary;
pub use unit::Unit;
pub use workload::{PAGES, Page, REQUESTS, RESIDENT, Spread, VALUE_LEN, key};
