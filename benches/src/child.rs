//! Lets a bench program start itself again as a child process. Only another process can measure the state
//! after a crash, or the memory of a process.
//!
//! An environment variable names the file that the child works on. The child prints its answers to standard
//! output, line by line.

use std::env;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

const TASK: &str = "LARDER_BENCH_CHILD";

/// Returns the file that this process works on, if this process is a child.
#[must_use]
pub fn task() -> Option<PathBuf> {
    env::var_os(TASK).map(PathBuf::from)
}

/// A child process of this program. The child is killed when this value is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    says: BufReader<ChildStdout>,
}

impl Process {
    /// Starts this program again, to work on a file.
    ///
    /// # Errors
    /// Fails if the child does not start.
    pub fn start(file: &Path) -> io::Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        let mut child = command.env(TASK, file).stdout(Stdio::piped()).spawn()?;
        let says = child.stdout.take().ok_or_else(|| io::Error::other("it has no standard output"))?;
        Ok(Self { child, says: BufReader::new(says) })
    }

    /// Returns the number of the child process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns the next line that the child prints. Returns an empty text once the child has ended.
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
    /// Kills the child (SIGKILL), and waits for its end.
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
