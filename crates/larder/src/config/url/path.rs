//! Parses a path in a URL: of the cache file, or of the control socket.
//!
//! Refuses paths that are nearly always mistakes: `~` and `$HOME` that no shell has expanded, `%HOME%`, white
//! space at the ends, and control characters. Otherwise such a path would silently create a file of that
//! name.

#[cfg(unix)]
use std::ffi::OsString;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;

use super::refusal::UrlRefusal;

const FORM: &str = "write file:PATH, or file:///PATH";
const WHOLE: &str =
    "write the whole path, as in file:/home/shop/shop.larder; a file of that name is written ./~";
const NO_VARIABLE: &str = "write what it stands for; a $ in a name is written %24";
const ESCAPE: &str = "write %25 for a percent sign, and what a variable stands for";
const TRIM: &str = "leave it out, or write %20 for a space in a name";
const NO_CONTROL: &str = "give a path without control characters, such as the end of a line";

/// Parses the path in the text after `file:`.
pub(super) fn of_place(place: &str) -> Result<PathBuf, UrlRefusal> {
    let path = match place.strip_prefix("//") {
        None => place,
        Some(rest) => {
            let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            // The error shows only the `~`, because the text before an `@` in the host may be a password.
            if host.starts_with('~') {
                return Err(home("~"));
            }
            if !matches!(host, "" | "localhost") {
                return Err(("it names a host, and a file is on this machine".to_owned(), FORM));
            }
            // After an empty host, only a path that begins with `/~` can mean a home directory.
            if path.starts_with("/~") {
                return Err(home(path));
            }
            path
        }
    };
    of_text(path)
}

pub(super) fn of_text(text: &str) -> Result<PathBuf, UrlRefusal> {
    if text.is_empty() {
        return Err(("it names no file".to_owned(), FORM));
    }
    if text.starts_with('~') {
        return Err(home(text));
    }
    if let Some(variable) = variable(text) {
        return Err((format!("its path has {variable:?}, which only a shell expands"), NO_VARIABLE));
    }
    if let Some(wrong) = wrong_escape(text) {
        return Err((format!("its path has {wrong:?}, which is no byte"), ESCAPE));
    }
    if text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace) {
        return Err((format!("its path {text:?} has white space at an end"), TRIM));
    }
    let bytes: Vec<u8> = percent_decode_str(text).collect();
    if let Some(found) = String::from_utf8_lossy(&bytes).chars().find(|found| found.is_control()) {
        return Err((format!("its path has the control character {found:?}"), NO_CONTROL));
    }
    #[cfg(unix)]
    let path: OsString = std::os::unix::ffi::OsStringExt::from_vec(bytes);
    #[cfg(not(unix))]
    let path =
        String::from_utf8(bytes).map_err(|_| ("its path is not UTF-8".to_owned(), "give a path of UTF-8"))?;
    Ok(path.into())
}

fn home(text: &str) -> UrlRefusal {
    let name = text.trim_start_matches('/');
    let name = name.split_once('/').map_or(name, |(name, _)| name);
    (format!("its path begins with {name}, which only a shell expands"), WHOLE)
}

/// Finds the first `$` at which a shell would expand a variable or a command. Returns the text from this `$`
/// up to the next slash.
fn variable(text: &str) -> Option<&str> {
    let is_one = |rest: &str| {
        rest.starts_with(['{', '('])
            || rest.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
    };
    text.match_indices('$').find_map(|(at, _)| {
        let rest = text.get(at + 1..).filter(|rest| is_one(rest))?;
        let len = rest.find('/').unwrap_or(rest.len());
        text.get(at..=at + len)
    })
}

/// Returns the first percent sign that is not followed by two hexadecimal digits, with up to two characters
/// after it.
fn wrong_escape(text: &str) -> Option<String> {
    text.match_indices('%').find_map(|(at, _)| {
        let escape: String = text.get(at..).unwrap_or_default().chars().take(3).collect();
        let is_byte = escape.len() == 3 && escape.chars().skip(1).all(|digit| digit.is_ascii_hexdigit());
        (!is_byte).then_some(escape)
    })
}
