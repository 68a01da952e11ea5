//! A bench program that starts itself again. What a crash leaves, and how much memory a process takes, can
//! only be measured from another process.
//!
//! An environment variable names the file that the child works on. The child prints its answers to standard
//! output, line by line.

use std::env;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

const TASK: &str = "LARDER_BENCH_CHILD";

/// Returns the file that this process works on, if it is a child.
#[must_use]
pub fn task() -> Option<PathBuf> {
    env::var_os(TASK).map(PathBuf::from)
}

/// A child process of this program. It is killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    says: BufReader<ChildStdout>,
}

impl Process {
    /// Starts this program again, to work on a file.
    ///
    /// # Errors
    /// If it does not start.
    pub fn start(file: &Path) -> io::Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        let mut child = command.env(TASK, file).stdout(Stdio::piped()).spawn()?;
        let says = child.stdout.take().ok_or_else(|| io::Error::other("it has no standard output"))?;
        Ok(Self { child, says: BufReader::new(says) })
    }

    /// Returns the next line that the child prints; empty once it has ended.
    ///
    /// # Errors
    /// If the line can't be read.
    pub fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.says.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Process {
    /// Kills the child (SIGKILL), and waits until it has ended.
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
