//! A bench program that starts itself: what a crash leaves, and what a process takes, can only be seen from another process.
//!
//! The child's task is the path of a file, in an environment variable. What it says goes to its standard output, line by line.

use std::env;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

const TASK: &str = "LARDER_BENCH_CHILD";

/// The file this process is to work on, if it is a child.
#[must_use]
pub fn task() -> Option<PathBuf> {
    env::var_os(TASK).map(PathBuf::from)
}

/// A process of this program. It is killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    says: BufReader<ChildStdout>,
}

impl Process {
    /// Starts this program again, to work on a file.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(file: &Path) -> io::Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        let mut child = command.env(TASK, file).stdout(Stdio::piped()).spawn()?;
        let says = child.stdout.take().ok_or_else(|| io::Error::other("it has no standard output"))?;
        Ok(Self { child, says: BufReader::new(says) })
    }

    /// The next line that it says; empty once it has ended.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.says.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Process {
    /// Kills it (SIGKILL), and waits until it is gone.
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
