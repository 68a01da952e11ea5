//! Which commands share a step of the writer, and which need none.

use super::Writer;
use super::command::{Command, Waiting};
use crate::sys::clock::Deadline;
use crate::sys::sync::channel::Receiver;
use std::time::Duration;

/// The longest that those who wait are held up for others to share their commit: a third of what it takes.
///
/// None under the model checker: there only the end of everything else ends a wait.
const MAX_GATHERING: Duration = if cfg!(shuttle) { Duration::ZERO } else { Duration::from_micros(200) };

/// What became of a command that may open a keyspace.
pub(super) enum Numbered {
    /// It was answered; `is_new` says that the next commit is to enter the keyspace.
    Answered { is_new: bool },
    /// It takes a step.
    Not(Command),
}

impl Writer {
    /// Takes the commands that have arrived.
    ///
    /// Threads that were answered together come back together, one after another: for as many as came lately
    /// it waits a moment, so that they share the next commit too, in place of taking turns in two groups. Who
    /// comes alone waits for the first few times after a crowd.
    pub(super) fn gather(&mut self, commands: &Receiver<Command>, waiting: &mut Waiting) {
        let until = Deadline::after(MAX_GATHERING);
        loop {
            while let Ok(command) = commands.try_recv() {
                self.take(command, waiting);
            }
            let callers = waiting.callers();
            let is_urgent =
                callers == 0 || MAX_GATHERING.is_zero() || waiting.is_full || waiting.shut_down.is_some();
            if is_urgent || callers >= self.companions {
                break;
            }
            match commands.recv_timeout(until.left()) {
                Ok(command) => self.take(command, waiting),
                Err(_) => break,
            }
        }
        self.companions = waiting.callers().max(self.companions / 2);
    }

    /// Takes a command along in the step that is about to begin, if it needs one.
    fn take(&mut self, command: Command, waiting: &mut Waiting) {
        // A new keyspace is entered by that step.
        if let Numbered::Not(command) = self.number_at_once(command) {
            waiting.add(command);
        }
    }

    /// Answers the opening of a keyspace that needs no commit before: see
    /// [`Adopted`](crate::disk::store::pending_registrations::PendingRegistrations).
    pub(super) fn number_at_once(&mut self, command: Command) -> Numbered {
        let Command::Register(wanted, reply) = command else { return Numbered::Not(command) };
        match self.file.number(&wanted) {
            Some((id, is_new)) => {
                drop(reply.send(Ok(id)));
                Numbered::Answered { is_new }
            }
            None => Numbered::Not(Command::Register(wanted, reply)),
        }
    }
}
