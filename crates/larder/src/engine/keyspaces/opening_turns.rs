//! Turns of threads that open keyspaces with the same name.
//!
//! Opening a keyspace may wait for a commit. No lock may be held for that long, so threads that open
//! keyspaces with the same name take turns instead.

use std::collections::BTreeSet;

use crate::sys::sync::{Condvar, Mutex};

#[derive(Debug, Default)]
pub(super) struct OpeningTurns {
    names: Mutex<BTreeSet<String>>,
    ended: Condvar,
}

/// A thread's turn to open a keyspace with this name. Dropping this value ends the turn.
#[derive(Debug)]
pub(super) struct OpeningTurn<'a> {
    turns: &'a OpeningTurns,
    name: &'a str,
}

impl OpeningTurns {
    /// Waits while another thread is opening a keyspace with this name. No user code runs during a turn, so
    /// no thread waits for its own turn.
    pub(super) fn begin<'a>(&'a self, name: &'a str) -> OpeningTurn<'a> {
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
