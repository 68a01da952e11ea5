//! The handle through which other threads wake the writer thread, send commands to it and wait for its
//! answers.

use super::command::{Acknowledge, Command, Reply};
use crate::disk::store::batch::range_removal::RangeRemoval;
use crate::disk::store::registration::Registration;
use crate::error::Error;
use crate::format::keyspace_id::KeyspaceId;
use crate::sys::sync::channel::{Receiver, Sender, bounded};
#[cfg(feature = "async")]
use crate::sys::sync::completion::{Completion, completion_woken_by};
use crate::sys::sync::{AtomicBool, Ordering};
#[cfg(feature = "async")]
use crate::sys::waker_thread::{before_blocking, wake_elsewhere};

#[derive(Debug)]
pub(crate) struct WriterHandle {
    /// `None` in a cache without a file, which has no writer thread.
    commands: Option<Sender<Command>>,
    /// Whether the writer thread has been told that an entry is dirty.
    is_armed: AtomicBool,
    /// Whether the writer thread has been told that there are stamps of uses. The flag is separate, because
    /// the first dirty entry must still begin the flush lag.
    is_armed_for_stamps: AtomicBool,
    /// Whether a caller that needs no held value has sent a command since the writer thread last began to
    /// take commands.
    is_asked: AtomicBool,
}

impl WriterHandle {
    pub(crate) fn new(commands: Option<Sender<Command>>) -> Self {
        let [is_armed, is_armed_for_stamps, is_asked] = [(); 3].map(|()| AtomicBool::new(false));
        Self { commands, is_armed, is_armed_for_stamps, is_asked }
    }

    /// Returns whether there is a writer thread. A cache has one if it has a file.
    pub(crate) fn exists(&self) -> bool {
        self.commands.is_some()
    }

    /// Sends a command without waiting for its answer. Returns false if there is no writer thread, or if it
    /// has ended.
    pub(crate) fn send(&self, command: Command) -> bool {
        self.commands.as_ref().is_some_and(|commands| commands.send(command).is_ok())
    }

    pub(crate) fn ask<T>(
        &self,
        command: impl FnOnce(Reply<T>) -> Command,
    ) -> Result<Result<T, Error>, Error> {
        let (reply, answer) = bounded(1);
        self.send_question(command(Reply::Thread(reply)))?;
        #[cfg(feature = "async")]
        before_blocking();
        answer.recv().map_err(|_| no_answer())
    }

    /// Sends a command whose answer a task awaits. The writer thread does not call the task's waker itself.
    /// The waker may panic, or may drop a user's future whose `Drop` waits for the writer thread.
    #[cfg(feature = "async")]
    pub(crate) fn ask_for_task<T>(
        &self,
        command: impl FnOnce(Reply<T>) -> Command,
    ) -> Result<WriterAnswer<T>, Error> {
        before_blocking();
        let (reply, answer) = completion_woken_by(wake_elsewhere);
        self.send_question(command(Reply::Task(reply)))?;
        Ok(WriterAnswer(answer))
    }

    fn send_question(&self, command: Command) -> Result<(), Error> {
        debug_assert!(self.exists(), "a cache without a file has no writer to ask");
        let needs_values = matches!(&command, Command::Commit(kind, _) if *kind != Acknowledge::Invalidation);
        // The writer thread survives panics, and ends only when the cache is closed.
        let is_sent = self.send(command);
        if !needs_values {
            self.note_asked();
        }
        if is_sent { Ok(()) } else { Err(Error::Closed) }
    }

    /// Notes that a command was sent whose caller waits for no value. Must come after the command was sent:
    /// see [`forget_asked`](Self::forget_asked).
    pub(super) fn note_asked(&self) {
        self.is_asked.store(true, Ordering::SeqCst);
    }

    /// Returns whether the command of a caller that waits for no value may be in the channel. If a command is
    /// not noted yet, its caller waits longer, and nothing else depends on the flag.
    pub(super) fn is_asked(&self) -> bool {
        self.is_asked.load(Ordering::SeqCst)
    }

    /// Must come before the writer thread takes the commands of a step. So a command that it does not take is
    /// noted after this.
    pub(super) fn forget_asked(&self) {
        self.is_asked.store(false, Ordering::SeqCst);
    }

    /// Sets the flag that an entry is dirty. Returns whether the flag was clear. If so, the caller must wake
    /// the writer thread.
    ///
    /// `SeqCst`: pairs with [`disarm`](WriterHandle::disarm). The caller has changed its shard before the
    /// swap, and the writer thread clears the flag before it drains. So if the caller finds the flag set, a
    /// drain that sees its change is still to come.
    pub(crate) fn arm(&self) -> bool {
        !self.is_armed.swap(true, Ordering::SeqCst)
    }

    /// Sets the flag that there are stamps of uses. Returns whether the flag was clear. If so, the caller
    /// must wake the writer thread. `SeqCst`: as in [`arm`](WriterHandle::arm).
    pub(crate) fn arm_for_stamps(&self) -> bool {
        !self.is_armed_for_stamps.swap(true, Ordering::SeqCst)
    }

    /// Clears both flags. The writer thread must call this before it drains, and before it copies stamps.
    pub(super) fn disarm(&self) {
        self.is_armed.store(false, Ordering::SeqCst);
        self.is_armed_for_stamps.store(false, Ordering::SeqCst);
    }

    pub(crate) fn ask_for_room(&self) {
        self.send(Command::Full);
    }

    /// Requests an immediate commit. Does not wait for it.
    pub(crate) fn hurry(&self) {
        self.send(Command::Hurry);
    }

    /// Requests a commit of all entries that are dirty now, and waits for the changes that `acknowledge`
    /// names.
    pub(crate) fn commit(&self, acknowledge: Acknowledge) -> Result<(), Error> {
        self.ask(|reply| Command::Commit(acknowledge, reply))?
    }

    /// Deletes ranges on disk and waits for the commit. Returns the number of live entries removed.
    pub(crate) fn remove_ranges(&self, removals: Vec<RangeRemoval>) -> Result<u64, Error> {
        self.ask(|reply| Command::RemoveRanges(removals, reply))?
    }

    pub(crate) fn register(&self, registration: Registration) -> Result<KeyspaceId, Error> {
        self.ask(|reply| Command::Register(registration, reply))?
    }

    /// Tells the writer thread to run its last step. The writer thread answers before it ends. If it has
    /// already ended, no answer comes.
    pub(crate) fn shut_down(&self) -> Receiver<Result<(), Error>> {
        let (reply, answer) = bounded(1);
        self.send(Command::ShutDown(Reply::Thread(reply)));
        answer
    }
}

fn no_answer() -> Error {
    Error::not_durable("the writer ended before it answered")
}

/// The writer's answer, which a task awaits. The command is executed even if this value is dropped.
#[cfg(feature = "async")]
#[derive(Debug)]
pub(crate) struct WriterAnswer<T>(Completion<Result<T, Error>>);

#[cfg(feature = "async")]
impl<T> WriterAnswer<T> {
    pub(crate) async fn wait(self) -> Result<T, Error> {
        self.0.await.unwrap_or_else(|| Err(no_answer()))
    }
}
