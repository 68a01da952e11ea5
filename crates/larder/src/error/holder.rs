//! A process that holds a cache file, as an error names it.

use std::fmt;

/// A process that holds a cache file open, with the lock beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its id.
    pub pid: u32,
    /// Its name in the system, without control characters. `None` where the system does not tell.
    pub name: Option<String>,
}

/// For example `10366 (shop-worker)`.
impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{} ({name})", self.pid),
            None => write!(f, "{}", self.pid),
        }
    }
}
