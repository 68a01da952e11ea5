//! The restart: the process replaces itself with a new image of the same program.
//!
//! `exec` ends the old image immediately, with its threads, its memory and its handles on the cache file.
//! The new image has only what it reads from disk. The old image writes a handover file beside the
//! database. It contains the results so far, for the report, and the minimum revisions. The new image
//! checks entries from disk against these revisions.

use std::convert::Infallible;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::args::DemoOptions;
use crate::clock;
use crate::demo_dir::DemoDir;
use crate::error::Error;
use crate::min_revisions::MinRevisions;
use crate::report::{CachedTraffic, Traffic};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Handover {
    pub(crate) options: DemoOptions,
    pub(crate) dir: DemoDir,
    pub(crate) min_revisions: MinRevisions,
    pub(crate) without: Traffic,
    pub(crate) cold: CachedTraffic,
    pub(crate) stale: u64,
    /// When the old image ended, as time since 1970.
    pub(crate) ended: Duration,
}

impl Handover {
    /// Writes the handover file, and restarts this process with its path. Returns only on failure.
    pub(crate) fn restart(self) -> Result<Infallible, Error> {
        let path = self.dir.handover();
        let json = serde_json::to_vec(&self).map_err(Error::json(&path))?;
        fs::write(&path, json).map_err(Error::file("write", &path))?;
        let program = std::env::current_exe().map_err(Error::Restart)?;
        // A successful `exec` runs no destructors, so a temporary directory remains for the new image.
        Err(Error::Restart(Command::new(program).arg("--resume").arg(&path).exec()))
    }

    /// Reads the handover file of the old image, and removes it.
    pub(crate) fn receive(path: &Path) -> Result<Self, Error> {
        let json = fs::read(path).map_err(Error::file("read", path))?;
        let handover = serde_json::from_slice(&json).map_err(Error::json(path))?;
        fs::remove_file(path).map_err(Error::file("remove", path))?;
        Ok(handover)
    }

    /// Returns how long ago the old image ended.
    pub(crate) fn age(&self) -> Duration {
        clock::since_epoch().saturating_sub(self.ended)
    }
}
