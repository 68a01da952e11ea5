//! How the commands on a cache file end: the code, and what is said of a failure.
//!
//! The codes are a promise to scripts; they stand in the help and in docs/command.md.

mod remedy;

use std::io;
use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use crate::guard::{escape_json, warn};
pub(crate) use remedy::{WHERE, of_process};

/// A code to exit with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Ok = 0,
    No = 1,
    Usage = 2,
    Missing = 3,
    InUse = 4,
    NotLarder = 5,
    Damaged = 6,
    NewerFormat = 7,
    System = 8,
    Warned = 9,
    Unwell = 10,
    Interrupted = 130,
    ClosedPipe = 141,
}

/// Why a command has no answer.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    text: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self { exit, text: text.into() }
    }

    /// Whether it is one of a kind.
    pub(crate) fn is(&self, exit: Exit) -> bool {
        self.exit == exit
    }
}

impl Failure {
    /// A failure to write, of a file instead of standard output.
    pub(crate) fn of_file(self, path: &Path) -> Self {
        let text = match self.text.strip_prefix(OUTPUT) {
            Some(cause) => format!("cannot write {}{cause}", path.display()),
            None => self.text,
        };
        Self { text, ..self }
    }
}

/// How a failure to write to standard output begins.
const OUTPUT: &str = "cannot write the output";

impl From<larder::Error> for Failure {
    fn from(error: larder::Error) -> Self {
        use larder::Error;
        let exit = match &error {
            Error::Missing { .. } => Exit::Missing,
            Error::InUse { .. } => Exit::InUse,
            Error::NotAFile { .. } | Error::Foreign { .. } => Exit::NotLarder,
            Error::Damaged { .. } => Exit::Damaged,
            Error::NewerFormat { .. } | Error::UnknownFeatures { .. } => Exit::NewerFormat,
            Error::InvalidUrl { .. } => Exit::Usage,
            _ => Exit::System,
        };
        Self::new(exit, remedy::told(&error))
    }
}

/// Of writing to standard output: other files say what they are.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::new(Exit::ClosedPipe, ""),
            _ => Self::new(Exit::System, format!("{OUTPUT}: {error}")),
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        io::Error::from(error).into()
    }
}

/// Says what failed, on standard error, and answers the code.
pub(crate) fn told(json: bool, outcome: Result<Exit, Failure>) -> ExitCode {
    let exit = match outcome {
        Ok(exit) => exit,
        Err(Failure { exit, text }) => {
            if json && !text.is_empty() {
                let told = json!({ "error": text, "exit_code": exit as u8 }).to_string();
                warn(&escape_json(&told));
            } else if !text.is_empty() {
                warn(&format!("larder: {text}"));
            }
            exit
        }
    };
    ExitCode::from(exit as u8)
}
