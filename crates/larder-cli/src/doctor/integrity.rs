//! Whether the file is what was written, and what was written can be read.

use std::path::Path;

use larder::ByteSize;
use larder::inspect::{FileInfo, Inspector, PageVerifyReport};

use super::line::Line;
use super::values;
use crate::exit::Failure;
use crate::out::progress;

/// A longer file is read only if it is asked for: this one takes a second.
const BUDGET: ByteSize = ByteSize::mib(256);

pub(super) fn lines(path: &Path, file: &FileInfo, deep: bool) -> Result<Vec<Line>, Failure> {
    let (check, shown) = ("integrity", path.display());
    if file.len > BUDGET.as_u64() && !deep {
        let found = format!("not checked: the file is longer than {BUDGET}");
        let remedy = format!("larder doctor {shown} --deep, or larder verify {shown}");
        return Ok(vec![Line::unknown(check, found, remedy)]);
    }
    let bar = progress("checking records", 0);
    let verified = Inspector::open(path)?.verify(&mut |done, of| {
        bar.set_length(of.max(done));
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    let look = format!("larder verify {shown} tells which; a damaged record is loaded anew");
    let integrity = match &verified.pages {
        PageVerifyReport::Damaged { cause } => {
            let remedy = "stop the service and move the file away: a fresh one is made. Find out what \
                damaged it (the disk's log)";
            Line::fail(check, format!("its pages are damaged: {cause}"), remedy)
        }
        _ if verified.damaged_records > 0 => {
            Line::fail(check, format!("{} records are damaged", verified.damaged_records), look)
        }
        _ if !verified.miscounted.is_empty() => {
            let remedy = "stop the service and move the file away: a fresh one is made";
            Line::fail(check, "its entries are not as many as it says", remedy)
        }
        PageVerifyReport::Whole => {
            Line::pass(check, format!("every page and {} records are whole", verified.records))
        }
        _ => Line::unknown(
            check,
            format!(
                "{} records are whole; its pages can't be told while they are being written",
                verified.records
            ),
            "try again when less is written",
        ),
    };
    Ok(vec![integrity, values::stored(path, verified.unreadable_records)])
}
