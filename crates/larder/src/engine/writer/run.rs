//! The loop of the writer thread: waits for commands, and runs a step for the commands that need one.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::Writer;
use super::command::Command;
use super::gather::Registered;
use super::waiting::Waiting;
use crate::disk::store::guard::{StoreError, panic_message};
use crate::sys::clock::Deadline;
use crate::sys::sync::channel::{Receiver, RecvTimeoutError};
use crate::sys::user_code::{drop_panic, run_caught};

impl Writer {
    pub(in crate::engine) fn run(mut self, commands: &Receiver<Command>) {
        let mut flush: Option<Deadline> = None;
        loop {
            let mut waiting = Waiting::default();
            // Panics are caught, because the wait reads the clock, which may be the application's code.
            let next = catch_unwind(AssertUnwindSafe(|| self.next_or_part(commands, flush)));
            match next.unwrap_or_else(|panic| Ok(self.survive(panic))) {
                Ok(Command::Wake) => {
                    flush.get_or_insert_with(|| self.flush_deadline());
                    continue;
                }
                Ok(Command::CheckRetry) if self.file.retry_at().is_none() => continue,
                Ok(Command::Watch) if !self.file.needs_step() => {
                    self.plan_filter();
                    continue;
                }
                Ok(command) => match self.register_at_once(command) {
                    Registered::Answered { is_new } => {
                        if is_new {
                            flush.get_or_insert_with(|| self.flush_deadline());
                        }
                        continue;
                    }
                    Registered::NeedsStep(command) => waiting.add(command),
                },
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.gather(commands, &mut waiting);
            let due = flush.take();
            let is_last = waiting.shut_down.is_some();
            // A panic here comes from the application's code, such as a clock, or is a bug. The disk tier
            // degrades, but no caller panics.
            let step = catch_unwind(AssertUnwindSafe(|| self.step(waiting)));
            if let Err(panic) = step {
                self.survive(panic);
            }
            if is_last {
                return;
            }
            if self.file.has_pending_registrations() {
                flush = due.or_else(|| Some(self.flush_deadline()));
            }
        }
    }

    fn flush_deadline(&self) -> Deadline {
        Deadline::after(self.limits.flush_interval)
    }

    /// Discards the file after a panic of the writer. Returns a command that only starts the next step.
    pub(super) fn survive(&mut self, panic: Box<dyn Any + Send>) -> Command {
        let why = StoreError::io(format!("the writer panicked: {}", panic_message(&*panic)));
        run_caught(|| self.give_up(why));
        drop_panic(panic);
        Command::Hurry
    }

    /// Returns whether a step must run now, even without a command.
    pub(super) fn is_step_due(&self) -> bool {
        self.held.is_pending() || self.must_renew || self.stamps_due > 0
    }

    /// Waits for a command, until the flush or the next retry of the file is due. If a step is pending,
    /// does not wait.
    pub(super) fn next(
        &self,
        commands: &Receiver<Command>,
        flush: Option<Deadline>,
    ) -> Result<Command, RecvTimeoutError> {
        if self.is_step_due() {
            return Ok(commands.try_recv().unwrap_or(Command::Hurry));
        }
        if let Some(command) = self.next_soon(commands, flush) {
            return Ok(command);
        }
        let retry = self.file.retry_at().map(|at| at.since(self.now()).max(Duration::from_millis(1)));
        match flush.map(Deadline::left).into_iter().chain(retry).min() {
            Some(wait) => commands.recv_timeout(wait),
            None => commands.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }
}
