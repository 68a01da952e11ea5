//! Which process this is. A forked child has the memory of its parent, and of its threads only the one that
//! forked.
//!
//! So in a child a lock may be held for ever, by a thread that the child does not have; and a file that both
//! have open is the parent's to write, to unlock and to close cleanly. Whatever opens something keeps the
//! [`Process`] that opened it, and asks whether that is the current one
//!
//! 1. before it takes a lock that another thread may hold, or after it could not take it without waiting;
//! 2. before it changes, unlocks or closes something that a child shares with its parent;
//! 3. before it wakes, asks or joins a thread.
//!
//! The answer is not kept anywhere, since a fork would copy it: asking is a system call, some 50 ns. A lookup
//! that memory answers does not ask.
//!
//! Numbers of processes are used again, so a descendant can in theory be given the number of an ancestor that
//! has ended, and is then taken for it. A child that is the first of a PID namespace of its own has the
//! number 1, as the process may have that forked it.

/// A process, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process(u32);

impl Process {
    /// The process that calls.
    pub(crate) fn current() -> Self {
        Self(std::process::id())
    }

    /// Whether this is the process that calls. If not, the caller runs in a fork of it.
    pub(crate) fn is_current(self) -> bool {
        self == Self::current()
    }
}

#[cfg(test)]
impl Process {
    /// A process that is never the one that calls.
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
