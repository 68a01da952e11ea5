//! Turns errors of the library into failures of the command, with an exit code and a text that names the next
//! step.
//!
//! The texts of the library are for a program that opens a cache. Such a program may choose another path or
//! create a file. The user of the command looks for an existing cache, and needs its path.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use larder::Error;
use larder::control::{Client, ClientError, RefusalKind};
use larder::inspect::escape_control;

use super::path::is_socket;
use crate::term::exit::{Exit, Failure};
use crate::term::shell::shell_word;

/// Tells the user where to find the paths of a service's cache and control socket.
pub(crate) const WHERE: &str =
    "the LARDER_URL of the service has the path of its cache, and of its control socket (control=PATH)";
/// Maximum number of caches that an error about a directory lists.
const MAX_NAMED: usize = 3;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let exit = match &error {
            Error::Missing { .. } => Exit::Missing,
            Error::InUse { .. } => Exit::InUse,
            Error::NotAFile { .. } | Error::Foreign { .. } => Exit::NotLarder,
            Error::Damaged { .. } => Exit::Damaged,
            Error::NewerFormat { .. } | Error::UnknownFeatures { .. } => Exit::NewerFormat,
            Error::InvalidUrl { .. } => Exit::Usage,
            _ => Exit::System,
        };
        Self::new(exit, text(&error))
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let exit = match &error {
            ClientError::Connect { source, .. } if source.kind() == ErrorKind::NotFound => Exit::Missing,
            ClientError::Garbled { .. } => Exit::NotLarder,
            ClientError::NotOwner { .. } => Exit::InUse,
            ClientError::Refused(refusal) => match refusal.kind {
                RefusalKind::UnknownKeyspace => Exit::No,
                RefusalKind::BadKey | RefusalKind::TooLong => Exit::Usage,
                RefusalKind::Busy => Exit::InUse,
                _ => Exit::System,
            },
            _ => Exit::System,
        };
        // Control characters are escaped, because the text may quote the answer of the process.
        Self::new(exit, escape_control(&client_text(&error)))
    }
}

/// Returns the text of an error, with a remedy for the command line.
fn text(error: &Error) -> String {
    match error {
        Error::Missing { path } => format!("there is no file {}; {WHERE}", path.display()),
        Error::NotAFile { path, what } => match not_a_file(path) {
            Some(found) => format!("cannot read {}: {found}", path.display()),
            // The path is a mount point, or what is at the path has changed since the error.
            None => format!("cannot read {}: it is {what}; {WHERE}", path.display()),
        },
        Error::Foreign { path, why } => {
            let remedy = owning_cache(path).unwrap_or_else(|| WHERE.to_owned());
            format!("{} is not a larder file: {why}; {remedy}", path.display())
        }
        Error::Damaged { path, cause } => format!(
            "cannot read {}: it is damaged ({cause}); the next service that opens it moves it aside and begins with \
             an empty one: restart the service, or move the file away while no process has it",
            path.display()
        ),
        Error::NewerFormat { path, found, supported } => format!(
            "cannot read {}: its format is {found}, and this command reads up to {supported}; use the larder command of \
             the version that the service has",
            path.display()
        ),
        Error::UnknownFeatures { path, .. } => format!(
            "cannot read {}: it uses features that this command does not know; use the larder command of the version \
             that the service has",
            path.display()
        ),
        Error::InUse { path, pid, has_ended: false, .. } => {
            let owner = pid.map_or_else(|| "another program".to_owned(), |pid| format!("process {pid}"));
            let shown = path.display();
            format!(
                "cannot read {shown}: {owner} is writing to it, and lets no other process read; `fuser {shown}` names \
                 it; try again when it has ended"
            )
        }
        Error::Permission { action, path, source } => {
            let owner = fs::metadata(path).map(|found| found.uid());
            let owner = owner.map_or(String::new(), |user| format!(", user {user}"));
            format!(
                "no permission to {action} {}: {source}; run as its owner{owner}, or as root",
                path.display()
            )
        }
        error => with_source(error),
    }
}

/// Returns the text of an error, followed by that of its source, if it has one.
fn with_source(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error} ({source})"),
        None => error.to_string(),
    }
}

/// Returns the text of a control client's error, with a remedy for the command line.
pub(crate) fn client_text(error: &ClientError) -> String {
    let ClientError::Connect { path, source } = error else { return with_source(error) };
    let failed = format!("cannot reach a cache at {}: {source}", path.display());
    match source.kind() {
        ErrorKind::NotFound => format!("{failed}; {WHERE}"),
        ErrorKind::ConnectionRefused if is_socket(path) => {
            format!("{failed}; the process that made this socket has ended: start it, or give the cache file")
        }
        ErrorKind::ConnectionRefused => format!("{failed}; it is not a socket; {WHERE}"),
        ErrorKind::PermissionDenied => {
            let owner = fs::metadata(path).map_or(String::new(), |found| format!(", user {}", found.uid()));
            format!("{failed}; run as its owner{owner}, or as root")
        }
        _ => with_source(error),
    }
}

/// Describes what is at a path that has no regular file, with a remedy. Returns `None` if the path has a
/// regular file, or can't be read.
fn not_a_file(path: &Path) -> Option<String> {
    let kind = fs::symlink_metadata(path).ok()?.file_type();
    if kind.is_file() {
        return None;
    }
    if kind.is_dir() {
        let caches = caches_in(path);
        let remedy = match &caches[..] {
            [] => WHERE.to_owned(),
            caches => {
                let shown: Vec<String> = caches.iter().map(|cache| cache.display().to_string()).collect();
                format!("give the cache file in it: {}", shown.join(", "))
            }
        };
        return Some(format!("it is a directory; {remedy}"));
    }
    if kind.is_symlink() {
        let target = fs::canonicalize(path).or_else(|_| fs::read_link(path)).ok()?;
        return Some(format!("it is a symbolic link; give what it leads to: {}", target.display()));
    }
    if kind.is_socket() {
        return Some(a_socket(path));
    }
    Some(format!("it is a device or a pipe; {WHERE}"))
}

/// Returns an error text for a socket. If the process behind the socket has a file, the text names it,
/// because the command accepts this file.
fn a_socket(path: &Path) -> String {
    let shown = path.display();
    let server = Client::connect(path).ok().map(|client| client.server().clone());
    let Some((pid, file)) = server.and_then(|server| Some((server.pid, server.file?))) else {
        return format!(
            "it is a socket, and this reads a file; `larder stats {shown}` asks the process behind it, and {WHERE}"
        );
    };
    let verb = std::env::args().nth(1).unwrap_or_default();
    let (file, word) = (escape_control(&file), shell_word(&file));
    match &*verb {
        "compact" => format!(
            "it is the control socket of process {pid}, whose file is {file}; stop it, and give the file: larder \
             compact {word}"
        ),
        "import" => format!(
            "it is the control socket of process {pid}, whose file is {file}; stop it, and give the file: larder \
             import {word} EXPORT"
        ),
        verb => format!(
            "it is the control socket of process {pid}, and this reads its file, {file}: larder {verb} {word}"
        ),
    }
}

/// Returns up to [`MAX_NAMED`] caches in a directory: the files that have a lock file beside them.
fn caches_in(directory: &Path) -> Vec<PathBuf> {
    let Ok(files) = fs::read_dir(directory) else { return Vec::new() };
    let mut found: Vec<PathBuf> = files
        .filter_map(|file| Some(file.ok()?.path()))
        .filter_map(|path| without(&path, b".lock"))
        .filter(|path| path.is_file())
        .collect();
    found.sort();
    found.truncate(MAX_NAMED);
    found
}

/// Names the cache to which a lock file or a ballast file belongs.
fn owning_cache(path: &Path) -> Option<String> {
    let cache = [&b".lock"[..], b".ballast"].into_iter().find_map(|suffix| without(path, suffix))?;
    cache.is_file().then(|| format!("it belongs to {}: give that", cache.display()))
}

fn without(path: &Path, suffix: &[u8]) -> Option<PathBuf> {
    let text = path.as_os_str().as_bytes().strip_suffix(suffix)?;
    Some(OsStr::from_bytes(text).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A single file can be a mount point, for example in a container. It is refused, but it is no device.
    #[test]
    fn a_file_that_is_refused_for_another_reason_than_its_kind_keeps_that_reason() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let what = "a mount point of its own";
        let text = text(&Error::NotAFile { path: file.path().to_owned(), what });
        assert!(text.contains(what) && !text.contains("device"), "{text}");
    }
}
