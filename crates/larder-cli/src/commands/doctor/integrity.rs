//! Checks whether the pages and records of a file are intact.

use std::path::Path;

use larder::ByteSize;
use larder::inspect::{FileInfo, Inspector, PageVerifyReport};

use super::report::CheckResult;
use super::values;
use crate::term::exit::Failure;
use crate::term::out::progress;

/// Maximum length of a file that is verified without `--deep`. Verifying a file of this length takes about
/// one second.
const BUDGET: ByteSize = ByteSize::mib(256);

pub(super) fn lines(path: &Path, file: &FileInfo, deep: bool) -> Result<Vec<CheckResult>, Failure> {
    let (check, shown) = ("integrity", path.display());
    if file.len > BUDGET && !deep {
        let found = format!("not checked: the file is longer than {BUDGET}");
        let remedy = format!("larder doctor {shown} --deep, or larder verify {shown}");
        return Ok(vec![CheckResult::unknown(check, found, remedy)]);
    }
    let bar = progress("checking records", 0);
    let verified = Inspector::open(path)?.verify(&mut |done, of| {
        bar.set_length(of.max(done));
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    let remedy_of_records = format!("larder verify {shown} shows which; a damaged record is loaded again");
    let integrity = match &verified.pages {
        PageVerifyReport::Damaged { cause } => {
            let remedy = "stop the service and move the file away: a new one is created. Find out what \
                damaged it (the disk's log)";
            CheckResult::fail(check, format!("its pages are damaged: {cause}"), remedy)
        }
        _ if verified.damaged_records > 0 => CheckResult::fail(
            check,
            format!("{} records are damaged", verified.damaged_records),
            remedy_of_records,
        ),
        _ if !verified.miscounted.is_empty() => {
            let remedy = "stop the service and move the file away: a new one is created";
            CheckResult::fail(check, "it does not have as many entries as it records", remedy)
        }
        PageVerifyReport::Whole => {
            CheckResult::pass(check, format!("every page and {} records are whole", verified.records))
        }
        _ => CheckResult::unknown(
            check,
            format!(
                "{} records are whole; its pages cannot be checked while they are being written",
                verified.records
            ),
            "try again when less is written",
        ),
    };
    Ok(vec![integrity, values::stored(path, verified.unreadable_records)])
}
