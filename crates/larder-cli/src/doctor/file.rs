//! What the file says: the time, and what of it is of no use.

use std::path::Path;
use std::time::Duration;

use larder::inspect::{FileInfo, Snapshot};
use larder::{ByteSize, Timestamp};

use super::line::Line;
use crate::exit::Failure;
use crate::time::{rfc3339, span};

/// A time mark so far ahead of the clock makes the next owner drop every entry.
const MAX_MARK: Duration = Duration::from_hours(1);
/// A mark may be a little ahead: the cache's time never goes back.
const NEAR: Duration = Duration::from_secs(5);
/// A file is not too long for what is in it below this, nor below so many times that: pages are half full,
/// and doubled when the file must grow.
const SHORT: u64 = 8 << 20;
const BLOATED: u64 = 6;
/// So few entries that have expired are nothing to speak of.
const FEW: u64 = 1000;

pub(super) fn clock(file: &FileInfo, wall: Timestamp) -> Line {
    let check = "clock";
    let ahead = file.last_flush.since(wall);
    let found =
        format!("the last commit was made {}, {} ahead of this clock", rfc3339(file.last_flush), span(ahead));
    if ahead > MAX_MARK {
        let remedy = "set the clock right before a service opens the file: it would drop every entry";
        return Line::fail(check, found, remedy);
    }
    if ahead > NEAR {
        return Line::warn(
            check,
            found,
            "see that the clock is synchronised; entries expire by the later time",
        );
    }
    Line::pass(check, "it is not behind the file's last commit")
}

pub(super) fn lines(path: &Path, snapshot: &Snapshot, is_owned: bool) -> Result<Vec<Line>, Failure> {
    let file = snapshot.file();
    let unswept = snapshot.unswept()?.iter().sum();
    Ok(vec![
        bloat(path, &file, is_owned),
        expired(path, &file, unswept, is_owned),
        versions(path, snapshot, is_owned),
    ])
}

fn bloat(path: &Path, file: &FileInfo, is_owned: bool) -> Line {
    let check = "length";
    let (len, used) = (ByteSize::bytes(file.len), ByteSize::bytes(file.bytes));
    let found = format!("{len}, for entries that are charged {used}");
    if file.len > SHORT && file.len / BLOATED > file.bytes {
        let first = if is_owned { "when the service is stopped: " } else { "" };
        let line = Line::warn(check, found, format!("{first}larder compact {}", path.display()));
        return line.with("length_bytes", file.len).with("charged_bytes", file.bytes);
    }
    Line::pass(check, found).with("length_bytes", file.len).with("charged_bytes", file.bytes)
}

fn expired(path: &Path, file: &FileInfo, unswept: u64, is_owned: bool) -> Line {
    let check = "expired";
    let found = format!("{unswept} of {} entries have expired and are not deleted", file.entries);
    let is_much = unswept > FEW && unswept * 4 > file.entries;
    let remedy = is_much.then(|| {
        if is_owned {
            return "larder stats SOCKET tells whether the disk tier is on; lower `sweep` if it is"
                .to_owned();
        }
        format!("open the cache, and they are deleted; or larder compact {}", path.display())
    });
    Line::warn_if(check, found, remedy).with("expired", unswept).with("entries", file.entries)
}

fn versions(path: &Path, snapshot: &Snapshot, is_owned: bool) -> Line {
    let check = "old versions";
    let charged: u64 = snapshot.retired().iter().map(|old| old.bytes).sum();
    if charged == 0 {
        return Line::pass(check, "no keyspace of an old version takes room");
    }
    let found = format!("keyspaces of old versions are still charged {}", ByteSize::bytes(charged));
    if is_owned {
        return Line::warn(
            check,
            found,
            "wait for the next sweep; larder stats SOCKET tells whether the disk tier is on",
        );
    }
    Line::warn(
        check,
        found,
        format!("open the cache, and they are deleted; or larder compact {}", path.display()),
    )
}
