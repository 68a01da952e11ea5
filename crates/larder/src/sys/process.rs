//! The identity of a process, to detect a fork. A forked child has the memory of its parent, but only the
//! thread that forked.
//!
//! In a child, a lock may be held forever by a thread that exists only in the parent. Only the parent may
//! write, unlock and cleanly close a file that both have open. Code that opens something stores the current
//! [`Process`], and checks that this process is still the current one:
//!
//! 1. before it waits for a lock that another thread may hold, or after it could not take the lock without
//!    waiting;
//! 2. before it changes, unlocks or closes something that a child shares with its parent;
//! 3. before it wakes or joins a thread, or sends a request to a thread.
//!
//! Two types make this check:
//!
//! - [`Process`] compares a count of forks, which a handler of `pthread_atfork` increments in each child
//!   (the crate `forkguard`). The count of a child is higher than that of each ancestor, so the check never
//!   confuses them. The check is one load. If a program calls `clone` or `fork` without the C library, no
//!   handler runs, and this check does not detect the child.
//! - [`FileProcess`] also compares the process id, which takes a system call of 50 to 250 ns. This check
//!   also detects a child that was made without the C library. Code that changes, unlocks or closes a file
//!   stores this type, so that no child changes the file of its parent.
//!
//! The system reuses process ids. So in theory, a descendant that was made without the C library can get the
//! id of an ancestor that has ended. The first process of each PID namespace has the id 1, so a parent and
//! its child may both have it.

#[cfg(unix)]
use forkguard::atfork::Guard;
#[cfg(not(unix))]
use forkguard::noop::Guard;

/// A process, identified by the number of forks that led to it.
#[derive(Debug, Clone)]
pub(crate) struct Process(ForkCheck);

#[derive(Debug, Clone)]
enum ForkCheck {
    Count(Guard),
    /// The process id, if the handler could not be registered for lack of memory.
    Id(u32),
}

impl Process {
    /// Returns the calling process. The first call of a process registers the handler.
    pub(crate) fn current() -> Self {
        Self(Guard::try_new().map_or_else(|_| ForkCheck::Id(std::process::id()), ForkCheck::Count))
    }

    /// Returns whether this is the calling process. If not, the caller is a fork of this process.
    #[inline]
    pub(crate) fn is_current(&self) -> bool {
        match &self.0 {
            // A guard reports a fork only once, so this function asks a clone, and leaves the guard
            // unchanged.
            ForkCheck::Count(guard) => !guard.clone().detected_fork(),
            ForkCheck::Id(id) => *id == std::process::id(),
        }
    }
}

/// A process that has opened a file, also identified by its process id.
#[derive(Debug, Clone)]
pub(crate) struct FileProcess {
    process: Process,
    id: u32,
}

impl FileProcess {
    pub(crate) fn current() -> Self {
        Self { process: Process::current(), id: std::process::id() }
    }

    /// Returns whether this is the calling process. Makes a system call.
    pub(crate) fn is_current(&self) -> bool {
        self.process.is_current() && self.id == std::process::id()
    }
}

#[cfg(test)]
impl Process {
    /// Returns a process that is never the calling process.
    pub(crate) const fn other() -> Self {
        Self(ForkCheck::Id(0))
    }
}

#[cfg(test)]
impl FileProcess {
    pub(crate) const fn other() -> Self {
        Self { process: Process::other(), id: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_knows_itself() {
        assert!(Process::current().is_current());
        assert!(FileProcess::current().is_current());
        assert!(!Process::other().is_current());
        assert!(!FileProcess::other().is_current());
    }

    #[test]
    fn a_file_detects_a_fork_that_ran_no_handler() {
        let parent = FileProcess { process: Process::current(), id: 0 };
        assert!(parent.process.is_current());
        assert!(!parent.is_current());
    }
}
