//! The cause of an error: a text, and the error of the operating system if the cause is one.

use std::borrow::Cow;
use std::io::ErrorKind;
use std::{fmt, io};

/// The cause of an error, until it becomes the fields `cause` and `source` of an error.
#[derive(Debug)]
pub(crate) struct ErrorCause {
    text: Cow<'static, str>,
    source: Option<io::Error>,
}

impl ErrorCause {
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn into_text(self) -> String {
        self.text.into_owned()
    }

    /// Adds the situation in which the cause occurred.
    pub(crate) fn in_context(self, context: &str) -> Self {
        Self { text: format!("{context}: {}", self.text).into(), ..self }
    }

    pub(crate) fn with_remedy(self, remedy: &str) -> Self {
        Self { text: format!("{}; {remedy}", self.text).into(), ..self }
    }

    /// Returns the values of the fields `cause` and `source` of an error.
    pub(crate) fn into_fields(self) -> (String, Option<io::Error>) {
        (self.text.into_owned(), self.source)
    }

    pub(crate) fn of_fields(cause: String, source: Option<io::Error>) -> Self {
        Self { text: cause.into(), source }
    }
}

/// Prints only the text. The alternate form (`{:#}`) adds the error of the operating system. It is for
/// readers that get no sources, such as the listener of an event.
impl fmt::Display for ErrorCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Some(source) if f.alternate() => write!(f, "{}: {source}", self.text),
            _ => f.write_str(&self.text),
        }
    }
}

impl Clone for ErrorCause {
    fn clone(&self) -> Self {
        Self { text: self.text.clone(), source: self.source.as_ref().map(copy_of) }
    }
}

impl From<String> for ErrorCause {
    fn from(text: String) -> Self {
        Self { text: text.into(), source: None }
    }
}

impl From<&'static str> for ErrorCause {
    fn from(text: &'static str) -> Self {
        Self { text: text.into(), source: None }
    }
}

/// Divides an I/O error into a text and a source that has other words.
impl From<io::Error> for ErrorCause {
    fn from(error: io::Error) -> Self {
        // A program such as larder made this error, so its text says more than its kind.
        if error.get_ref().is_some() {
            let kind = error.kind();
            let source = (kind != ErrorKind::Other).then(|| kind.into());
            return Self { text: error.to_string().into(), source };
        }
        let text = in_words(&error);
        let source = (text != error.to_string()).then_some(error);
        Self { text, source }
    }
}

/// Copies an I/O error that is only an error code or a kind.
fn copy_of(error: &io::Error) -> io::Error {
    error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}

/// Returns an I/O error in the words of larder. They differ from the words of the operating system, unless
/// the error has no code and larder has no words for its kind.
pub(crate) fn in_words(error: &io::Error) -> Cow<'static, str> {
    match (in_words_by_kind(error), error.raw_os_error()) {
        (Some(words), _) => words.into(),
        (None, Some(code)) => format!("error {code} of the operating system").into(),
        (None, None) => error.to_string().into(),
    }
}

fn in_words_by_kind(error: &io::Error) -> Option<&'static str> {
    Some(match error.kind() {
        ErrorKind::StorageFull => "the disk is full",
        ErrorKind::QuotaExceeded => "the disk quota is used up",
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only",
        ErrorKind::FileTooLarge => "the file would be too large",
        ErrorKind::PermissionDenied => "this process lacks the permission",
        ErrorKind::NotFound => "there is no such file or directory",
        ErrorKind::AlreadyExists => "there is a file of this name already",
        ErrorKind::NotADirectory => "a part of the path is not a directory",
        ErrorKind::InvalidFilename => "the name is too long",
        ErrorKind::UnexpectedEof => "it ended too early",
        ErrorKind::TimedOut => "it took too long",
        ErrorKind::OutOfMemory => "the system has too little memory",
        ErrorKind::StaleNetworkFileHandle => "the network file system lost the file",
        ErrorKind::ConnectionRefused => "no process listens there",
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => "the connection was closed",
        _ => return in_words_by_code(error),
    })
}

/// Handles error codes for which the standard library has no kind.
#[cfg(unix)]
fn in_words_by_code(error: &io::Error) -> Option<&'static str> {
    use rustix::io::Errno;
    match Errno::from_io_error(error)? {
        Errno::IO => Some("the device failed"),
        Errno::MFILE | Errno::NFILE => Some("too many files are open"),
        _ => None,
    }
}

#[cfg(not(unix))]
fn in_words_by_code(_: &io::Error) -> Option<&'static str> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(error: io::Error) -> (String, Option<String>) {
        let (text, source) = ErrorCause::from(error).into_fields();
        (text, source.map(|source| source.to_string()))
    }

    #[test]
    fn the_text_and_the_source_share_no_words() {
        for code in 1..134 {
            let error = io::Error::from_raw_os_error(code);
            let told = error.to_string();
            let (text, source) = shown(error);
            assert_eq!(source.as_ref(), Some(&told), "the code is kept");
            assert!(!told.to_lowercase().contains(&text) && !text.contains(&told), "{text}: {told}");
        }
        for (kind, words) in
            [(ErrorKind::StorageFull, "the disk is full"), (ErrorKind::NotFound, "there is no such file")]
        {
            let (text, source) = shown(kind.into());
            assert!(text.starts_with(words) && !source.unwrap().contains(words), "{text}");
        }
        let limit = || io::Error::new(ErrorKind::FileTooLarge, "raise the limit");
        assert_eq!(shown(limit()), ("raise the limit".to_owned(), Some("file too large".to_owned())));
        assert_eq!(shown(io::Error::other("of a program")), ("of a program".to_owned(), None));
        assert_eq!(shown(ErrorKind::Interrupted.into()).1, None, "it has no other words");
    }

    #[test]
    fn a_copy_keeps_the_text_and_the_source() {
        for error in [
            io::Error::from_raw_os_error(28),
            ErrorKind::PermissionDenied.into(),
            io::Error::new(ErrorKind::StorageFull, "no room for the next region"),
            io::Error::other("of a program"),
        ] {
            let cause = ErrorCause::from(error).in_context("the disk tier is off").with_remedy("wait");
            let copy = cause.clone();
            assert_eq!(format!("{copy:#}"), format!("{cause:#}"));
            assert_eq!(copy.source.map(|error| error.kind()), cause.source.map(|error| error.kind()));
        }
    }
}
