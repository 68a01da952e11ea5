//! A process that has a cache file open, in the form that errors report.

use std::fmt;

/// A process that has a cache file and its lock file open.
///
/// Programs build this struct with a literal, so a new field would be a breaking change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The id of the process.
    pub pid: u32,
    /// The name of the process, without control characters. `None` where the system does not report it.
    pub name: Option<String>,
}

/// Prints the id and the name, for example `10366 (shop-worker)`.
impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{} ({name})", self.pid),
            None => write!(f, "{}", self.pid),
        }
    }
}
