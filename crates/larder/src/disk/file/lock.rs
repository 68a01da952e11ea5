//! The lock of the owner: who may write, rename or delete the cache file.
//!
//! `<path>.lock` is locked before anything else is touched, so there is one owner at a time whatever happens to
//! the cache file. Renames never replace a file.
//!
//! The lock is never renamed, and removed in one case: it was made by an opening that is then refused.
//!
//! 1. The file of the lock is opened, and made if there is none.
//! 2. It is locked.
//! 3. Its path is looked at. If another file stands there, or none, step 1 is next: another opening has removed
//!    the file between steps 1 and 2.
//! 4. An opening that is refused removes a lock that it has made, and unlocks it then, not before.
//!
//! Who holds a lock after step 3 holds the file at the path: it is removed by no opening but the one that holds
//! it. Without step 3, an owner could hold a file without a name while another one makes and locks its own.

use std::io;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::evidence::Accepted;
use super::io_error::io_error;
use super::names::{LOCK, beside};
use super::owner;
use super::owner::Owner;
use super::owner_info::{MAX_LEN, OwnerInfo};
use super::path_state::path_state;
use crate::disk::store::file_format::FORMAT;
use crate::error::Error;
use crate::sys::clock::{Clock, pause};
use crate::sys::process::Process;
use crate::sys::volume::{LockFile, LockPlace, Volume};

const LOCK_POLL: Duration = Duration::from_millis(5);
/// Locks that are taken in vain before one is kept though its path seems to name another file.
const MAX_ATTEMPTS: u32 = 100;
/// How often a refused opener looks for the name of the owner: for a tenth of a second.
const OWNER_POLLS: u32 = 20;

/// The lock of a cache file, held until it is dropped.
#[derive(Debug)]
pub(crate) struct OwnerLock {
    file: Box<dyn LockFile>,
    path: PathBuf,
    /// What is written in it.
    facts: OwnerInfo,
    process: Process,
    /// Whether this opening has made the file.
    is_new: bool,
}

impl Drop for OwnerLock {
    fn drop(&mut self) {
        // A forked child shares the lock: to unlock it here would take it from the parent.
        if !self.process.is_current() {
            return;
        }
        // Nobody's any more, before it is anybody's: whoever is refused next must not be told of this owner.
        drop(self.file.write(&self.facts.left().to_bytes()));
        // Not by closing alone: a child that another thread is starting has inherited the descriptor, and
        // would hold the lock until it runs its own program.
        drop(self.file.unlock());
    }
}

impl OwnerLock {
    /// Locks `<path>.lock`, waiting up to `timeout` for another owner to leave, and writes into it who this
    /// one is, and where its control socket will be, by an absolute path.
    pub(crate) fn acquire(
        volume: &dyn Volume,
        path: &Path,
        socket: Option<&Path>,
        timeout: Duration,
        clock: &dyn Clock,
    ) -> Result<Self, Error> {
        let lock_path = beside(path, LOCK);
        let start = clock.monotonic();
        let mut waited = Duration::ZERO;
        let mut attempts = 1;
        let mut file = loop {
            let mut file =
                volume.open_lock(&lock_path).map_err(|error| io_error("open", &lock_path, error))?; // 1
            // 2
            while !file.try_lock().map_err(|error| io_error("lock", &lock_path, error))? {
                // A manual clock stands still, so the pauses count too.
                if waited.max(clock.monotonic().saturating_sub(start)) >= timeout {
                    return Err(read_owner(&mut *file).in_use(path));
                }
                pause(LOCK_POLL);
                waited += LOCK_POLL;
            }
            // 3. A file system may give a file changing identities; there the lock that is held has to do.
            let is_there = file.place().is_ok_and(|place| place == LockPlace::Held);
            if is_there || attempts == MAX_ATTEMPTS {
                break file;
            }
            attempts += 1;
            drop(file.unlock());
        };
        // Somebody else's file may have that name: `Cargo.lock` beside a cache called `Cargo`.
        let content = file.read(MAX_LEN + 1).map_err(|error| io_error("read", &lock_path, error))?;
        let Some(left) = OwnerInfo::read(&content) else {
            return Err(Error::Foreign { path: lock_path, why: NO_LOCK.to_owned() });
        };
        let mut facts = OwnerInfo::own(FORMAT, clock.wall());
        if let Some(accepted) = left.accepted() {
            facts.set_accepted(&accepted);
        }
        facts.set_namespace(owner::namespace().as_deref());
        if let Some(socket) = socket {
            facts.set_socket(socket);
        }
        // Another opening may have had it in the meantime, and have written into it.
        let is_new = file.is_new() && content.is_empty();
        let mut lock = Self { file, path: lock_path, facts, process: Process::current(), is_new };
        match lock.file.write(&lock.facts.to_bytes()) {
            // The lock is held, and who holds it is told for people alone. Opening may then make room with
            // the ballast.
            Err(error) if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => {}
            Err(error) => {
                let refused = io_error("write", &lock.path, error);
                lock.withdraw(volume);
                return Err(refused);
            }
            Ok(()) => {}
        }
        Ok(lock)
    }

    /// Gives the lock back as it was found, for an opening that is refused (4).
    pub(crate) fn withdraw(self, volume: &dyn Volume) {
        let is_there = || self.file.place().is_ok_and(|place| place == LockPlace::Held);
        if self.is_new && self.process.is_current() && is_there() {
            drop(volume.remove(&self.path));
        }
    }

    /// The file that was accepted at this path last.
    pub(crate) fn accepted(&self) -> Option<Accepted> {
        self.facts.accepted()
    }

    /// Says which file was accepted, for as long as that says something: also when this owner has left.
    pub(crate) fn accept(&mut self, accepted: Accepted) -> io::Result<()> {
        if self.facts.accepted() != Some(accepted) {
            self.facts.set_accepted(&accepted);
            self.file.write(&self.facts.to_bytes())?;
        }
        Ok(())
    }

    /// Makes sure that the file at the lock's path is the one that is locked: it may have been removed or
    /// replaced. What stands there is locked in its place, unless another process has it. Answers what was
    /// wrong, if anything was.
    ///
    /// # Errors
    /// With what keeps it from being locked.
    pub(crate) fn keep(&mut self, volume: &dyn Volume) -> Result<Option<String>, String> {
        let shown = self.path.display();
        let failed = |error: io::Error| format!("{shown} can't be locked again: {error}");
        let what = match self.file.place().map_err(failed)? {
            LockPlace::Held => return Ok(None),
            LockPlace::Nothing => "removed",
            LockPlace::Other => "replaced",
        };
        let mut file = volume.open_lock(&self.path).map_err(failed)?;
        if !file.try_lock().map_err(failed)? {
            // It says what this owner wrote: it is the same file, and the file system changes identities.
            if file.read(MAX_LEN + 1).map_err(failed)? == self.facts.to_bytes() {
                return Ok(None);
            }
            return Err(format!("{shown} was {what}, and another process has locked the file in its place"));
        }
        if OwnerInfo::read(&file.read(MAX_LEN + 1).map_err(failed)?).is_none() {
            return Err(format!("{shown} was {what}: {NO_LOCK}"));
        }
        file.write(&self.facts.to_bytes()).map_err(failed)?;
        if file.place().map_err(failed)? != LockPlace::Held {
            return Err(format!("{shown} was {what}, and again while it was locked"));
        }
        drop(std::mem::replace(&mut self.file, file).unlock());
        Ok(Some(format!("{shown} was {what} by another program")))
    }
}

const NO_LOCK: &str = "it is not the lock of a larder file, though it has its name";

/// Who has the lock. An owner writes its id after it has taken the lock, so it may take a moment to be seen;
/// until then the id may be that of an owner that was killed. If it still is after that moment, a fork of
/// that owner has the lock.
fn read_owner(file: &mut dyn LockFile) -> Owner {
    let mut owner = Owner::default();
    for _ in 0..OWNER_POLLS {
        owner = read_facts(file).as_ref().map(Owner::of).unwrap_or_default();
        if owner.pid.is_some() && !owner.has_ended {
            break;
        }
        pause(LOCK_POLL);
    }
    owner
}

fn read_facts(file: &mut dyn LockFile) -> Option<OwnerInfo> {
    OwnerInfo::read(&file.read(MAX_LEN + 1).ok()?)
}

/// The error of a lock that can't be had: that of the path itself, if it is no file. A device or a directory may
/// stand where nothing can be made beside it.
pub(crate) fn lock_refusal(volume: &dyn Volume, path: &Path, refused: Error) -> Error {
    path_state(volume, path).err().unwrap_or(refused)
}

#[cfg(test)]
mod tests;
