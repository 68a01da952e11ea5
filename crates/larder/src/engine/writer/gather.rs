//! The collection of the commands that share a step of the writer.

use std::time::Duration;

use super::Writer;
use super::command::Command;
use super::waiting::Waiting;
use crate::sys::clock::Deadline;
use crate::sys::sync::channel::Receiver;

/// The maximum time for which the writer delays callers, so that other callers can share their commit. This
/// is about a third of the duration of a commit.
///
/// Zero under the model checker, because a wait there ends only when no other thread can run.
const MAX_GATHERING: Duration = if cfg!(shuttle) { Duration::ZERO } else { Duration::from_micros(200) };

/// The result of [`Writer::register_at_once`].
pub(super) enum Registered {
    /// The command was answered. If `is_new` is set, the next commit adds the keyspace to the file.
    Answered { is_new: bool },
    /// The command needs a step.
    NeedsStep(Command),
}

impl Writer {
    /// Takes the commands that have arrived.
    ///
    /// Threads whose commands were answered together often send their next commands at nearly the same time.
    /// The writer waits a moment for as many callers as shared the recent commits, so that these callers
    /// share the next commit too. Otherwise the callers would form two groups that take turns. After many
    /// callers shared a commit, a single caller is delayed only a few times.
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

    /// Adds a command to the step that is about to begin, if the command needs a step. That step also adds
    /// new keyspaces to the file.
    fn take(&mut self, command: Command, waiting: &mut Waiting) {
        if let Registered::NeedsStep(command) = self.register_at_once(command) {
            waiting.add(command);
        }
    }

    /// Answers the registration of a keyspace immediately if the keyspace can be numbered without a commit:
    /// see [`PendingRegistrations`](crate::disk::store::pending_registrations::PendingRegistrations). Returns
    /// any other command as [`Registered::NeedsStep`].
    pub(super) fn register_at_once(&mut self, command: Command) -> Registered {
        let Command::Register(wanted, reply) = command else { return Registered::NeedsStep(command) };
        match self.file.number(&wanted) {
            Some((id, is_new)) => {
                reply.send(Ok(id));
                Registered::Answered { is_new }
            }
            None => Registered::NeedsStep(Command::Register(wanted, reply)),
        }
    }
}
