//! The restart: the process replaces itself by a new image of the same program.
//!
//! `exec` ends the old image at once: its threads, its memory and its handles on the cache's file are gone,
//! and the new one has only what it reads from the disk. What it must know for its report (and the floors, so
//! that an entry that comes back is checked) passes through a file beside the database.

use std::convert::Infallible;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::args::DemoOptions;
use crate::clock;
use crate::demo::floors::Floors;
use crate::demo::report::{Cached, Traffic};
use crate::demo::site::Site;
use crate::error::Error;

/// What the old image leaves for the new one.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Handover {
    pub(crate) options: DemoOptions,
    pub(crate) site: Site,
    pub(crate) floors: Floors,
    pub(crate) without: Traffic,
    pub(crate) cold: Cached,
    pub(crate) stale: u64,
    /// When the old image ended, since 1970.
    pub(crate) ended: Duration,
}

impl Handover {
    /// Restarts this process; the new image finds this handover. Comes back only if that fails.
    pub(crate) fn restart(self) -> Result<Infallible, Error> {
        let path = self.site.handover();
        let json = serde_json::to_vec(&self).map_err(Error::json(&path))?;
        fs::write(&path, json).map_err(Error::file("write", &path))?;
        let program = std::env::current_exe().map_err(Error::Restart)?;
        // No destructor runs unless this fails, so a temporary directory stays for the new image.
        Err(Error::Restart(Command::new(program).arg("demo-restarted").arg(&path).exec()))
    }

    /// What the old image left in the file `path`.
    pub(crate) fn receive(path: &Path) -> Result<Self, Error> {
        let json = fs::read(path).map_err(Error::file("read", path))?;
        let handover = serde_json::from_slice(&json).map_err(Error::json(path))?;
        fs::remove_file(path).map_err(Error::file("remove", path))?;
        Ok(handover)
    }

    /// How long ago the old image ended.
    pub(crate) fn age(&self) -> Duration {
        clock::since_epoch().saturating_sub(self.ended)
    }
}
