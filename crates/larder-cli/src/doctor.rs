//! `larder doctor`: what is to be checked before and while a cache is in production, checked.
//!
//! What can be told is told from the file, the machine, the settings of a URL, and the statistics of a live
//! cache, whichever of these are at hand; the rest is said to be unknown, with what would tell it. Nothing is
//! changed.

mod allocator;
mod churn;
mod file;
mod flush;
mod hits;
mod holders;
mod integrity;
mod layout;
mod line;
mod loads;
mod looks;
mod machine;
mod patient;
mod place;
mod service;
mod values;

use self::line::{Line, Report};
use self::patient::Patient;
use crate::args::DoctorOptions;
use crate::exit::{Exit, Failure};

pub(crate) fn run(options: &DoctorOptions) -> Result<Exit, Failure> {
    let patient = Patient::of(options)?;
    let mut lines: Vec<Line> = vec![patient.persistence()];
    if let (Some(path), Some(snapshot)) = (&patient.file, &patient.snapshot) {
        lines.push(patient.holders.owner_line(&snapshot.file()));
        lines.extend(patient.owner_by_file().map(|owner| patient.holders.forks_line(owner)));
        lines.extend(place::lines(path, patient.is_owned())?);
    }
    lines.push(service::memory(&patient));
    lines.extend(service::allocator(&patient));
    if !patient.is_in_memory_alone() {
        lines.push(service::room(&patient));
        lines.push(service::file_size(&patient));
    }
    if let Some(snapshot) = &patient.snapshot {
        lines.push(file::clock(&snapshot.file(), patient.wall));
    }
    lines.extend(service::live(&patient));
    if let (Some(path), Some(snapshot)) = (&patient.file, &patient.snapshot) {
        lines.extend(file::lines(path, snapshot, patient.is_owned())?);
        lines.extend(integrity::lines(path, &snapshot.file(), options.deep)?);
    }
    let mut report = Report { subject: patient.subject, lines };
    if let Some(socket) = &patient.socket {
        report.name_socket(socket);
    }
    report.tell(options.json)
}
