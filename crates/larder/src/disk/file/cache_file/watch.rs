//! What the writer asks of the file besides commits: whether it is still in its place, whether somebody else
//! has changed it, and whether the lock is still this process's.
//!
//! In a step of the writer:
//!
//! 1. Before the first commit: the file is as the last step left it ([`CacheFile::check_content`]). Otherwise
//!    a commit would mend the header of a file that is cut or overwritten, and nobody would see it.
//! 2. After each commit, and before anything is settled or answered by it: the file stands at its path
//!    ([`CacheFile::check_place`]). Looked at earlier, a file that is replaced in between would be believed; later,
//!    somebody would be told already.
//! 3. After the last change of the step: what the file is now is remembered for the next
//!    ([`CacheFile::note_content`]).
//!
//! **The lock** may be removed or replaced as well. It is taken again at once, if nobody else has it. If
//! another process has, the file stays in service: the store's own lock, on the file itself, keeps that
//! process out, and would be given up by closing. But nothing is renamed, opened or made until the lock is
//! this process's again: out of service, the file may be the other's.

use super::place::{PathPlace, WrittenBytes};
use super::{CacheFile, FilePhase, ServiceState};
use crate::disk::file::evidence::{Accepted, FilePlace, MARK_AT, MARK_END, mark, marked};
use crate::disk::store::guard::StoreError;
use crate::event::Event;

impl CacheFile {
    /// Step 1. A file that is not as the last step left it is not written to again, not even to close it.
    ///
    /// # Errors
    /// When the file is not as the last step left it, or can't be looked at.
    pub(crate) fn check_content(&self) -> Result<(), StoreError> {
        let (FilePhase::InService(store), Some(anchor), Some(left)) =
            (&self.state, &self.anchor, &self.watch.content)
        else {
            return Ok(());
        };
        left.changed_to(&WrittenBytes::of(&**anchor)?).map_or(Ok(()), |error| {
            store.seal.set();
            Err(error)
        })
    }

    /// Step 2.
    ///
    /// # Errors
    /// When a restart would not find the file that is open, or that can't be told.
    pub(crate) fn check_place(&mut self) -> Result<(), StoreError> {
        let (FilePhase::InService(_), Some(anchor)) = (&self.state, &self.anchor) else { return Ok(()) };
        let place = PathPlace::of(&*self.options.volume, &self.options.path, &**anchor)?;
        if place == PathPlace::HereByProbe && !std::mem::replace(&mut self.watch.is_unstable, true) {
            self.watch.events.push(Event::FileIdentityUnstable);
        }
        if let Some(error) = place.error() {
            return Err(error);
        }
        // Another's lock is told, and is no reason to stop: see the module.
        drop(self.hold_lock());
        Ok(())
    }

    /// Step 3. The first time that a file is in service, what tells that it is ours is left in it and in the
    /// lock.
    pub(crate) fn note_content(&mut self) {
        self.leave_evidence();
        if let (FilePhase::InService(_), Some(anchor)) = (&self.state, &self.anchor) {
            self.watch.content = WrittenBytes::of(&**anchor).ok();
        }
    }

    /// Whether the writer has to act on what can be seen of the file: for the time in which nobody asks it
    /// for anything.
    pub(crate) fn needs_step(&mut self) -> bool {
        self.check_content().is_err() || self.check_place().is_err() || !self.watch.events.is_empty()
    }

    /// Whether the file is gone, and nothing stands in its place that a restart would take for it. A fresh
    /// file that was made and could not be used has nothing in it. What can't be looked at can't be opened
    /// either.
    pub(crate) fn leaves_nothing(&self) -> bool {
        if self.state() != (ServiceState::Discarded { is_gone: true }) {
            return false;
        }
        let found = self.options.volume.metadata(&self.options.path);
        found.ok().flatten().is_none_or(|metadata| self.unused.is(metadata.identity))
    }

    /// What was found since this was last asked.
    pub(crate) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.watch.events)
    }

    /// Makes sure that the lock is this process's.
    ///
    /// # Errors
    /// When another has it, or it can't be taken again.
    pub(super) fn hold_lock(&mut self) -> Result<(), StoreError> {
        let held = self.lock.ensure_held(&*self.options.volume);
        let told = match &held {
            Ok(Some(cause)) => Some(Event::LockLost { cause: cause.clone(), is_held: true }),
            Err(cause) if !self.watch.has_lost_lock => {
                Some(Event::LockLost { cause: cause.clone(), is_held: false })
            }
            Ok(None) | Err(_) => None,
        };
        self.watch.events.extend(told);
        self.watch.has_lost_lock = held.is_err();
        held.map(drop).map_err(StoreError::io)
    }

    /// What was known of the file before it went out of service says nothing of the one that is in service
    /// now.
    pub(super) fn forget(&mut self) {
        self.watch.content = None;
    }

    /// Best effort: what fails is done after the next step. Without it a file that is cut can't be told from
    /// somebody else's.
    fn leave_evidence(&mut self) {
        let (FilePhase::InService(store), Some(anchor)) = (&self.state, &self.anchor) else { return };
        // A file of the first format has none before its first commit.
        let Some(identity) = store.catalog.identity else { return };
        let accepted = Some((self.generation, identity));
        if self.watch.accepted == accepted {
            return;
        }
        let done = anchor.start(MARK_END).and_then(|start| {
            if marked(&start) != Some(identity) {
                anchor.write(MARK_AT, &mark(identity))?;
            }
            let place = FilePlace::of(&anchor.metadata()?);
            self.lock.note_accepted(Accepted { identity, place })
        });
        if done.is_ok() {
            self.watch.accepted = accepted;
        }
    }
}
