//! The exit code of a command, and the text of its failure.
//!
//! Scripts rely on the codes, which the help and docs/command.md list.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use super::escape::{escape_json, warn};

/// The exit code of the command.
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

#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    text: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self { exit, text: text.into() }
    }

    pub(crate) fn is(&self, exit: Exit) -> bool {
        self.exit == exit
    }

    /// Turns a failure to write to standard output into a failure to write to a file.
    pub(crate) fn of_file(self, path: &Path) -> Self {
        let text = match self.text.strip_prefix(OUTPUT) {
            Some(cause) => format!("cannot write {}{cause}", path.display()),
            None => self.text,
        };
        Self { text, ..self }
    }
}

/// The beginning of the text of a failure to write to standard output.
const OUTPUT: &str = "cannot write the output";

/// This conversion is only for errors of standard output. Failures of other files name the file.
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

/// Prints the failure, if any, on standard error. Returns the exit code.
pub(crate) fn report(json: bool, outcome: Result<Exit, Failure>) -> ExitCode {
    let exit = match outcome {
        Ok(exit) => exit,
        Err(Failure { exit, text }) => {
            if json && !text.is_empty() {
                let object = json!({ "error": text, "exit_code": exit as u8 }).to_string();
                warn(&escape_json(&object));
            } else if !text.is_empty() {
                warn(&format!("larder: {text}"));
            }
            exit
        }
    };
    ExitCode::from(exit as u8)
}
