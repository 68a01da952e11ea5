//! Lets a bench program start itself as a child process. The state after a crash and the memory of a process
//! can only be measured with another process.
//!
//! An environment variable names the file on which the child works. The child prints its results to standard
//! output, one per line.

use std::env;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

const TASK: &str = "LARDER_BENCH_CHILD";

/// Returns the file on which this process works, or `None` if this process is not a child.
#[must_use]
pub fn task() -> Option<PathBuf> {
    env::var_os(TASK).map(PathBuf::from)
}

/// A child process. Dropping this value kills the child.
#[derive(Debug)]
pub struct Process {
    child: Child,
    says: BufReader<ChildStdout>,
}

impl Process {
    /// Starts this program as a child that works on a file.
    ///
    /// # Errors
    /// Fails if the child can't be started.
    pub fn start(file: &Path) -> io::Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        let mut child = command.env(TASK, file).stdout(Stdio::piped()).spawn()?;
        let says = child.stdout.take().ok_or_else(|| io::Error::other("it has no standard output"))?;
        Ok(Self { child, says: BufReader::new(says) })
    }

    /// Returns the id of the child process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns the next line that the child prints, or an empty text once the child has ended.
    ///
    /// # Errors
    /// Fails if the line can't be read.
    pub fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.says.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
