//! Checks the file before and after the commits of a writer's step. Detects whether another program has
//! moved or changed the file or the lock file.
//!
//! 1. Before the first commit: the file must begin as our own writes have left it
//!    ([`CacheFile::check_content`]). Without this check, a commit would repair the header of a truncated or
//!    overwritten file, and hide the damage. The writes themselves record what they have left. It is not read
//!    from the file, because another program may overwrite the file during a step. Each write of the header
//!    makes the same check again (`VolumeFile::follow_writes`).
//! 2. After each commit, before its entries are marked clean and callers are answered: the file must be at
//!    its path ([`CacheFile::check_place`]). An earlier check would miss a file that is replaced during the
//!    commit. A later check would come after an answer.
//! 3. When the file is closed and opened again: the last write may have found the file overwritten, and the
//!    new handle must find what the last handle has left (`Store::open_as_left`). An opening alone would find
//!    nothing wrong with an older copy.
//!
//! What the file must begin with is unknown after a failed write of its header or a failed change of its
//! length. Then steps 1 and 3 accept what they find, until the file is open again. Step 3 also accepts what
//! it finds after the lock was lost, because another owner may have changed the file.
//!
//! **The lock file** may also be removed or replaced. Then the next check of the place takes the lock again.
//! If another process already holds the lock, the cache file stays in service nevertheless. redb's own lock
//! on the cache file keeps the other process out, and closing the cache file would release redb's lock. But
//! this process renames, opens or creates no file until it holds the owner's lock again. Until then, a file
//! that is out of service may belong to the other process.

use super::place::PathPlace;
use super::{CacheFile, FilePhase, ServiceState};
use crate::disk::file::evidence::{Accepted, FilePlace, MARK_AT, MARK_END, mark, marked};
use crate::disk::store::guard::StoreError;
use crate::disk::store::redb_store::Store;
use crate::event::Event;

impl CacheFile {
    /// Runs step 1. If the file is not as our writes have left it, seals the store: no more bytes are
    /// written through its handle, not even on closing.
    ///
    /// # Errors
    /// Returns an error if the file is not as our writes have left it, or cannot be examined.
    pub(crate) fn check_content(&self) -> Result<(), StoreError> {
        self.store().map_or(Ok(()), Store::check)
    }

    /// Returns whether a restart may not find what was committed before, because another program has
    /// overwritten, moved or removed the file, or because the file is damaged.
    pub(crate) fn may_lack_commits(&self) -> bool {
        let overwritten = self.store().and_then(Store::overwritten);
        overwritten.as_ref().or(self.why()).is_some_and(StoreError::may_lack_commits)
    }

    /// Runs step 2. Also takes a lost lock again.
    ///
    /// # Errors
    /// Returns an error if a restart would not find the open file, or if this cannot be determined.
    pub(crate) fn check_place(&mut self) -> Result<(), StoreError> {
        let (FilePhase::InService(_), Some(anchor)) = (&self.state, &self.anchor) else { return Ok(()) };
        let place = PathPlace::of(&*self.options.volume, &self.options.path, &**anchor)?;
        if place == PathPlace::HereByProbe && !std::mem::replace(&mut self.watch.is_unstable, true) {
            self.watch.events.push(Event::FileIdentityUnstable);
        }
        if let Some(error) = place.error() {
            return Err(error);
        }
        // An error of the lock is reported as an event. The file stays in service, as the module
        // documentation explains.
        drop(self.hold_lock());
        Ok(())
    }

    /// Returns whether the writer must react to the state of the file. The writer calls this while there is
    /// nothing to commit.
    pub(crate) fn needs_step(&mut self) -> bool {
        self.check_content().is_err() || self.check_place().is_err() || !self.watch.events.is_empty()
    }

    /// Returns whether the file is gone and a restart would find no entries at its path. A new file that
    /// could not be put into service contains no entries. If the path cannot be examined, a restart cannot
    /// open it either.
    pub(crate) fn leaves_nothing(&self) -> bool {
        if self.state() != (ServiceState::Discarded { is_gone: true }) {
            return false;
        }
        let found = self.options.volume.metadata(&self.options.path);
        found.ok().flatten().is_none_or(|metadata| self.unused.is(metadata.identity))
    }

    pub(crate) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.watch.events)
    }

    /// Ensures that this process holds the owner's lock.
    ///
    /// # Errors
    /// Returns an error if another process holds the lock, or if the lock cannot be taken again.
    pub(super) fn hold_lock(&mut self) -> Result<(), StoreError> {
        self.watch.hold_lock(&mut self.lock, &*self.options.volume)
    }

    /// Returns how often the owner's lock was found lost. If the number is the same before and after the
    /// file was closed and opened again, no other owner has opened it in between.
    pub(crate) fn lock_losses(&self) -> u64 {
        self.watch.lock_losses
    }

    /// Writes the evidence that a file is ours, into the file and the lock file, if the file is new in
    /// service. Best effort: after a failure the next step retries. Without evidence, a truncated file cannot
    /// be distinguished from a foreign file.
    pub(crate) fn leave_evidence(&mut self) {
        let (FilePhase::InService(store), Some(anchor)) = (&self.state, &self.anchor) else { return };
        // A file of format 1 has no identity before its first commit.
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
