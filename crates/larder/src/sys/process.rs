//! The identity of a process, to recognize a fork. A forked child has the memory of its parent, but only the
//! thread that forked.
//!
//! So in a child a lock may be held for ever, by a thread that the child does not have. A file that both have
//! open is the parent's to write, to unlock and to close cleanly. Code that opens something keeps the
//! [`Process`] that opened it, and asks whether that is the current one
//!
//! 1. before it takes a lock that another thread may hold, or after it could not take it without waiting;
//! 2. before it changes, unlocks or closes something that a child shares with its parent;
//! 3. before it wakes, asks or joins a thread.
//!
//! The answer is not stored, because a fork would copy it. Asking is a system call of about 50 ns. A lookup
//! that memory answers does not ask.
//!
//! Process numbers are used again. In theory, a descendant can get the number of an ancestor that has ended,
//! and is then taken for it. A child that is the first process of its own PID namespace has the number 1, and
//! the process that forked it may have the number 1, too.

/// A process, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process(u32);

impl Process {
    /// Returns the calling process.
    pub(crate) fn current() -> Self {
        Self(std::process::id())
    }

    /// Returns whether this is the calling process. If not, the caller runs in a fork of it.
    pub(crate) fn is_current(self) -> bool {
        self == Self::current()
    }
}

#[cfg(test)]
impl Process {
    /// Returns a process that is never the calling one.
    pub(crate) const fn other() -> Self {
        Self(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_knows_itself() {
        assert!(Process::current().is_current());
        assert!(!Process::other().is_current());
    }
}
