//! Checks the permissions of a cache file and of its directory, and the files beside the cache file.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::report::CheckResult;
use crate::cache::path::{beside, directory_of};
use crate::term::exit::{Exit, Failure};

const GROUP_WRITES: u32 = 0o020;
const OTHERS_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;

pub(super) fn lines(path: &Path, is_owned: bool) -> Result<Vec<CheckResult>, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(Exit::System, format!("cannot look around {}: {error}", path.display()))
    };
    let file = fs::symlink_metadata(path).map_err(failed)?;
    let directory = directory_of(path);
    let above = fs::metadata(directory).map_err(failed)?;
    let lock = fs::symlink_metadata(beside(path, ".lock")).ok();
    let names = fs::read_dir(directory).map_err(failed)?;
    let names: Vec<OsString> = names.filter_map(|entry| Some(entry.ok()?.file_name())).collect();
    Ok(vec![
        permissions(path, &file),
        directory_permissions(directory, &above),
        lock_file(path, &file, lock.as_ref()),
        leftovers(path, &names),
        ballast(path, is_owned),
    ])
}

fn permissions(path: &Path, file: &fs::Metadata) -> CheckResult {
    let (check, shown, mode) = ("permissions", path.display(), file.mode());
    let remedy = format!("chmod 600 {shown}");
    match mode & 0o777 {
        _ if mode & (GROUP_WRITES | OTHERS_WRITE) != 0 => {
            CheckResult::fail(check, format!("other users may write to it (mode {:o})", mode & 0o777), remedy)
        }
        bits if bits & 0o044 != 0 => {
            CheckResult::warn(check, format!("other users may read it (mode {bits:o})"), remedy)
        }
        bits if bits & 0o600 != 0o600 => {
            CheckResult::fail(check, format!("its owner may not read and write it (mode {bits:o})"), remedy)
        }
        bits => CheckResult::pass(check, format!("only its owner may read and write it (mode {bits:o})")),
    }
}

fn directory_permissions(directory: &Path, above: &fs::Metadata) -> CheckResult {
    let (check, shown, mode) = ("directory", directory.display(), above.mode());
    if mode & OTHERS_WRITE != 0 && mode & STICKY == 0 {
        let found = format!("every user may replace files in {shown} (mode {:o})", mode & 0o7777);
        return CheckResult::fail(check, found, format!("chmod o-w {shown}"));
    }
    CheckResult::pass(check, format!("other users can't replace files in {shown} (mode {:o})", mode & 0o7777))
}

fn lock_file(path: &Path, file: &fs::Metadata, lock: Option<&fs::Metadata>) -> CheckResult {
    let (check, shown) = ("lock file", beside(path, ".lock"));
    let shown = shown.display();
    match lock {
        None => CheckResult::pass(check, "there is none yet; the next owner creates it"),
        Some(lock) if !lock.is_file() => {
            CheckResult::fail(check, format!("{shown} is not a regular file"), format!("move {shown} away"))
        }
        Some(lock) if lock.uid() != file.uid() => CheckResult::fail(
            check,
            format!("{shown} belongs to user {}, and the file to user {}", lock.uid(), file.uid()),
            format!("chown --reference={} {shown}", path.display()),
        ),
        // The right to read a file is enough to lock it.
        Some(lock) if lock.mode() & 0o066 != 0 => {
            let found = format!("other users may open {shown}, and so keep it locked");
            CheckResult::warn(check, found, format!("chmod 600 {shown}"))
        }
        Some(_) => CheckResult::pass(check, "it belongs to the owner of the file"),
    }
}

fn leftovers(path: &Path, names: &[OsString]) -> CheckResult {
    let check = "leftovers";
    let name = path.file_name().unwrap_or_default();
    let is_left = |word: &str| {
        let prefix = [name.as_bytes(), word.as_bytes()].concat();
        let left = names.iter().filter(|name| name.as_bytes().starts_with(&prefix));
        let mut left: Vec<String> = left.map(|name| name.to_string_lossy().into_owned()).collect();
        left.sort_unstable();
        left
    };
    let (damaged, discarded, unfinished) =
        (is_left(".damaged-"), is_left(".discarded-"), is_left(".larder-new"));
    if !damaged.is_empty() {
        let found = format!("damaged files were moved aside: {}", damaged.join(", "));
        let remedy =
            "find out what damaged them (the disk's log), look with `larder verify`, and remove them";
        return CheckResult::warn(check, found, remedy);
    }
    if !discarded.is_empty() || !unfinished.is_empty() {
        let found = format!("a crash left {}", [discarded, unfinished].concat().join(", "));
        return CheckResult::warn(check, found, "open the cache: its next owner removes them");
    }
    CheckResult::pass(check, "no damaged or discarded file stands beside it")
}

fn ballast(path: &Path, is_owned: bool) -> CheckResult {
    let (check, ballast) = ("ballast", beside(path, ".ballast"));
    match fs::symlink_metadata(&ballast) {
        Ok(found) if found.is_file() && found.len() > 0 => {
            CheckResult::pass(check, "space is reserved for deletions on a full disk")
        }
        _ if is_owned => CheckResult::warn(
            check,
            "no space is reserved for deletions on a full disk: it was given up, or could not be reserved",
            "free space on the disk; the cache reserves it again within a minute of its next commit",
        ),
        _ => CheckResult::warn(
            check,
            "no space is reserved for deletions on a full disk",
            "see that the disk has space; the next owner reserves it",
        ),
    }
}
