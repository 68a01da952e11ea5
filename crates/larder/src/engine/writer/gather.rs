//! Which commands share a step of the writer, and which need none.

use std::time::Duration;

use super::Writer;
use super::command::Command;
use super::waiting::Waiting;
use crate::sys::clock::Deadline;
use crate::sys::sync::channel::Receiver;

/// The longest that callers are held up for others to share their commit: a third of what a commit takes.
///
/// Zero under the model checker: there a wait ends only when no other thread can run.
const MAX_GATHERING: Duration = if cfg!(shuttle) { Duration::ZERO } else { Duration::from_micros(200) };

/// What became of a command that may register a keyspace.
pub(super) enum Registered {
    /// It was answered. `is_new` says that the next commit enters the keyspace in the file.
    Answered { is_new: bool },
    /// It needs a step.
    NeedsStep(Command),
}

impl Writer {
    /// Takes the commands that have arrived.
    ///
    /// Threads that were answered together come back together, one after another. The writer waits a moment
    /// for as many as came recently, so that they share the next commit too. Otherwise they would take turns
    /// in two groups. A caller that comes alone is held up only a few times after many have come together.
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

    /// Adds a command to the step that is about to begin, if it needs one. That step also enters new
    /// keyspaces.
    fn take(&mut self, command: Command, waiting: &mut Waiting) {
        if let Registered::NeedsStep(command) = self.register_at_once(command) {
            waiting.add(command);
        }
    }

    /// Answers the registration of a keyspace that needs no commit before it: see
    /// [`PendingRegistrations`](crate::disk::store::pending_registrations::PendingRegistrations).
    pub(super) fn register_at_once(&mut self, command: Command) -> Registered {
        let Command::Register(wanted, reply) = command else { return Registered::NeedsStep(command) };
        match self.file.number(&wanted) {
            Some((id, is_new)) => {
                drop(reply.send(Ok(id)));
                Registered::Answered { is_new }
            }
            None => Registered::NeedsStep(Command::Register(wanted, reply)),
        }
    }
}
