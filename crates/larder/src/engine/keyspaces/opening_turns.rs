//! Taking turns to open keyspaces of one name.
//!
//! Opening a keyspace waits for a commit, so no lock is held for as long. Two threads that open one name take
//! turns instead.

use std::collections::BTreeSet;

use crate::sys::sync::{Condvar, Mutex};

/// The names of the keyspaces that are being opened.
#[derive(Debug, Default)]
pub(crate) struct OpeningTurns {
    names: Mutex<BTreeSet<String>>,
    ended: Condvar,
}

/// A thread's turn to open a keyspace of this name, until it is dropped.
#[derive(Debug)]
pub(crate) struct OpeningTurn<'a> {
    turns: &'a OpeningTurns,
    name: &'a str,
}

impl OpeningTurns {
    /// Waits for the thread that is opening a keyspace of this name. No code of the user runs in a turn, so
    /// no turn waits for itself.
    pub(crate) fn begin<'a>(&'a self, name: &'a str) -> OpeningTurn<'a> {
        let mut names = self.names.lock();
        while !names.insert(name.to_owned()) {
            self.ended.wait(&mut names);
        }
        OpeningTurn { turns: self, name }
    }
}

impl Drop for OpeningTurn<'_> {
    fn drop(&mut self) {
        self.turns.names.lock().remove(self.name);
        self.turns.ended.notify_all();
    }
}
