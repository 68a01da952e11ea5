//! The restart: the process replaces itself with a new image of the same program.
//!
//! `exec` ends the old image immediately. Its threads, its memory and its handles on the cache's file are
//! gone. The new image has only the data that it reads from the disk. The old image passes the handover in a
//! file beside the database. The file has the results so far, for the report. It also has the minimum
//! revisions. The new image checks the entries from the disk against them.

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

/// The data that the old image passes to the new image.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Handover {
    pub(crate) options: DemoOptions,
    pub(crate) dir: DemoDir,
    pub(crate) min_revisions: MinRevisions,
    pub(crate) without: Traffic,
    pub(crate) cold: CachedTraffic,
    pub(crate) stale: u64,
    /// When the old image ended, as the time since 1970.
    pub(crate) ended: Duration,
}

impl Handover {
    /// Writes the handover to its file, and restarts this process with the path of the file. Returns only on
    /// failure.
    pub(crate) fn restart(self) -> Result<Infallible, Error> {
        let path = self.dir.handover();
        let json = serde_json::to_vec(&self).map_err(Error::json(&path))?;
        fs::write(&path, json).map_err(Error::file("write", &path))?;
        let program = std::env::current_exe().map_err(Error::Restart)?;
        // A successful `exec` runs no destructor. So a temporary directory remains for the new image.
        Err(Error::Restart(Command::new(program).arg("--resume").arg(&path).exec()))
    }

    /// Reads the handover of the old image from the file `path`, and removes the file.
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
