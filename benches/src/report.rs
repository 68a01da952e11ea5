//! The report: every outcome that was kept, as `docs/benchmarks.md` and its charts.

pub mod rows;
