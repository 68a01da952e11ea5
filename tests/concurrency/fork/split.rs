//! Forks a child that reports its steps to the parent. The parent kills a child that hangs.

use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use fork::{Fork, fork, waitpid};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};

/// A child that reports nothing for this time is considered hung. A step takes microseconds.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// The parent's handle of a forked child.
pub(super) struct Child {
    pid: i32,
    said: PipeReader,
}

/// The child's end of the pipe to its parent.
pub(super) struct Says(PipeWriter);

/// Forks. The parent gets a [`Child`], and the child gets a [`Says`].
pub(super) fn split() -> Result<Child, Says> {
    let (said, says) = pipe().unwrap();
    match fork().unwrap() {
        Fork::Parent(pid) => Ok(Child { pid, said }),
        Fork::Child => Err(Says(says)),
    }
}

impl Says {
    /// Reports a step before the child runs it.
    pub(super) fn step(&mut self, step: &str) {
        writeln!(self.0, "{step}").unwrap();
    }

    /// Runs `work` in the child, and then exits as if `main` had returned.
    pub(super) fn run(mut self, work: impl FnOnce(&mut Self)) -> ! {
        let done = catch_unwind(AssertUnwindSafe(|| work(&mut self)));
        if done.is_ok() {
            // The write fails if the parent has ended, so the result is ignored.
            drop(writeln!(self.0, "done"));
        }
        std::process::exit(i32::from(done.is_err()));
    }
}

impl Child {
    /// Waits until the child has reported success and has ended. Returns all reports of the child.
    pub(super) fn ends_well(mut self) -> String {
        let mut said = String::new();
        while let Some(more) = self.hear(&said) {
            said.push_str(&more);
        }
        let status = waitpid(self.pid).unwrap();
        let last = said.lines().last().unwrap_or_default();
        assert!(status == 0 && last == "done", "the child ended with {status:#x} after {last:?}");
        said
    }

    /// Waits until the child has ended, and returns its exit status.
    pub(super) fn ends(mut self) -> i32 {
        while self.hear("").is_some() {}
        waitpid(self.pid).unwrap()
    }

    fn hear(&mut self, said: &str) -> Option<String> {
        let mut fds = [PollFd::new(&self.said, PollFlags::IN)];
        let patience = Timespec::try_from(PATIENCE).unwrap();
        if poll(&mut fds, Some(&patience)).unwrap() == 0 {
            kill_process(Pid::from_raw(self.pid).unwrap(), Signal::KILL).unwrap();
            waitpid(self.pid).unwrap();
            panic!("a forked child hangs in {:?}", said.lines().last());
        }
        let mut bytes = [0; 4096];
        let len = self.said.read(&mut bytes).unwrap();
        (len > 0).then(|| String::from_utf8_lossy(&bytes[..len]).into_owned())
    }
}
