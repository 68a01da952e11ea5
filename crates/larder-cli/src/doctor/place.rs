//! Where a file stands: who may use it, and what else stands there.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::line::Line;
use crate::exit::{Exit, Failure};

const GROUP_WRITES: u32 = 0o020;
const OTHERS_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;

pub(super) fn lines(path: &Path, is_owned: bool) -> Result<Vec<Line>, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(Exit::System, format!("cannot look around {}: {error}", path.display()))
    };
    let file = fs::symlink_metadata(path).map_err(failed)?;
    let directory = directory_of(path);
    let above = fs::metadata(&directory).map_err(failed)?;
    let lock = fs::symlink_metadata(beside(path, ".lock")).ok();
    let names = fs::read_dir(&directory).map_err(failed)?;
    let names: Vec<OsString> = names.filter_map(|entry| Some(entry.ok()?.file_name())).collect();
    Ok(vec![
        permissions(path, &file),
        directory_line(&directory, &above),
        lock_line(path, &file, lock.as_ref()),
        leftovers(path, &names),
        ballast(path, is_owned),
    ])
}

pub(super) fn directory_of(path: &Path) -> PathBuf {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new(".")).to_owned()
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn permissions(path: &Path, file: &fs::Metadata) -> Line {
    let (check, shown, mode) = ("permissions", path.display(), file.mode());
    let remedy = format!("chmod 600 {shown}");
    match mode & 0o777 {
        _ if mode & (GROUP_WRITES | OTHERS_WRITE) != 0 => {
            Line::fail(check, format!("others may write to it (mode {:o})", mode & 0o777), remedy)
        }
        bits if bits & 0o044 != 0 => Line::warn(check, format!("others may read it (mode {bits:o})"), remedy),
        bits if bits & 0o600 != 0o600 => {
            Line::fail(check, format!("its owner may not read and write it (mode {bits:o})"), remedy)
        }
        bits => Line::pass(check, format!("its owner alone may read and write it (mode {bits:o})")),
    }
}

fn directory_line(directory: &Path, above: &fs::Metadata) -> Line {
    let (check, shown, mode) = ("directory", directory.display(), above.mode());
    if mode & OTHERS_WRITE != 0 && mode & STICKY == 0 {
        let found =
            format!("whoever is on the machine may replace files in {shown} (mode {:o})", mode & 0o7777);
        return Line::fail(check, found, format!("chmod o-w {shown}"));
    }
    Line::pass(check, format!("strangers can't replace files in {shown} (mode {:o})", mode & 0o7777))
}

fn lock_line(path: &Path, file: &fs::Metadata, lock: Option<&fs::Metadata>) -> Line {
    let (check, shown) = ("lock file", beside(path, ".lock"));
    let shown = shown.display();
    match lock {
        None => Line::pass(check, "there is none yet; the next owner makes it"),
        Some(lock) if !lock.is_file() => {
            Line::fail(check, format!("{shown} is no regular file"), format!("move {shown} away"))
        }
        Some(lock) if lock.uid() != file.uid() => Line::fail(
            check,
            format!("{shown} is of user {}, and the file of user {}", lock.uid(), file.uid()),
            format!("chown --reference={} {shown}", path.display()),
        ),
        Some(lock) if lock.mode() & 0o022 != 0 => {
            let found = format!("others may write to {shown}, and so keep it locked");
            Line::warn(check, found, format!("chmod 600 {shown}"))
        }
        Some(_) => Line::pass(check, "it is of the user whose the file is"),
    }
}

fn leftovers(path: &Path, names: &[OsString]) -> Line {
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
        return Line::warn(check, found, remedy);
    }
    if !discarded.is_empty() || !unfinished.is_empty() {
        let found = format!("a crash left {}", [discarded, unfinished].concat().join(", "));
        return Line::warn(check, found, "open the cache: its next owner removes them");
    }
    Line::pass(check, "no damaged or discarded file stands beside it")
}

fn ballast(path: &Path, is_owned: bool) -> Line {
    let (check, ballast) = ("ballast", beside(path, ".ballast"));
    match fs::symlink_metadata(&ballast) {
        Ok(found) if found.is_file() && found.len() > 0 => {
            Line::pass(check, "room is held for deletions on a full disk")
        }
        _ if is_owned => Line::warn(
            check,
            "no room is held for deletions on a full disk: it was given up, or could not be taken",
            "free space on the disk; the cache takes it again within a minute of its next commit",
        ),
        _ => Line::warn(
            check,
            "no room is held for deletions on a full disk",
            "see that the disk has space; the next owner takes it",
        ),
    }
}
