//! Checks the clock watermark, the length, the expired entries and the old versions of a file.

use std::path::Path;
use std::time::Duration;

use larder::inspect::{FileInfo, Snapshot};
use larder::{ByteSize, Timestamp};

use super::report::CheckResult;
use crate::term::exit::Failure;
use crate::term::time::{rfc3339, span};

/// Maximum time by which the file's clock watermark may be ahead of the clock. Beyond it, the next owner
/// drops every entry.
const MAX_AHEAD: Duration = Duration::from_hours(1);
/// The watermark is often ahead by up to this time, because the cache's time never goes back.
const USUAL_AHEAD: Duration = Duration::from_secs(5);
/// Minimum length in bytes of a file that is reported as too long.
const MIN_BLOATED: ByteSize = ByteSize::mib(8);
/// Minimum ratio of length to content of a file that is reported as too long. A lower ratio is normal: pages
/// may be half full, and the file grows in large parts.
const BLOATED: u64 = 6;
/// Minimum number of expired entries that are reported.
const MIN_EXPIRED: u64 = 1000;

pub(super) fn clock(file: &FileInfo, now: Timestamp) -> CheckResult {
    let check = "clock";
    let ahead = file.last_flush.since(now);
    let found =
        format!("the last commit was made {}, {} ahead of this clock", rfc3339(file.last_flush), span(ahead));
    if ahead > MAX_AHEAD {
        let remedy = "set the clock right before a service opens the file: it would drop every entry";
        return CheckResult::fail(check, found, remedy);
    }
    if ahead > USUAL_AHEAD {
        return CheckResult::warn(
            check,
            found,
            "see that the clock is synchronised; entries expire by the later time",
        );
    }
    CheckResult::pass(check, "it is not behind the file's last commit")
}

pub(super) fn lines(path: &Path, snapshot: &Snapshot, is_owned: bool) -> Result<Vec<CheckResult>, Failure> {
    let file = snapshot.file();
    let unswept = snapshot.unswept()?.into_iter().fold(0, u64::saturating_add);
    Ok(vec![
        bloat(path, &file, is_owned),
        expired(path, &file, unswept, is_owned),
        versions(path, snapshot, is_owned),
    ])
}

fn bloat(path: &Path, file: &FileInfo, is_owned: bool) -> CheckResult {
    let check = "length";
    let FileInfo { len, bytes: used, .. } = file;
    let found = format!("{len}, for entries that are charged {used}");
    let (length, charged) = (len.as_u64(), used.as_u64());
    if *len > MIN_BLOATED && length / BLOATED > charged {
        let first = if is_owned { "when the service is stopped: " } else { "" };
        let line = CheckResult::warn(check, found, format!("{first}larder compact {}", path.display()));
        return line.with("length_bytes", length).with("charged_bytes", charged);
    }
    CheckResult::pass(check, found).with("length_bytes", length).with("charged_bytes", charged)
}

fn expired(path: &Path, file: &FileInfo, unswept: u64, is_owned: bool) -> CheckResult {
    let check = "expired";
    let found = format!("{unswept} of {} entries have expired and are not deleted", file.entries);
    let is_much = unswept > MIN_EXPIRED && unswept.saturating_mul(4) > file.entries;
    let remedy = is_much.then(|| {
        if is_owned {
            return "larder stats SOCKET shows whether the disk tier is on; lower `sweep` if it is"
                .to_owned();
        }
        format!("open the cache, which deletes them; or larder compact {}", path.display())
    });
    CheckResult::warn_if(check, found, remedy).with("expired", unswept).with("entries", file.entries)
}

fn versions(path: &Path, snapshot: &Snapshot, is_owned: bool) -> CheckResult {
    let check = "old versions";
    let charged: ByteSize = snapshot.retired().iter().map(|old| old.bytes).sum();
    if charged.is_zero() {
        return CheckResult::pass(check, "no keyspace of an old version takes room");
    }
    let found = format!("keyspaces of old versions are still charged {charged}");
    if is_owned {
        return CheckResult::warn(
            check,
            found,
            "wait for the next sweep; larder stats SOCKET shows whether the disk tier is on",
        );
    }
    CheckResult::warn(
        check,
        found,
        format!("open the cache, which deletes them; or larder compact {}", path.display()),
    )
}
