//! `larder doctor`: checks a cache before and while it is in production.
//!
//! The checks use the file, the machine, the settings of a URL, and the statistics of a live cache, as far
//! as these are available. If a check lacks information, its result is unknown, and the report says how to
//! provide it, or the check is left out. The command changes nothing.

mod allocator;
mod churn;
mod directory;
mod file;
mod flush;
mod hits;
mod holders;
mod integrity;
mod layout;
mod loads;
mod machine;
mod report;
mod sentinels;
mod series;
pub(in crate::commands) mod server;
mod service;
mod target;
mod values;

use self::report::{CheckResult, Report};
use self::target::Target;
use crate::args::DoctorOptions;
use crate::term::exit::{Exit, Failure};

pub(crate) fn run(options: &DoctorOptions) -> Result<Exit, Failure> {
    let target = Target::of(options)?;
    let mut lines: Vec<CheckResult> = vec![target.persistence()];
    if let (Some(path), Some(snapshot)) = (&target.file, &target.snapshot) {
        lines.push(target.holders.owner(&snapshot.file()));
        lines.extend(target.owner_by_file().map(|owner| target.holders.forks(owner)));
        lines.extend(directory::lines(path, target.is_owned())?);
    }
    lines.push(service::memory(&target));
    lines.extend(service::allocator(&target));
    if !target.is_in_memory_alone() {
        lines.push(service::room(&target));
        lines.push(service::file_size(&target));
    }
    if let Some(snapshot) = &target.snapshot {
        lines.push(file::clock(&snapshot.file(), target.now));
    }
    lines.extend(service::live(&target));
    if let (Some(path), Some(snapshot)) = (&target.file, &target.snapshot) {
        lines.extend(file::lines(path, snapshot, target.is_owned())?);
        lines.extend(integrity::lines(path, &snapshot.file(), options.deep)?);
    }
    let mut report = Report { subject: target.subject, lines };
    if let Some(socket) = &target.socket {
        report.name_socket(socket);
    }
    report.finish(options.json)
}
