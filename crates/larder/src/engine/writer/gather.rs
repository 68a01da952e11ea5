//! Collects the commands that share a step of the writer.

use std::time::Duration;

use super::Writer;
use super::command::Command;
use super::waiting::Waiting;
use crate::sys::clock::Deadline;
use crate::sys::sync::channel::Receiver;
use crate::sys::sync::thread;

/// The maximum time that the writer delays callers so that others can share their commit. The time is about
/// a third of the duration of a commit.
///
/// The time is zero under the model checker, where a wait ends only when no other thread can run.
const MAX_GATHERING: Duration = if cfg!(shuttle) { Duration::ZERO } else { Duration::from_micros(200) };

/// How long the writer looks for the next command of the callers of the last step before it sleeps. The time
/// is about what it takes to put a thread to sleep and to wake it.
const MAX_LOOKING: Duration = if cfg!(shuttle) { Duration::ZERO } else { Duration::from_micros(50) };

/// The result of [`Writer::register_at_once`].
pub(super) enum Registered {
    /// The command was answered. If `is_new` is set, the next commit must add the keyspace to the file.
    Answered { is_new: bool },
    /// The command needs a step.
    NeedsStep(Command),
}

impl Writer {
    /// Takes the commands that have arrived, and waits a moment for more.
    ///
    /// Threads whose commands were answered together often send their next commands at nearly the same time.
    /// So the writer waits for as many callers as shared the recent commits. Otherwise the callers would form
    /// two groups that take turns. After many callers have shared a commit, a single caller is delayed only a
    /// few times.
    pub(super) fn gather(&mut self, commands: &Receiver<Command>, waiting: &mut Waiting) {
        self.tiers.writer.forget_asked();
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

    /// Returns whether the step ends although it could write more of the held values: a caller waits who
    /// needs none of them.
    pub(super) fn ends_early(&self, waiting: &Waiting) -> bool {
        let is_asked = waiting.has_invalidation() || self.tiers.writer.is_asked();
        is_asked && self.held.has_writes() && !self.file.is_short_of_room()
    }

    /// Looks for a command for a moment, if the last step has answered callers, and no flush is due. A caller
    /// that removes one key after another sends its next command within microseconds. If the writer slept by
    /// then, waking it would take as long as the rest of a removal without a commit. Other threads may run in
    /// between.
    pub(super) fn next_soon(&self, commands: &Receiver<Command>, flush: Option<Deadline>) -> Option<Command> {
        let is_due = flush.is_some_and(Deadline::is_over);
        if is_due || self.companions == 0 || MAX_LOOKING.is_zero() {
            return None;
        }
        let until = Deadline::after(MAX_LOOKING);
        while !until.left().is_zero() {
            if let Ok(command) = commands.try_recv() {
                return Some(command);
            }
            thread::yield_now();
        }
        None
    }

    /// Adds a command to the step, unless it registers a keyspace that can get a number without a commit. The
    /// step then adds this keyspace to the file.
    fn take(&mut self, command: Command, waiting: &mut Waiting) {
        if let Registered::NeedsStep(command) = self.register_at_once(command) {
            waiting.add(command);
        }
    }

    /// Answers the registration of a keyspace immediately if the keyspace can get a number without a
    /// commit: see
    /// [`PendingRegistrations`](crate::disk::store::pending_registrations::PendingRegistrations). Otherwise
    /// returns the command as [`Registered::NeedsStep`].
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
